"""Objectives and constraints of a study, computed from its scenes (`studies.scenes`).

Of several workloads an objective is their geometric mean, or that of the mix: of the weighted sums
of times, energies, traffic and tokens. Area is that of the one chip that runs them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.protocol import METRICS
from studies.scenes import NOT_IN_SCENES, SHARES, Scene, added

Float64s = NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """What a study may ask for: a product of some quantities of a scene over a product of others.

    Attributes:
        column: what tables call it, with its unit.
        factors, divisors: the quantities.
        scale: what brings it to its unit.
        maximised: more is better.

    """

    column: str
    factors: tuple[str, ...]
    divisors: tuple[str, ...] = ()
    scale: float = 1.0
    maximised: bool = False

    def of(self, scene: Scene) -> Float64s:
        """Return its value on one scene, shape (n,)."""
        value: Float64s = np.prod([scene[name] for name in self.factors], axis=0)
        for name in self.divisors:
            value = value / scene[name]
        return value if self.scale == 1 else self.scale * value

    def mean(self, scenes: Sequence[Scene]) -> Float64s:
        """Return its geometric mean over several scenes, shape (n,)."""
        logs = [np.log(each[name]) for each in scenes for name in self.factors]
        logs += [-np.log(each[name]) for each in scenes for name in self.divisors]
        value: Float64s = np.exp(np.sum(logs, axis=0) / len(scenes))
        return value if self.scale == 1 else self.scale * value


OBJECTIVES = {
    "area": Objective("area_um2", ("area_um2",)),
    "latency": Objective("latency_s", ("latency_s",)),
    "energy": Objective("energy_pj", ("energy_pj",)),
    "traffic": Objective("traffic_bytes", ("traffic_bytes",)),
    "energy_delay": Objective("energy_delay_pj_s", ("energy_pj", "latency_s")),
    "power": Objective("power_w", ("energy_pj",), ("latency_s",), 1e-12),
    "tokens_per_s": Objective("tokens_per_s", ("tokens",), ("latency_s",), maximised=True),
    "energy_per_token": Objective("energy_per_token_pj", ("energy_pj",), ("tokens",)),
    "util_2d": Objective("util_2d", ("util_2d",), maximised=True),
}
"""The objectives by name."""

UNITS = {name: each.column for name, each in OBJECTIVES.items()}
"""Objective -> its column, named with its unit."""

_MEASURES = {each.column: each for each in OBJECTIVES.values()}

BOUNDABLE = tuple(
    name for name in dict.fromkeys((*METRICS, *_MEASURES)) if name not in NOT_IN_SCENES
)
"""What a constraint may bound, from above or below: metrics and objectives of a workload."""

RISING = (*SHARES, "tokens_per_s")
"""Those of which more is better: a bound of them says whether it is the least or the most."""

GEOMETRIC_MEAN, WEIGHTED_SUM = "geometric mean", "weighted sum"

OVER_WORKLOADS = (GEOMETRIC_MEAN, WEIGHTED_SUM)
"""What an objective of several workloads is."""

_SUFFIXES = {
    "_row_remainder_bytes": "_bytes",
    "_short_bytes": "_bytes",
    "_remainder": "",
    "_short": "",
}
"""How a constraint is named after the parameter that is too small, or does not divide."""

_OVER, _UNDER = "_over", "_under"


def capacity(constraint: str) -> str:
    """Return the parameter that a constraint is of.

    '' for a constraint that is met or not; its magnitude is 1.
    """
    for suffix, unit in _SUFFIXES.items():
        if constraint.endswith(suffix):
            return constraint.removesuffix(suffix) + unit
    return ""


def maximised(objectives: Sequence[str]) -> list[str]:
    """Return the columns of those objectives of which more is better."""
    return [OBJECTIVES[name].column for name in objectives if OBJECTIVES[name].maximised]


def signs(objectives: Sequence[str]) -> Float64s:
    """Return 1 for each objective that is minimised, -1 for one that is maximised."""
    return np.array([-1.0 if OBJECTIVES[name].maximised else 1.0 for name in objectives])


def objective_values(
    objectives: Sequence[str], scenes: Sequence[Scene], weights: Sequence[float] = ()
) -> Float64s:
    """Return the objectives of n designs, shape (n, objectives); NaN where a metric is NaN.

    Args:
        objectives: names of `OBJECTIVES`.
        scenes: what the designs run, see `studies.scenes.scenes_of`; columns of shape (n,).
        weights: calls of each scene in the mix; none for the geometric mean over the scenes.

    """
    mix = [added(scenes, weights)] if weights else scenes
    return np.stack([_objective(name, mix) for name in objectives], axis=1)


def _objective(name: str, scenes: Sequence[Scene]) -> Float64s:
    objective = OBJECTIVES[name]
    if name == "area" or len(scenes) == 1:
        return objective.of(scenes[0])
    return objective.mean(scenes)


def measure(column: str, scene: Scene) -> Float64s:
    """Return one of `BOUNDABLE` of a scene, shape (n,)."""
    return scene[column] if column in scene else _MEASURES[column].of(scene)


def excess(
    bounds: Mapping[str, float], scene: Scene, floors: Mapping[str, float] | None = None
) -> dict[str, Float64s]:
    """Return by how much a scene breaks each bound, in the bound's unit; (n,) each.

    Args:
        bounds: column -> the most that it may be.
        scene: a workload's metrics.
        floors: column -> the least that it may be.

    """
    over = {f"{name}{_OVER}": measure(name, scene) - bound for name, bound in bounds.items()}
    lower = (floors or {}).items()
    return over | {f"{name}{_UNDER}": bound - measure(name, scene) for name, bound in lower}


def broken_bound(
    constraint: str, bounds: Mapping[str, float], floors: Mapping[str, float]
) -> tuple[str, float] | None:
    """Return the column and the bound that a constraint of `excess` is of; None for any other."""
    for suffix, limits in ((_OVER, bounds), (_UNDER, floors)):
        column = constraint.removesuffix(suffix)
        if column != constraint and column in limits:
            return column, limits[column]
    return None


def relative_excess(
    constraint: str,
    magnitude: float,
    bound: float | None,
    design: Mapping[str, float],
) -> float:
    """Return a violation without a unit, as samplers may add it to others.

    It is the share of what is there: of the bound, or of the design's own parameter.

    Args:
        constraint: its name.
        magnitude: above 0, in its natural unit.
        bound: the study's that it breaks, see `broken_bound`; None for a design's own constraint.
        design: parameter -> value, automatic ones resolved.

    """
    return magnitude / (bound or max(1, design.get(capacity(constraint), 1)))
