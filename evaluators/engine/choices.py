"""The mapper: parameters that a design leaves open are set by rule, or to the best of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.mapper import best, groups
from evaluators.describe.accelerator import Accelerator, Choice
from evaluators.describe.expressions import Expression
from evaluators.describe.parameters import AUTOMATIC, LargestThatFits
from evaluators.engine.columns import shared
from evaluators.engine.constraints import magnitudes
from evaluators.engine.costs import Costs, buffer_of, prices
from evaluators.engine.footprint import footprint_bytes
from evaluators.engine.nests import Nests, extents
from evaluators.engine.schedule import Times
from evaluators.workload import Workload

Int64s = NDArray[np.int64]
Columns = Mapping[str, NDArray[Any]]

_CANDIDATES = 1 << 17
"""Candidates counted at a time, so that they stay in the cache."""


def resolved(
    accelerator: Accelerator, workload: Workload, columns: Columns, accounting: Accounting
) -> dict[str, NDArray[Any]]:
    """Return a batch of n designs with every open parameter set: name -> column, (n,).

    Depths follow their rules, tiles are the largest that fit, choices the best of all. A design
    that no choice suits gets the first one, and violates the constraint 'no_choice'.
    """
    complete = _by_rule(accelerator, workload, columns)
    _largest(accelerator, workload, complete, accounting)
    n = len(next(iter(complete.values())))
    unsuited = np.zeros(n, dtype=np.int64)
    for choice in accelerator.choices:
        always = any(
            slip.keeps_choices and accounting.repairs(Correction[name])
            for name, slip in accelerator.slips.items()
        )
        if always or any(name not in complete for name in choice.parameters):
            found = _searched(accelerator, workload, complete, accounting, choice)
            unsuited |= found.pop("no_choice")
            complete |= found
    return complete | {"no_choice": unsuited}


def _by_rule(
    accelerator: Accelerator, workload: Workload, columns: Columns
) -> dict[str, NDArray[Any]]:
    """Fill in defaults, and what has a rule: the default on the default machine, else the rule."""
    parameters = accelerator.all_parameters
    n = len(next(iter(columns.values())))
    complete = dict(columns)
    for name, each in parameters.items():
        if name not in complete and each.default is not None and each.rule is None:
            kind = np.float64 if each.real else np.int64
            complete[name] = np.full(n, each.default, dtype=kind)
    sizes = [
        each
        for each in parameters.values()
        if each.name in accelerator.machine.parameters and each.rule is None and not each.real
    ]
    published: Any = np.ones(n, dtype=bool)
    for each in sizes:
        published &= complete[each.name] == parameters[each.name].default
    names: dict[str, Any] = extents(workload) | complete
    for name, each in parameters.items():
        if isinstance(each.rule, Expression):
            value: Any = each.rule(names)
            if each.default is not None:
                value = np.where(published, each.default, value)
            given = complete.get(name, np.full(n, AUTOMATIC))
            complete[name] = np.where(given == AUTOMATIC, value, given)
    return complete


def _largest(
    accelerator: Accelerator,
    workload: Workload,
    columns: dict[str, NDArray[Any]],
    accounting: Accounting,
) -> None:
    """Set every parameter that is to be the largest that fits, by bisection over its domain."""
    for name, each in accelerator.parameters.items():
        if not isinstance(each.rule, LargestThatFits):
            continue
        n = len(next(iter(columns.values())))
        given = columns.get(name, np.full(n, AUTOMATIC))
        columns[name] = given.copy()
        domain = each.rule.of
        reads = sorted(_names(domain.divisors_of, columns))
        for rows in groups(*(columns[key] for key in reads), (given == AUTOMATIC).astype(np.int64)):
            if given[rows[0]] != AUTOMATIC:
                continue
            one = {key: int(columns[key][rows[0]]) for key in reads}
            choices = np.array(domain.at(extents(workload) | one))
            own = {key: column[rows] for key, column in columns.items()}
            columns[name][rows] = _bisected(accelerator, workload, own, accounting, name, choices)


def _bisected(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    name: str,
    choices: Int64s,
) -> Int64s:
    """Return the largest choice of each design whose footprint fits; the first where none does."""
    store = buffer_of(accelerator)
    n = len(next(iter(columns.values())))
    low, high = np.zeros(n, dtype=np.int64), np.full(n, len(choices) - 1)
    while (low < high).any():
        middle = (low + high + 1) // 2
        nests = Nests(accelerator, workload, {**columns, name: choices[middle]}, accounting)
        fits = footprint_bytes(nests, store) <= capacity_for_tiles(nests)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return choices[low]


def capacity_for_tiles(nests: Nests) -> Any:
    """Return the bytes of the buffer that tiles are chosen for."""
    store = buffer_of(nests.accelerator)
    assert store.bytes is not None
    size = store.bytes(nests.values)
    for slip in nests.slips():
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
) -> dict[str, Int64s]:
    """Enumerate a choice for every design; equal designs are searched once."""
    n = len(next(iter(columns.values())))
    keys = [name for name in columns if name in accelerator.all_parameters]
    stacked = np.stack([columns[name].astype(np.float64) for name in keys])
    _, first, place = np.unique(stacked, axis=1, return_index=True, return_inverse=True)
    place = place.reshape(-1)
    different = {name: columns[name][first] for name in keys}
    domains = {name: accelerator.parameters[name].domain for name in choice.parameters}
    reads = sorted(
        set().union(*(_names(d.divisors_of, columns) for d in domains.values() if d is not None))
    )
    found = {
        name: np.zeros(len(first), dtype=np.int64) for name in (*choice.parameters, "no_choice")
    }
    for group in groups(*(different[key] for key in reads), np.zeros(len(first), dtype=np.int64)):
        one = {key: int(different[key][group[0]]) for key in reads}
        axes = {
            name: np.array(domain.at(extents(workload) | one))
            for name, domain in domains.items()
            if domain is not None
        }
        size = int(np.prod([len(axis) for axis in axes.values()]))
        for rows in np.array_split(group, -(-len(group) * size // _CANDIDATES)):
            if len(rows):
                block = {name: column[rows] for name, column in different.items()}
                for name, values in _best(
                    accelerator, workload, block, accounting, choice, axes
                ).items():
                    found[name][rows] = values
    return {name: values[place] for name, values in found.items()}


def _best(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    accounting: Accounting,
    choice: Choice,
    axes: dict[str, Int64s],
) -> dict[str, Int64s]:
    grid = np.meshgrid(*axes.values(), indexing="ij", sparse=True)
    tall = {name: shared(column) for name, column in columns.items()}
    lift = (-1, *(1,) * len(axes))
    tall = {
        name: column.reshape(lift) if isinstance(column, np.ndarray) else column
        for name, column in tall.items()
    }
    points = {name: each[None] for name, each in zip(axes, grid, strict=True)}
    nests = Nests(accelerator, workload, tall | points, accounting, einsums=choice.einsums)
    n = len(next(iter(columns.values())))
    shape = (n, *(len(axis) for axis in axes.values()))
    valid: Any = True
    for name, magnitude in magnitudes(nests, sizes=not accelerator.footprint.spills).items():
        if name != "no_choice":
            valid = valid & (magnitude <= 0)
    valid = np.broadcast_to(valid, shape)
    if not valid.any():
        return (
            dict.fromkeys(axes, np.zeros(n, dtype=np.int64))
            | {name: np.full(n, axis[0]) for name, axis in axes.items()}
            | {"no_choice": np.ones(n, dtype=np.int64)}
        )
    at = prices(accelerator, nests.values, scaled=accounting.repairs(Correction.Q2))
    costs = Costs(nests, at)
    objectives = {
        "traffic": lambda: sum(costs.traffic_bytes.values()),
        "energy": lambda: sum(costs.energy_pj.values()),
        "latency": lambda: times(nests, costs).latency(),
        "footprint": lambda: 1.0 * footprint_bytes(nests, buffer_of(accelerator)),
    }
    chosen = best(axes, valid, *(objectives[name]() for name in choice.order))
    suited = valid.reshape(n, -1).any(axis=1)
    return {name: np.where(suited, values, axes[name][0]) for name, values in chosen.items()} | {
        "no_choice": (~suited).astype(np.int64)
    }


def times(nests: Nests, costs: Costs) -> Times:
    """Return the times of a batch."""
    store = nests.accelerator.machine.stores[0]
    assert store.bytes_per_s is not None
    per_byte = 1 / store.bytes_per_s(nests.values)
    return Times(
        nests.accelerator,
        nests.values,
        costs.busy_s,
        costs.compute_s,
        {name: bytes_ * per_byte for name, bytes_ in costs.traffic_bytes.items()},
    )
