"""Transfers between Einsums without the buffer: through registers, and through the edge register.

A transfer is promised by the Einsum that has the tensor and kept by one that reads it; what lies
between must not break it (docs/model/open-bindings.md, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from evaluators.mapper.loops import Factor
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import COLUMNS, LANES, PE, SIDE, SIDES
from evaluators.mapper.structure import Group, Structure


@dataclass(frozen=True)
class Held:
    """A tensor that waits in the registers of an array for a later Einsum there.

    Attributes:
        tensor: which.
        target: the place of the Einsum that may take it.
        array: where it waits.
        sides: the rank on each side where it is one of the tensor's.
        spare: the rank on each side where it is not: that side holds copies.
        run: the outermost loops that all Einsums from its source on run together.
        level: how many of them the registers count on; the words held are those of the others.
        steps: the trip counts of all its loops.

    """

    tensor: str
    target: int
    array: str
    sides: tuple[str | None, ...]
    spare: tuple[str | None, ...]
    run: tuple[str, ...]
    level: int
    steps: frozenset[Factor]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(
            (
                self.tensor,
                self.target,
                self.array,
                self.sides,
                self.spare,
                self.run,
                self.level,
                self.steps,
            )
        )

    @cached_property
    def words(self) -> frozenset[Factor]:
        """The trip counts whose product is the words held in each register file."""
        shared = self.run[: self.level]
        return frozenset(each for each in self.steps if each[0] not in shared)

    def at_level(self, level: int, most: int | None = None) -> Held | None:
        """Return the same with more loops counted on; None where they are not run together.

        Args:
            level: the loops counted on.
            most: those that are run together, all of `run` by default.

        """
        if level > (len(self.run) if most is None else most):
            return None
        return replace(self, level=level) if level != self.level else self

    def together(self, placement: Placement) -> int:
        """Return how many loops of the run a placement begins with."""
        pairs = zip(self.run, placement.order, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@dataclass(frozen=True)
class Sent:
    """A tensor that goes from one array to the other through the edge register.

    Attributes:
        tensor: which.
        target: the place of the Einsum that takes it.
        array: the one that it goes to.
        rank: what the columns and the lanes carry.
        loops: the loops over its ranks at the Einsum that sends it, outermost first.
        after: whether it is taken after the loop over the keys.

    """

    tensor: str
    target: int
    array: str
    rank: str
    loops: tuple[str, ...]
    after: bool

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.tensor, self.target, self.array, self.rank, self.loops, self.after))


Transfer = Held | Sent


@dataclass(frozen=True, eq=False)
class Transfers:
    """The rules of transfers in one group under one shape of the shared loops."""

    structure: Structure
    group: Group
    holds: Mapping[tuple[str, ...], bool]

    def _waits(self, source: int, target: int) -> bool:
        """Tell whether the reader runs after a loop over the keys that the source is in."""
        return (
            self.holds["cut",]
            and self.structure.has_keys(source)
            and not self.structure.has_keys(target)
        )

    def ranks(self, tensor: str, place: int) -> tuple[str, ...]:
        """Return a tensor's ranks as an Einsum has them."""
        einsum = self.structure.einsums[place]
        return next(each.ranks for each in einsum.tensors if each.name == tensor)

    def held(self, tensor: str, place: int, placement: Placement, target: int) -> Held | None:
        """Return how registers hold a tensor for a later Einsum, at first all its words."""
        ranks = self.ranks(tensor, place)
        produced = self.structure.place.get(tensor) == place
        own = tuple(rank if rank in ranks else None for rank in placement.sides)
        spare = tuple(None if rank in ranks else rank for rank in placement.sides)
        if produced and any(spare):
            return None
        run: tuple[str, ...] = ()
        if not self._waits(place, target):
            run = placement.leading(ranks)
        if not produced and self.structure.on_path(place, target):
            run = _until(run, self.structure.einsums[place].reduced)
        steps = frozenset(
            (rank, placement.side_of.get(rank)) for rank in placement.loops_over(ranks)
        )
        return Held(tensor, target, placement.array, own, spare, run, 0, steps)

    def sent(self, tensor: str, place: int, placement: Placement, target: int) -> Sent | None:
        """Return the transfer of a result to a reader on the other array; None if there is none."""
        if self.structure.place.get(tensor) != place:
            return None
        ranks = self.ranks(tensor, place)
        rank = placement.sides[-1]
        across = placement.sides[0] if placement.array == PE else None
        if rank is None or rank not in ranks or across in ranks:
            return None
        loops = placement.loops_over(ranks)
        after = self._waits(place, target)
        if placement.leading(ranks) != loops or (after and loops):
            return None
        other = LANES if placement.array == PE else PE
        return Sent(tensor, target, other, rank, loops, after)

    def takes(self, transfer: Transfer, placement: Placement) -> bool:
        """Tell whether the target of a transfer, so placed, may take it."""
        if transfer.array != placement.array:
            return False
        ranks = self.ranks(transfer.tensor, transfer.target)
        if isinstance(transfer, Sent):
            side = COLUMNS if transfer.array == PE else SIDE
            return (
                placement.side_of.get(transfer.rank) == side
                and not (transfer.array == PE and placement.sides[0] in ranks)
                and not (transfer.after and placement.loops_over(ranks))
                and _same_loops(placement, ranks, transfer.loops)
            )
        sides = zip(
            SIDES[transfer.array], transfer.sides, transfer.spare, placement.sides, strict=True
        )
        return transfer.together(placement) >= transfer.level and all(
            own == rank if own is not None or rank in ranks else self._copied(spare, rank, side)
            for side, own, spare, rank in sides
        )

    def passed(
        self, transfer: Transfer, place: int, placement: Placement, source: int
    ) -> Transfer | None:
        """Return what an Einsum between the ends leaves of a transfer; None where it breaks it."""
        structure = self.structure
        einsum = structure.einsums[place]
        if (
            isinstance(transfer, Held)
            and placement.array == transfer.array
            and transfer.tensor in (each.name for each in einsum.tensors)
        ):
            return None
        if place not in structure.on_path(source, transfer.target):
            return transfer
        if isinstance(transfer, Sent):
            ranks = self.ranks(transfer.tensor, transfer.target)
            if set(transfer.loops) & set(einsum.reduced):
                return None
            return transfer if _same_loops(placement, ranks, transfer.loops) else None
        run = _until(transfer.run, einsum.reduced)
        while run != placement.order[: len(run)]:
            run = run[:-1]
        return replace(transfer, run=run) if len(run) >= transfer.level else None

    def _copied(self, spare: str | None, wanted: str | None, side: str) -> bool:
        """Tell whether a side holds at least as many copies as its next rank asks for."""
        if wanted is None or spare == wanted:
            return True
        return spare is not None and self.holds["covers", spare, wanted, side]


def _until(ranks: tuple[str, ...], reduced: tuple[str, ...]) -> tuple[str, ...]:
    for length, rank in enumerate(ranks):
        if rank in reduced:
            return ranks[:length]
    return ranks


def _same_loops(placement: Placement, ranks: tuple[str, ...], loops: tuple[str, ...]) -> bool:
    """Tell whether a tensor's loops are outermost, in the same order where both ends have them."""
    own = placement.loops_over(ranks)
    if placement.leading(ranks) != own:
        return False
    return [r for r in own if r in loops] == [r for r in loops if r in own]
