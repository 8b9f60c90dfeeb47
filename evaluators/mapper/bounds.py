"""What every binding of an Einsum costs at least, under each configuration of the shared loops.

The cheapest placement and the cheapest storage of every use, each for itself. A use of the
registers must leave room for what waits there whoever it comes from, one of the buffer for its
tile (docs/model/open-bindings.md, section 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.placement import ARRAYS, Placement, placements
from evaluators.mapper.resources import PE, WORD_BYTES, Resources
from evaluators.mapper.states import Freedom, arrays_of
from evaluators.mapper.structure import Group
from evaluators.mapper.uses import BUFFER, LAST, OFF_CHIP, Uses
from evaluators.mapper.waiting import Way, passes

Reals = NDArray[np.float64]

IMPOSSIBLE = 2**55
"""Words off chip of what cannot be."""

_ROUNDS = 3
"""Rounds in which Einsums that must run on an array make it too busy for others."""

_STORES = (BUFFER, OFF_CHIP, OFF_CHIP + BUFFER)


@dataclass(frozen=True)
class Bound:
    """At least, for every configuration: words off chip, energy, busy cycles by the weights."""

    words: Integers
    energy_pj: Reals
    busy: Reals

    def __add__(self, other: Bound) -> Bound:
        return Bound(
            self.words + other.words, self.energy_pj + other.energy_pj, self.busy + other.busy
        )


class Bounds:
    """The bounds of Einsums and groups, each computed when it is first asked for.

    Args:
        uses: what uses cost.
        freedom: what bindings may choose.
        most_cycles: an array that is busy longer is too slow.

    """

    def __init__(self, uses: Uses, freedom: Freedom, most_cycles: float = np.inf) -> None:
        self.uses, self.freedom, self._most_cycles = uses, freedom, most_cycles
        self.shared: Shared = uses.shared
        names, bits = self.shared.shape
        kinds, self.kind = np.unique(bits, axis=0, return_inverse=True)
        self.kind = self.kind.ravel()
        self.holds = [dict(zip(names, row.astype(bool).tolist(), strict=True)) for row in kinds]
        self.weights = _weights(self.shared.resources)
        self._placements: dict[tuple[int, int], tuple[Placement, ...]] = {}
        self._placed: dict[Any, tuple[Integers, Reals, Integers]] = {}
        self._known: dict[tuple[int, tuple[Way, ...]], Bound] = {}
        self._fitting: dict[tuple[str, ...], Flags] = {}

    def placements(self, place: int, kind: int) -> tuple[Placement, ...]:
        """Return the placements of an Einsum under a shape, on arrays that are quick enough."""
        rows = self.kind == kind
        quick = {array: bool(self.runs(place, array)[rows].any()) for array in ARRAYS}
        return tuple(each for each in self.all_placements(place, kind) if quick[each.array])

    def all_placements(self, place: int, kind: int) -> tuple[Placement, ...]:
        """Return the placements of an Einsum under a shape of the shared loops."""
        known = self._placements.get((place, kind))
        if known is None:
            structure = self.shared.structure
            ranks = structure.einsums[place].ranks
            known = self._placements[place, kind] = tuple(
                each
                for each in placements(
                    tuple(rank for rank in self.shared.inside if rank in ranks),
                    arrays_of(structure, self.shared.resources, self.freedom, place),
                    self.holds[kind],
                )
                if self.freedom.places(structure.einsums[place].name, each)
            )
        return known

    def einsum(self, place: int, group: Group) -> Bound:
        """Return the bound of one Einsum in a group."""
        ways = self.ways(place, group)
        known = self._known.get((place, ways))
        if known is None:
            known = self._known[place, ways] = self._least(place, ways)
        return known

    def ways(self, place: int, group: Group) -> tuple[Way, ...]:
        """Return ways to keep each tensor of an Einsum; one of them is below every legal one."""
        structure = self.shared.structure
        found = []
        for tensor in self._tensors(place):
            users = [structure.place.get(tensor.name, -1), *structure.readers.get(tensor.name, ())]
            own = [each for each in users if each in group]
            found.append(
                Way(
                    tuple(
                        each
                        for each in self._keeps(tensor.name, place, group)
                        if self.freedom.stores(each)
                    ),
                    tuple(each for each in own if each < place),
                    tuple(each for each in own if each > place),
                )
            )
        return tuple(found)

    def placed(
        self, place: int, placement: Placement, ways: tuple[Way, ...], kind: int
    ) -> tuple[Integers, Reals, Integers]:
        """Return words and energy of a placement at least, and its cycles.

        Of configurations of a shape; where the placement cannot be, the energy is infinite.
        """
        cut = self.holds[kind]["cut",]
        key = place, placement, ways, cut
        known = self._placed.get(key)
        if known is None:
            cycles, spent = self.uses.work(place, placement)
            spent = np.where(cycles <= self._most[place, placement.array], spent, np.inf)
            words = np.zeros(len(self.shared), np.int64)
            for tensor, way in zip(self._tensors(place), ways, strict=True):
                moved = np.full(len(self.shared), IMPOSSIBLE)
                least = np.full(len(self.shared), np.inf)
                for keep in way.keeps:
                    cost = self.uses.cost(place, placement, tensor.name, keep)
                    can = self._can(place, placement, tensor.name, way, keep, cut=cut)
                    moved = np.minimum(moved, np.where(can, cost.words, IMPOSSIBLE))
                    least = np.minimum(least, np.where(can, cost.energy_pj, np.inf))
                words, spent = words + moved, spent + least
            known = self._placed[key] = words, spent, cycles
        return known

    def _can(
        self, place: int, placement: Placement, tensor: str, way: Way, keep: str, *, cut: bool
    ) -> Flags | bool:
        """Tell under which configurations a use may be kept so, for all that it alone decides."""
        if keep == "":
            return passes(self.shared, place, placement, tensor, way, self.runs, cut=cut)
        if BUFFER in keep:
            return self._tile_fits(self._ranks(place, tensor))
        return True

    def runs(self, place: int, array: str) -> Flags:
        """Tell under which configurations an Einsum may run on an array."""
        return np.asarray(self._cycles[place, array] <= self._most[place, array])

    @cached_property
    def _cycles(self) -> Mapping[tuple[int, str], Reals]:
        """(Einsum, array) -> its cycles there at least; infinite where it does not run."""
        found = {}
        for place in self.shared.structure.whole:
            for array in ARRAYS:
                found[place, array] = np.full(len(self.shared), np.inf)
            for kind in range(len(self.holds)):
                for placement in self.all_placements(place, kind):
                    cycles, _ = self.uses.work(place, placement)
                    least = np.minimum(found[place, placement.array], cycles)
                    found[place, placement.array][self.kind == kind] = least[self.kind == kind]
        return found

    @cached_property
    def _most(self) -> Mapping[tuple[int, str], Reals]:
        """(Einsum, array) -> the cycles that it may take there, beside those that run there, too.

        Groups follow one another, so that all busy cycles of an array count, however the cascade is
        cut. An Einsum that is too slow on one array runs on the other.
        """
        most = {each: np.full(len(self.shared), self._most_cycles) for each in self._cycles}
        for chunk in np.unique(self.shared.chunk) if np.isfinite(self._most_cycles) else ():
            rows = self.shared.chunk == chunk
            least = {each: float(cycles[rows].min()) for each, cycles in self._cycles.items()}
            limits = dict.fromkeys(least, self._most_cycles)
            for _ in range(_ROUNDS):
                busy = {
                    (place, array): cycles
                    for (place, array), cycles in least.items()
                    if all(
                        least[place, other] > limits[place, other]
                        for other in ARRAYS
                        if other != array
                    )
                }
                for place, array in limits:
                    beside = sum(n for (k, on), n in busy.items() if on == array and k != place)
                    limits[place, array] = self._most_cycles - beside
            for each, limit in limits.items():
                most[each][rows] = limit
        return most

    def _tile_fits(self, ranks: tuple[str, ...]) -> Flags:
        known = self._fitting.get(ranks)
        if known is None:
            tile_bytes = self.shared.tile(ranks) * WORD_BYTES
            known = self._fitting[ranks] = tile_bytes <= self.shared.resources.buffer_bytes
        return known

    def _ranks(self, place: int, tensor: str) -> tuple[str, ...]:
        return next(each.ranks for each in self._tensors(place) if each.name == tensor)

    @property
    def nothing(self) -> Bound:
        """The bound of no Einsum."""
        n = len(self.shared)
        return Bound(np.zeros(n, np.int64), np.zeros(n), np.zeros((len(self.weights), n)))

    def group(self, group: Group) -> Bound:
        """Return the bound of a group."""
        total = self.nothing
        for place in group:
            total = total + self.einsum(place, group)
        return total

    def latency_s(self, bound: Bound) -> Any:
        """Return the latency that a group with those costs has at least."""
        resources = self.shared.resources
        return np.maximum(
            bound.words * (WORD_BYTES / resources.dram_bytes_per_s),
            bound.busy.max(axis=0) / resources.clock_hz,
        )

    def _tensors(self, place: int):  # type: ignore[no-untyped-def]
        return self.shared.structure.einsums[place].tensors

    def _keeps(self, tensor: str, place: int, group: Group) -> tuple[str, ...]:
        """Return where a tensor may be kept, the cheaper alone of what is legal alike."""
        structure = self.shared.structure
        if structure.place.get(tensor) == place:
            return self._written(tensor, group)
        own = structure.cascade.previous.get(tensor)
        if own is not None and structure.place[own] in group:
            early = structure.place[own] >= place
            return (BUFFER, OFF_CHIP, OFF_CHIP + BUFFER) if early else ("", *_STORES)
        if structure.place.get(tensor, -1) in group:
            return ("", *_STORES)
        first = next(each for each in structure.readers[tensor] if each in group)
        return (OFF_CHIP, OFF_CHIP + BUFFER) if first == place else ("", *_STORES)

    def _written(self, tensor: str, group: Group) -> tuple[str, ...]:
        structure = self.shared.structure
        outside = structure.leaves(tensor, group)
        if tensor not in structure.previous_of:
            return (OFF_CHIP, OFF_CHIP + BUFFER) if outside else ("", BUFFER, OFF_CHIP)
        if not outside:
            return (BUFFER, OFF_CHIP)
        return (OFF_CHIP + BUFFER + (LAST if structure.once(outside) else ""), OFF_CHIP)

    def _least(self, place: int, ways: tuple[Way, ...]) -> Bound:
        n = len(self.shared)
        words = np.full(n, IMPOSSIBLE)
        energy = np.full(n, np.inf)
        busy = np.full((len(self.weights), n), np.inf)
        for kind in range(len(self.holds)):
            rows = np.flatnonzero(self.kind == kind)
            for placement in self.placements(place, kind):
                placed = self.placed(place, placement, ways, kind)
                moved, spent, cycles = (each[rows] for each in placed)
                can = np.isfinite(spent)
                words[rows] = np.minimum(words[rows], moved)
                energy[rows] = np.minimum(energy[rows], spent)
                mine = np.where(can, self.share(placement) * cycles, np.inf)
                busy[:, rows] = np.minimum(busy[:, rows], mine)
        return Bound(words, energy, busy)

    def share(self, placement: Placement) -> Reals:
        """Return the weights of an Einsum's cycles: those of its array, a column."""
        weights = self.weights[:, None]
        return weights if placement.array == PE else 1 - weights


def _weights(resources: Resources) -> Reals:
    """Return shares of the 2D array's busy time to add to what they leave of the 1D array's.

    The busier of both is busy at least that long. The bound is good where it does not pay to move
    an Einsum to the other array: one of the shares is that where both are as quick.
    """
    ratio = resources.rows * resources.columns / resources.lanes
    return np.unique([0.0, 0.25, 0.5, 0.75, ratio / (1 + ratio), 1.0])
