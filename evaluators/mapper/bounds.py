"""What every binding of an Einsum costs at least, under each configuration of the shared loops.

The cheapest placement and the cheapest storage of every use, each for itself; what a use may be
kept in depends only on what the cuts force off chip (docs/model/open-bindings.md, section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Integers, Shared
from evaluators.mapper.placement import Placement, placements
from evaluators.mapper.resources import PE, WORD_BYTES
from evaluators.mapper.states import Freedom, arrays_of
from evaluators.mapper.structure import Group
from evaluators.mapper.uses import BUFFER, LAST, OFF_CHIP, Uses

Reals = NDArray[np.float64]

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the 2D array's busy time that are added to what is left of the 1D array's: the busier
of both is busy at least that long."""


@dataclass(frozen=True)
class Bound:
    """At least, for every configuration: words off chip, energy, busy cycles by `WEIGHTS`."""

    words: Integers
    energy_pj: Reals
    busy: Reals

    def __add__(self, other: Bound) -> Bound:
        return Bound(
            self.words + other.words, self.energy_pj + other.energy_pj, self.busy + other.busy
        )


class Bounds:
    """The bounds of Einsums and groups, each computed when it is first asked for."""

    def __init__(self, uses: Uses, freedom: Freedom) -> None:
        self.uses, self._freedom = uses, freedom
        self.shared: Shared = uses.shared
        names, bits = self.shared.shape
        kinds, self.kind = np.unique(bits, axis=0, return_inverse=True)
        self.kind = self.kind.ravel()
        self.holds = [dict(zip(names, row.astype(bool).tolist(), strict=True)) for row in kinds]
        self._placements: dict[tuple[int, int], tuple[Placement, ...]] = {}
        self._placed: dict[Any, tuple[Integers, Reals, Integers]] = {}
        self._known: dict[tuple[int, tuple[tuple[str, ...], ...]], Bound] = {}

    def placements(self, place: int, kind: int) -> tuple[Placement, ...]:
        """Return the placements of an Einsum under a shape of the shared loops."""
        known = self._placements.get((place, kind))
        if known is None:
            structure = self.shared.structure
            ranks = structure.einsums[place].ranks
            known = self._placements[place, kind] = tuple(
                placements(
                    tuple(rank for rank in self.shared.inside if rank in ranks),
                    arrays_of(structure, self.shared.resources, self._freedom, place),
                    self.holds[kind],
                )
            )
        return known

    def einsum(self, place: int, group: Group) -> Bound:
        """Return the bound of one Einsum in a group."""
        keeps = self.keeps(place, group)
        known = self._known.get((place, keeps))
        if known is None:
            known = self._known[place, keeps] = self._least(place, keeps)
        return known

    def keeps(self, place: int, group: Group) -> tuple[tuple[str, ...], ...]:
        """Return the cheapest ways to keep each tensor of an Einsum."""
        return tuple(self._keeps(each.name, place, group) for each in self._tensors(place))

    def placed(
        self, place: int, placement: Placement, keeps: tuple[tuple[str, ...], ...]
    ) -> tuple[Integers, Reals, Integers]:
        """Return words and energy of a placement at least, and its cycles."""
        trailing = tuple(placement.trailing(each.ranks) for each in self._tensors(place))
        key = place, placement.array, placement.sides, trailing, keeps
        known = self._placed.get(key)
        if known is None:
            cycles, spent = self.uses.work(place, placement)
            words = np.zeros(len(self.shared), np.int64)
            for tensor, levels in zip(self._tensors(place), keeps, strict=True):
                costs = [self.uses.cost(place, placement, tensor.name, k) for k in levels]
                spent = spent + np.min([each.energy_pj for each in costs], axis=0)
                words = words + np.min([each.words for each in costs], axis=0)
            known = self._placed[key] = words, spent, cycles
        return known

    def after(self, group: Group) -> list[Bound]:
        """Return the bounds of what follows each place of a group, its start first."""
        n = len(self.shared)
        total = Bound(np.zeros(n, np.int64), np.zeros(n), np.zeros((len(WEIGHTS), n)))
        found = [total]
        for place in reversed(list(group)):
            total = self.einsum(place, group) + total
            found.append(total)
        return found[::-1]

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
        """Return the cheapest ways to keep a tensor, one of which is below every legal one."""
        structure = self.shared.structure
        if structure.place.get(tensor) == place:
            return self._written(tensor, group)
        own = structure.cascade.previous.get(tensor)
        if own is not None and structure.place[own] in group:
            early = structure.place[own] >= place
            return (BUFFER, OFF_CHIP, OFF_CHIP + BUFFER) if early else ("",)
        if structure.place.get(tensor, -1) in group:
            return ("",)
        first = next(each for each in structure.readers[tensor] if each in group)
        return (OFF_CHIP, OFF_CHIP + BUFFER) if first == place else ("",)

    def _written(self, tensor: str, group: Group) -> tuple[str, ...]:
        structure = self.shared.structure
        outside = structure.leaves(tensor, group)
        if tensor not in structure.previous_of:
            return (OFF_CHIP, OFF_CHIP + BUFFER) if outside else ("",)
        if not outside:
            return (BUFFER, OFF_CHIP)
        return (OFF_CHIP + BUFFER + (LAST if structure.once(outside) else ""), OFF_CHIP)

    def _least(self, place: int, keeps: tuple[tuple[str, ...], ...]) -> Bound:
        n = len(self.shared)
        words = np.full(n, np.iinfo(np.int64).max)
        energy = np.full(n, np.inf)
        busy = np.full((len(WEIGHTS), n), np.inf)
        weights = np.array(WEIGHTS)[:, None]
        for kind in range(len(self.holds)):
            rows = np.flatnonzero(self.kind == kind)
            for placement in self.placements(place, kind):
                moved, spent, cycles = (each[rows] for each in self.placed(place, placement, keeps))
                words[rows] = np.minimum(words[rows], moved)
                energy[rows] = np.minimum(energy[rows], spent)
                share = weights if placement.array == PE else 1 - weights
                busy[:, rows] = np.minimum(busy[:, rows], share * cycles)
        return Bound(words, energy, busy)
