"""Searches with a latency that nothing may pass: whether a machine reaches it, and how at best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.binding import Binding
from evaluators.mapper.cascade_search import SAME, CascadeSearch, Limits
from evaluators.mapper.pareto import Fastest, Leanest
from evaluators.mapper.resources import Resources
from evaluators.mapper.searching import searching
from evaluators.mapper.structure import Structure


class _Reached(Exception):
    """Something is fast enough."""


class _Enough(Fastest):
    """What is slower is of no use, and the first that is not ends the search."""

    def add(self, latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]) -> None:
        """Add pairs."""
        if (latency_s <= self.slowest_s).any():
            raise _Reached


def reaches(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    latency_s: float,
) -> bool:
    """Tell whether a binding of the cascades, in any chunks, takes no longer than that.

    Args:
        cascades: by name.
        resources: the machine.
        extents: B, H, P, M, E, F and what else the cascades' ranks need.
        latency_s: that is to be reached; rounding is forgiven.

    """
    front = _Enough(latency_s * (1 + SAME))
    limits = Limits(within=0.0)
    try:
        with searching():
            searches = [
                CascadeSearch(name, each, resources, extents, limits, lambda: None)
                for name, each in cascades.items()
            ]
            promising = [each for each in searches if each.least()[0] <= front.slowest_s]
            for each in promising:
                each.start(front)
            for each in promising:
                each.greedy(each.structure.whole)
            for each in promising:
                each.prove()
    except _Reached:
        return True
    return False


def least_within(searched: CascadeSearch, latency_s: float, energy_pj: float) -> Binding | None:
    """Return the binding of least energy that takes no more than that; None where there is none."""
    searched.start(Leanest(latency_s * (1 + SAME), energy_pj))
    searched.prove()
    points = searched.points()
    return searched.binding(min(points, key=lambda each: each.energy_pj)) if points else None


def fastest_within(searched: CascadeSearch, latency_s: float) -> Binding | None:
    """Return the fastest binding, of those the one of least energy.

    None where all take longer than that.
    """
    searched.start(Fastest(latency_s * (1 + SAME)))
    searched.prove()
    points = searched.points()
    return least_within(searched, points[0].latency_s, np.inf) if points else None
