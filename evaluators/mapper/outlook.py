"""What the rest of a group costs at least, once a partial binding has been chosen.

Beside the bounds of the Einsums to come, each for itself, it knows what the state has decided: who
takes a promised transfer is placed so that it may, and the next reader of a tensor that is promised
none reads it from a store.
"""

from __future__ import annotations

import numpy as np

from evaluators.mapper.bounds import WEIGHTS, Bound, Bounds
from evaluators.mapper.loops import Integers
from evaluators.mapper.moves import Moves, State
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import PE
from evaluators.mapper.transfers import Held, Transfer
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

Known = tuple[tuple[str, tuple[tuple[str, ...], frozenset[Transfer]]], ...]
"""Of the operands that a state has decided on: the stores that hold them, and transfers."""


class Outlook:
    """The bounds behind states of a group, for configurations of one shape.

    Args:
        bounds: of the Einsums.
        moves: of the group.
        kind: the number of the shape.
        rows: the configurations.

    """

    def __init__(self, bounds: Bounds, moves: Moves, kind: int, rows: Integers) -> None:
        self._bounds, self._moves, self._kind, self._rows = bounds, moves, kind, rows
        self._known: dict[tuple[int, Known], Bound] = {}
        n = len(rows)
        self.nothing = Bound(np.zeros(n, np.int64), np.zeros(n), np.zeros((len(WEIGHTS), n)))
        self._suffix: dict[int, Bound] = {}
        group = moves.group
        total = self.nothing
        self._suffix[group.stop] = total
        for place in reversed(list(group)):
            total = self._least(place, ()) + total
            self._suffix[place] = total

    def behind(self, place: int, state: State) -> Bound:
        """Return what a group costs at least from a place on, in a state."""
        total = self._suffix[place]
        structure = self._moves.structure
        fixed: dict[int, dict[str, tuple[tuple[str, ...], frozenset[Transfer]]]] = {}
        for tensor in self._moves.alive(place):
            reader = next(each for each in structure.readers[tensor] if each >= place)
            offers = frozenset(
                each
                for each, _ in state.transfers
                if each.tensor == tensor and each.target == reader
            )
            fixed.setdefault(reader, {})[tensor] = self._stored(tensor, state), offers
        for at, known in fixed.items():
            mine = self._least(at, tuple(sorted(known.items(), key=lambda each: each[0])))
            usual = self._least(at, ())
            total = Bound(
                total.words + (mine.words - usual.words),
                total.energy_pj + (mine.energy_pj - usual.energy_pj),
                total.busy + (mine.busy - usual.busy),
            )
        return total

    def _stored(self, tensor: str, state: State) -> tuple[str, ...]:
        """Return the stores that hold a tensor; () where none does."""
        own = self._moves.structure.cascade.previous.get(tensor, tensor)
        levels = {level for name, level in state.stored if name == tensor}
        if own != tensor:
            levels |= {level for name, level in state.needed if name == own}
        found = [BUFFER] if BUFFER in levels else []
        if OFF_CHIP in levels:
            found += [OFF_CHIP, OFF_CHIP + BUFFER]
        return tuple(found)

    def _least(self, place: int, known: Known) -> Bound:
        found = self._known.get((place, known))
        if found is None:
            found = self._known[place, known] = self._computed(place, known)
        return found

    def _computed(self, place: int, known: Known) -> Bound:
        n = len(self._rows)
        default = self._bounds.keeps(place, self._moves.group)
        names = [each.name for each in self._moves.structure.einsums[place].tensors]
        fixed = dict(known)
        energies, words, busy = [], [], []
        for placement in self._bounds.placements(place, self._kind):
            keeps = tuple(
                self._options(*fixed[name], placement) if name in fixed else own
                for name, own in zip(names, default, strict=True)
            )
            if all(keeps):
                costs = self._bounds.placed(place, placement, keeps)
                words.append(costs[0][self._rows])
                energies.append(costs[1][self._rows])
                share = np.array(WEIGHTS)[:, None]
                share = share if placement.array == PE else 1 - share
                busy.append(share * costs[2][self._rows])
        if not energies:
            nothing = np.zeros(n, np.int64), np.full(n, np.inf), np.zeros((len(WEIGHTS), n))
            return Bound(*nothing)
        return Bound(np.min(words, axis=0), np.min(energies, axis=0), np.min(busy, axis=0))

    def _options(
        self, stored: tuple[str, ...], offers: frozenset[Transfer], placement: Placement
    ) -> tuple[str, ...]:
        """Return where a placement may read a tensor from."""
        taken = [each for each in offers if self._moves.takes(each, placement)]
        if any(isinstance(each, Held) or each.array != PE for each in taken):
            return ("", *stored)
        return (EDGE, *stored) if taken else stored
