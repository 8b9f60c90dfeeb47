"""What a batch sets of an accelerator's parameters, and the rules and defaults for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.describe.parameters import AUTOMATIC
from evaluators.design import PARAMETERS, Designs
from evaluators.engine.columns import Columns, int64s
from evaluators.engine.nests import extents
from evaluators.workload import Workload

_SAFE_BITS = 58.0
"""Bits of a tile that leave room for its bytes and for the sum of all tensors."""


def given_of(accelerator: Accelerator, designs: Designs) -> dict[str, NDArray[Any]]:
    """Return the parameters of an accelerator that a batch sets."""
    given = {**designs.columns(), **designs.binding}
    return {name: each for name, each in given.items() if name in accelerator.all_parameters}


def exact(accelerator: Accelerator, workload: Workload, columns: Columns) -> Columns:
    """Return columns as Python integers where a tile's size may pass 64 bits, else as given.

    A tile multiplies what the factors of its table read, and at most the tokens and a width.
    """
    most = {
        name: log2(max(1, int(each.max())))
        for name, each in columns.items()
        if each.dtype.kind == "i" and each.size
    }
    given = extents(workload)
    tokens, width = (log2(max(given[name] for name in names)) for names in ("PM", "BHEFDS"))
    ranks = _parameters(accelerator, accelerator.ranks.values(), most)
    tables = (_parameters(accelerator, each.factors.values(), most) for each in accelerator.tables)
    largest = max((sum(most[name] for name in ranks | own) for own in tables), default=0)
    if largest + tokens + width <= _SAFE_BITS:
        return columns
    return {
        name: each.astype(object) if each.dtype.kind == "i" else each
        for name, each in columns.items()
    }


def _parameters(
    accelerator: Accelerator, expressions: Iterable[Expression], most: Mapping[str, float]
) -> frozenset[str]:
    """Return the parameters that expressions read, through ranks too."""
    names = frozenset().union(*(each.names for each in expressions))
    through = (accelerator.ranks[name].names for name in names & accelerator.ranks.keys())
    return names.union(*through) & most.keys()


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
            given = complete.get(name, np.full(n, AUTOMATIC, dtype=kind))
            complete[name] = np.where(given == AUTOMATIC, each.default, given)
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
