"""What a whole cascade ends with at least that has a group under some shared loops."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from math import prod

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.bounds import Bound, Bounds
from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.pareto import Front
from evaluators.mapper.speeds import Speeds
from evaluators.mapper.structure import Group

Reals = NDArray[np.float64]

Least = tuple[Reals, Reals]
"""Latency and energy at least."""


class Promises:
    """The bounds of the groups of a cascade, and of what stands before and behind them.

    At first a group is bounded as if its Einsums stood in one group with all others, which leaves
    them every freedom; `refine` bounds it alone.

    Args:
        speeds: of the Einsums.
        groups: those that the cascade may be cut into.
        front: what is known; what is slower than all that it has room for is no use.

    """

    def __init__(self, speeds: Speeds, groups: tuple[Group, ...], front: Front) -> None:
        self._shared: Shared = speeds.uses.shared
        self._groups, self._front = groups, front
        most_cycles = front.slowest_s * speeds.uses.resources.clock_hz
        self.bounds = Bounds(speeds, most_cycles)
        self.chunks, self._chunk = np.unique(self._shared.chunk, return_inverse=True)
        self.rows = {
            group: np.flatnonzero(legal(self._shared, group, speeds.freedom.tiles))
            for group in groups
        }
        self._totals: dict[Group, Bound] = {}
        self._least: dict[Group, Least] = {}
        self._floors: dict[Group, Reals] = {}
        self._refined: set[Group] = set()
        self._chains: tuple[dict[int, Least], dict[int, Least]] | None = None
        whole = self._shared.structure.whole
        for start, own in groupby(sorted(groups, key=_span), key=lambda each: each.start):
            total, stop = self.bounds.nothing, start
            for group in own:
                for place in range(stop, group.stop):
                    total = total + self.bounds.einsum(place, whole)
                stop = group.stop
                self._put(group, total)

    def refine(self, group: Group) -> None:
        """Bound a group with what its cuts force off chip."""
        if group not in self._refined:
            self._refined.add(group)
            self._put(group, self.bounds.group(group))

    def again(self, front: Front) -> None:
        """Forget what was settled; another front takes nothing slower than the one before.

        What a group takes in energy at least is still known.
        """
        self._front = front
        for group, total in self._totals.items():
            self._put(group, total)

    def whole(self) -> Least:
        """Return the least latency and energy of the cascade, of each chunk."""
        if self._chains is None:
            self._chains = self._chained()
        never = np.full(len(self.chunks), np.inf)
        return self._chains[0].get(len(self._shared.structure.einsums), (never, never))

    def quick(self, group: Group) -> Integers:
        """Return the configurations of a group that are quick enough."""
        rows = self.rows[group]
        fast = self.bounds.latency_s(self._totals[group])[rows] <= self._front.slowest_s
        return rows[np.flatnonzero(fast)]

    def settle(self, group: Group, least: Least) -> None:
        """Put what a group has at least, of each chunk, once it is searched whole.

        Where nothing was found, all there is takes the front's most energy with what all other
        groups take.
        """
        if np.isfinite(self._front.most_pj):
            others_pj = self._rest(group)[1]
            found = np.isfinite(least[1])
            self._floors[group] = np.where(found, least[1], self._front.most_pj - others_pj)
        self._set(group, least)

    def _set(self, group: Group, least: Least) -> None:
        self._least[group] = least
        self._chains = None

    def rest(self, group: Group) -> Least:
        """Return the least latency and energy of all other groups, a configuration's each."""
        latency, energy = self._rest(group)
        return latency[self._chunk], energy[self._chunk]

    def _rest(self, group: Group) -> Least:
        """Return the same of each chunk."""
        if self._chains is None:
            self._chains = self._chained()
        before, behind = self._chains[0][group.start], self._chains[1][group.stop]
        return before[0] + behind[0], before[1] + behind[1]

    def promise(self, group: Group) -> float:
        """Return the least product of latency and energy with a group, infinite where beaten."""
        least_s, least_pj, rows = self.open(group)
        return float((least_s[rows] * least_pj[rows]).min()) if len(rows) else np.inf

    def open(self, group: Group) -> tuple[Reals, Reals, Integers]:
        """Return the bounds of cascades with a group, and the configurations that may be good."""
        latency, energy = self.rest(group)
        total = self._totals[group]
        least_s = self.bounds.latency_s(total) + latency
        floor = self._floors.get(group)
        own = total.energy_pj if floor is None else np.maximum(total.energy_pj, floor[self._chunk])
        least_pj = own + energy
        rows = self.rows[group]
        rows = rows[np.isfinite(least_s[rows]) & np.isfinite(least_pj[rows])]
        return least_s, least_pj, rows[~self._front.beats(least_s[rows], least_pj[rows])]

    def _put(self, group: Group, total: Bound) -> None:
        self._totals[group] = total
        rows = self.rows[group]
        found = []
        for each in (self.bounds.latency_s(total), total.energy_pj):
            least = np.full(len(self.chunks), np.inf)
            np.minimum.at(least, self._chunk[rows], each[rows])
            found.append(least)
        floor = self._floors.get(group, -np.inf)
        self._set(group, (found[0], np.maximum(found[1], floor)))

    def _chained(self) -> tuple[dict[int, Least], dict[int, Least]]:
        """Return the least of all Einsums before a place, and of all from it on."""
        stop = len(self._shared.structure.einsums)
        nothing, never = np.zeros(len(self.chunks)), np.full(len(self.chunks), np.inf)
        before = {0: (nothing, nothing)}
        behind = {stop: (nothing, nothing)}
        for group in sorted(self._groups, key=lambda each: (each.stop, each.start)):
            _less(before, group.stop, before.get(group.start, (never, never)), self._least[group])
        for group in sorted(self._groups, key=lambda each: -each.start):
            _less(behind, group.start, behind.get(group.stop, (never, never)), self._least[group])
        return before, behind


