"""What the rest of a group costs at least, once a partial binding has been chosen.

Beside the bounds of the Einsums to come, each for itself, it knows what the state has decided: who
takes a promised transfer is placed so that it may, and the next reader of a tensor that is promised
none reads it from a store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.bounds import Bound, Bounds
from evaluators.mapper.forks import Decided
from evaluators.mapper.loops import Integers
from evaluators.mapper.moves import Moves
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import PE
from evaluators.mapper.tails import Tails, best_tails
from evaluators.mapper.transfers import Held, Transfer
from evaluators.mapper.uses import EDGE
from evaluators.mapper.waiting import Way

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """At least, for every placement and configuration: words, energy, busy cycles by the weights.

    Shapes (placements, configurations), the last with an axis for the weights between.
    """

    words: Integers
    energy_pj: Reals
    busy: Reals


class Outlook:
    """The bounds behind states of a group, for configurations of one shape.

    Args:
        bounds: of the Einsums.
        moves: of the group.
        which: place -> the placements of its Einsum, as rows of `Bounds.quick`.
        rows: the configurations.

    """

    def __init__(
        self,
        bounds: Bounds,
        moves: Moves,
        which: Mapping[int, Integers],
        rows: Integers,
    ) -> None:
        self._bounds, self._moves, self._which, self._rows = bounds, moves, which, rows
        self._known: dict[tuple[int, Decided], Bound] = {}
        self._changes: dict[tuple[int, Decided], Bound] = {}
        self._extra: dict[tuple[int, Decided], Reals] = {}
        self._tails: dict[int, Tails] = {}
        self._placements: dict[tuple[int, Decided], Placed] = {}
        self._busy_of: dict[int, Reals] = {}
        n = len(rows)
        self.nothing = Bound(np.zeros(n, np.int64), np.zeros(n), np.zeros((len(bounds.weights), n)))
        self._suffix: dict[int, Bound] = {}
        group = moves.rules.group
        total = self.nothing
        self._suffix[group.stop] = total
        for place in reversed(list(group)):
            total = self._least(place, ()) + total
            self._suffix[place] = total

    def behind(self, place: int, state: int) -> Bound:
        """Return what a group costs at least from a place on, in the state of that number."""
        return self._changed(self._suffix[place], self._moves.decided(place, state))

    def here(self, place: int, state: int) -> tuple[Placed, Bound]:
        """Return what every placement of an Einsum costs at least in a state, and all behind it."""
        decided = dict(self._moves.decided(place, state))
        own = decided.pop(place, ())
        return self._placed(place, own), self._changed(self._suffix[place + 1], decided)

    def more_pj(self, place: int, state: int) -> Reals:
        """Return the energy by which a state is dearer than the tails behind a place, at least."""
        return self._more(self._moves.decided(place, state))

    def more_here_pj(self, place: int, state: int) -> Reals:
        """Return the same behind the Einsum at a place."""
        decided = dict(self._moves.decided(place, state))
        decided.pop(place, None)
        return self._more(decided)

    def _more(self, decided: Mapping[int, Decided]) -> Reals:
        total = np.zeros(len(self._rows))
        for at, known in decided.items():
            found = self._extra.get((at, known))
            if found is None:
                mine, usual = self._placed(at, known).energy_pj, self._placed(at, ()).energy_pj
                with np.errstate(invalid="ignore"):
                    more = np.where(np.isfinite(mine), mine - usual, np.inf)
                found = self._extra[at, known] = more.min(axis=0)
            total = total + found
        return total

    def tails(self, place: int) -> Tails:
        """Return what is behind a place, in any state."""
        known = self._tails.get(place)
        if known is None:
            if place == self._moves.rules.group.stop:
                known = Tails.none(len(self._rows))
            else:
                own = self._placed(place, ())
                # The weights ascend from the lanes' own to the PEs' own.
                known_of = own.busy[:, -1], own.busy[:, 0], own.energy_pj
                possible = np.isfinite(own.energy_pj)
                mine = best_tails(np.where(possible, np.stack(known_of), np.inf))
                known = mine.behind(self.tails(place + 1))
            self._tails[place] = known
        return known

    def _changed(self, total: Bound, decided: Mapping[int, Decided]) -> Bound:
        for at, known in decided.items():
            total = total + self._change(at, known)
        return total

    def _change(self, place: int, decided: Decided) -> Bound:
        """Return by how much what is decided on changes what an Einsum costs at least."""
        known = self._changes.get((place, decided))
        if known is None:
            mine, usual = self._least(place, decided), self._least(place, ())
            # Where nothing is possible in any state, both are infinite; nobody asks there.
            with np.errstate(invalid="ignore"):
                known = self._changes[place, decided] = Bound(
                    mine.words - usual.words,
                    mine.energy_pj - usual.energy_pj,
                    mine.busy - usual.busy,
                )
        return known

    def _least(self, place: int, known: Decided) -> Bound:
        found = self._known.get((place, known))
        if found is None:
            found = self._known[place, known] = self._computed(place, known)
        return found

    def _computed(self, place: int, known: Decided) -> Bound:
        placed = self._placed(place, known)
        return Bound(
            placed.words.min(axis=0), placed.energy_pj.min(axis=0), placed.busy.min(axis=0)
        )

    def _placed(self, place: int, known: Decided) -> Placed:
        found = self._placements.get((place, known))
        if found is None:
            found = self._placements[place, known] = self._each(place, known)
        return found

    def _each(self, place: int, known: Decided) -> Placed:
        bounds = self._bounds
        default = bounds.ways(place, self._moves.rules.group)
        names = [each.name for each in self._moves.rules.structure.einsums[place].tensors]
        fixed = dict(known)
        which = self._which[place]
        placements = bounds.quick(place).places.placements
        alike: dict[tuple[Way, ...], list[int]] = {}
        for k, placement in enumerate(placements[row] for row in which.tolist()):
            ways = tuple(
                replace(way, keeps=self._options(*fixed[name], placement)) if name in fixed else way
                for name, way in zip(names, default, strict=True)
            )
            alike.setdefault(ways, []).append(k)
        words = np.zeros((len(which), len(self._rows)), np.int64)
        energy = np.zeros(words.shape)
        for ways, own in alike.items():
            words[own], energy[own] = bounds.placed(place, ways, np.ix_(which[own], self._rows))
        return Placed(words, energy, self._busy(place))

    def _busy(self, place: int) -> Reals:
        """Return the cycles of every placement and configuration by the weights."""
        known = self._busy_of.get(place)
        if known is None:
            quick = self._bounds.quick(place)
            which = self._which[place]
            on_pe = quick.places.on_pe[which, None, None]
            weights = self._bounds.weights[:, None]
            share = np.where(on_pe, weights, 1 - weights)
            cycles = quick.cycles[np.ix_(which, self._rows)]
            known = self._busy_of[place] = share * cycles[:, None, :]
        return known

    def _options(
        self, stored: tuple[str, ...], offers: frozenset[Transfer], placement: Placement
    ) -> tuple[str, ...]:
        """Return where a placement may read a tensor from."""
        taken = [each for each in offers if self._moves.rules.takes(each, placement)]
        if any(isinstance(each, Held) or each.array != PE for each in taken):
            return ("", *stored)
        return (EDGE, *stored) if taken else stored
