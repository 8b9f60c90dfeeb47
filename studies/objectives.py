"""Objectives and constraints of a study, computed from evaluations.

All objectives are minimised. Where a study has several workloads, they are geometric means; area is
that of the one chip that runs them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]

OBJECTIVES = {
    "area": ("area_um2",),
    "latency": ("latency_s",),
    "energy": ("energy_pj",),
    "traffic": ("traffic_bytes",),
    "energy_delay": ("energy_pj", "latency_s"),
}
"""Objective -> the metrics whose product it is."""

UNITS = {
    "area": "area_um2",
    "latency": "latency_s",
    "energy": "energy_pj",
    "traffic": "traffic_bytes",
    "energy_delay": "energy_delay_pj_s",
}
"""Objective -> its column, named with its unit."""

BOUNDABLE = ("area_um2", "latency_s", "energy_pj", "traffic_bytes")
"""The metrics that a constraint may bound from above."""


_SUFFIXES = {
    "_row_remainder_bytes": "_bytes",
    "_short_bytes": "_bytes",
    "_remainder": "",
    "_short": "",
}
"""How a constraint is named after the parameter that is too small, or does not divide."""


def capacity(constraint: str) -> str:
    """Return the parameter that a constraint is of.

    '' for a constraint that is met or not; its magnitude is 1.
    """
    for suffix, unit in _SUFFIXES.items():
        if constraint.endswith(suffix):
            return constraint.removesuffix(suffix) + unit
    return ""


def objective_values(
    objectives: Sequence[str], metrics: Sequence[Mapping[str, Float64s]]
) -> Float64s:
    """Return the objectives of n designs, shape (n, objectives); NaN where a metric is NaN.

    Args:
        objectives: names of `OBJECTIVES`.
        metrics: one workload's metrics each, columns of shape (n,).

    """
    return np.stack([_objective(name, metrics) for name in objectives], axis=1)


def _objective(name: str, metrics: Sequence[Mapping[str, Float64s]]) -> Float64s:
    if name == "area":
        return metrics[0]["area_um2"]
    if len(metrics) == 1:
        values: Float64s = np.prod([metrics[0][metric] for metric in OBJECTIVES[name]], axis=0)
        return values
    logs = [np.log(each[metric]) for each in metrics for metric in OBJECTIVES[name]]
    mean: Float64s = np.exp(np.sum(logs, axis=0) / len(metrics))
    return mean


def excess(bounds: Mapping[str, float], metrics: Mapping[str, Float64s]) -> dict[str, Float64s]:
    """Return by how much a workload's metrics exceed each bound, in the bound's unit; (n,) each."""
    return {f"{metric}_over": metrics[metric] - bound for metric, bound in bounds.items()}


def relative_excess(
    constraint: str, magnitude: float, bounds: Mapping[str, float], design: Mapping[str, float]
) -> float:
    """Return a violation without a unit, as samplers may add it to others.

    It is the share of what is there: of the bound, or of the design's own parameter.

    Args:
        constraint: its name.
        magnitude: above 0, in its natural unit.
        bounds: the study's.
        design: parameter -> value, automatic ones resolved.

    """
    bound = bounds.get(constraint.removesuffix("_over"))
    return magnitude / (bound or max(1, design.get(capacity(constraint), 1)))
