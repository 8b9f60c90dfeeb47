"""The search of one cascade: its cuts, the shared loops of its groups, and their bindings.

docs/model/open-bindings.md, section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.binding import Binding, BoundGroup, Step
from evaluators.mapper.bounds import Bounds
from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.pareto import Front, front
from evaluators.mapper.programme import Programme
from evaluators.mapper.promises import Promises, ways
from evaluators.mapper.resources import WORD_BYTES, Resources
from evaluators.mapper.speeds import Speeds
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.use_costs import Uses

Reals = NDArray[np.float64]

_BEAM = 8
"""Labels that a first, greedy run of the programme keeps, to have a front to prune with."""

_GREEDY = 8
"""Configurations that are run greedily."""

_FIRST = 1
"""Configurations of a batch at first; every batch is twice as large as the one before."""

SAME = 1e-12
"""Relative: pairs that differ by less are one."""


@dataclass(frozen=True)
class Limits:
    """What is searched.

    Attributes:
        chunks: keys in a chunk; None for every divisor.
        cuts: whether the cascade may be cut into groups.
        within: what is slower than the optimum by more than that share is left out; None: nothing.
        freedom: what bindings may choose.
        seconds: of the processor, after which the search ends with what it has; None: none.

    """

    chunks: tuple[int, ...] | None = None
    cuts: bool = True
    within: float | None = None
    freedom: Freedom = field(default_factory=Freedom)
    seconds: float | None = None


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

    timed_only = False

    def __init__(self, latency_s: float, energy_pj: float) -> None:
        self._latency_s = latency_s * (1 + SAME)
        self._energy_pj = energy_pj * (1 + SAME)

    def beats(self, latency_s: Reals, energy_pj: Reals) -> Flags:
        """Tell which pairs are worse than the target."""
        return (latency_s > self._latency_s) | (energy_pj > self._energy_pj)


class CascadeSearch:
    """One cascade on one machine and workload, against a front that cascades share."""

    def __init__(
        self,
        name: str,
        structure: Structure,
        resources: Resources,
        extents: Mapping[str, int],
        limits: Limits,
        alive: Callable[[], None],
    ) -> None:
        self.name, self.structure, self._alive = name, structure, alive
        self.resources, self.limits = resources, limits
        self.shared = Shared.all_of(structure, resources, extents, limits.chunks)
        self.uses = Uses(self.shared, resources)
        self.speeds = Speeds(self.uses, limits.freedom)
        groups = structure.groups if limits.cuts else (structure.whole,)
        self.groups = tuple(each for each in groups if limits.freedom.groups(structure, each))
        self.counted = 0
        self.searched = 0
        self._programmes: dict[tuple[Group, tuple[int, ...]], Programme] = {}
        self.start(Front())

    def start(self, front: Front) -> None:
        """Start anew against a front that all cascades share."""
        self.front = front
        self._parts: dict[tuple[Group, int], list[Pair]] = {}
        self._proven = {group: np.zeros(len(self.shared), bool) for group in self.groups}
        self.bound()

    def bound(self) -> None:
        """Bound every group under every configuration, by what the front says is too slow."""
        self._bounded_s = self.front.slowest_s
        self.promises = Promises(self.speeds, self.groups, self.front)
        self._programmes = {}

    def again(self, front: Front) -> None:
        """Start anew against a front that takes nothing slower than the one before."""
        self.front = front
        self._parts = {}
        self._proven = {group: np.zeros(len(self.shared), bool) for group in self.groups}
        self.promises.again(front)

    def least(self) -> tuple[float, float]:
        """Return the latency and energy that a cascade has at least."""
        latency, energy = self.promises.whole()
        return float(latency.min()), float(energy.min())

    def greedy(self, group: Group) -> None:
        """Run the most promising configurations of a group greedily.

        Those that leave the buffer roomy come first: the bounds know nothing of its size.
        """
        if group not in self.groups:
            return
        for among in (self.uses.roomy, ~self.uses.roomy):
            for rows in self._open(group, _GREEDY, among):
                self._configurations(group, rows, _BEAM)
                break
            self._tell()

    def exact(self, group: Group) -> None:
        """Search a group whole; what is known of it is then the least that it can have."""
        for rows in self._open(group, _FIRST):
            self._configurations(group, rows, 0)
            self._proven[group][rows] = True
            self._tell()
        parts = [self._parts.get((group, each), []) for each in self.promises.chunks.tolist()]
        latency = [min((each.latency_s for each in some), default=np.inf) for some in parts]
        energy = [min((each.energy_pj for each in some), default=np.inf) for some in parts]
        self.promises.settle(group, (np.array(latency), np.array(energy)))

    def prove(self) -> None:
        """Search all groups that may be on the front, the most promising first."""
        if self.front.slowest_s < self._bounded_s:
            self.bound()
        for group in self._promising(self.groups):
            self.greedy(group)
        groups = self._promising(self.groups)
        while groups:
            best = min(groups, key=self.promises.promise)
            self.exact(best)
            groups = self._promising(each for each in groups if each != best)

    def left(self) -> tuple[float, float]:
        """Return the least latency and energy of what is neither searched nor beaten."""
        least = [(np.inf, np.inf)]
        for group in self.groups:
            least_s, least_pj, rows = self.promises.open(group)
            rows = rows[~self._proven[group][rows]]
            least += zip(least_s[rows].tolist(), least_pj[rows].tolist(), strict=True)
        return min(each[0] for each in least), min(each[1] for each in least)

    def ways(self) -> int:
        """Return in how many ways the cascade may be cut, tiled, placed and ordered."""
        return ways(self.promises.bounds, self.groups)

    def _promising(self, groups: Iterable[Group]) -> list[Group]:
        """Return the groups that may be on the front, bounded as well as may be."""
        found = [each for each in groups if np.isfinite(self.promises.promise(each))]
        for each in found:
            self.promises.refine(each)
        return [each for each in found if np.isfinite(self.promises.promise(each))]

    def _open(self, group: Group, batch: int, among: Flags | None = None) -> Iterator[Integers]:
        """Yield configurations of a group that may be good, the most promising first."""
        done = np.zeros(len(self.shared), bool) if among is None else ~among
        while True:
            least_s, least_pj, rows = self.promises.open(group)
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

    def _configurations(self, group: Group, rows: Integers, beam: int) -> None:
        latency, energy = self.promises.rest(group)
        kinds = self.promises.bounds.kind
        for kind in np.unique(kinds[rows]).tolist():
            programme = self._programme(group, rows[kinds[rows] == kind])
            self._run(programme, latency, energy, beam)

    def _programme(self, group: Group, rows: Integers) -> Programme:
        key = group, tuple(rows.tolist())
        known = self._programmes.get(key)
        if known is None:
            known = Programme(self.promises.bounds, group, rows, self.limits.freedom)
            self._programmes[key] = known
        return known

    def _run(self, programme: Programme, latency: Reals, energy: Reals, beam: int) -> None:
        group, rows = programme.group, programme.rows
        rest_s, rest_pj = latency[programme.rows], energy[programme.rows]

        def least(
            row: Integers, words: Integers, busy: Reals, energy: Reals
        ) -> tuple[Reals, Reals]:
            return self._latency_s(words, busy) + rest_s[row], energy + rest_pj[row]

        before = programme.counted
        labels = programme.run(least, self.front, beam, self._alive)
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
        for chunk in self.promises.chunks.tolist():
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
        most_cycles = point.latency_s * (1 + SAME) * self.resources.clock_hz
        bounds = Bounds(self.speeds, most_cycles)
        return Binding(
            point.cascade,
            point.chunk,
            tuple(self._bound(part, bounds) for part in point.parts),
        )

    def _bound(self, part: Pair, bounds: Bounds) -> BoundGroup:
        """Find the binding of a part again: the programme of its configuration alone."""
        programme = Programme(bounds, part.group, np.array([part.row]), self.limits.freedom)

        def least(
            row: Integers, words: Integers, busy: Reals, energy: Reals
        ) -> tuple[Reals, Reals]:
            return self._latency_s(words, busy), energy

        target = _Target(part.latency_s, part.energy_pj)
        labels = programme.run(least, target)
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
