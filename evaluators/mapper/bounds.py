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

from evaluators.mapper.keeping import ways
from evaluators.mapper.loops import Flags, Integers
from evaluators.mapper.placement import ARRAYS
from evaluators.mapper.places import Places
from evaluators.mapper.resources import LANES, PE, WORD_BYTES, Resources
from evaluators.mapper.speeds import Speeds
from evaluators.mapper.structure import Group
from evaluators.mapper.use_costs import IMPOSSIBLE
from evaluators.mapper.waiting import Way, passes

Reals = NDArray[np.float64]

_ROUNDS = 3
"""Rounds in which Einsums that must run on an array make it too busy for others."""

_MOST_KNOWN = 2**24
"""Numbers of bounds of uses that are kept at once, before they are computed anew."""


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
        speeds: of the Einsums.
        most_cycles: an array that is busy longer is too slow.

    """

    def __init__(self, speeds: Speeds, most_cycles: float = np.inf) -> None:
        self.speeds, self.uses, self.freedom = speeds, speeds.uses, speeds.freedom
        self._most_cycles = most_cycles
        uses, self.shared = self.uses, self.uses.shared
        names, bits = self.shared.shape
        bits = np.column_stack((bits, uses.roomy))
        kinds, self.kind = np.unique(bits, axis=0, return_inverse=True)
        self.kind = self.kind.ravel()
        names = (*names, ("roomy",))
        self.holds = [dict(zip(names, row.astype(bool).tolist(), strict=True)) for row in kinds]
        self.weights = _weights(uses.resources)
        self._quick: dict[int, Quick] = {}
        self._least_uses: dict[tuple[int, str, Way], tuple[Integers, Reals]] = {}
        self._known: dict[tuple[int, tuple[Way, ...]], Bound] = {}

    def which(self, place: int, rows: Integers) -> Integers:
        """Return the placements of an Einsum that are quick enough somewhere, as rows of `quick`.

        Args:
            place: of the Einsum.
            rows: the configurations.

        """
        return np.flatnonzero(self.quick(place).can[:, rows].any(axis=1))

    def quick(self, place: int) -> Quick:
        """Return the placements of an Einsum that are quick enough somewhere."""
        known = self._quick.get(place)
        if known is None:
            every, cycles = self.speeds.places(place), self.speeds.cycles(place)
            most = np.where(every.on_pe[:, None], self._most[place, PE], self._most[place, LANES])
            can = every.legal & (cycles <= most)
            rows = np.flatnonzero(can.any(axis=1))
            known = self._quick[place] = Quick(every.take(rows), cycles[rows], can[rows])
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
        return ways(self.shared.structure, place, group, self.freedom.of_keeps)

    def placed(self, place: int, ways: tuple[Way, ...], at: Any) -> tuple[Integers, Reals]:
        """Return words and energy of placements at least: shapes (placements, configurations).

        The energy is infinite where a placement cannot be.

        Args:
            place: of the Einsum.
            ways: to keep each of its tensors.
            at: an index of rows of `quick` and configurations.

        """
        quick = self.quick(place)
        energy = np.where(quick.can[at], self._units(place)[at], np.inf)
        words = np.zeros(energy.shape, np.int64)
        for tensor, way in zip(self._tensors(place), ways, strict=True):
            moved, spent = self._least_use(place, tensor.name, way)
            words += moved[at]
            energy += spent[at]
        return words, energy

    def _units(self, place: int) -> Reals:
        """Return the energy of an Einsum's operations."""
        on_pe = self.quick(place).places.on_pe
        on = [
            self.uses.works(place, array)[1] if rows.any() else np.zeros(len(self.shared))
            for array, rows in ((PE, on_pe), (LANES, ~on_pe))
        ]
        return np.where(on_pe[:, None], on[0], on[1])

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
        stored = self.uses.least(place, tensor, tuple(each for each in way.keeps if each))
        case = own.cases[tensor]
        words, energy = stored.words[case], stored.energy_pj[case]
        if "" in way.keeps:
            resources = self.uses.resources
            can = passes(self.shared, resources, place, own, tensor, way, self.runs)
            cost = self.uses.costs(place, tensor, "")
            np.minimum(words, cost.words[case], out=words, where=can)
            np.minimum(energy, cost.energy_pj[case], out=energy, where=can)
        return words, energy

    def runs(self, place: int, array: str) -> Flags:
        """Tell under which configurations an Einsum may run on an array."""
        return np.asarray(self.speeds.least[place, array] <= self._most[place, array])

    @cached_property
    def _most(self) -> Mapping[tuple[int, str], Reals]:
        """(Einsum, array) -> the cycles that it may take there, beside those that run there, too.

        Groups follow one another, so that all busy cycles of an array count, however the cascade is
        cut. An Einsum that is too slow on one array runs on the other.
        """
        most = {each: np.full(len(self.shared), self._most_cycles) for each in self.speeds.least}
        for chunk in np.unique(self.shared.chunk) if np.isfinite(self._most_cycles) else ():
            rows = self.shared.chunk == chunk
            least = {each: float(cycles[rows].min()) for each, cycles in self.speeds.least.items()}
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

    def _least(self, place: int, ways: tuple[Way, ...]) -> Bound:
        quick = self.quick(place)
        words, energy = self.placed(place, ways, ...)
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


def _weights(resources: Resources) -> Reals:
    """Return shares of the 2D array's busy time to add to what they leave of the 1D array's.

    The busier of both is busy at least that long. The bound is good where it does not pay to move
    an Einsum to the other array: one of the shares is that where both are as quick.
    """
    ratio = resources.rows * resources.columns / resources.lanes
    return np.unique([0.0, 0.25, 0.5, 0.75, ratio / (1 + ratio), 1.0])
