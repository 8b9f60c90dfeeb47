"""The search: the exact front of latency and energy over cascades, cuts, shared loops and bindings.

docs/model/open-bindings.md, section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import process_time

import numpy as np

from evaluators.engine.loopnest import check_mappable
from evaluators.mapper.binding import Binding
from evaluators.mapper.cascade_search import SAME, CascadeSearch, Limits, Point, best_points
from evaluators.mapper.neighbours import neighbours
from evaluators.mapper.optimum import Optimum
from evaluators.mapper.pareto import Front
from evaluators.mapper.resources import Resources
from evaluators.mapper.searching import searching
from evaluators.mapper.structure import Structure
from evaluators.mapper.watching import tell


class _OutOfTime(Exception):
    """The seconds of a search are over."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        front: its points by latency.
        searches: of each cascade, by name.
        fastest_s: the least latency.
        left_s, left_pj: what no time was left for has at least that latency and energy; infinite
            where all is proven.

    """

    front: tuple[Point, ...]
    searches: Mapping[str, CascadeSearch]
    fastest_s: float
    left_s: float = np.inf
    left_pj: float = np.inf

    def optimum(self, tolerance: float = 0.0) -> Point:
        """Return the point of least energy among those that are slower than none by more than that.

        Rounding makes no other.
        """
        least_s = self.fastest_s * (1 + tolerance) * (1 + SAME)
        fastest = [each for each in self.front if each.latency_s <= least_s]
        return min(fastest, key=lambda each: each.energy_pj)

    def gaps(self, point: Point) -> tuple[float, float]:
        """Return by which share the least latency and a point's energy may be above the least.

        Of the energy: above the least of all bindings within the limits. Both are 0 where all is
        proven.
        """
        fastest_s = self.fastest_s
        least_s, least_pj = min(self.left_s, fastest_s), min(self.left_pj, point.energy_pj)
        return fastest_s / least_s - 1, point.energy_pj / least_pj - 1

    def binding(self, point: Point) -> Binding:
        """Return a binding that a point stands for."""
        return self.searches[point.cascade].binding(point)


def search(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
) -> Found:
    """Search cascades on a machine: every cut, shared loop and binding within the limits.

    Args:
        cascades: by name.
        resources: the machine.
        extents: B, H, P, M, E, F and what else the cascades' ranks need.
        limits: what is searched.

    Raises:
        InputError: nothing knows the cost of the buffer; a chunk that does not divide the keys.
        TooLarge: counts that pass 2^63.

    """
    with searching():
        searches = _searches(cascades, resources, extents, limits)
        if limits.within is None:
            return _front(searches)
        if limits.seconds is not None:
            return _optimum(searches, limits.within, 0.0, np.inf)
        near = neighbours(cascades, resources, extents, limits)
        found = _optimum(searches, limits.within, *near.between(resources))
        near.add(resources, found.fastest_s)
        return found


def _front(searches: Mapping[str, CascadeSearch]) -> Found:
    left: list[tuple[float, float]] = []
    try:
        _prove_all(list(searches.values()))
    except _OutOfTime:
        left = [each.left() for each in searches.values()]
    points = best_points([point for each in searches.values() for point in each.points()])
    return Found(
        tuple(points),
        searches,
        points[0].latency_s if points else np.inf,
        min((each[0] for each in left), default=np.inf),
        min((each[1] for each in left), default=np.inf),
    )


def least_latency_s(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
    known_s: float,
) -> float:
    """Return the least latency of cascades on a machine, whatever it takes in energy.

    Args:
        cascades: by name.
        resources: the machine.
        extents: B, H, P, M, E, F and what else the cascades' ranks need.
        limits: what is searched, in any time.
        known_s: the latency of some binding.

    """
    with searching():
        searches = _searches(cascades, resources, extents, limits)
        near = neighbours(cascades, resources, extents, limits)
        floor_s, most_s = near.between(resources)
        least_s = Optimum(list(searches.values()), 0.0).fastest(floor_s, min(most_s, known_s))
        near.add(resources, least_s)
    return least_s


def _searches(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
) -> dict[str, CascadeSearch]:
    check_mappable(dict(extents), "the workload")
    ends_s = np.inf if limits.seconds is None else process_time() + limits.seconds

    def alive() -> None:
        tell()
        if process_time() > ends_s:
            raise _OutOfTime

    return {
        name: CascadeSearch(name, each, resources, extents, limits, alive)
        for name, each in cascades.items()
    }


def _optimum(
    searches: Mapping[str, CascadeSearch], within: float, floor_s: float, known_s: float
) -> Found:
    found = Optimum(list(searches.values()), within)
    left = np.inf, np.inf
    fastest_s = None
    try:
        fastest_s = found.search(floor_s, known_s)
    except _OutOfTime:
        left = found.left()
    points = best_points(found.points)
    if fastest_s is None:
        fastest_s = points[0].latency_s if points else np.inf
    return Found(tuple(points), searches, fastest_s, *left)


def _prove_all(searches: list[CascadeSearch]) -> None:
    shared = Front()
    for each in searches:
        each.start(shared)
    for each in searches:
        each.greedy(each.structure.whole)
    for each in sorted(searches, key=lambda each: len(each.groups)):
        each.prove()
