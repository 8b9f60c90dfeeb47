"""The moves of the dynamic programme, as numbers in columns.

What a move is does not depend on sizes; which of them there are does, by what registers hold. So
all machines, and all configurations of the shared loops, have their moves from the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.describe.cascade import Tensor
from evaluators.mapper.forks import Decided, Fork, Rules
from evaluators.mapper.loops import Integers
from evaluators.mapper.numbers import Numbers
from evaluators.mapper.placement import Placement, Sides
from evaluators.mapper.reservations import Fits, Load, Reservation
from evaluators.mapper.states import Freedom, Move, State
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.uses import Use

PLACEMENT, WORK, LOAD, TILES, AFTER = range(5)
"""Columns of moves; behind them is one for each tensor's use."""

Idle = Callable[[int, Placement, str], bool]
"""Tells whether an Einsum so placed gains nothing from the buffer for a tensor from off chip."""

Asked = tuple[str, Load, tuple[Load, ...]]
"""Of registers: the array, a load, and the loads that hold more, none of which may fit."""


class _Known:
    """The moves of a fork that are known.

    Attributes:
        load: of registers that hold as much as may be asked for.
        fork: while it is needed.
        full: the moves where they do.
        less: those where they do not, by what they hold.

    """

    __slots__ = ("fork", "full", "less", "load")

    def __init__(self, load: Load, fork: Fork) -> None:
        self.load = load
        self.fork: Fork | None = fork
        self.full: Integers | None = None
        self.less: dict[Reservation, Integers] = {}


_Key = tuple[int, int, int, tuple[str, ...]]
"""A place, the numbers of a state and of a placement, and the operands that are idle."""


@dataclass(frozen=True)
class Chosen:
    """What a move chooses: a placement, where each tensor is kept, and the load of registers."""

    placement: Placement
    keep: Mapping[str, str]
    load: Load


