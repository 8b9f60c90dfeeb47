"""The mapper: parameters that a design leaves open are set by rule, or to the best of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.describe.accelerator import Accelerator, Choice
from evaluators.describe.expressions import Expression
from evaluators.describe.machine import CLOCK_HZ, WORD_BITS
from evaluators.describe.parameters import Domain, LargestThatFits
from evaluators.design import AUTOMATIC
from evaluators.engine.columns import Columns, all_shared, int64s
from evaluators.engine.constraints import divisions, magnitudes
from evaluators.engine.costs import Costs, buffer_of
from evaluators.engine.distinct import distinct, groups
from evaluators.engine.footprint import footprint_bytes
from evaluators.engine.nests import Nests, present
from evaluators.engine.rules import by_rule
from evaluators.engine.schedule import Times
from evaluators.errors import TooLarge
from evaluators.workloads.workload import Workload

Int64s = NDArray[np.int64]

_TIE = 1e-12

_CANDIDATES = 1 << 19
"""Candidates counted at a time: fewer cost more calls, more leave the cache."""

_MOST_CANDIDATES = 1 << 24
"""Candidates of a design: they take about 1 GB."""


def resolved(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    n: int,
) -> dict[str, NDArray[Any]]:
    """Return a batch of n designs with every open parameter set: name -> column, (n,).

    Depths follow their rules, tiles are the largest that fit, choices the best of all with what the
    designs set of them. A design that no choice suits gets the first of those that violate the
    fewest constraints.
    """
    complete = by_rule(accelerator, workload, columns, n)
    _largest(accelerator, workload, complete, accounting)
    there = present(accelerator, workload)
    for choice in accelerator.choices:
        open_names = [name for name in choice.parameters if name not in complete]
        if open_names and all(name in there for name in choice.einsums):
            domains = {name: accelerator.parameters[name].domain for name in open_names}
            complete |= _searched(accelerator, workload, complete, accounting, choice, domains)
    return complete


def _largest(
    accelerator: Accelerator,
    workload: Workload,
    columns: dict[str, NDArray[Any]],
    accounting: Accounting,
) -> None:
    """Set every parameter that is to be the largest that fits."""
    for name, each in accelerator.parameters.items():
        if not isinstance(each.rule, LargestThatFits):
            continue
        n = len(next(iter(columns.values())))
        given = columns.get(name, np.full(n, AUTOMATIC))
        rows = np.flatnonzero(given == AUTOMATIC)
        columns[name] = given
        choose = _least_masked if workload.masked else _most
        if len(rows) == n:
            columns[name] = choose(accelerator, workload, columns, accounting, name, each.rule.of)
        elif len(rows):
            own = {key: column[rows] for key, column in columns.items()}
            columns[name] = given.copy()
            columns[name][rows] = choose(accelerator, workload, own, accounting, name, each.rule.of)


def _least_masked(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    name: str,
    domain: Domain,
) -> Int64s:
    """Return the value of each design that is best under a mask: the largest may skip nothing."""
    choice = Choice((name,), (), ("latency", "traffic", "energy"))
    others = {key: column for key, column in columns.items() if key != name}
    return _searched(accelerator, workload, others, accounting, choice, {name: domain})[name]


def _most(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    name: str,
    domain: Domain,
) -> Int64s:
    """Return the largest value of each design whose footprint fits; the least where none does.

    A footprint grows with the tile, so that halving finds it, once for designs that are alike.
    """
    reads = _loops_read(accelerator)
    keys = [key for key in columns if key in accelerator.all_parameters and key != name]
    varying = [key for key in keys if key in reads and (columns[key] != columns[key][0]).any()]
    first, place = distinct(*(columns[key] for key in varying or keys[:1]))
    different = {key: columns[key][first] for key in keys}
    return _largest_of_all(accelerator, workload, different, accounting, name, domain)[place]


def _largest_of_all(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    name: str,
    domain: Domain,
) -> Int64s:
    """Return what `_most` does, for every design by itself."""
    store = buffer_of(accelerator)
    n = len(next(iter(columns.values())))
    given = all_shared(columns)

    def footprint(values: Any) -> tuple[Any, Any]:
        nests = Nests(accelerator, workload, {**given, name: values}, accounting)
        return footprint_bytes(nests, store), capacity_for_tiles(nests)

    least, most, found = (np.zeros(n, dtype=np.int64) for _ in range(3))
    choices_of = list(_choices_of(workload, columns, domain))
    for rows, choices in choices_of:
        most[rows] = len(choices) - 1
    while (least < most).any():
        middle = (least + most + 1) // 2
        for rows, choices in choices_of:
            found[rows] = choices[middle[rows]]
        size, capacity = footprint(found)
        fits = np.asarray(size <= capacity, dtype=bool)
        least, most = np.where(fits, middle, least), np.where(fits, most, middle - 1)
        most = np.maximum(least, most)
    for rows, choices in choices_of:
        found[rows] = choices[least[rows]]
    if not workload.padded:
        return found
    every = np.ones(n, dtype=np.int64)
    for rows, choices in choices_of:
        every[rows] = choices[-1]
    one, capacity = footprint(1)
    fuller = _fuller(found, every, _that_fit(one, footprint(every)[0], capacity, every))
    nests = Nests(accelerator, workload, given | {name: fuller}, accounting)
    left = reduce(np.maximum, (each.rest() for each in divisions(nests)), np.zeros(n, np.int64))
    return np.where(left == 0, fuller, found)


def _that_fit(one: Any, most: Any, capacity: Any, every: Int64s) -> Any:
    """Return how many tiles fit, whether or not that divides `every`, whose footprint is `most`."""
    more = np.maximum(capacity - one, -1)
    return np.where(every > 1, 1 + more * (every - 1) // np.maximum(most - one, 1), 1)


def _fuller(found: Int64s, every: Int64s, fit: Any) -> Int64s:
    """Return tiles of steps that have no divisor near what fits: as few tiles, as even, as do.

    The steps are padded to a multiple of them.
    """
    fit = np.minimum(fit, every)
    tiles = -(-every // np.maximum(fit, 1))
    return np.where(2 * found <= fit, -(-every // tiles), found)


def _choices_of(
    workload: Workload, columns: Columns, domain: Domain
) -> Iterator[tuple[Any, Int64s]]:
    """Yield the values of a domain, with the rows of the designs that they are for."""
    reads = sorted(_names(domain.divisors_of, columns))
    names = workload.extents
    if len(reads) == 1:
        (name,) = reads
        for value in np.unique(columns[name]).tolist():
            yield columns[name] == value, np.array(domain.at(names | {name: value}))
        return
    n = len(next(iter(columns.values())))
    for rows in groups(*(columns[key] for key in reads), np.zeros(n, dtype=np.int64)):
        own = {key: int(columns[key][rows[0]]) for key in reads}
        yield rows, np.array(domain.at(names | own))


def capacity_for_tiles(nests: Nests) -> Any:
    """Return the bytes of the buffer that tiles are chosen for."""
    store = buffer_of(nests.accelerator)
    assert store.bytes is not None
    size = store.bytes(nests.values)
    for slip in nests.plan.slips:
        if slip.buffer_for_tiles_bytes is not None:
            size = np.minimum(size, slip.buffer_for_tiles_bytes)
    return size


def _names(expression: Expression | None, columns: Mapping[str, Any]) -> frozenset[str]:
    return frozenset() if expression is None else expression.names & columns.keys()


def _searched(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    choice: Choice,
    domains: Mapping[str, Domain | None],
) -> dict[str, Int64s]:
    """Enumerate what is open of a choice for every design; those that are equal to it, once."""
    keys = [name for name in columns if name in accelerator.all_parameters]
    decisive = [name for name in keys if name in _decisive(accelerator, choice)]
    varying = [name for name in decisive if (columns[name] != columns[name][0]).any()]
    first, place = distinct(*(columns[name] for name in varying or keys[:1]))
    different = {name: columns[name][first] for name in keys}
    suited = _suited(accelerator, workload, different, accounting, choice)
    different = {name: int64s(column) for name, column in different.items()}
    reads = sorted(
        set().union(*(_names(d.divisors_of, columns) for d in domains.values() if d is not None))
    )
    found = {
        name: np.full(len(first), domain.values[0] if domain and domain.values else 1)
        for name, domain in domains.items()
    }
    rows_of = np.flatnonzero(suited)
    for own in groups(*(different[key][rows_of] for key in reads), np.zeros_like(rows_of)):
        group = rows_of[own]
        one = {key: int(different[key][group[0]]) for key in reads}
        axes = {
            name: np.array(domain.at(workload.extents | one))
            for name, domain in domains.items()
            if domain is not None
        }
        size = prod(len(axis) for axis in axes.values())
        if size > _MOST_CANDIDATES:
            raise TooLarge(
                f"{', '.join(choice.parameters)} have {size} values together; {_MOST_CANDIDATES} "
                "at most are compared: take a workload of fewer divisors, or larger sides"
            )
        for rows in np.array_split(group, -(-len(group) * size // _CANDIDATES)):
            if len(rows):
                block = {name: column[rows] for name, column in different.items()}
                for name, values in _best(
                    accelerator, workload, block, accounting, choice, axes
                ).items():
                    found[name][rows] = values
    return {name: values[place] for name, values in found.items()}


@lru_cache(maxsize=256)
def _decisive(accelerator: Accelerator, choice: Choice) -> frozenset[str]:
    """Return the parameters that a choice depends on: those of its Einsums' loops and stores."""
    if not choice.einsums:
        return frozenset(accelerator.all_parameters)
    machine = accelerator.machine
    read = [*accelerator.requires, *(each.bytes_per_s for each in machine.stores)]
    for einsum in choice.einsums:
        for _, row in accelerator.rows(einsum):
            array = machine.arrays[row.array]
            read += [array.registers, *array.shared.values()]
            if array.edge is not None:
                read.append(machine.arrays[array.edge.like].registers)
    loops = _loops_read(accelerator, choice.einsums)
    return loops.union({CLOCK_HZ}, *(each.names for each in read if each))


