"""Moves of the dynamic programme: what a binding may do at one Einsum, and what it leaves behind.

Between two Einsums a partial binding is known by its `State`: what lies in the buffer and off chip
for those that follow, and which transfers are promised. Two partial bindings of the same state can
be continued in the same ways; that is why only the best of each state are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from evaluators.mapper.placement import ARRAYS, Placement
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.transfers import Factor, Held, Sent, Transfer, Transfers, subsets
from evaluators.mapper.uses import BUFFER, EDGE, LAST, OFF_CHIP


@dataclass(frozen=True)
class State:
    """What a partial binding leaves for the Einsums that follow in its group.

    Attributes:
        stored: (tensor, level) for those in the buffer (L) or, of the group's own, off chip (D).
        needed: (state, level): where its previous value was read, so that it must go there.
        transfers: promised ones, with the place of the Einsum that promised them.

    """

    stored: frozenset[tuple[str, str]] = frozenset()
    needed: frozenset[tuple[str, str]] = frozenset()
    transfers: frozenset[tuple[Transfer, int]] = frozenset()


@dataclass(frozen=True)
class Move:
    """One way to run an Einsum in a state.

    Attributes:
        placement: of the Einsum.
        keep: tensor -> the levels that keep it.
        tiles: tensors whose tile the buffer holds from here on.
        load: pairs of register needs: the larger of each pair, added up, must fit the registers.
        after: the state behind it.

    """

    placement: Placement
    keep: Mapping[str, str]
    tiles: tuple[str, ...]
    load: tuple[tuple[tuple[Factor, ...], tuple[Factor, ...]], ...]
    after: State


@dataclass(frozen=True)
class Freedom:
    """What a binding may choose.

    Attributes:
        arrays: Einsum -> the arrays it may run on; all for those not named.
        bypass: whether tensors may go from Einsum to Einsum past the buffer.

    """

    arrays: Mapping[str, tuple[str, ...]]
    transfers: bool = True


def arrays_of(
    structure: Structure, resources: Resources, freedom: Freedom, place: int
) -> tuple[str, ...]:
    """Return the arrays that an Einsum may run on."""
    operations = structure.operations(place)
    allowed = freedom.arrays.get(structure.einsums[place].name, ARRAYS)
    return tuple(array for array in allowed if resources.work(operations, array) is not None)


class Moves:
    """The legal moves of a group under one shape of the shared loops."""

    def __init__(
        self,
        structure: Structure,
        group: Group,
        resources: Resources,
        holds: Mapping[tuple[str, ...], bool],
        placements: Mapping[int, tuple[Placement, ...]],
        freedom: Freedom,
    ) -> None:
        self.structure = structure
        self.group = group
        self._transfers = Transfers(structure, group, holds)
        self._resources = resources
        self._freedom = freedom
        self.placements = placements

    def _arrays(self, place: int) -> tuple[str, ...]:
        return arrays_of(self.structure, self._resources, self._freedom, place)

    def _inside(self, tensor: str) -> bool:
        """Tell whether a tensor is produced in the group."""
        return self.structure.place.get(tensor, -1) in self.group

    def _later(self, tensor: str, place: int) -> tuple[int, ...]:
        readers = self.structure.readers[tensor]
        return tuple(each for each in readers if place < each < self.group.stop)

    def alive(self, place: int) -> tuple[str, ...]:
        """Return the tensors that an Einsum before a place has, in the group, and one after reads."""
        start = self.group.start
        own = self.structure.cascade.previous
        return tuple(
            tensor
            for tensor, readers in self.structure.readers.items()
            if any(place <= each < self.group.stop for each in readers)
            and (
                start <= self.structure.place.get(tensor, self.group.stop) < place
                or (
                    own.get(tensor) is not None
                    and start <= self.structure.place[own[tensor]] < place
                )
            )
        )

    def takes(self, transfer: Transfer, placement: Placement) -> bool:
        """Tell whether the target of a transfer, so placed, may take it."""
        return self._transfers.takes(transfer, placement)

    def at(self, place: int, state: State) -> Iterator[Move]:
        """Yield the moves at an Einsum."""
        for placement in self.placements[place]:
            taken: dict[str, Transfer] = {}
            kept: list[tuple[Transfer, int]] = []
            for transfer, source in state.transfers:
                if transfer.target == place:
                    if not self._transfers.takes(transfer, placement):
                        break
                    if transfer.tensor in taken:
                        break
                    taken[transfer.tensor] = transfer
                elif self._transfers.passes(transfer, place, placement, source):
                    kept.append((transfer, source))
                else:
                    break
            else:
                yield from self._placed(place, placement, state, taken, kept)

    def _placed(
        self,
        place: int,
        placement: Placement,
        state: State,
        taken: Mapping[str, Transfer],
        kept: list[tuple[Transfer, int]],
    ) -> Iterator[Move]:
        einsum = self.structure.einsums[place]
        output = einsum.output.name
        reads = [
            self._reads(each.name, place, state, taken.get(each.name)) for each in einsum.operands
        ]
        promises = [
            tuple(self._promises(each.name, place, placement)) for each in einsum.tensors
        ]
        names = [each.name for each in einsum.tensors]
        for promised in product(*promises):
            sends = [each for each in promised[-1] if isinstance(each, Sent)]
            edge = EDGE if placement.array == PE and sends else ""
            writes = [
                (keep + edge, tile) for keep, tile in self._writes(output, place, state,
                                                                   bool(promised[-1]))
            ]
            load = self._load(names, placement, taken, promised, kept)
            transfers = frozenset(
                [*kept, *((each, place) for some in promised for each in some)]
            )
            for choice in product(*reads, writes):
                keep = {name: each[0] for name, each in zip(names, choice, strict=True)}
                tiles = tuple(each[1] for each in choice if each[1])
                yield Move(
                    placement, keep, tiles, load, self._after(place, state, keep, tiles, transfers)
                )

    def _reads(
        self, tensor: str, place: int, state: State, taken: Transfer | None
    ) -> list[tuple[str, str]]:
        """Return where an operand may be read from, and the tile that this puts in the buffer."""
        if isinstance(taken, Held):
            return [("", "")]
        if isinstance(taken, Sent):
            return [(EDGE if taken.array == PE else "", "")]
        return self._stored(tensor, place, state)

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

    def _writes(
        self, tensor: str, place: int, state: State, promised: bool
    ) -> list[tuple[str, str]]:
        """Return where a result may be kept."""
        outside = self.structure.leaves(tensor, self.group)
        along = self.structure.cascade.along
        later = self._later(tensor, place)
        if tensor in self.structure.previous_of:
            last = bool(outside) and all(along not in each.ranks for each in outside)
            both = OFF_CHIP + BUFFER + (LAST if last else "")
            found = [(both, tensor), (OFF_CHIP, "")] if outside else [
                (BUFFER, tensor), (OFF_CHIP, "")
            ]
            return found
        if outside:
            return [(OFF_CHIP, ""), (OFF_CHIP + BUFFER, tensor)]
        found = [(OFF_CHIP, ""), (BUFFER, tensor)]
        if promised:
            found.append(("", ""))
        return found if later or promised else [("", "")]

    def _promises(
        self, tensor: str, place: int, placement: Placement
    ) -> Iterator[tuple[Transfer, ...]]:
        """Yield what may be promised of a tensor: to one later Einsum of the same array through
        registers, to any of the other array through the edge register.
        """
        later = self._later(tensor, place)
        if not later or not self._freedom.transfers:
            yield ()
            return
        held: list[Held | None] = [None]
        for target in later:
            if placement.array in self._arrays(target):
                held += self._transfers.held(tensor, place, placement, target)
        other = LANES if placement.array == PE else PE
        sent = {
            target: found
            for target in later
            if other in self._arrays(target)
            and (found := self._transfers.sent(tensor, place, placement, target))
        }
        for some in subsets(tuple(sent)):
            for each in held:
                if each is not None and each.target in some:
                    continue
                own = () if each is None else (each,)
                yield (*own, *(sent[target] for target in some))

    def _load(
        self,
        names: list[str],
        placement: Placement,
        taken: Mapping[str, Transfer],
        promised: tuple[tuple[Transfer, ...], ...],
        kept: list[tuple[Transfer, int]],
    ) -> tuple[tuple[tuple[Factor, ...], tuple[Factor, ...]], ...]:
        """Return the words that the registers hold while an Einsum runs."""
        pairs = []
        for name, some in zip(names, promised, strict=True):
            before = taken.get(name)
            first = before.words if isinstance(before, Held) else ()
            second = next((each.words for each in some if isinstance(each, Held)), ())
            pairs.append((first, second))
        pairs += [
            (each.words, each.words)
            for each, _ in kept
            if isinstance(each, Held) and each.array == placement.array
        ]
        return tuple(pairs)

    def _after(
        self,
        place: int,
        state: State,
        keep: Mapping[str, str],
        tiles: tuple[str, ...],
        transfers: frozenset[tuple[Transfer, int]],
    ) -> State:
        output = self.structure.einsums[place].output.name
        previous = self.structure.cascade.previous
        stored = set(state.stored) | {(name, BUFFER) for name in tiles}
        needed = set(state.needed)
        for name, levels in keep.items():
            own = previous.get(name)
            if own is not None and self._inside(own) and self.structure.place[own] >= place:
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
        return State(frozenset(stored), frozenset(needed), transfers)

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
