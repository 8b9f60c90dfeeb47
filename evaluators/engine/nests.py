"""A batch of designs on a workload: the values of all names, and every Einsum's loop nests.

Columns have shape (n,), or (n, ...) with an axis for each choice that is being searched; a value
that all designs share is one number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial, reduce
from typing import Any

import numpy as np

from evaluators.accounting import Accounting, Correction
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.cascade import Einsum
from evaluators.describe.expressions import Expression
from evaluators.describe.mapping import Row
from evaluators.engine.columns import Factors, Mask, select
from evaluators.engine.counting import Counts, count_choices
from evaluators.engine.loopnest import LoopNest, check_mappable
from evaluators.engine.masking import Visits, mask_of, query_loops
from evaluators.engine.plan import Kept, Plan, RowPlan, TablePlan, plan
from evaluators.workloads.workload import Workload


@dataclass(frozen=True)
class Run:
    """One row of the mapping tables on a batch.

    Attributes:
        plan: the row.
        mask: which designs run it.
        streamed, resident: its counts with every choice off chip, and on chip; the same where all
            designs agree.
        kept: tensor -> which designs keep it on chip, for those that are a choice.
        factors: the trip counts of its loops.
        place: the axis and the place there that run it, where it is one choice of an axis.

    """

    plan: RowPlan
    mask: Mask
    streamed: Counts
    resident: Counts
    kept: Mapping[str, Mask]
    factors: Factors
    place: tuple[int, int] | None = None

    @property
    def row(self) -> Row:
        """The row of the table."""
        return self.plan.row

    def at(self, column: Any) -> Any:
        """Return what of a column concerns the designs that run it."""
        if self.place is None or not isinstance(column, np.ndarray):
            return column
        axis, index = self.place
        return column if column.shape[axis] == 1 else column.take([index], axis=axis)

    def words(self, each: Kept, level: str, quantity: Any) -> Any:
        """Return a quantity of a tensor at a level, 0 where a design does not keep it there."""
        if not each.choice:
            return quantity(self.streamed, level, each.tensor)
        kept = self.kept[each.tensor]
        on = quantity(self.resident, level, each.tensor) if each.on and kept is not False else 0
        off = quantity(self.streamed, level, each.tensor) if each.off and kept is not True else 0
        return select(kept, on, off)

    def total(self, level: str, quantity: Any) -> Any:
        """Return the sum of a quantity over the tensors at a level."""
        total: Any = 0.0
        for each in self.plan.levels[level]:
            total = total + self.words(each, level, quantity)
        return total


class Nests:
    """The loop nests of an accelerator on a batch.

    Args:
        accelerator: the accelerator.
        workload: what the designs run.
        columns: every parameter's values; one number where all designs share it.
        accounting: which slips are repaired.
        einsums: those that are looked at, by default all that take place.

    """

    def __init__(
        self,
        accelerator: Accelerator,
        workload: Workload,
        columns: Mapping[str, Any],
        accounting: Accounting,
        einsums: tuple[str, ...] = (),
    ) -> None:
        self.accelerator = accelerator
        self.workload = workload
        self.accounting = accounting
        self.plan: Plan = plan(accelerator, accounting, einsums or present(accelerator, workload))
        self._mask = mask_of(workload)
        self.wrapped = self._mask is None and not accounting.repairs(Correction.Q5)
        self._visited: dict[tuple[int, ...], tuple[Any, Any]] = {}
        self._rows: dict[tuple[str, ...], Any] = {}
        self.values: dict[str, Any] = workload.extents | dict(columns)
        self._known: dict[str, Any] = {}
        for name, expression in accelerator.ranks.items():
            self.values[name] = expression(self.values, known=self._known)

    @property
    def einsums(self) -> tuple[str, ...]:
        """The Einsums that are looked at, in the cascade's order."""
        return self.plan.einsums

    @cached_property
    def names(self) -> list[dict[str, Any]]:
        """For every table, the values of all names, its factors among them."""
        known: dict[Expression, Any] = {}
        return [self._names(each, known) for each in self.plan.tables]

    @cached_property
    def factors(self) -> list[Factors]:
        """For every table, the trip counts of its loops."""
        return [
            Factors({name: names[name] for name in each.loops})
            for each, names in zip(self.plan.tables, self.names, strict=True)
        ]

    @cached_property
    def runs(self) -> dict[str, list[Run]]:
        """Every Einsum's ways to run that some design takes."""
        found: dict[str, list[Run]] = {name: [] for name in self.einsums}
        for place, (table, factors) in enumerate(zip(self.plan.tables, self.factors, strict=True)):
            visits = self._visits_of(place)
            for each in table.rows:
                mask = self.selects(each.row)
                if mask is True or np.any(mask):
                    found[each.row.einsum].append(self._run(each, mask, factors, visits))
        return {name: _placed(runs) for name, runs in found.items()}

    def with_values(self, values: Mapping[str, Any]) -> Nests:
        """Return the loop nests with some values replaced."""
        return Nests(self.accelerator, self.workload, self.values | dict(values), self.accounting)

    def recounted(self, count: Callable[[Run], Counts]) -> Nests:
        """Return these loop nests, of a batch of one, as another program counts each."""
        other = copy(self)
        other.runs = {
            name: [replace(run, streamed=counts, resident=counts)]
            for name, (run,) in self.runs.items()
            for counts in (count(run),)
        }
        return other

    def selects(self, row: Row) -> Mask:
        """Tell which designs run a row."""
        mask: Mask = True
        for name, label in row.when.items():
            labels = self.accelerator.all_parameters[name].labels
            mask = mask & (self.values[name] == (labels.index(label) if labels else int(label)))
        return mask

    def _names(self, each: TablePlan, known: dict[Expression, Any]) -> dict[str, Any]:
        """Return all names' values for a table; `known` has what other tables say likewise."""
        names = dict(self.values)
        for name, expression in each.table.factors.items():
            if expression.names <= self.values.keys():
                if expression not in known:
                    known[expression] = expression(names, known=self._known)
                names[name] = known[expression]
            else:
                names[name] = expression(names)
        return names

    def _visits_of(self, place: int) -> Visits | None:
        """Return what the loop nests of a table visit under the mask; None without one."""
        if self._mask is None:
            return None
        rows = partial(self._rows_of, place) if self.workload.padded else None
        return Visits(self._mask, rows, self._visited)

    def _rows_of(self, place: int, outer: tuple[str, ...]) -> Any:
        """Return the rows in a step of query loops of a table, the fewest that nests pad it to."""
        loops = loops_of(self.plan.tables[place], outer)
        if loops not in self._rows:
            inside = rows_inside(self.plan)[loops]
            rows = (self.factors[table].product(names) for table, names in inside)
            self._rows[loops] = reduce(np.minimum, rows)
        return self._rows[loops]

    def _run(self, each: RowPlan, mask: Mask, factors: Factors, visits: Visits | None) -> Run:
        if not each.choices:
            nest = LoopNest(each.streamed, factors, wrapped=self.wrapped, visits=visits)
            return Run(each, mask, nest, nest, {}, factors)
        kept = {tensor: self.values[name] != 0 for tensor, name in each.choices.items()}
        off, on = count_choices(
            each.streamed, each.resident, kept, factors, wrapped=self.wrapped, visits=visits
        )
        return Run(each, mask, off, on, kept, factors)


