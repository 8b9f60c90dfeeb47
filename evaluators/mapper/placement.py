"""Placements of an Einsum: its array, the ranks on the sides, the order of the inner loops.

docs/model/open-bindings.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import permutations

from evaluators.mapper.resources import LANES, PE, SIDES

Sides = tuple[str | None, ...]
"""The rank on each side of an array, None where it is empty."""

Loops = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Placement:
    """How an Einsum runs under the shared loops.

    Attributes:
        array: where.
        sides: the rank on each side, None where it is empty.
        order: the ranks of the inner loops of more than one step, outermost first.

    """

    array: str
    sides: Sides
    order: tuple[str, ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.array, self.sides, self.order))

    @cached_property
    def side_of(self) -> Mapping[str, str]:
        """Rank -> the side that carries it."""
        return {
            rank: side
            for side, rank in zip(SIDES[self.array], self.sides, strict=True)
            if rank is not None
        }

    def trailing(self, ranks: tuple[str, ...]) -> frozenset[str]:
        """Return the innermost loops that a tensor with those ranks rests in."""
        inner: list[str] = []
        for rank in reversed(self.order):
            if rank in ranks:
                break
            inner.append(rank)
        return frozenset(inner)

    def leading(self, ranks: tuple[str, ...]) -> tuple[str, ...]:
        """Return the outermost loops, as far as they are over a tensor's ranks."""
        outer: list[str] = []
        for rank in self.order:
            if rank not in ranks:
                break
            outer.append(rank)
        return tuple(outer)

    def loops_over(self, ranks: tuple[str, ...]) -> tuple[str, ...]:
        """Return the loops over a tensor's ranks, outermost first."""
        return tuple(rank for rank in self.order if rank in ranks)


@lru_cache(maxsize=4096)
def placements(left: tuple[str, ...], array: str, loops: Loops) -> tuple[Placement, ...]:
    """Return every placement of an Einsum on an array.

    Args:
        left: its ranks that the shared loops leave something of.
        array: where.
        loops: (rank, side) for those of which inner loops are left there.

    """
    found = []
    for sides in sides_of(left, array):
        carried = {r: s for s, r in zip(SIDES[array], sides, strict=True) if r is not None}
        inner = [r for r in left if r not in carried or (r, carried[r]) in loops]
        found += [Placement(array, sides, order) for order in permutations(inner)]
    return tuple(found)


def sides_of(left: Sequence[str], array: str) -> Iterator[Sides]:
    """Yield what may lie on the sides: one stays empty only where no further rank is left."""
    if array == LANES:
        yield from (((rank,) for rank in left) if left else [(None,)])
    elif len(left) > 1:
        yield from permutations(left, 2)
    elif left:
        yield (left[0], None)
        yield (None, left[0])
    else:
        yield (None, None)


ARRAYS = (PE, LANES)
