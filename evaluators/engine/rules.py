"""What a batch sets of an accelerator's parameters, and the rules and defaults for the rest."""

from __future__ import annotations

from collections.abc import Sequence
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


def given_of(accelerator: Accelerator, designs: Designs) -> dict[str, NDArray[Any]]:
    """Return the parameters of an accelerator that a batch sets."""
    given = {**designs.columns(), **designs.binding}
    return {name: each for name, each in given.items() if name in accelerator.all_parameters}


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
