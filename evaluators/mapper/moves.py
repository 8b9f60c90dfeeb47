"""Moves of the dynamic programme: what a binding may do at one Einsum, and what it leaves behind.

Between two Einsums a partial binding is known by its `State`: what lies in the buffer and off chip
for those that follow, and which transfers are promised. Two partial bindings of the same state can
be continued in the same ways; that is why only the best of each state are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.placement import Placement
from evaluators.mapper.reservations import Load, reservations
from evaluators.mapper.resources import LANES, PE
from evaluators.mapper.states import Freedom, Move, State
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.transfers import Held, Sent, Transfer, Transfers
from evaluators.mapper.uses import BUFFER, EDGE, LAST, OFF_CHIP

Fits = Callable[[str, Load], "NDArray[np.bool_]"]
"""Tells for every configuration whether a load fits the registers of an array."""

Idle = Callable[[int, Placement, str], bool]
"""Tells whether an Einsum so placed gains nothing from the buffer for a tensor from off chip."""

Stored = frozenset[tuple[str, str]]


class Moves:
    """The legal moves of a group under one shape of the shared loops."""

    def __init__(
        self,
        structure: Structure,
        group: Group,
        holds: Mapping[tuple[str, ...], bool],
        placements: Mapping[int, tuple[Placement, ...]],
        freedom: Freedom,
        fits: Fits,
        idle: Idle,
    ) -> None:
        self.structure = structure
        self.group = group
        self._transfers = Transfers(structure, group, holds)
        self._freedom = freedom
        self.placements = placements
        self._fits, self._idle = fits, idle
        self._roomy = holds["roomy",]
        self._alive: dict[int, tuple[tuple[str, int], ...]] = {}
        self._takes: dict[tuple[Transfer, Placement], bool] = {}
        self._passes: dict[Any, Transfer | None] = {}
        self._holds: dict[Any, list[Held]] = {}
        self._sends: dict[Any, tuple[Sent, ...]] = {}
        self._after_of: dict[Any, tuple[Stored, Stored]] = {}
        self._arrays = {k: {each.array for each in some} for k, some in placements.items()}
        self._readers = {
            (tensor, place): tuple(each for each in readers if place < each < group.stop)
            for tensor, readers in structure.readers.items()
            for place in group
        }

    def _inside(self, tensor: str) -> bool:
        """Tell whether a tensor is produced in the group."""
        return self.structure.place.get(tensor, -1) in self.group

    def _later(self, tensor: str, place: int) -> tuple[int, ...]:
        return self._readers[tensor, place]

    def alive(self, place: int) -> tuple[tuple[str, int], ...]:
        """Return the tensors of the group that are there before a place, and their next reader."""
        known = self._alive.get(place)
        if known is None:
            start, stop = self.group.start, self.group.stop
            own, made = self.structure.cascade.previous, self.structure.place
            known = self._alive[place] = tuple(
                (tensor, next(each for each in readers if each >= place))
                for tensor, readers in self.structure.readers.items()
                if any(place <= each < stop for each in readers)
                and start <= made.get(own.get(tensor, tensor), stop) < place
            )
        return known

    def takes(self, transfer: Transfer, placement: Placement) -> bool:
        """Tell whether the target of a transfer, so placed, may take it."""
        known = self._takes.get((transfer, placement))
        if known is None:
            known = self._transfers.takes(transfer, placement)
            self._takes[transfer, placement] = known
        return known

    def _passed(
        self, transfer: Transfer, place: int, placement: Placement, source: int
    ) -> Transfer | None:
        key = transfer, place, placement, source
        if key not in self._passes:
            self._passes[key] = self._transfers.passed(*key)
        return self._passes[key]

    def at(self, place: int, state: State, placement: Placement) -> Iterator[Move]:
        """Yield the moves of an Einsum so placed."""
        offers: dict[str, list[Transfer]] = {}
        kept: list[tuple[Transfer, int]] = []
        for transfer, source in state.transfers:
            if transfer.target == place:
                if self.takes(transfer, placement):
                    offers.setdefault(transfer.tensor, []).append(transfer)
                continue
            left = self._passed(transfer, place, placement, source)
            if left is not None:
                kept.append((left, source))
        for edge in (False, True):
            yield from self._placed(place, placement, state, offers, kept, edge=edge)

    def _placed(
        self,
        place: int,
        placement: Placement,
        state: State,
        offers: Mapping[str, list[Transfer]],
        kept: list[tuple[Transfer, int]],
        *,
        edge: bool,
    ) -> Iterator[Move]:
        """Yield the moves of one placement, with its result in the edge register or not."""
        einsum = self.structure.einsums[place]
        output = einsum.output.name
        sent = self._sent(output, place, placement)
        on_pe = placement.array == PE
        if edge and not (on_pe and sent):
            return
        if on_pe and not edge:
            sent = ()
        out = {each.name: self._held(each.name, place, placement) for each in einsum.tensors}
        own = {
            name: next((each for each in some if isinstance(each, Held)), None)
            for name, some in offers.items()
        }
        waiting = [
            (each, source)
            for each, source in kept
            if isinstance(each, Held) and each.array == placement.array
        ]
        others = [each for each in kept if each not in waiting]
        fits = partial(self._fits, placement.array)
        stored = [each for each in self._writes(output, place) if self._freedom.stores(each[0])]
        passed = bool(sent or out[output])
        one = len(self._later(output, place)) == 1 and not self._freedom.fixes(output)
        if one and self._only_inside(output):
            # Who takes it past the stores needs none of them, who reads a store none of the rest.
            ways = [([("", "")], out, sent)] if passed else []
            ways += [] if edge else [(stored, {**out, output: []}, ())]
        elif self._only_inside(output) and passed:
            ways = [(stored, out, sent), ([("", "")], out, sent)]
        else:
            ways = [(stored, out, sent)]
        for writes, promises, sends in ways:
            for held in reservations(placement, own, promises, waiting, fits):
                if writes == [("", "")] and not (held.outgoing[output] or sends):
                    continue
                reads = [
                    self._reads(each.name, place, placement, state, offers, held.incoming)
                    for each in einsum.operands
                ]
                promised = [(each, place) for some in held.outgoing.values() for each in some]
                transfers = frozenset([*others, *held.passing, *promised]).union(
                    (each, place) for each in sends
                )
                names = [each.name for each in einsum.tensors]
                for picked in product(*reads, writes):
                    keep = {name: each[0] for name, each in zip(names, picked, strict=True)}
                    if edge:
                        keep[output] += EDGE
                    if not self._freedom.keeps_so(einsum.name, keep):
                        continue
                    tiles = tuple(each[1] for each in picked if each[1])
                    after = State(*self._after(place, state, keep, tiles), transfers)
                    yield Move(placement, keep, tiles, held.load, held.unless, after)

    def _only_inside(self, tensor: str) -> bool:
        """Tell whether a tensor needs no store: it is no state and stays in the group."""
        return tensor not in self.structure.previous_of and not self.structure.leaves(
            tensor, self.group
        )

    def _reads(
        self,
        tensor: str,
        place: int,
        placement: Placement,
        state: State,
        offers: Mapping[str, list[Transfer]],
        incoming: Mapping[str, Held | None],
    ) -> list[tuple[str, str]]:
        """Return where an operand may be read from, and the tile that this puts in the buffer.

        What is at hand in the array costs least; a store is read beside it only to fill the buffer
        for a later reader.
        """
        later = self._later(tensor, place)
        stored = self._stored(tensor, place, state)
        stored = [each for each in stored if self._freedom.stores(each[0])]
        fixed = self._freedom.fixes(tensor)
        idle = not later and self._freedom.streams and not fixed
        if idle and self._idle(place, placement, tensor):
            stored = [each for each in stored if each[0] != OFF_CHIP + BUFFER]
        sent = [each for each in offers.get(tensor, ()) if isinstance(each, Sent)]
        held = incoming.get(tensor) is not None
        to_pe = any(each.array == PE for each in sent)
        if held or (sent and not to_pe):
            return [("", ""), *(each for each in stored if fixed or (each[1] and later))]
        return [(EDGE, ""), *stored] if to_pe else stored

    def _stored(self, tensor: str, place: int, state: State) -> list[tuple[str, str]]:
        """Return the stores that an operand may be read from."""
        cached = (tensor, BUFFER) in state.stored
        found = [(BUFFER, "")] if cached else []
        own = self.structure.cascade.previous.get(tensor)
        if own is not None and self._inside(own):
            return found + self._previous(tensor, own, place, state, cached=cached)
        if not self._inside(tensor) or (tensor, OFF_CHIP) in state.stored:
            found.append((OFF_CHIP, ""))
            if not cached:
                found.append((OFF_CHIP + BUFFER, tensor))
        return found

    def _previous(
        self, tensor: str, own: str, place: int, state: State, *, cached: bool
    ) -> list[tuple[str, str]]:
        """Return where a state's previous value may be read from.

        Before the state is produced it lies where the state will; the state then takes its place in
        the buffer, and a second tile keeps it for later readers.
        """
        found = []
        if self.structure.place[own] >= place:
            needed = {level for name, level in state.needed if name == own}
            if not needed or BUFFER in needed:
                found.append((BUFFER, ""))
            if not needed or OFF_CHIP in needed:
                found.append((OFF_CHIP, ""))
                if not cached:
                    found.append((OFF_CHIP + BUFFER, tensor))
            if cached:
                found = [each for each in found if each[0] != BUFFER]
            return found
        if (own, BUFFER) in state.needed and not cached:
            found.append((BUFFER, tensor))
        if (own, OFF_CHIP) in state.needed:
            found.append((OFF_CHIP, ""))
            if not cached:
                found.append((OFF_CHIP + BUFFER, tensor))
        return found

    def _writes(self, tensor: str, place: int) -> list[tuple[str, str]]:
        """Return the stores that may keep a result."""
        outside = self.structure.leaves(tensor, self.group)
        inside = [(BUFFER, tensor)]
        if not self._roomy or self._freedom.fixes(tensor):
            inside.append((OFF_CHIP, ""))
        if tensor in self.structure.previous_of:
            if not outside:
                return inside
            both = OFF_CHIP + BUFFER + (LAST if self.structure.once(outside) else "")
            return [(both, tensor), (OFF_CHIP, "")]
        if outside:
            return [(OFF_CHIP, ""), (OFF_CHIP + BUFFER, tensor)]
        return inside

    def _held(self, tensor: str, place: int, placement: Placement) -> list[Held]:
        """Return how the registers may hold a tensor for later Einsums of the same array."""
        if not self._freedom.transfers:
            return []
        key = tensor, place, placement
        if key not in self._holds:
            self._holds[key] = self._all_held(tensor, place, placement)
        return self._holds[key]

    def _all_held(self, tensor: str, place: int, placement: Placement) -> list[Held]:
        return [
            found
            for target in self._later(tensor, place)
            if placement.array in self._arrays[target]
            and (found := self._transfers.held(tensor, place, placement, target)) is not None
        ]

    def _sent(self, tensor: str, place: int, placement: Placement) -> tuple[Sent, ...]:
        """Return how a result may reach later Einsums of the other array."""
        if not self._freedom.transfers:
            return ()
        key = tensor, place, placement
        if key not in self._sends:
            self._sends[key] = self._all_sent(tensor, place, placement)
        return self._sends[key]

    def _all_sent(self, tensor: str, place: int, placement: Placement) -> tuple[Sent, ...]:
        other = LANES if placement.array == PE else PE
        return tuple(
            found
            for target in self._later(tensor, place)
            if other in self._arrays[target]
            and (found := self._transfers.sent(tensor, place, placement, target)) is not None
        )

    def _after(
        self, place: int, state: State, keep: Mapping[str, str], tiles: tuple[str, ...]
    ) -> tuple[Stored, Stored]:
        """Return what is stored behind an Einsum, and what is needed of states."""
        key = place, state.stored, state.needed, tuple(keep.values()), tiles
        known = self._after_of.get(key)
        if known is None:
            known = self._after_of[key] = self._stores(place, state, keep, tiles)
        return known

    def _stores(
        self, place: int, state: State, keep: Mapping[str, str], tiles: tuple[str, ...]
    ) -> tuple[Stored, Stored]:
        output = self.structure.einsums[place].output.name
        previous = self.structure.cascade.previous
        stored = set(state.stored) | {(name, BUFFER) for name in tiles}
        needed = set(state.needed)
        for name, levels in keep.items():
            own = previous.get(name)
            if own is None or not self._inside(own) or self.structure.place[own] < place:
                continue
            if (name, BUFFER) not in state.stored or levels != BUFFER:
                needed.add((own, BUFFER if levels == BUFFER else OFF_CHIP))
        if self._inside(output) and OFF_CHIP in keep[output] and LAST not in keep[output]:
            stored.add((output, OFF_CHIP))
        if output in self.structure.previous_of:
            needed |= {(output, level) for level in (OFF_CHIP, BUFFER) if (output, level) in stored}
        stored = {(name, level) for name, level in stored if self._later(name, place)}
        needed = {
            (name, level)
            for name, level in needed
            if self.structure.place[name] > place
            or self._later(self.structure.previous_of[name], place)
        }
        return frozenset(stored), frozenset(needed)

    def keeps_states(self, place: int, move: Move, state: State) -> bool:
        """Tell whether a state goes where its previous value was read."""
        output = self.structure.einsums[place].output.name
        if output not in self.structure.previous_of:
            return True
        einsum = self.structure.einsums[place]
        levels = move.keep[output]
        where = {level for name, level in state.needed if name == output}
        previous = self.structure.previous_of[output]
        if previous in move.keep and (previous in (t.name for t in einsum.operands)):
            where.add(BUFFER if move.keep[previous] == BUFFER else OFF_CHIP)
        if LAST in levels:
            return where <= {BUFFER}
        return all(level in levels for level in where)
