"""What a batch sets of an accelerator's parameters, and the rules and defaults for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.describe.parameters import AUTOMATIC
from evaluators.design import PARAMETERS, Designs
from evaluators.engine.columns import Columns, int64s
from evaluators.workloads.workload import Workload

_SAFE = 57.0
"""Bits of a tile that leave room for its bytes and for the sum of all tensors."""


def given_of(accelerator: Accelerator, designs: Designs) -> dict[str, NDArray[Any]]:
    """Return the parameters of an accelerator that a batch sets."""
    given = {**designs.columns(), **designs.binding}
    return {name: each for name, each in given.items() if name in accelerator.all_parameters}


def exact(accelerator: Accelerator, workload: Workload, columns: Columns) -> Columns:
    """Return columns as Python integers where a tile's size may pass 64 bits, else as given."""
    bits = {name: log2(max(1, size)) for name, size in workload.extents.items()}
    for name, each in columns.items():
        if each.dtype.kind == "i" and each.size:
            bits[name] = log2(max(1, int(each.max())))
    if max(sum(bits.get(name, 0) for name in tile) for tile in _multiplied(accelerator)) < _SAFE:
        return columns
    return {
        name: each.astype(object) if each.dtype.kind == "i" else each
        for name, each in columns.items()
    }


@lru_cache(maxsize=256)
def _multiplied(accelerator: Accelerator) -> tuple[tuple[str, ...], ...]:
    """Return for each table of mappings what the largest of its tiles multiplies, at most."""
    tiles = []
    for table in accelerator.tables:
        factors: dict[str, None] = {}
        for row in table.rows:
            outer, *inner = row.streamed.levels
            loops = [loop.factor for loop in outer.spatial]
            loops += [loop.factor for each in inner for loop in (*each.loops, *each.spatial)]
            factors |= dict.fromkeys(loops)
        known = {**accelerator.ranks, **table.factors}
        tiles.append(tuple(name for each in factors for name in _names(each, known)))
    return tuple(tiles)


def _names(factor: str, known: Mapping[str, Expression]) -> Iterator[str]:
    """Yield the parameters and extents that a factor is at most the product of."""
    if factor not in known or known[factor].text == factor:
        yield factor
        return
    expression = known[factor]
    above = (above.names for above, _ in expression.divisions)
    for name in frozenset().union(*above) or expression.names:
        yield from _names(name, known)


def one_chip(accelerator: Accelerator, workloads: Sequence[Workload], designs: Designs) -> Designs:
    """Fill in the machine's parameters that have rules, once for several workloads.

    Where a rule follows the workload, the one that asks for most decides.
    """
    given = given_of(accelerator, designs)
    each = [by_rule(accelerator, workload, given) for workload in workloads]
    own = {
        name: np.max([columns[name] for columns in each], axis=0)
        for name in accelerator.machine.parameters
        if name in PARAMETERS
    }
    return designs.with_columns(**{name: int64s(column) for name, column in own.items()})


def by_rule(
    accelerator: Accelerator, workload: Workload, columns: Columns
) -> dict[str, NDArray[Any]]:
    """Fill in defaults, and what has a rule: the default on the default machine, else the rule."""
    parameters = accelerator.all_parameters
    n = len(next(iter(columns.values())))
    complete = dict(columns)
    for name, each in parameters.items():
        if each.default is not None and each.rule is None:
            kind = np.float64 if each.real else np.int64
            default = np.full(n, each.default, dtype=kind)
            given = complete.get(name)
            if given is None or not given.all():
                complete[name] = default if given is None else np.where(given, given, default)
    sizes = [
        each
        for each in parameters.values()
        if each.name in accelerator.machine.parameters and each.rule is None and not each.real
    ]
    published: Any = np.ones(n, dtype=bool)
    for each in sizes:
        published &= complete[each.name] == parameters[each.name].default
    names: dict[str, Any] = workload.extents | complete
    for name, each in parameters.items():
        if isinstance(each.rule, Expression):
            value: Any = each.rule(names)
            if each.default is not None:
                value = np.where(published, each.default, value)
            given = complete.get(name, np.full(n, AUTOMATIC))
            complete[name] = np.where(given == AUTOMATIC, value, given)
    return complete
