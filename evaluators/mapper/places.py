"""Where the Einsums of a cascade may run, under every configuration of the shared loops.

Nothing here depends on prices, buffers, memories or registers, so that machines of the same sides
share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any

import numpy as np

from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.placement import ARRAYS, Placement, placements
from evaluators.mapper.resources import PE, SIDES
from evaluators.mapper.uses import counts


@dataclass(frozen=True, eq=False)
class Places:
    """The placements of one Einsum, a row each.

    Attributes:
        placements: those that are legal under some configuration.
        legal: shape (placements, configurations).
        cases: tensor -> the row of `Counts.cases` of each placement.
        on_pe: whether they are on the 2D array.

    """

    placements: tuple[Placement, ...]
    legal: Flags
    cases: dict[str, Integers]
    on_pe: Flags

    def take(self, rows: Any) -> Places:
        """Return some of the placements."""
        return Places(
            tuple(self.placements[row] for row in rows),
            self.legal[rows],
            {tensor: case[rows] for tensor, case in self.cases.items()},
            self.on_pe[rows],
        )


class AllPlaces:
    """The placements of all Einsums, each found when it is first asked for."""

    def __init__(self, shared: Shared) -> None:
        self._shared, self._counts = shared, counts(shared)
        self._known: dict[tuple[int, tuple[str, ...]], Places] = {}

    def at(self, place: int, arrays: tuple[str, ...]) -> Places:
        """Return the placements of an Einsum on some of the arrays."""
        known = self._known.get((place, arrays))
        if known is None:
            known = self._known[place, arrays] = self._found(place, arrays)
        return known

    def _found(self, place: int, arrays: tuple[str, ...]) -> Places:
        shared = self._shared
        einsum = shared.structure.einsums[place]
        ranks = tuple(rank for rank in shared.inside if rank in einsum.ranks)
        loops = [(rank, side) for rank in ranks for sides in SIDES.values() for side in sides]
        bits = [shared.remains[rank] > 1 for rank in ranks]
        bits += [shared.step(rank, side) > 1 for rank, side in loops]
        table = np.array(bits).reshape(len(bits), len(shared))
        patterns, of = np.unique(table, axis=1, return_inverse=True)
        rows: dict[Placement, Flags] = {}
        for k, pattern in enumerate(patterns.T.tolist()):
            left = tuple(compress(ranks, pattern))
            inner = frozenset(compress(loops, pattern[len(ranks) :]))
            for array in ARRAYS:
                for each in placements(left, array, inner) if array in arrays else ():
                    rows.setdefault(each, np.zeros(len(shared), bool))[of.ravel() == k] = True
        found = tuple(rows)
        return Places(
            found,
            np.array(list(rows.values()), bool).reshape(len(found), len(shared)),
            {
                tensor.name: np.array(
                    [self._counts.case(place, each, tensor.name) for each in found], np.int64
                )
                for tensor in einsum.tensors
            },
            np.array([each.array == PE for each in found], bool),
        )


@lru_cache(maxsize=6)
def places(shared: Shared) -> AllPlaces:
    """Return the placements under those configurations."""
    return AllPlaces(shared)