@lru_cache(maxsize=256)
def _loops_read(accelerator: Accelerator, einsums: tuple[str, ...] = ()) -> frozenset[str]:
    """Return the parameters that loops of some Einsums, by default of all, and stores depend on."""
    read = [*accelerator.ranks.values(), *accelerator.bits.values()]
    for store in accelerator.machine.stores:
        read += [each for each in (store.bytes, store.row_words) if each]
    names = {WORD_BITS, *accelerator.keeps.values()}
    for einsum in einsums or accelerator.cascade.einsums:
        for table, row in accelerator.rows(einsum):
            names |= row.when.keys()
            read += table.factors.values()
    return frozenset(names.union(*(each.names for each in read)))


def _suited(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    choice: Choice,
) -> NDArray[np.bool_]:
    """Tell which designs leave no remainder wherever no candidate of a choice could mend it."""
    n = len(next(iter(columns.values())))
    left_open = frozenset(choice.parameters) - columns.keys()
    given = all_shared(columns) | dict.fromkeys(left_open, 1)
    nests = Nests(accelerator, workload, given, accounting, einsums=choice.einsums)
    suited = np.ones(n, dtype=bool)
    for division in divisions(nests, without=left_open):
        suited &= np.asarray(division.rest() == 0, dtype=bool)
    return suited


