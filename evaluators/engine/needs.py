"""What a design needs of its stores that the metrics do not say.

The words that a mapping keeps in a PE or lane, and the SRAM that its buffer is priced as.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.accounting import CORRECTED
from evaluators.components import sram
from evaluators.describe.catalogue import described
from evaluators.describe.machine import REGISTERS
from evaluators.describe.padding import fitted
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine import waiting
from evaluators.engine.costs import sram_size
from evaluators.engine.nests import Nests
from evaluators.engine.rules import by_rule, given_of
from evaluators.workloads.workload import Workload


def register_words(nests: Nests) -> dict[str, Any]:
    """Return array -> words that its register files must hold.

    A register file holds the tile of every tensor of the Einsum that it runs, and what waits there
    for later ones where the file asks for that; the Einsum that asks for most sets the need.
    """
    if nests.accelerator.footprint.waiting:
        return waiting.register_words(nests)
    need: dict[str, Any] = {}
    for runs in nests.runs.values():
        for run in runs:
            words = sum(
                run.streamed.size(REGISTERS, each.tensor) for each in run.plan.levels[REGISTERS]
            )
            if run.mask is not True:
                words = np.where(run.mask, words, 0)
            array = run.row.array
            need[array] = np.maximum(need[array], words) if array in need else words
    return need


def words_short(nests: Nests) -> dict[str, Any]:
    """Return by how many words register files are too small: constraint -> magnitude."""
    arrays = nests.accelerator.machine.arrays
    short: dict[str, Any] = {}
    need = register_words(nests)
    for name, array in arrays.items():
        lacking = need.get(name, 0) - array.registers(nests.values)
        constraint = f"{array.registers.text}_short"
        short[constraint] = np.maximum(short.get(constraint, lacking), lacking)
    return short


def registers_short(name: str, workload: Workload, designs: Designs) -> dict[str, Any]:
    """Return by how many words the register files are too small, shape (n,); 0 or less is enough.

    The published model does not enforce their capacity. Choices that a design leaves open do not
    matter: all ways to run an Einsum are alike in the register files. `InputError` names an unknown
    configuration.
    """
    accelerator = fitted(described(name), workload)
    n = len(designs)
    columns = by_rule(accelerator, workload, given_of(accelerator, designs), n)
    for each, parameter in accelerator.all_parameters.items():
        given = columns.get(each, np.zeros(n, dtype=np.int64))
        if parameter.rule is not None and not parameter.labels:
            given = np.where(given == AUTOMATIC, 1, given)
        columns[each] = given
    nests = Nests(accelerator, workload, columns, CORRECTED)
    return {
        constraint: np.broadcast_to(short, n) for constraint, short in words_short(nests).items()
    }


def next_larger_bytes(name: str, workload: Workload, designs: Designs) -> dict[str, Any]:
    """Return the SRAM of the table that every buffer is priced as where the table lacks its size.

    Returns the buffer's size by what its file calls it, as 'buffer_bytes' -> bytes, shape (n,); 0
    where the table has it, or has none as large.
    """
    accelerator = described(name)
    columns = by_rule(accelerator, workload, given_of(accelerator, designs), len(designs))
    values = workload.extents | columns
    found = {}
    for store in accelerator.machine.stores[1:]:
        assert store.bytes is not None
        depth, width_bits = np.broadcast_arrays(*sram_size(store, values))
        rows, bits = sram.taken(depth, width_bits)
        larger = (rows != depth) | (bits != width_bits)
        found[store.bytes.text] = np.broadcast_to(larger * rows * bits // 8, len(designs))
    return found
