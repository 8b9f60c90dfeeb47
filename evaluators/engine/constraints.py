"""Constraints of a design, each with a magnitude; above zero it is infeasible.

Nothing is ever rounded to fit: what leaves a remainder, or is too small, is infeasible by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.components import address
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.engine.columns import Mask
from evaluators.engine.footprint import WORD_BYTES, footprint_bytes
from evaluators.engine.nests import Nests


@dataclass(frozen=True)
class Division:
    """What must leave no remainder.

    Attributes:
        above, below: numerator and denominator.
        names: the values of the names that they read.
        mask: the designs that it concerns.
        parameter: what the denominator is, of an accelerator's parameters.
        einsum: the Einsum that it concerns; '' for more than one.

    """

    above: Expression
    below: Expression
    names: Mapping[str, Any]
    mask: Mask
    parameter: str
    einsum: str = ""

    @property
    def constraint(self) -> str:
        """What the constraint is called."""
        return f"{self.parameter}_remainder"

    def rest(self, nests: Nests) -> Any:
        """Return the remainder, 0 for designs that it does not concern."""
        del nests
        rest = self.above(self.names) % np.maximum(self.below(self.names), 1)
        return rest if self.mask is True else np.where(self.mask, rest, 0)


def divisions(nests: Nests) -> Iterator[Division]:
    """Yield what must leave no remainder on a batch, each once."""
    accelerator = nests.accelerator
    for expression in (*accelerator.ranks.values(), *accelerator.requires):
        for above, below in expression.divisions:
            name = _parameter(accelerator, below)
            yield Division(above, below, nests.values, True, name)
    seen: set[tuple[Expression, Expression]] = set()
    for table, names in zip(nests.plan.tables, nests.names, strict=True):
        mask: Mask = False
        for each in table.rows:
            mask = mask | nests.selects(each.row)
        if not np.any(mask):
            continue
        einsums = {each.row.einsum for each in table.rows}
        einsum = next(iter(einsums)) if len(einsums) == 1 else ""
        for expression in table.table.factors.values():
            for above, below in expression.divisions:
                if mask is True and above.names | below.names <= nests.values.keys():
                    if (above, below) in seen:
                        continue
                    seen.add((above, below))
                yield Division(above, below, names, mask, _parameter(accelerator, below), einsum)


def magnitudes(nests: Nests) -> dict[str, Any]:
    """Return constraint -> magnitude of a batch."""
    found: dict[str, Any] = {}
    for division in divisions(nests):
        rest, key = division.rest(nests), division.constraint
        found[key] = np.maximum(found[key], rest) if key in found else rest
    for store in nests.accelerator.machine.stores:
        if store.bytes is None or store.row_words is None:
            continue
        size = store.bytes(nests.values)
        row_bytes = WORD_BYTES * store.row_words(nests.values)
        found[store.constraint("row_remainder_bytes")] = size % row_bytes
        if not nests.accelerator.footprint.spills:
            found[store.constraint("short_bytes")] = footprint_bytes(nests, store) - size
    for array in nests.accelerator.machine.arrays.values():
        depth = array.registers(nests.values)
        found[f"{array.registers.text}_over"] = depth - address.MOST_ROWS
    return found


def _parameter(accelerator: Accelerator, below: Expression) -> str:
    """Return the parameter behind a denominator, its text where it is none."""
    text = below.text
    while text in accelerator.ranks and accelerator.ranks[text].text != text:
        text = accelerator.ranks[text].text
    if text in accelerator.all_parameters:
        return text
    parameters = [name for name in accelerator.all_parameters if name in below.names]
    return parameters[0] if len(parameters) == 1 else text
