"""The reference point of a study's hypervolumes: a function of its specification alone.

So it is there before the first batch, and the same whoever asks: the progress bar of a study that
runs at once or in steps, and `dse front`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import evaluator
from studies.objectives import UNITS, objective_values
from studies.specification import Specification

MARGIN = 1.1
"""The reference lies this factor beyond the worst corner, so that a front's ends count."""

_EVALUATOR = "analytical"
"""Evaluates the corners of every study: it needs no program, and the others agree with it."""


def reference(study: Specification) -> NDArray[np.float64] | None:
    """Return the worst objectives of the feasible corners of a study's space, times `MARGIN`.

    A corner is a chip with every size of the machine that is searched at its least or its most, and
    everything else automatic. A bound of the study ends an objective there.

    Returns:
        Shape (objectives,), in their units; None where no corner is feasible.

    """
    names = study.space.configurations
    values = [_objectives(study, name, _corners(study, name)) for name in names]
    known = np.concatenate(values)
    if not len(known):
        return None
    worst = MARGIN * known.max(axis=0)
    bounds = [study.bounds.get(UNITS[name], np.inf) for name in study.objectives]
    beyond: NDArray[np.float64] = np.minimum(worst, bounds)
    return beyond


def _corners(study: Specification, configuration: str) -> Designs:
    sizes = described(configuration).machine.parameters
    ends = {
        each.name: (each.values[0], each.values[-1])
        for each in study.space.parameters
        if each.name in sizes and each.ordered and len(each.values) > 1
    }
    return Designs.of(**dict(zip(ends, np.array(list(product(*ends.values()))).T, strict=True)))


def _objectives(study: Specification, configuration: str, chips: Designs) -> NDArray[np.float64]:
    """Return the objectives of those chips that are feasible on every workload."""
    try:
        results = [
            evaluator(_EVALUATOR).evaluate(configuration, workload, chips, study.accounting)
            for workload in study.workloads
        ]
    except (InputError, EvaluationError):
        return np.empty((0, len(study.objectives)))
    values = objective_values(study.objectives, [each.metrics for each in results])
    known: NDArray[np.float64] = values[np.isfinite(values).all(axis=1)]
    return known
