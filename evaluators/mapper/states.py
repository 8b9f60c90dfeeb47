"""What partial bindings leave behind, the moves between them, and what moves may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from evaluators.mapper.placement import ARRAYS, Placement
from evaluators.mapper.reservations import Load
from evaluators.mapper.resources import Resources
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.transfers import Transfer
from evaluators.mapper.uses import OFF_CHIP


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

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.stored, self.needed, self.transfers))


class Move(NamedTuple):
    """One way to run an Einsum in a state.

    Attributes:
        placement: of the Einsum.
        keep: tensor -> the levels that keep it.
        tiles: tensors whose tile the buffer holds from here on.
        load: pairs of register needs: the larger of each pair, added up, must fit the registers.
        unless: loads of moves that hold more; where one of them fits, this move is not needed.
        after: the state behind it.

    """

    placement: Placement
    keep: Mapping[str, str]
    tiles: tuple[str, ...]
    load: Load
    unless: tuple[Load, ...]
    after: State


@dataclass(frozen=True)
class Freedom:
    """What a binding may choose.

    Attributes:
        arrays: Einsum -> the arrays it may run on; all for those not named.
        transfers: whether tensors may go from Einsum to Einsum past all stores.
        streams: whether words may go between DRAM and the arrays past the buffer.
        sides: Einsum -> what lies on the sides of its array, see `Placement`.
        orders: Einsum -> all its ranks; those of its inner loops are in that order.
        keeps: (Einsum, tensor) -> the ways to keep it there.
        tiles: (Einsum, rank) -> how much of the rank a tile of its group has.
        cuts: Einsum -> whether the cascade is cut before it.

    """

    arrays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transfers: bool = True
    streams: bool = True
    sides: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keeps: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    tiles: Mapping[tuple[str, str], int] = field(default_factory=dict)
    cuts: Mapping[str, bool] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.transfers, self.streams, frozenset(self.keeps)))

    @property
    def of_keeps(self) -> Freedom:
        """What it says of where tensors are kept."""
        return Freedom(transfers=self.transfers, streams=self.streams, keeps=self.keeps)

    def stores(self, keep: str) -> bool:
        """Tell whether a use may be kept so."""
        return (self.streams or keep != OFF_CHIP) and (self.transfers or keep != "")

    def keeps_so(self, einsum: str, keep: Mapping[str, str]) -> bool:
        """Tell whether an Einsum may keep its tensors so."""
        return not self.keeps or all(
            levels in self.keeps.get((einsum, tensor), (levels,)) for tensor, levels in keep.items()
        )

    def fixes(self, tensor: str) -> bool:
        """Tell whether where some Einsum keeps a tensor is fixed."""
        return any(name == tensor for _, name in self.keeps)

    def narrows(self, einsum: str) -> bool:
        """Tell whether what is on an Einsum's sides, or its order, is fixed."""
        return einsum in self.sides or einsum in self.orders

    def places(self, einsum: str, placement: Placement) -> bool:
        """Tell whether an Einsum may be placed so, on an array that it may run on."""
        order = self.orders.get(einsum, placement.order)
        ordered = tuple(rank for rank in order if rank in placement.order) == placement.order
        return ordered and self.sides.get(einsum, placement.sides) == placement.sides

    def groups(self, structure: Structure, group: Group) -> bool:
        """Tell whether the cascade may be cut into that group and others."""
        names = [each.name for each in structure.einsums]
        inside = (place for place in group if place > group.start)
        return not any(self.cuts.get(names[place], False) for place in inside) and all(
            self.cuts.get(names[place], True)
            for place in (group.start, group.stop)
            if 0 < place < len(names)
        )


def arrays_of(
    structure: Structure, resources: Resources, freedom: Freedom, place: int
) -> tuple[str, ...]:
    """Return the arrays that an Einsum may run on."""
    operations = structure.operations(place)
    allowed = freedom.arrays.get(structure.einsums[place].name, ARRAYS)
    return tuple(array for array in allowed if resources.work(operations, array) is not None)
