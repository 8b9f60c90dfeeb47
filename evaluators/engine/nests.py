"""A batch of designs on a workload: the values of all names, and every Einsum's loop nests.

Columns have shape (n,), or (n, ...) with an axis for each choice that is being searched; a value
that all designs share is one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.counting import Count, Counts, count_choices
from evaluators.analytical.loopnest import LoopNest, check_countable
from evaluators.describe.accelerator import Accelerator, Slip, Table
from evaluators.describe.cascade import Einsum
from evaluators.describe.expressions import Expression
from evaluators.describe.mapping import Row
from evaluators.engine.columns import Factors, Mask, select, shared
from evaluators.workload import Workload


def extents(workload: Workload) -> dict[str, int]:
    """Return the extents that a workload gives, by `WORKLOAD_RANKS`."""
    shape = workload.transformer
    return {
        "B": shape.batch,
        "H": shape.heads,
        "P": workload.seq_len,
        "M": workload.seq_len,
        "E": shape.query_width,
        "F": shape.value_width,
        "D": shape.model_width,
        "S": shape.ffn_width,
    }


@dataclass(frozen=True)
class Run:
    """One row of the mapping tables on a batch.

    Attributes:
        row: the row.
        mask: which designs run it.
        streamed, resident: its counts with every marked tensor past the stores of its choice, and
            with every one in them; the same where all designs agree.
        kept: marked tensor -> which designs keep it on chip.
        factors: the trip counts of its loops.

    """

    row: Row
    mask: Mask
    streamed: Counts
    resident: Counts
    kept: Mapping[str, Mask]
    factors: Factors

    def keeps(self, level: str, tensor: str) -> Mask:
        """Tell which designs keep a tensor at a level."""
        off, on = (
            tensor in nest.mapping.levels[nest.mapping.index(level)].keep
            for nest in (self.streamed, self.resident)
        )
        return on if on == off else select(self.kept[tensor], on, off)

    def by_choice(self, tensor: str, quantity: Any) -> Any:
        """Return a quantity of a nest, as each design chose for that tensor."""
        if tensor not in self.kept or self.streamed is self.resident:
            return quantity(self.streamed)
        return select(self.kept[tensor], quantity(self.resident), quantity(self.streamed))


class Nests:
    """The loop nests of an accelerator on a batch.

    Args:
        accelerator: the accelerator.
        workload: what the designs run.
        columns: every parameter's values.
        accounting: which slips are repaired.
        count: counts the loop nests.
        einsums: those that are looked at, all by default.

    """

    def __init__(
        self,
        accelerator: Accelerator,
        workload: Workload,
        columns: Mapping[str, Any],
        accounting: Accounting,
        count: Count = LoopNest,
        einsums: tuple[str, ...] = (),
    ) -> None:
        self.accelerator = accelerator
        self.workload = workload
        self.accounting = accounting
        self.wrapped = not accounting.repairs(Correction.Q5)
        self.einsums = einsums or tuple(accelerator.cascade.einsums)
        self._count = count
        self._tables = [
            table
            for table in accelerator.tables
            if any(row.einsum in self.einsums for row in table.rows)
        ]
        self.values: dict[str, Any] = extents(workload) | {
            name: _shared(column) for name, column in columns.items()
        }
        for name, expression in accelerator.ranks.items():
            self.values[name] = _shared(expression(self.values))

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """Every Einsum's ways to run that some design takes."""
        self._check_countable()
        found: dict[str, list[Run]] = {name: [] for name in self.einsums}
        for table in self._tables:
            factors = Factors(self._factors(table))
            for row in table.rows:
                mask = self.selects(row)
                if row.einsum in found and np.any(mask):
                    found[row.einsum].append(self._run(row, mask, factors))
        return found

    @cached_property
    def written(self) -> Mapping[str, Einsum]:
        """The Einsums, as the slips in force write them."""
        changes: dict[str, Einsum] = {}
        for slip in self.slips():
            changes |= slip.einsums
        return self.accelerator.cascade.replaced(changes)

    def slips(self) -> Iterator[Slip]:
        """Yield the slips that this accounting leaves in force."""
        for name, slip in self.accelerator.slips.items():
            if not self.accounting.repairs(Correction[name]):
                yield slip

    def selects(self, row: Row) -> Mask:
        """Tell which designs run a row."""
        mask: Mask = True
        parameters = self.accelerator.all_parameters
        for name, label in row.when.items():
            labels = parameters[name].labels
            mask = mask & (self.values[name] == (labels.index(label) if labels else int(label)))
        return mask

    def divisions(self) -> Iterator[tuple[Expression, Expression, Mapping[str, Any], Mask]]:
        """Yield what must leave no remainder: numerator, denominator, their names, for whom."""
        for expression in self.accelerator.ranks.values():
            for above, below in expression.divisions:
                yield above, below, self.values, True
        for expression in self.accelerator.requires:
            for above, below in expression.divisions:
                yield above, below, self.values, True
        for table in self._tables:
            mask: Mask = False
            for row in table.rows:
                if row.einsum in self.einsums:
                    mask = mask | self.selects(row)
            if np.any(mask):
                names = self.values | self._factors(table)
                for expression in table.factors.values():
                    for above, below in expression.divisions:
                        yield above, below, names, mask

    def _factors(self, table: Table) -> dict[str, Any]:
        """Return the trip counts of a table's loops by name."""
        names = dict(self.values)
        for name, expression in table.factors.items():
            names[name] = _shared(expression(names))
        loops = {loop.factor for row in table.rows for loop in row.streamed.loops}
        return {name: names[name] for name in loops}

    def _run(self, row: Row, mask: Mask, factors: Factors) -> Run:
        streamed, resident = row.streamed, row.resident
        einsum = self.written[row.einsum]
        if einsum is not streamed.einsum:
            streamed, resident = streamed.with_einsum(einsum), resident.with_einsum(einsum)
        kept = {tensor: self.values[self.accelerator.keeps[tensor]] != 0 for tensor in row.marked}
        if not kept:
            nest = self._count(streamed, factors, wrapped=self.wrapped)
            return Run(row, mask, nest, nest, kept, factors)
        off, on = count_choices(
            self._count, streamed, resident, kept, factors, wrapped=self.wrapped
        )
        return Run(row, mask, off, on, kept, factors)

    def _check_countable(self) -> None:
        """Refuse a workload whose counts pass 2^63 - 1."""
        shape = self.workload.transformer
        given = extents(self.workload)
        for name in self.einsums:
            einsum = self.written[name]
            families: dict[str, int] = {}
            for rank in einsum.ranks:
                family = rank if rank in given else rank.rstrip("0123456789")
                size = given.get(family)
                families[family] = int(np.max(self.values[rank])) if size is None else size
            check_countable(families, f"{name} of {shape.name} at {self.workload.seq_len} tokens")


def _shared(value: Any) -> Any:
    return shared(value) if isinstance(value, np.ndarray) else value


def chosen(runs: list[Run], quantities: list[Any]) -> Any:
    """Return the quantity of the run that each design takes."""
    if len(quantities) == 1:
        return quantities[0]
    result = quantities[-1]
    for run, quantity in zip(runs[-2::-1], quantities[-2::-1], strict=True):
        result = select(run.mask, quantity, result)
    return result
