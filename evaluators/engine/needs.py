"""Register needs: the words that a mapping keeps in a PE or lane."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.accounting import CORRECTED
from evaluators.describe.catalogue import described
from evaluators.describe.machine import REGISTERS
from evaluators.describe.padding import fitted
from evaluators.describe.parameters import AUTOMATIC
from evaluators.design import Designs
from evaluators.engine.nests import Nests
from evaluators.engine.rules import by_rule, given_of
from evaluators.workloads.workload import Workload


def register_words(nests: Nests) -> dict[str, Any]:
    """Return array -> words that its register files must hold.

    A register file holds the tile of every tensor of the Einsum that it runs; the Einsum that asks
    for most sets the need.
    """
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
    columns = by_rule(accelerator, workload, given_of(accelerator, designs))
    for each, parameter in accelerator.all_parameters.items():
        given = columns.get(each, np.zeros(len(designs), dtype=np.int64))
        if parameter.rule is not None and not parameter.labels:
            given = np.where(given == AUTOMATIC, 1, given)
        columns[each] = given
    nests = Nests(accelerator, workload, columns, CORRECTED)
    return {
        constraint: np.broadcast_to(short, len(designs))
        for constraint, short in words_short(nests).items()
    }
