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
from evaluators.mapper.placement import ARRAYS, Placement
from evaluators.mapper.places import Places, places
from evaluators.mapper.resources import LANES, PE, WORD_BYTES, Resources
from evaluators.mapper.states import Freedom, arrays_of
from evaluators.mapper.structure import Group
from evaluators.mapper.use_costs import Uses
from evaluators.mapper.uses import BUFFER, LAST, OFF_CHIP
from evaluators.mapper.waiting import Way, passes

Reals = NDArray[np.float64]

IMPOSSIBLE = 2**55
"""Words off chip of what cannot be."""

_ROUNDS = 3
"""Rounds in which Einsums that must run on an array make it too busy for others."""

_MOST_KNOWN = 2**24
"""Numbers of bounds of uses that are kept at once, before they are computed anew."""

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


@dataclass(frozen=True)
class Quick:
    """The placements of an Einsum that are quick enough under some configuration.

    Attributes:
        places: they.
        cycles: that the array is busy, shape (placements, configurations).
        can: where they are legal and quick enough, of the same shape.

    """

    places: Places
    cycles: Integers
    can: Flags


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
        bits = np.column_stack((bits, uses.roomy))
        kinds, self.kind = np.unique(bits, axis=0, return_inverse=True)
        self.kind = self.kind.ravel()
        names = (*names, ("roomy",))
        self.holds = [dict(zip(names, row.astype(bool).tolist(), strict=True)) for row in kinds]
        self.weights = _weights(uses.resources)
        self._quick: dict[int, Quick] = {}
        self._which: dict[tuple[int, int], Integers] = {}
        self._least_uses: dict[tuple[int, str, Way], tuple[Integers, Reals]] = {}
        self._known: dict[tuple[int, tuple[Way, ...]], Bound] = {}
        self._fitting: dict[tuple[str, ...], Flags] = {}

    def which(self, place: int, kind: int) -> Integers:
        """Return the placements of an Einsum under a shape, as rows of `quick`."""
        known = self._which.get((place, kind))
        if known is None:
            can = self.quick(place).can[:, self.kind == kind]
            known = self._which[place, kind] = np.flatnonzero(can.any(axis=1))
        return known

    def placements(self, place: int, kind: int) -> tuple[Placement, ...]:
        """Return the placements of an Einsum under a shape that are quick enough."""
        found = self.quick(place).places.placements
        return tuple(found[row] for row in self.which(place, kind).tolist())

    def quick(self, place: int) -> Quick:
        """Return the placements of an Einsum that are quick enough somewhere."""
        known = self._quick.get(place)
        if known is None:
            every = self._places(place)
            cycles = self._cycles_of(place, every)
            most = np.where(every.on_pe[:, None], self._most[place, PE], self._most[place, LANES])
            can = every.legal & (cycles <= most)
            rows = np.flatnonzero(can.any(axis=1))
            known = self._quick[place] = Quick(every.take(rows), cycles[rows], can[rows])
        return known

    def _places(self, place: int) -> Places:
        structure = self.shared.structure
        arrays = arrays_of(structure, self.uses.resources, self.freedom, place)
        every = places(self.shared).at(place, arrays)
        name = structure.einsums[place].name
        if not self.freedom.narrows(name):
            return every
        kept = [self.freedom.places(name, each) for each in every.placements]
        return every.take(np.flatnonzero(kept))

    def _cycles_of(self, place: int, every: Places) -> Integers:
        cycles = np.zeros(every.legal.shape, np.int64)
        for array, rows in ((PE, every.on_pe), (LANES, ~every.on_pe)):
            if rows.any():
                sides = self.uses.counts.sides(place, array)
                own = [each.sides for each in every.placements if each.array == array]
                of = [sides.index(each) for each in own]
                cycles[rows] = self.uses.works(place, array)[0][of]
        return cycles

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

    def count(self, place: int, kind: int) -> int:
        """Return how many placements an Einsum has under a shape, quick or not."""
        return int(self._places(place).legal[:, self.kind == kind].any(axis=1).sum())

    def placed(
        self, place: int, ways: tuple[Way, ...], which: Any, rows: Any
    ) -> tuple[Integers, Reals]:
        """Return words and energy of placements at least: shapes (placements, configurations).

        The energy is infinite where a placement cannot be.

        Args:
            place: of the Einsum.
            ways: to keep each of its tensors.
            which: rows of `quick`.
            rows: the configurations.

        """
        quick = self.quick(place)
        at = np.ix_(which, rows)
        energy = np.where(quick.can[at], self._units(place, quick)[at], np.inf)
        words = np.zeros(energy.shape, np.int64)
        for tensor, way in zip(self._tensors(place), ways, strict=True):
            moved, spent = self._least_use(place, tensor.name, way)
            words += moved[at]
            energy += spent[at]
        return words, energy

    def _units(self, place: int, quick: Quick) -> Reals:
        """Return the energy of an Einsum's operations."""
        on = [
            self.uses.works(place, array)[1] if rows.any() else np.zeros(len(self.shared))
            for array, rows in ((PE, quick.places.on_pe), (LANES, ~quick.places.on_pe))
        ]
        return np.where(quick.places.on_pe[:, None], on[0], on[1])

    def _least_use(self, place: int, tensor: str, way: Way) -> tuple[Integers, Reals]:
        """Return words and energy of a use at least, where all placements may keep it so."""
        key = place, tensor, way
        known = self._least_uses.get(key)
        if known is None:
            if sum(each[0].size for each in self._least_uses.values()) > _MOST_KNOWN:
                self._least_uses.clear()
            known = self._least_uses[key] = self._found_use(*key)
        return known

    def _found_use(self, place: int, tensor: str, way: Way) -> tuple[Integers, Reals]:
        own = self.quick(place).places
        shape = len(self.uses.counts.cases(place, tensor)), len(self.shared)
        words, energy = np.full(shape, IMPOSSIBLE), np.full(shape, np.inf)
        for keep in way.keeps:
            if keep == "":
                continue
            cost = self.uses.costs(place, tensor, keep)
            if BUFFER in keep:
                fits = self._tile_fits(self._ranks(place, tensor))
                np.minimum(words, cost.words, out=words, where=fits)
                np.minimum(energy, cost.energy_pj, out=energy, where=fits)
            else:
                np.minimum(words, cost.words, out=words)
                np.minimum(energy, cost.energy_pj, out=energy)
        case = own.cases[tensor]
        words, energy = words[case], energy[case]
        if "" in way.keeps:
            resources = self.uses.resources
            can = passes(self.shared, resources, place, own, tensor, way, self.runs)
            cost = self.uses.costs(place, tensor, "")
            np.minimum(words, cost.words[case], out=words, where=can)
            np.minimum(energy, cost.energy_pj[case], out=energy, where=can)
        return words, energy

    def runs(self, place: int, array: str) -> Flags:
        """Tell under which configurations an Einsum may run on an array."""
        return np.asarray(self._cycles[place, array] <= self._most[place, array])

    @cached_property
    def _cycles(self) -> Mapping[tuple[int, str], Reals]:
        """(Einsum, array) -> its cycles there at least; infinite where it does not run."""
        found = {}
        for place in self.shared.structure.whole:
            every = self._places(place)
            cycles = np.where(every.legal, self._cycles_of(place, every), np.inf)
            for array, rows in ((PE, every.on_pe), (LANES, ~every.on_pe)):
                found[place, array] = cycles[rows].min(axis=0, initial=np.inf)
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
            known = self._fitting[ranks] = tile_bytes <= self.uses.resources.buffer_bytes
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
        resources = self.uses.resources
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
        quick = self.quick(place)
        every = np.arange(len(quick.places.placements)), np.arange(len(self.shared))
        words, energy = self.placed(place, ways, *every)
        can = np.isfinite(energy)
        on_pe = quick.places.on_pe[:, None]
        cycles = [
            np.where(can & own, quick.cycles, np.inf).min(axis=0, initial=np.inf)
            for own in (on_pe, ~on_pe)
        ]
        with np.errstate(invalid="ignore"):
            busy = np.minimum(
                *(
                    np.where(np.isfinite(own), share[:, None] * own, np.inf)
                    for share, own in zip((self.weights, 1 - self.weights), cycles, strict=True)
                )
            )
        return Bound(
            words.min(axis=0, initial=IMPOSSIBLE, where=can),
            energy.min(axis=0, initial=np.inf),
            busy,
        )

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
