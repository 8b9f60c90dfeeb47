"""What a binding may do at one Einsum, and what it leaves behind.

Between two Einsums a partial binding is known by its `State`: what lies in the buffer and off chip
for those that follow, and which transfers are promised. Two partial bindings of the same state can
be continued in the same ways; that is why only the best of each state are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from evaluators.mapper.placement import Placement
from evaluators.mapper.reservations import Reservation, Reservations
from evaluators.mapper.resources import LANES, PE
from evaluators.mapper.states import Freedom, Move, State
from evaluators.mapper.stores import Stores
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.transfers import Held, Sent, Transfer, Transfers
from evaluators.mapper.uses import EDGE

Decided = tuple[tuple[str, tuple[tuple[str, ...], frozenset[Transfer]]], ...]
"""Of the operands of an Einsum: the stores that hold them, and the transfers promised."""


class Fork:
    """Ways to run an Einsum so placed in a state, which differ by what registers hold.

    Attributes:
        reservations: what they hold.

    """

    def __init__(
        self,
        rules: Rules,
        at: _Context,
        writes: list[tuple[str, str]],
        promises: Mapping[str, list[Held]],
        sends: tuple[Sent, ...],
        *,
        edge: bool,
    ) -> None:
        self._rules, self._at, self._edge = rules, at, edge
        self._writes, self._sends = writes, sends
        self.reservations = Reservations(at.placement, at.own, promises, at.waiting)

    def moves(self, held: Reservation) -> Iterator[Move]:
        """Yield the moves with those registers."""
        at, stores = self._at, self._rules.stores
        einsum = self._rules.structure.einsums[at.place]
        output = einsum.output.name
        if self._writes == [("", "")] and not (held.outgoing[output] or self._sends):
            return
        reads = [
            stores.reads(
                each.name,
                at.place,
                at.state,
                at.offers.get(each.name, ()),
                held=held.incoming.get(each.name) is not None,
                idle=each.name in at.idles,
            )
            for each in einsum.operands
        ]
        promised = [(each, at.place) for some in held.outgoing.values() for each in some]
        transfers = frozenset([*at.others, *held.passing, *promised]).union(
            (each, at.place) for each in self._sends
        )
        names = [each.name for each in einsum.tensors]
        for picked in product(*reads, self._writes):
            keep = {name: each[0] for name, each in zip(names, picked, strict=True)}
            if self._edge:
                keep[output] += EDGE
            if self._rules.freedom.keeps_so(einsum.name, keep) and stores.keeps_states(
                at.place, keep, at.state
            ):
                tiles = tuple(each[1] for each in picked if each[1])
                after = State(*stores.after(at.place, at.state, keep, tiles), transfers)
                yield Move(at.placement, keep, tiles, held.load, held.unless, after)


class Rules:
    """What the Einsums of a group may do under shared loops of one shape.

    Args:
        structure: of the cascade.
        group: the Einsums.
        holds: what is known of the shape, see `Shared.shape`, and whether the buffer is roomy.
        arrays: place -> the arrays that its Einsum may run on.
        freedom: what bindings may choose.

    """

    def __init__(
        self,
        structure: Structure,
        group: Group,
        holds: Mapping[tuple[str, ...], bool],
        arrays: Mapping[int, frozenset[str]],
        freedom: Freedom,
    ) -> None:
        self.structure, self.group, self.freedom = structure, group, freedom
        self.stores = Stores(structure, group, freedom, roomy=holds["roomy",])
        self._transfers, self._arrays = Transfers(structure, group, holds), arrays
        self._alive: dict[int, tuple[tuple[str, int], ...]] = {}
        self._takes: dict[tuple[Transfer, Placement], bool] = {}
        self._passes: dict[Any, Transfer | None] = {}
        self._holds: dict[Any, list[Held]] = {}
        self._sends: dict[Any, tuple[Sent, ...]] = {}

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

    def decided(self, place: int, state: State) -> Mapping[int, Decided]:
        """Return what a state has decided of the next reader of every tensor, by its place."""
        fixed: dict[int, list[tuple[str, tuple[tuple[str, ...], frozenset[Transfer]]]]] = {}
        for tensor, reader in self.alive(place):
            offers = frozenset(
                each
                for each, _ in state.transfers
                if each.target == reader and each.tensor == tensor
            )
            stored = self.stores.holding(tensor, state)
            fixed.setdefault(reader, []).append((tensor, (stored, offers)))
        return {at: tuple(known) for at, known in fixed.items()}

    def takes(self, transfer: Transfer, placement: Placement) -> bool:
        """Tell whether the target of a transfer, so placed, may take it."""
        known = self._takes.get((transfer, placement))
        if known is None:
            known = self._transfers.takes(transfer, placement)
            self._takes[transfer, placement] = known
        return known

    def forks(
        self, place: int, state: State, placement: Placement, idles: tuple[str, ...]
    ) -> Iterator[Fork]:
        """Yield the ways to run an Einsum.

        Args:
            place: of the Einsum.
            state: in which it runs.
            placement: its own.
            idles: the operands for which the buffer gains nothing.

        """
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
        sent = self._sent(self.structure.einsums[place].output.name, place, placement)
        context = _Context(place, state, placement, idles, offers, kept)
        yield from self._ways(context, () if placement.array == PE else sent, edge=False)
        if placement.array == PE and sent:
            yield from self._ways(context, sent, edge=True)

    def _ways(self, at: _Context, sent: tuple[Sent, ...], *, edge: bool) -> Iterator[Fork]:
        """Yield those with its result in the edge register or not."""
        place, placement = at.place, at.placement
        einsum = self.structure.einsums[place]
        output = einsum.output.name
        out = {each.name: self._held(each.name, place, placement) for each in einsum.tensors}
        stored = self.stores.writes(output)
        passed = bool(sent or out[output])
        one = len(self.stores.later(output, place)) == 1 and not self.freedom.fixes(output)
        past = [("", "")]
        if one and self.stores.only_inside(output):
            # Who takes it past the stores needs none of them, who reads a store none of the rest.
            ways = [(past, out, sent)] if passed else []
            ways += [] if edge else [(stored, {**out, output: []}, ())]
        elif self.stores.only_inside(output) and passed:
            ways = [(stored, out, sent), (past, out, sent)]
        else:
            ways = [(stored, out, sent)]
        for writes, promises, sends in ways:
            yield Fork(self, at, writes, promises, sends, edge=edge)

    def _passed(
        self, transfer: Transfer, place: int, placement: Placement, source: int
    ) -> Transfer | None:
        key = transfer, place, placement, source
        if key not in self._passes:
            self._passes[key] = self._transfers.passed(*key)
        return self._passes[key]

    def _held(self, tensor: str, place: int, placement: Placement) -> list[Held]:
        """Return how the registers may hold a tensor for later Einsums of the same array."""
        if not self.freedom.transfers:
            return []
        key = tensor, place, placement
        if key not in self._holds:
            self._holds[key] = [
                found
                for target in self.stores.later(tensor, place)
                if placement.array in self._arrays[target]
                and (found := self._transfers.held(tensor, place, placement, target)) is not None
            ]
        return self._holds[key]

    def _sent(self, tensor: str, place: int, placement: Placement) -> tuple[Sent, ...]:
        """Return how a result may reach later Einsums of the other array."""
        if not self.freedom.transfers:
            return ()
        key = tensor, place, placement
        if key not in self._sends:
            other = LANES if placement.array == PE else PE
            self._sends[key] = tuple(
                found
                for target in self.stores.later(tensor, place)
                if other in self._arrays[target]
                and (found := self._transfers.sent(tensor, place, placement, target)) is not None
            )
        return self._sends[key]


class _Context:
    """An Einsum so placed in a state, and the transfers that it meets.

    Attributes:
        place, state, placement: as they say.
        idles: operands for which the buffer gains nothing.
        offers: operand -> the transfers that it may take.
        own: operand -> the one of them from registers.
        waiting: those that wait in the registers of its array meanwhile.
        others: the rest.

    """

    def __init__(
        self,
        place: int,
        state: State,
        placement: Placement,
        idles: tuple[str, ...],
        offers: Mapping[str, list[Transfer]],
        kept: list[tuple[Transfer, int]],
    ) -> None:
        self.place, self.state, self.placement = place, state, placement
        self.idles, self.offers = idles, offers
        self.own = {
            name: next((each for each in some if isinstance(each, Held)), None)
            for name, some in offers.items()
        }
        self.waiting = [
            (each, source)
            for each, source in kept
            if isinstance(each, Held) and each.array == placement.array
        ]
        self.others = [each for each in kept if each not in self.waiting]
