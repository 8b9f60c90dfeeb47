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
from evaluators.engine.footprint import footprint_bytes
from evaluators.engine.nests import Nests
from evaluators.engine.plan import TablePlan
from evaluators.engine.widths import store_row_bytes


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

    def rest(self) -> Any:
        """Return the remainder, 0 for designs that it does not concern."""
        rest = self.above(self.names) % np.maximum(self.below(self.names), 1)
        return rest if self.mask is True else np.where(self.mask, rest, 0)


def divisions(nests: Nests, without: frozenset[str] = frozenset()) -> Iterator[Division]:
    """Yield what must leave no remainder on a batch, each once.

    With some parameters `without`: what neither reads them nor is for some of their values alone.
    """
    accelerator = nests.accelerator
    for expression in (*accelerator.ranks.values(), *accelerator.requires):
        for above, below in expression.divisions:
            if not without & (above.names | below.names):
                yield Division(above, below, nests.values, True, _parameter(accelerator, below))
    seen: set[tuple[Expression, Expression]] = set()
    for table, names in zip(nests.plan.tables, nests.names, strict=True):
        mask: Mask = _always(nests, table) if without else False
        for each in () if without else table.rows:
            mask = mask | nests.selects(each.row)
        if not np.any(mask):
            continue
        einsums = {each.row.einsum for each in table.rows}
        einsum = next(iter(einsums)) if len(einsums) == 1 else ""
        open_names = set(without)
        for name, expression in table.table.factors.items():
            for above, below in expression.divisions:
                if open_names & (above.names | below.names):
                    continue
                if mask is True and above.names | below.names <= nests.values.keys():
                    if (above, below) in seen:
                        continue
                    seen.add((above, below))
                yield Division(above, below, names, mask, _parameter(accelerator, below), einsum)
            if open_names & expression.names:
                open_names.add(name)


def _always(nests: Nests, table: TablePlan) -> bool:
    """Tell whether every design runs a row of a table, whatever is chosen."""
    here = {each.row.einsum: 0 for each in table.rows}
    for each in table.rows:
        here[each.row.einsum] += 1
    return any(len(nests.accelerator.rows(name)) == count for name, count in here.items())


def magnitudes(nests: Nests, *, own_choices: bool = False) -> dict[str, Any]:
    """Return constraint -> magnitude of a batch.

    `own_choices`: the designs carry choices of their own, which a slip may let count whether or not
    the buffer holds their tiles.
    """
    bounded = not nests.accelerator.footprint.spills
    if own_choices and any(slip.keeps_choices for slip in nests.plan.slips):
        bounded = False
    found: dict[str, Any] = {}
    for division in divisions(nests):
        rest, key = division.rest(), division.constraint
        found[key] = np.maximum(found[key], rest) if key in found else rest
    for store in nests.accelerator.machine.stores:
        if store.bytes is None or store.row_words is None:
            continue
        size = store.bytes(nests.values)
        found[store.constraint("row_remainder_bytes")] = size % store_row_bytes(store, nests.values)
        if bounded:
            found[store.constraint("short_bytes")] = footprint_bytes(nests, store) - size
    for array in nests.accelerator.machine.arrays.values():
        depth = array.registers(nests.values)
        found[f"{array.registers.text}_over"] = depth - address.MOST_ROWS
    for side, taken in sides_taken(nests):
        short, key = taken - side(nests.values), f"{side.text}_short"
        found[key] = np.maximum(found[key], short) if key in found else short
    return found


def sides_taken(nests: Nests) -> Iterator[tuple[Expression, int]]:
    """Yield the sides of arrays that loops take a fixed number of PEs or lanes of, and how many.

    What is computed from the side fits by what it says.
    """
    for table in nests.plan.tables:
        sides = nests.accelerator.machine.arrays[table.table.array].sides
        for each in table.rows:
            for side, loop in zip(sides, each.streamed.levels[-2].spatial, strict=False):
                factor = table.table.factors.get(loop.factor)
                if factor is not None and not factor.names:
                    yield side, int(factor({}))


def _parameter(accelerator: Accelerator, below: Expression) -> str:
    """Return the parameter behind a denominator, its text where it is none."""
    text = below.text
    while text in accelerator.ranks and accelerator.ranks[text].text != text:
        text = accelerator.ranks[text].text
    if text in accelerator.all_parameters:
        return text
    parameters = [name for name in accelerator.all_parameters if name in below.names]
    return parameters[0] if len(parameters) == 1 else text