def _best(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    choice: Choice,
    axes: dict[str, Int64s],
) -> dict[str, Int64s]:
    """Return the best candidate of each of n designs: axis -> value, (n,).

    The first objective is computed for all candidates, on an axis for each parameter; the next for
    those that are left. Values that differ by less than 1e-12 of themselves tie, so that the order
    of a floating-point sum decides nothing; NaN, an unknown value, decides nothing either. Of equal
    candidates the first wins.
    """
    n = len(next(iter(columns.values())))
    shape = (n, *(len(axis) for axis in axes.values()))
    lift = (-1, *(1,) * len(axes))
    tall = {
        name: column.reshape(lift) if isinstance(column, np.ndarray) else column
        for name, column in all_shared(columns).items()
    }
    grid = np.meshgrid(*axes.values(), indexing="ij", sparse=True)
    points = {name: each[None] for name, each in zip(axes, grid, strict=True)}
    batch = _Candidates(accelerator, workload, tall | points, accounting, choice.einsums)
    violated = np.broadcast_to(batch.violated(), shape).reshape(n, -1)
    left = violated == 0
    unsuited = ~left.any(axis=1)
    if unsuited.any():
        left[unsuited, violated[unsuited].argmin(axis=1)] = True
    for place, objective in enumerate(choice.order):
        if place and 4 * np.count_nonzero(left) < left.size:
            return _of_few(accelerator, workload, columns, accounting, choice, axes, left, place)
        values = np.broadcast_to(batch.objective(objective), shape).reshape(n, -1)
        least = np.fmin.reduce(values, axis=1, where=left, initial=np.inf)
        left &= ~(values > least[:, None] * (1 + _TIE))
    return _picked(axes, left.argmax(axis=1))


