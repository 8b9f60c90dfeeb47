"""The search: the exact front of latency and energy over cascades, cuts, shared loops and bindings.

docs/model/open-bindings.md, section 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.engine.loopnest import check_mappable
from evaluators.mapper.binding import Binding, BoundGroup, Step
from evaluators.mapper.bounds import Bounds
from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.pareto import Front, front
from evaluators.mapper.programme import Programme
from evaluators.mapper.resources import WORD_BYTES, Resources
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.uses import Uses

Reals = NDArray[np.float64]
Pairs = tuple[Reals, Reals]

_BEAM = 8
"""Labels that a first, greedy run of the programme keeps, to have a front to prune with."""

_GREEDY = 8
"""Configurations that are run greedily."""

_SAME = 1e-12
"""Relative: pairs that differ by less are one."""

_FIRST = 1
"""Configurations of a batch at first; every batch is twice as large as the one before."""


@dataclass(frozen=True)
class Limits:
    """What is searched.

    Attributes:
        chunks: keys in a chunk; None for every divisor.
        cuts: whether the cascade may be cut into groups.
        within: what is slower than the optimum by more than that share is left out; None: nothing.
        freedom: what bindings may choose.

    """

    chunks: tuple[int, ...] | None = None
    cuts: bool = True
    within: float | None = None
    freedom: Freedom = field(default_factory=lambda: Freedom({}))


@dataclass(frozen=True)
class Pair:
    """A best pair of one group: its latency and energy, and its configuration."""

    latency_s: float
    energy_pj: float
    group: Group
    row: int


@dataclass(frozen=True)
class Point:
    """A point of the front: of a cascade, a chunk, and groups."""

    latency_s: float
    energy_pj: float
    cascade: str
    chunk: int
    parts: tuple[Pair, ...]


class _Target:
    """A front that only a given pair, or a better one, is not beaten by."""

    def __init__(self, latency_s: float, energy_pj: float) -> None:
        self._latency_s = latency_s * (1 + _SAME)
        self._energy_pj = energy_pj * (1 + _SAME)

    def beats(self, latency_s: Reals, energy_pj: Reals) -> Flags:
        """Tell which pairs are worse than the target."""
        return (latency_s > self._latency_s) | (energy_pj > self._energy_pj)


class Search:
    """One cascade on one machine and workload, against a front that all cascades share."""

    def __init__(
        self,
        name: str,
        structure: Structure,
        resources: Resources,
        extents: Mapping[str, int],
        limits: Limits,
        front: Front,
    ) -> None:
        self.name, self.structure = name, structure
        self.resources, self.limits = resources, limits
        self.shared = Shared.all_of(structure, resources, extents, limits.chunks)
        self.uses = Uses(self.shared)
        self.front = front
        self.groups = structure.groups if limits.cuts else (structure.whole,)
        self.counted = 0
        self.searched = 0
        self._parts: dict[tuple[Group, int], list[Pair]] = {}
        self._rows = {group: np.flatnonzero(self.legal(group)) for group in self.groups}
        self._chunks = np.unique(self.shared.chunk)
        self.bound()

    def bound(self) -> None:
        """Bound every group under every configuration, by what the front says is too slow."""
        most_cycles = self.front.slowest_s * self.resources.clock_hz
        self.bounds = Bounds(self.uses, self.limits.freedom, most_cycles)
        self._after = {group: self.bounds.after(group) for group in self.groups}
        self._least: dict[tuple[Group, int], tuple[float, float]] = {}
        for group in self.groups:
            rows = self._rows[group]
            total = self._after[group][0]
            latency, energy = self.bounds.latency_s(total)[rows], total.energy_pj[rows]
            for chunk in self._chunks.tolist():
                own = self.shared.chunk[rows] == chunk
                if own.any():
                    self._least[group, chunk] = latency[own].min(), energy[own].min()

    def legal(self, group: Group) -> Flags:
        """Return which configurations of the shared loops a group may have."""
        shared, structure = self.shared, self.structure
        with_keys = [structure.has_keys(place) for place in group]
        legal = np.ones(len(shared), bool)
        if not all(with_keys):
            legal &= shared.inner == 1
        if not any(with_keys) and not structure.cascade.along:
            legal &= shared.keys == 1
        if not structure.complete(group):
            legal &= shared.keys == 1
        return legal

    def rest(self, group: Group) -> tuple[Reals, Reals]:
        """Return the least latency and energy of all other groups, a configuration's each."""
        latency = np.zeros(len(self.shared))
        energy = np.zeros(len(self.shared))
        for chunk in self._chunks.tolist():
            rows = self.shared.chunk == chunk
            before = self._chain(chunk, 0, group.start)
            behind = self._chain(chunk, group.stop, len(self.structure.einsums))
            latency[rows] = before[0] + behind[0]
            energy[rows] = before[1] + behind[1]
        return latency, energy

    def _chain(self, chunk: int, start: int, stop: int) -> tuple[float, float]:
        least = {start: (0.0, 0.0)}
        for group in sorted(self.groups, key=lambda each: (each.stop, each.start)):
            if group.stop > stop or group.start not in least:
                continue
            own = self._least.get((group, chunk), (np.inf, np.inf))
            both = tuple(a + b for a, b in zip(least[group.start], own, strict=True))
            known = least.get(group.stop, (np.inf, np.inf))
            least[group.stop] = min(known[0], both[0]), min(known[1], both[1])
        return least.get(stop, (np.inf, np.inf))

    def greedy(self, group: Group) -> None:
        """Run the most promising configurations of a group greedily.

        Those that leave the buffer roomy come first: the bounds know nothing of its size.
        """
        for among in (self.shared.roomy, ~self.shared.roomy):
            for rows in self._open(group, _GREEDY, among):
                self._configurations(group, rows, _BEAM, {})
                break
            self._tell()

    def exact(self, group: Group) -> None:
        """Search a group whole; what is known of it is then the least that it can have."""
        programmes: dict[int, Programme] = {}
        for rows in self._open(group, _FIRST):
            self._configurations(group, rows, 0, programmes)
            self._tell()
        for chunk in self._chunks.tolist():
            parts = self._parts.get((group, chunk), [])
            self._least[group, chunk] = (
                min((each.latency_s for each in parts), default=np.inf),
                min((each.energy_pj for each in parts), default=np.inf),
            )

    def promise(self, group: Group) -> float:
        """Return the least product of latency and energy with a group, infinite where beaten."""
        least_s, least_pj, rows = self._bounded(group)
        return float((least_s[rows] * least_pj[rows]).min()) if len(rows) else np.inf

    def _bounded(self, group: Group) -> tuple[Reals, Reals, Integers]:
        """Return the bounds of cascades with a group, and the configurations that may be good."""
        latency, energy = self.rest(group)
        total = self._after[group][0]
        least_s = self.bounds.latency_s(total) + latency
        least_pj = total.energy_pj + energy
        rows = self._rows[group]
        rows = rows[np.isfinite(least_s[rows]) & np.isfinite(least_pj[rows])]
        return least_s, least_pj, rows[~self.front.beats(least_s[rows], least_pj[rows])]

    def _open(self, group: Group, batch: int, among: Flags | None = None) -> Iterator[Integers]:
        """Yield configurations of a group that may be good, the most promising first."""
        done = np.zeros(len(self.shared), bool) if among is None else ~among
        while True:
            least_s, least_pj, rows = self._bounded(group)
            rows = rows[~done[rows]]
            if not len(rows):
                return
            rows = rows[np.argsort(least_s[rows] * least_pj[rows], kind="stable")][:batch]
            done[rows] = True
            yield rows
            batch *= 2

    def _tell(self) -> None:
        """Add what is known of whole cascades to the front."""
        for point in self.points():
            self.front.add(np.array([point.latency_s]), np.array([point.energy_pj]))

    def _configurations(
        self, group: Group, rows: Integers, beam: int, programmes: dict[int, Programme]
    ) -> None:
        latency, energy = self.rest(group)
        for kind in np.unique(self.bounds.kind[rows]).tolist():
            if kind not in programmes:
                own = self._rows[group]
                own = own[self.bounds.kind[own] == kind]
                programmes[kind] = Programme(self.bounds, group, kind, own, self.limits.freedom)
            self._run(programmes[kind], rows[self.bounds.kind[rows] == kind], latency, energy, beam)

    def _run(
        self, programme: Programme, rows: Integers, latency: Reals, energy: Reals, beam: int
    ) -> None:
        own = np.searchsorted(programme.rows, rows)
        group = programme.group
        rest_s, rest_pj = latency[programme.rows], energy[programme.rows]

        def least(
            row: Integers, words: Integers, busy: Reals, energy: Reals
        ) -> tuple[Reals, Reals]:
            return self._latency_s(words, busy) + rest_s[row], energy + rest_pj[row]

        before = programme.counted
        labels = programme.run(own, least, self.front, beam)
        self.counted += programme.counted - before
        self.searched += len(rows)
        if not len(labels):
            return
        found_s = self._latency_s(labels.words, np.maximum(labels.pe, labels.lanes))
        source = programme.rows[labels.row]
        chunk = self.shared.chunk[source]
        for each in np.unique(chunk).tolist():
            own = np.flatnonzero(chunk == each)
            known = self._parts.setdefault((group, each), [])
            known += [
                Pair(float(found_s[k]), float(labels.energy_pj[k]), group, int(source[k]))
                for k in own[front(found_s[own], labels.energy_pj[own])].tolist()
            ]
            rows = front(
                np.array([part.latency_s for part in known]),
                np.array([part.energy_pj for part in known]),
            )
            self._parts[group, each] = [known[k] for k in rows.tolist()]

    def _latency_s(self, words: Integers, busy: Any) -> Reals:
        """Return the latency of a group: of its busiest resource."""
        seconds = words * (WORD_BYTES / self.resources.dram_bytes_per_s)
        return np.asarray(np.maximum(seconds, busy / self.resources.clock_hz))

    def points(self) -> list[Point]:
        """Return the front of every chunk over all cuts."""
        found = []
        stop = len(self.structure.einsums)
        for chunk in self._chunks.tolist():
            at = {0: [Point(0.0, 0.0, self.name, chunk, ())]}
            for end in sorted({each.stop for each in self.groups}):
                joined = [
                    Point(
                        before.latency_s + part.latency_s,
                        before.energy_pj + part.energy_pj,
                        self.name,
                        chunk,
                        (*before.parts, part),
                    )
                    for group in self.groups
                    if group.stop == end
                    for before in at.get(group.start, ())
                    for part in self._parts.get((group, chunk), ())
                ]
                if joined:
                    at[end] = best_points(joined)
            found += at.get(stop, [])
        return found

    def binding(self, point: Point) -> Binding:
        """Return a binding that a point stands for."""
        return Binding(
            point.cascade,
            point.chunk,
            tuple(self._bound(part) for part in point.parts),
        )

    def _bound(self, part: Pair) -> BoundGroup:
        """Find the binding of a part again: the programme of its configuration alone."""
        kind = int(self.bounds.kind[part.row])
        programme = Programme(
            self.bounds, part.group, kind, np.array([part.row]), self.limits.freedom
        )

        def least(
            row: Integers, words: Integers, busy: Reals, energy: Reals
        ) -> tuple[Reals, Reals]:
            return self._latency_s(words, busy), energy

        target = _Target(part.latency_s, part.energy_pj)
        labels = programme.run(np.array([0]), least, target)
        moves = programme.trace(int(np.argmin(labels.energy_pj)))
        shared = self.shared
        return BoundGroup(
            part.group,
            int(shared.outer[part.row]),
            int(shared.keys[part.row]),
            int(shared.inner[part.row]),
            tuple(
                Step(
                    self.structure.einsums[place].name,
                    move.placement,
                    dict(move.keep),
                    int(programme.costs.register_words(move.load)[0]),
                )
                for place, move in zip(part.group, moves, strict=True)
            ),
        )


