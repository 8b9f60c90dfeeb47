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
from evaluators.mapper.resources import PE
from evaluators.mapper.transfers import Held, Transfer
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

Keeps = tuple[tuple[str, ...], ...]


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
        self._known: dict[tuple[int, Keeps, frozenset[Transfer]], Bound] = {}
        n = len(rows)
        self.nothing = Bound(np.zeros(n, np.int64), np.zeros(n), np.zeros((len(WEIGHTS), n)))
        self._suffix: dict[int, Bound] = {}
        group = moves.group
        total = self.nothing
        self._suffix[group.stop] = total
        for place in reversed(list(group)):
            total = self._least(place, self._keeps(place), frozenset()) + total
            self._suffix[place] = total

    def _keeps(self, place: int) -> Keeps:
        return self._bounds.keeps(place, self._moves.group)

    def behind(self, place: int, state: State) -> Bound:
        """Return what a group costs at least from a place on, in a state."""
        total = self._suffix[place]
        structure = self._moves.structure
        fixed: dict[int, dict[str, tuple[str, ...]]] = {}
        taken: dict[int, set[Transfer]] = {}
        promised = set()
        for transfer, _ in state.transfers:
            taken.setdefault(transfer.target, set()).add(transfer)
            promised.add((transfer.tensor, transfer.target))
            keep = "" if isinstance(transfer, Held) or transfer.array != PE else EDGE
            fixed.setdefault(transfer.target, {})[transfer.tensor] = (keep,)
        for tensor in self._moves.alive(place):
            reader = next(each for each in structure.readers[tensor] if each >= place)
            if (tensor, reader) not in promised:
                fixed.setdefault(reader, {})[tensor] = self._stored(tensor, state)
        for at, known in fixed.items():
            default = self._keeps(at)
            names = [each.name for each in structure.einsums[at].tensors]
            keeps = tuple(
                known.get(name, own) for name, own in zip(names, default, strict=True)
            )
            mine = self._least(at, keeps, frozenset(taken.get(at, ())))
            usual = self._least(at, default, frozenset())
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

    def _least(self, place: int, keeps: Keeps, taken: frozenset[Transfer]) -> Bound:
        known = self._known.get((place, keeps, taken))
        if known is None:
            known = self._known[place, keeps, taken] = self._computed(place, keeps, taken)
        return known

    def _computed(self, place: int, keeps: Keeps, taken: frozenset[Transfer]) -> Bound:
        n = len(self._rows)
        never = Bound(
            np.zeros(n, np.int64), np.full(n, np.inf), np.zeros((len(WEIGHTS), n))
        )
        if not all(keeps):
            return never
        energies, words, busy = [], [], []
        for placement in self._bounds.placements(place, self._kind):
            if all(self._moves.takes(each, placement) for each in taken):
                costs = self._bounds.placed(place, placement, keeps)
                words.append(costs[0][self._rows])
                energies.append(costs[1][self._rows])
                cycles = costs[2][self._rows]
                share = np.array(WEIGHTS)[:, None]
                busy.append((share if placement.array == PE else 1 - share) * cycles)
        if not energies:
            return never
        return Bound(np.min(words, axis=0), np.min(energies, axis=0), np.min(busy, axis=0))