def _span(group: Group) -> tuple[int, int]:
    return group.start, group.stop


def _less(known: dict[int, Least], place: int, one: Least, other: Least) -> None:
    """Put the sum of two where it is less than what is known of a place."""
    both = one[0] + other[0], one[1] + other[1]
    old = known.get(place, both)
    known[place] = np.minimum(old[0], both[0]), np.minimum(old[1], both[1])


def legal(shared: Shared, group: Group, tiles: Mapping[tuple[str, str], int]) -> Flags:
    """Return which configurations of the shared loops a group may have.

    Args:
        shared: the configurations.
        group: the Einsums.
        tiles: (Einsum, rank) -> how much of the rank its tile has, where that is fixed.

    """
    structure = shared.structure
    with_keys = [structure.has_keys(place) for place in group]
    found = np.ones(len(shared), bool)
    if not all(with_keys):
        found &= shared.inner == 1
    if not any(with_keys) and not structure.cascade.along:
        found &= shared.keys == 1
    if not structure.complete(group):
        found &= shared.keys == 1
    for (einsum, rank), size in tiles.items():
        if structure.place[einsum] in group:
            found &= shared.left(rank) == size
    return found


def ways(bounds: Bounds, groups: tuple[Group, ...]) -> int:
    """Return in how many ways a cascade may be cut, tiled, placed and ordered.

    Each has its own choices of where tensors are kept, which are not counted.
    """
    shared = bounds.shared
    stop = len(shared.structure.einsums)
    total = 0
    for chunk in np.unique(shared.chunk).tolist():
        found = {0: 1}
        for group in sorted(groups, key=lambda each: (each.stop, each.start)):
            rows = legal(shared, group, bounds.freedom.tiles) & (shared.chunk == chunk)
            legal_at = [bounds.speeds.places(place).legal[:, rows] for place in group]
            placements = np.array([each.sum(axis=0) for each in legal_at])
            alike, counts = np.unique(placements, axis=1, return_counts=True)
            own = sum(
                count * prod(each)
                for each, count in zip(alike.T.tolist(), counts.tolist(), strict=True)
            )
            found[group.stop] = found.get(group.stop, 0) + found.get(group.start, 0) * own
        total += found.get(stop, 0)
    return total