def best_points(points: Sequence[Point]) -> list[Point]:
    """Return the front of points, by latency."""
    rows = front(
        np.array([each.latency_s for each in points]), np.array([each.energy_pj for each in points])
    )
    return [points[row] for row in rows.tolist()]


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        front: its points by latency, the first the optimum.
        searches: of each cascade, by name.

    """

    front: tuple[Point, ...]
    searches: Mapping[str, Search]

    @property
    def optimum(self) -> Point:
        """The point of least energy among those of least latency; rounding makes no other."""
        least_s = self.front[0].latency_s * (1 + _SAME)
        fastest = [each for each in self.front if each.latency_s <= least_s]
        return min(fastest, key=lambda each: each.energy_pj)

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
    check_mappable(dict(extents), "the workload")
    shared = Front(limits.within)
    searches = {
        name: Search(name, each, resources, extents, limits, shared)
        for name, each in cascades.items()
    }
    for each in searches.values():
        each.greedy(each.structure.whole)
    for each in searches.values():
        each.bound()
    for each in sorted(searches.values(), key=lambda each: len(each.groups)):
        for group in each.groups:
            if group != each.structure.whole and each.promise(group) < np.inf:
                each.greedy(group)
        groups = list(each.groups)
        while groups:
            best = int(np.argmin([each.promise(group) for group in groups]))
            each.exact(groups.pop(best))
    points = best_points([point for each in searches.values() for point in each.points()])
    slowest = np.inf
    if points and limits.within is not None:
        slowest = points[0].latency_s * (1 + limits.within) * (1 + _SAME)
    return Found(tuple(point for point in points if point.latency_s <= slowest), searches)