class Moves:
    """The legal moves of a group under shared loops of one shape.

    Args:
        rules: of the group.
        roomy: whether the buffer holds all tiles, so that none need be counted.

    Attributes:
        states, placements, uses: by number.
        works: (place, array, sides), by number.
        loads: by number.
        tiles: (place, tensors whose tiles come into the buffer), by number.
        count: of the moves that are known.

    """

    def __init__(self, rules: Rules, *, roomy: bool) -> None:
        self.rules, self._roomy, self.count = rules, roomy, 0
        self.states = Numbers[State]()
        self.placements = Numbers[Placement]()
        self.uses = Numbers[Use]()
        self.works = Numbers[tuple[int, str, Sides]]()
        self.loads = Numbers[Asked]()
        self.tiles = Numbers[tuple[int, tuple[str, ...]]]()
        self._use_of: dict[tuple[int, Placement, str, str], int] = {}
        self._decided: dict[tuple[int, int], Mapping[int, Decided]] = {}
        self._known: dict[_Key, list[_Known]] = {}

    def at(
        self, place: int, state: int, placement: Placement, fits: Fits, idle: Idle
    ) -> Iterator[Integers]:
        """Yield the moves of an Einsum so placed, shapes (moves, columns).

        Args:
            place: of the Einsum.
            state: the number of that in which it runs.
            placement: its own.
            fits: tells for every configuration whether registers of its array hold a load.
            idle: tells of an operand whether the Einsum gains nothing from the buffer.

        """
        idles = tuple(
            each.name
            for each in self.rules.structure.einsums[place].operands
            if self.rules.stores.may_idle(each.name, place) and idle(place, placement, each.name)
        )
        key = place, state, self.placements.of(placement), idles
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [
                _Known(each.reservations.full.load, each) for each in self._forks(key)
            ]
        for k, each in enumerate(known):
            if not fits(each.load).all():
                yield from self._less(key, k, each, fits)
            elif len(found := self._full(key, k, each)):
                yield found

    def none(self, place: int) -> Integers:
        """Return no moves of an Einsum."""
        return self._rows(place, ())

    def decided(self, place: int, state: int) -> Mapping[int, Decided]:
        """Return what a state has decided of the next reader of every tensor, by its place."""
        known = self._decided.get((place, state))
        if known is None:
            known = self._decided[place, state] = self.rules.decided(
                place, self.states.things[state]
            )
        return known

    def read(self, place: int, row: Integers) -> Chosen:
        """Return what a move chooses."""
        tensors = self.rules.structure.einsums[place].tensors
        uses = (self.uses.things[each] for each in row[AFTER + 1 :].tolist())
        return Chosen(
            self.placements.things[row[PLACEMENT]],
            {tensor.name: use.keep for tensor, use in zip(tensors, uses, strict=True)},
            self.loads.things[row[LOAD]][1],
        )

    def _full(self, key: _Key, k: int, known: _Known) -> Integers:
        if known.full is None:
            fork = known.fork or self._forks(key)[k]
            known.full = self._rows(key[0], fork.moves(fork.reservations.full))
            known.fork = fork if known.less else None
        return known.full

    def _less(self, key: _Key, k: int, known: _Known, fits: Fits) -> Iterator[Integers]:
        if known.fork is None:
            known.fork = self._forks(key)[k]
        for each in known.fork.reservations.every:
            if fits(each.load).any():
                rows = known.less.get(each)
                if rows is None:
                    rows = known.less[each] = self._rows(key[0], known.fork.moves(each))
                if len(rows):
                    yield rows

    def _forks(self, key: _Key) -> list[Fork]:
        place, state, placement, idles = key
        of = self.states.things[state], self.placements.things[placement]
        return list(self.rules.forks(place, *of, idles))

    def _rows(self, place: int, moves: Iterable[Move]) -> Integers:
        tensors = self.rules.structure.einsums[place].tensors
        rows = []
        for move in moves:
            placement = move.placement
            array, sides = placement.array, placement.sides
            rows.append(
                (
                    self.placements.of(placement),
                    self.works.of((place, array, sides)),
                    self.loads.of((array, move.load, move.unless)),
                    self.tiles.of((place, () if self._roomy else move.tiles)),
                    self.states.of(move.after),
                    *(self._use(place, placement, each, move.keep[each.name]) for each in tensors),
                )
            )
        self.count += len(rows)
        return np.array(rows, np.int64).reshape(len(rows), AFTER + 1 + len(tensors))

    def _use(self, place: int, placement: Placement, tensor: Tensor, keep: str) -> int:
        """Return the number of a use."""
        key = place, placement, tensor.name, keep
        known = self._use_of.get(key)
        if known is None:
            case = placement.array, placement.trailing(tensor.ranks), placement.sides
            known = self._use_of[key] = self.uses.of(Use(place, tensor.name, keep, case))
        return known


def moves(
    structure: Structure,
    group: Group,
    holds: Mapping[tuple[str, ...], bool],
    placements: Mapping[int, tuple[Placement, ...]],
    freedom: Freedom,
) -> Moves:
    """Return the moves of a group, the same ones for all shapes and machines that have the same.

    Args:
        structure: of the cascade.
        group: the Einsums.
        holds: what is known of the shape, see `Shared.shape`, and whether the buffer is roomy.
        placements: of the Einsum at each place.
        freedom: what bindings may choose.

    """
    arrays = {place: frozenset(each.array for each in some) for place, some in placements.items()}
    asked = {name: held for name, held in holds.items() if name[0] in ("cut", "covers", "roomy")}
    kept = freedom.of_keeps
    key = structure, group, frozenset(asked.items()), frozenset(arrays.items()), kept
    known = _KNOWN.get(key)
    if known is None:
        rules = Rules(structure, group, asked, arrays, kept)
        known = _KNOWN[key] = Moves(rules, roomy=asked["roomy",])
    return known


def forget() -> None:
    """Forget all moves if they are many, so that they do not fill the memory."""
    if sum(each.count for each in _KNOWN.values()) > _MOST:
        _KNOWN.clear()


_KNOWN: dict[Any, Moves] = {}

_MOST = 2**18
"""Moves that are kept from search to search; they take some 250 MB."""
