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
from studies.end_to_end import on_one_chip
from studies.objectives import UNITS, objective_values, signs
from studies.scenes import scenes_of
from studies.specification import Specification

MARGIN = 1.1
"""The reference lies this factor beyond the worst corner, so that a front's ends count."""

_EVALUATOR = "analytical"
"""Evaluates the corners of every study: it needs no program, and the others agree with it."""


def reference(study: Specification) -> NDArray[np.float64] | None:
    """Return the worst objectives of the feasible corners of a study's space, times `MARGIN`.

    A corner is a chip with every size of the machine that is searched at its least or its most, and
    everything else automatic. A bound of the study ends an objective there, but in a mix, where it
    is of each scene.

    Returns:
        Shape (objectives,), in their units; None where no corner is feasible.

    """
    names = study.space.configurations
    values = [_objectives(study, name, _corners(study, name)) for name in names]
    known = np.concatenate(values)
    if not len(known):
        return None
    rising = signs(study.objectives) < 0
    worst: NDArray[np.float64] = np.where(
        rising, known.min(axis=0) / MARGIN, MARGIN * known.max(axis=0)
    )
    if study.weights:
        return worst
    columns = [UNITS[name] for name in study.objectives]
    most = np.array([study.bounds.get(name, np.inf) for name in columns])
    least = np.array([study.floors.get(name, 0.0) for name in columns])
    ends: NDArray[np.float64] = np.where(rising, np.maximum(worst, least), np.minimum(worst, most))
    return ends


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
        runs = study.evaluated[configuration]
        halves = on_one_chip(runs, study.workloads, chips)
        metrics = [
            evaluator(_EVALUATOR)
            .evaluate(runs[half], workload, halves[half], study.accounting)
            .metrics
            for workload, half in study.rows
        ]
    except (InputError, EvaluationError):
        return np.empty((0, len(study.objectives)))
    scenes = scenes_of(study.workloads, metrics, whole_model=study.whole_model)
    values = objective_values(study.objectives, scenes, study.weights)
    known: NDArray[np.float64] = values[np.isfinite(values).all(axis=1)]
    return known