@lru_cache(maxsize=256)
def check_countable(of: Plan, workload: Workload) -> None:
    """Raise `TooLarge` for a workload whose counts pass what is exact, or can be enumerated."""
    for name in of.einsums:
        where = f"{name} of {workload.called}"
        check_mappable(_families(of.accelerator, of.written[name], workload), where)


@lru_cache(maxsize=256)
def present(accelerator: Accelerator, workload: Workload) -> tuple[str, ...]:
    """Return the Einsums that take place: those whose ranks are not empty on a workload."""
    return tuple(
        name
        for name, einsum in accelerator.cascade.einsums.items()
        if all(_families(accelerator, einsum, workload).values())
    )


def _families(accelerator: Accelerator, einsum: Einsum, workload: Workload) -> dict[str, int]:
    """Return the extents of an Einsum's ranks, of those that are split as one."""
    given = workload.extents
    families: dict[str, int] = {}
    for rank in einsum.ranks:
        family = rank.rstrip("0123456789") if rank not in given else rank
        if family not in given:
            families[rank] = int(accelerator.ranks[rank](given))
        else:
            families[family] = given[family]
    return families


@lru_cache(maxsize=256)
def rows_inside(of: Plan) -> dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]]:
    """Return what lies inside query loops: those -> tables, each with the loops over P inside."""
    found: dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]] = {}
    for place, table in enumerate(of.tables):
        for each in table.rows:
            for mapping in (each.streamed, each.resident):
                for outer, inner in query_loops(mapping):
                    known = found.setdefault(loops_of(table, outer), [])
                    if (place, inner) not in known:
                        known.append((place, inner))
    return found


def loops_of(table: TablePlan, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return loops of a table by what they come to, so that those of other tables compare."""
    factors = table.table.factors
    return tuple(sorted(factors[name].text if name in factors else name for name in names))


def chosen(runs: list[Run], quantities: list[Any]) -> Any:
    """Return the quantity of the run that each design takes."""
    if len(quantities) == 1:
        return quantities[0]
    if runs[0].place is None:
        result = quantities[-1]
        for run, quantity in zip(runs[-2::-1], quantities[-2::-1], strict=True):
            result = select(run.mask, quantity, result)
        return result
    shapes = [np.shape(run.mask) for run in runs] + [np.shape(each) for each in quantities]
    joined = np.empty(np.broadcast_shapes(*shapes), dtype=np.result_type(*quantities))
    for run, quantity in zip(runs, quantities, strict=True):
        axis, index = run.place  # type: ignore[misc]
        place: Any = (..., slice(index, index + 1), *[slice(None)] * (-axis - 1))
        joined[place] = quantity
    return joined


def _placed(runs: list[Run]) -> list[Run]:
    """Tell each run its place, where the runs of an Einsum share out an axis, one place each."""
    shapes = {np.shape(run.mask) for run in runs}
    if len(runs) == 1 or len(shapes) > 1:
        return runs
    (shape,) = shapes
    long = [axis for axis, size in enumerate(shape) if size > 1]
    alone = len(long) == 1 and shape[long[0]] == len(runs) and len(shape) > 1
    if not alone or any(np.count_nonzero(run.mask) != 1 for run in runs):
        return runs
    axis = long[0] - len(shape)
    return [replace(run, place=(axis, int(np.argmax(run.mask)))) for run in runs]
