"""How long the Einsums of a cascade keep each array busy, wherever they may be placed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Integers
from evaluators.mapper.places import Places, places
from evaluators.mapper.resources import LANES, PE
from evaluators.mapper.states import Freedom, arrays_of
from evaluators.mapper.use_costs import Uses


class Speeds:
    """The placements of Einsums, and the cycles that they take.

    Args:
        uses: what uses cost.
        freedom: what bindings may choose.

    """

    def __init__(self, uses: Uses, freedom: Freedom) -> None:
        self.uses, self.freedom = uses, freedom
        self._places: dict[int, Places] = {}
        self._cycles: dict[int, Integers] = {}

    def places(self, place: int) -> Places:
        """Return the placements of an Einsum."""
        known = self._places.get(place)
        if known is None:
            known = self._places[place] = self._free(place)
        return known

    def cycles(self, place: int) -> Integers:
        """Return the cycles of placements: shape (placements, configurations)."""
        known = self._cycles.get(place)
        if known is None:
            known = self._cycles[place] = self._busy(place)
        return known

    @cached_property
    def least(self) -> Mapping[tuple[int, str], NDArray[np.float64]]:
        """(Einsum, array) -> its cycles there at least; infinite where it does not run."""
        found = {}
        for place in self.uses.shared.structure.whole:
            every = self.places(place)
            cycles = np.where(every.legal, self.cycles(place), np.inf)
            for array, rows in ((PE, every.on_pe), (LANES, ~every.on_pe)):
                found[place, array] = cycles[rows].min(axis=0, initial=np.inf)
        return found

    def _free(self, place: int) -> Places:
        structure = self.uses.shared.structure
        arrays = arrays_of(structure, self.uses.resources, self.freedom, place)
        every = places(self.uses.shared).at(place, arrays)
        name = structure.einsums[place].name
        if not self.freedom.narrows(name):
            return every
        kept = [self.freedom.places(name, each) for each in every.placements]
        return every.take(np.flatnonzero(kept))

    def _busy(self, place: int) -> Integers:
        every = self.places(place)
        cycles = np.zeros(every.legal.shape, np.int64)
        for array, rows in ((PE, every.on_pe), (LANES, ~every.on_pe)):
            if rows.any():
                sides = self.uses.counts.sides(place, array)
                own = [each.sides for each in every.placements if each.array == array]
                of = [sides.index(each) for each in own]
                cycles[rows] = self.uses.works(place, array)[0][of]
        return cycles
