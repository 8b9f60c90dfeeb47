"""Where an Einsum may read and write its tensors, and what that leaves in the stores.

docs/model/open-bindings.md, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.mapper.resources import PE
from evaluators.mapper.states import Freedom, State
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.transfers import Sent, Transfer
from evaluators.mapper.uses import BUFFER, EDGE, LAST, OFF_CHIP

Stored = frozenset[tuple[str, str]]


class Stores:
    """The buffer and DRAM as the Einsums of a group may use them.

    Args:
        structure: of the cascade.
        group: the Einsums.
        freedom: what bindings may choose.
        roomy: whether the buffer holds all tiles at once, so that none is better off chip.

    """

    def __init__(
        self, structure: Structure, group: Group, freedom: Freedom, *, roomy: bool
    ) -> None:
        self.structure, self.group = structure, group
        self._freedom, self._roomy = freedom, roomy
        self._after_of: dict[Any, tuple[Stored, Stored]] = {}
        self._readers = {
            (tensor, place): tuple(each for each in readers if place < each < group.stop)
            for tensor, readers in structure.readers.items()
            for place in group
        }

    def inside(self, tensor: str) -> bool:
        """Tell whether a tensor is produced in the group."""
        return self.structure.place.get(tensor, -1) in self.group

    def later(self, tensor: str, place: int) -> tuple[int, ...]:
        """Return the Einsums of the group that read a tensor after a place."""
        return self._readers[tensor, place]

    def only_inside(self, tensor: str) -> bool:
        """Tell whether a tensor needs no store: it is no state and stays in the group."""
        return tensor not in self.structure.previous_of and not self.structure.leaves(
            tensor, self.group
        )

    def may_idle(self, tensor: str, place: int) -> bool:
        """Tell whether an operand may be read past the buffer, and nobody reads it there later."""
        free = self._freedom.streams and not self._freedom.fixes(tensor)
        return free and not self.later(tensor, place)

    def reads(
        self,
        tensor: str,
        place: int,
        state: State,
        offers: Sequence[Transfer],
        *,
        held: bool,
        idle: bool,
    ) -> list[tuple[str, str]]:
        """Return where an operand may be read from, and the tile that this puts in the buffer.

        What is at hand in the array costs least; a store is read beside it only to fill the buffer
        for a later reader.

        Args:
            tensor: the operand.
            place: of the Einsum.
            state: in which it runs.
            offers: transfers that it may take.
            held: whether it takes one from the registers.
            idle: whether it gains nothing from the buffer.

        """
        stored = self._stored(tensor, place, state)
        stored = [each for each in stored if self._freedom.stores(each[0])]
        fixed = self._freedom.fixes(tensor)
        if idle:
            stored = [each for each in stored if each[0] != OFF_CHIP + BUFFER]
        sent = [each for each in offers if isinstance(each, Sent)]
        to_pe = any(each.array == PE for each in sent)
        if held or (sent and not to_pe):
            filled = self.later(tensor, place)
            return [("", ""), *(each for each in stored if fixed or (each[1] and filled))]
        return [(EDGE, ""), *stored] if to_pe else stored

    def holding(self, tensor: str, state: State) -> tuple[str, ...]:
        """Return the stores that hold a tensor; () where none does."""
        own = self.structure.cascade.previous.get(tensor, tensor)
        levels = {level for name, level in state.stored if name == tensor}
        if own != tensor:
            levels |= {level for name, level in state.needed if name == own}
        found = [BUFFER] if BUFFER in levels else []
        if OFF_CHIP in levels:
            found += [OFF_CHIP, OFF_CHIP + BUFFER]
        return tuple(found)

    def _stored(self, tensor: str, place: int, state: State) -> list[tuple[str, str]]:
        """Return the stores that an operand may be read from."""
        cached = (tensor, BUFFER) in state.stored
        found = [(BUFFER, "")] if cached else []
        own = self.structure.cascade.previous.get(tensor)
        if own is not None and self.inside(own):
            return found + self._previous(tensor, own, place, state, cached=cached)
        if not self.inside(tensor) or (tensor, OFF_CHIP) in state.stored:
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

    def writes(self, tensor: str) -> list[tuple[str, str]]:
        """Return the stores that may keep a result, and the tile that this puts in the buffer."""
        return [each for each in self._written(tensor) if self._freedom.stores(each[0])]

    def _written(self, tensor: str) -> list[tuple[str, str]]:
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

    def after(
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
            if own is None or not self.inside(own) or self.structure.place[own] < place:
                continue
            if (name, BUFFER) not in state.stored or levels != BUFFER:
                needed.add((own, BUFFER if levels == BUFFER else OFF_CHIP))
        if self.inside(output) and OFF_CHIP in keep[output] and LAST not in keep[output]:
            stored.add((output, OFF_CHIP))
        if output in self.structure.previous_of:
            needed |= {(output, level) for level in (OFF_CHIP, BUFFER) if (output, level) in stored}
        stored = {(name, level) for name, level in stored if self.later(name, place)}
        needed = {
            (name, level)
            for name, level in needed
            if self.structure.place[name] > place
            or self.later(self.structure.previous_of[name], place)
        }
        return frozenset(stored), frozenset(needed)

    def keeps_states(self, place: int, keep: Mapping[str, str], state: State) -> bool:
        """Tell whether a state goes where its previous value was read."""
        output = self.structure.einsums[place].output.name
        if output not in self.structure.previous_of:
            return True
        einsum = self.structure.einsums[place]
        levels = keep[output]
        where = {level for name, level in state.needed if name == output}
        previous = self.structure.previous_of[output]
        if previous in keep and (previous in (t.name for t in einsum.operands)):
            where.add(BUFFER if keep[previous] == BUFFER else OFF_CHIP)
        if LAST in levels:
            return where <= {BUFFER}
        return all(level in levels for level in where)