def _of_few(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    choice: Choice,
    axes: dict[str, Int64s],
    left: NDArray[np.bool_],
    place: int,
) -> dict[str, Int64s]:
    """Decide among the candidates that are left, one after the other, by the objectives left."""
    designs, candidates = np.nonzero(left)
    for objective in choice.order[place:]:
        points = _picked(axes, candidates)
        rows = {name: column[designs] for name, column in columns.items()} | points
        batch = _Candidates(accelerator, workload, all_shared(rows), accounting, choice.einsums)
        values = np.broadcast_to(batch.objective(objective), len(designs))
        least = np.full(len(left), np.inf)
        np.fmin.at(least, designs, values)
        stays = ~(values > least[designs] * (1 + _TIE))
        designs, candidates = designs[stays], candidates[stays]
    first = np.zeros(len(left), dtype=np.int64)
    first[designs[::-1]] = candidates[::-1]
    return _picked(axes, first)


def _picked(axes: dict[str, Int64s], candidates: Int64s) -> dict[str, Int64s]:
    index = np.unravel_index(candidates, tuple(len(axis) for axis in axes.values()))
    return {name: axis[each] for (name, axis), each in zip(axes.items(), index, strict=True)}


class _Candidates:
    """Candidates of a choice on a batch: which are allowed, and what is to be least."""

    def __init__(
        self,
        accelerator: Accelerator,
        workload: Workload,
        columns: Mapping[str, Any],
        accounting: Accounting,
        einsums: tuple[str, ...],
    ) -> None:
        self._nests = Nests(accelerator, workload, columns, accounting, einsums=einsums)
        self._costs = Costs(self._nests)

    def violated(self) -> Any:
        """Return how many constraints each candidate violates."""
        count: Any = np.int8(0)
        for magnitude in magnitudes(self._nests).values():
            count = count + np.int8(1) * (magnitude > 0)
        return count

    def objective(self, name: str) -> Any:
        """Return what is to be least."""
        if name == "latency":
            return Times(self._nests, self._costs).latency()
        if name == "traffic":
            return sum(self._costs.traffic_bytes.values())
        if name == "energy":
            return sum(self._costs.energy_pj.values())
        return 1.0 * footprint_bytes(self._nests, buffer_of(self._nests.accelerator))
