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
from evaluators.describe.machine import WORD_BITS
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.columns import Columns, int64s
from evaluators.engine.shared_units import check_shares
from evaluators.engine.widths import check_widths
from evaluators.errors import InputError
from evaluators.workloads.workload import Workload

_SAFE = 56.0
"""Bits of a tile that leave room for its bytes and for the sum of all tensors."""


def given_of(accelerator: Accelerator, designs: Designs) -> dict[str, NDArray[Any]]:
    """Return the parameters of an accelerator that a batch sets.

    `InputError` names one that the accelerator lacks, that is to be an integer and is not, or that
    is below 0.
    """
    parameters = accelerator.all_parameters
    given = dict(designs.columns)
    for name, column in given.items():
        if name not in parameters:
            raise InputError(lacks(accelerator, name))
        if parameters[name].real:
            given[name] = column.astype(np.float64)
        elif column.dtype.kind != "i":
            raise InputError(f"{name}: integers are wanted, not {column.dtype}")
        if not (column >= AUTOMATIC).all():
            raise InputError(f"{name} {column.min()}: it must be {parameters[name]}")
    return given


def lacks(accelerator: Accelerator, name: str) -> str:
    """Say that an accelerator has no such parameter."""
    return (
        f"{name}: {accelerator.name} has no {name.replace('_', ' ')} to set; it has "
        f"{', '.join(accelerator.all_parameters)}"
    )


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
    given, n = given_of(accelerator, designs), len(designs)
    each = [by_rule(accelerator, workload, given, n) for workload in workloads]
    own = {
        name: np.max([columns[name] for columns in each], axis=0)
        for name in accelerator.machine.parameters
    }
    return designs.with_columns({name: int64s(column) for name, column in own.items()})


def by_rule(
    accelerator: Accelerator, workload: Workload, columns: Columns, n: int
) -> dict[str, NDArray[Any]]:
    """Fill in defaults, and what has a rule: the default on the default machine, else the rule.

    Columns have shape (n,).
    """
    parameters = accelerator.all_parameters
    complete = dict(columns)
    for name, each in parameters.items():
        if each.default is not None and each.rule is None:
            given = complete.get(name)
            if given is None:
                kind = np.float64 if each.real else np.int64
                complete[name] = np.full(n, each.default, dtype=kind)
            elif not each.switch and not given.all():
                complete[name] = np.where(given == AUTOMATIC, each.default, given)
    sizes = [
        each
        for each in parameters.values()
        if each.name in accelerator.machine.parameters
        and each.rule is None
        and not each.real
        and each.name != WORD_BITS
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
    check_widths(accelerator, names | complete)
    check_shares(accelerator, names | complete)
    return complete
