"""Fronts: what no other is at least as good as in everything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLACK = 1e-13
"""Relative: energies that differ by less are one, summed in another order."""

_SIEVES = 64
"""Rounds in which every group drops what its least row beats, before all pairs are compared."""

_FEW = 512
_PAIRS = 1_000_000


def best(group: NDArray[np.int64], columns: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Return the rows that no other row of their group is at least as good as, all to be small.

    Of equal rows one stays.
    """
    order = np.lexsort((*reversed(columns), group))
    group = group[order]
    values = np.stack([column[order] for column in columns])
    alive = np.arange(len(order))
    kept: list[NDArray[np.int64]] = []
    for _ in range(_SIEVES):
        if len(alive) <= _FEW:
            break
        first = np.flatnonzero(np.diff(group[alive], prepend=-1))
        heads = alive[first]
        kept.append(heads)
        head_of = np.repeat(heads, np.diff(np.append(first, len(alive))))
        worse = values[0, head_of] <= values[0, alive]
        for column in values[1:]:
            worse &= column[head_of] <= column[alive]
        alive = alive[~worse]
    if len(alive):
        first = np.flatnonzero(np.diff(group[alive], prepend=-1))
        sizes = np.diff(np.append(first, len(alive)))
        kept.append(alive[_pairwise(values[:, alive], sizes)])
    return np.sort(order[np.concatenate(kept)]) if kept else order[:0]


def _pairwise(values: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Compare every row with those before it in its group, blockwise."""
    keep = np.ones(values.shape[1], bool)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    for size in np.unique(sizes[sizes > 1]).tolist():
        of_size = starts[sizes == size]
        step = max(1, _PAIRS // (size * size))
        width = min(size, max(1, _PAIRS // size))
        for begin in range(0, len(of_size), step):
            rows = of_size[begin : begin + step, None] + np.arange(size)
            block = values[:, rows]
            for first in range(0, size, width):
                some = np.arange(first, min(first + width, size))
                before = np.arange(size)[:, None] < some
                beats = np.broadcast_to(before, (len(rows), size, len(some))).copy()
                for column in block:
                    beats &= column[:, :, None] <= column[:, None, some]
                keep[rows[:, some]] = ~beats.any(axis=1)
    return keep


class Front:
    """The best pairs of latency and energy found so far."""

    timed_only = False
    """Whether no energy matters."""

    def __init__(self) -> None:
        self.latency_s = np.zeros(0)
        self.energy_pj = np.zeros(0)

    @property
    def slowest_s(self) -> float:
        """The latency above which pairs are of no use."""
        return float("inf")

    @property
    def most_pj(self) -> float:
        """The energy above which pairs are of no use."""
        return float("inf")

    def beats(
        self, latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs are no better than a point of the front."""
        if not len(self.latency_s):
            return np.zeros(len(latency_s), bool)
        before = np.searchsorted(self.latency_s, latency_s * (1 + SLACK), side="right") - 1
        energy = self.energy_pj[np.maximum(before, 0)]
        return np.asarray((before >= 0) & (energy <= energy_pj * (1 + 10 * SLACK)))

    def add(self, latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]) -> None:
        """Add pairs."""
        latency = np.concatenate((self.latency_s, latency_s))
        energy = np.concatenate((self.energy_pj, energy_pj))
        rows = front(latency, energy)
        self.latency_s, self.energy_pj = latency[rows], energy[rows]


class Fastest(Front):
    """The least latency found so far, whatever it takes in energy.

    Args:
        ceiling_s: what is slower is of no use.

    """

    timed_only = True

    def __init__(self, ceiling_s: float) -> None:
        super().__init__()
        self._ceiling_s = ceiling_s

    @property
    def slowest_s(self) -> float:
        """The latency above which pairs are of no use."""
        if not len(self.latency_s):
            return self._ceiling_s
        return float(self.latency_s[0]) * (1 - 10 * SLACK)

    def beats(
        self, latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs are not faster."""
        return np.asarray((latency_s > self.slowest_s) | ~np.isfinite(energy_pj))


class Leanest(Front):
    """The least energy found so far of what is fast enough.

    Args:
        slowest_s: what is slower is of no use.
        ceiling_pj: what takes more energy is of no use.

    """

    def __init__(self, slowest_s: float, ceiling_pj: float = np.inf) -> None:
        super().__init__()
        self._slowest_s, self._ceiling_pj = slowest_s, ceiling_pj

    @property
    def slowest_s(self) -> float:
        """The latency above which pairs are of no use."""
        return self._slowest_s

    @property
    def most_pj(self) -> float:
        """The energy above which pairs are of no use."""
        if not len(self.energy_pj):
            return self._ceiling_pj
        return float(self.energy_pj[-1]) * (1 - 10 * SLACK)

    def beats(
        self, latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs are too slow, or take no less energy."""
        return np.asarray((latency_s > self._slowest_s) | ~(energy_pj <= self.most_pj))


def front(latency_s: NDArray[np.float64], energy_pj: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows of the best pairs by latency; those that differ by rounding alone are one."""
    order = np.lexsort((energy_pj, latency_s))
    least = np.minimum.accumulate(energy_pj[order])
    before = np.concatenate(([np.inf], least[:-1]))
    return order[energy_pj[order] < before * (1 - 10 * SLACK)]
