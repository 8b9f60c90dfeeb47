"""The optimum without the front: the least latency first, then the least energy within it.

How little time and energy there may be at least is known beforehand, and seldom far from what there
is. So each is looked for below a ceiling just above that, which is raised as long as nothing is
below it: a low ceiling leaves little to search (docs/model/open-bindings.md, section 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evaluators.mapper.cascade_search import SAME, CascadeSearch, Point, best_points
from evaluators.mapper.pareto import Fastest, Leanest

_CEILINGS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4, 1.0)
"""Shares above the least that there may be; there is no ceiling after them."""


class Optimum:
    """The search for the optimum of several cascades.

    Args:
        searches: of the cascades.
        within: the share by which the optimum may be slower than the fastest.

    """

    def __init__(self, searches: Sequence[CascadeSearch], within: float) -> None:
        self._searches, self._within = searches, within
        self._open: Sequence[CascadeSearch] = ()
        self._front: Fastest | Leanest = Fastest(np.inf)
        self._floors_s: list[float] = []
        self._least_pj = 0.0
        self._fastest: list[Point] = []

    @property
    def points(self) -> list[Point]:
        """The points found so far, the optimum among them when `search` returns."""
        return best_points([*self._fastest, *self._found()])

    def search(self, floor_s: float = 0.0, known_s: float = np.inf) -> float:
        """Find the optimum; what ends the search early is raised.

        Args:
            floor_s: what no binding is faster than.
            known_s: what some binding is no slower than.

        Returns:
            The least latency, infinite where nothing fits.

        """
        least_s = self.fastest(floor_s, known_s)
        if np.isfinite(least_s):
            self._lean(least_s)
            self._fastest = []
        return least_s

    def fastest(self, floor_s: float = 0.0, known_s: float = np.inf) -> float:
        """Return the least latency alone, see `search`."""
        self._floors_s = [each.least()[0] for each in self._searches]
        least_s, self._least_pj = self._least(self._searches)
        for ceiling_s in _above(max(least_s, floor_s), known_s * (1 - SAME)):
            self._against(Fastest(ceiling_s))
            self._prove(lambda each: each.least()[0])
            self._fastest = self._found()
            if self._fastest:
                return min(each.latency_s for each in self._fastest)
        return known_s

    def left(self) -> tuple[float, float]:
        """Return the least latency and energy of what is neither searched nor beaten."""
        left = [each.left() for each in self._open]
        least_s, least_pj = (min(each) for each in zip(*left, strict=True))
        if isinstance(self._front, Fastest):
            return min(least_s, self._front.slowest_s), self._least_pj
        return np.inf, min(least_pj, self._front.most_pj)

    def _lean(self, fastest_s: float) -> None:
        slowest_s = fastest_s * (1 + self._within) * (1 + SAME)
        self._against(Leanest(slowest_s))
        for ceiling_pj in _above(self._least(self._open)[1]):
            if self._least(self._open)[1] > ceiling_pj:
                continue
            self._front = Leanest(slowest_s, ceiling_pj)
            for each in self._open:
                each.again(self._front)
            self._prove(lambda each: each.least()[1])
            if self._found():
                return

    def _against(self, front: Fastest | Leanest) -> None:
        """Start those of the searches anew that may be quick enough."""
        self._front = front
        both = zip(self._searches, self._floors_s, strict=True)
        self._open = [each for each, floor_s in both if floor_s <= front.slowest_s]
        for each in self._open:
            each.start(front)

    def _prove(self, promise: Callable[[CascadeSearch], float]) -> None:
        ordered = sorted(self._open, key=promise)
        for each in ordered:
            each.greedy(each.structure.whole)
        for each in ordered:
            each.prove()

    def _found(self) -> list[Point]:
        return best_points([point for each in self._open for point in each.points()])

    @staticmethod
    def _least(searches: Sequence[CascadeSearch]) -> tuple[float, float]:
        least_s, least_pj = zip(*(each.least() for each in searches), strict=True)
        return min(least_s), min(least_pj)


def _above(least: float, most: float = np.inf) -> list[float]:
    """Return ceilings above what there is at least, up to the most; none where there is nothing."""
    if not np.isfinite(least) or least > most:
        return []
    shares = [least * (1 + share) * (1 + SAME) for share in _CEILINGS]
    return [*(each for each in shares if each < most), most]
