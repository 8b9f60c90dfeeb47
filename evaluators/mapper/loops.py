"""The shared loops of groups, in columns, and what they leave of every rank.

A `Shared` has one row a configuration of the shared loops: the chunk of keys, the tiles of queries,
the tiles of keys, and which of the two loops is outside (docs/model/open-bindings.md, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from evaluators.engine.columns import divisors
from evaluators.errors import InputError
from evaluators.mapper.resources import SIDES, Resources
from evaluators.mapper.structure import Structure

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

Factor = tuple[str, str | None]
"""A trip count: of a rank, on a side of its array or on none."""

_CHUNK = "M0"


@dataclass(frozen=True, eq=False)
class Shared:
    """Configurations of the shared loops, a row each.

    Attributes:
        structure: of the cascade.
        sides: side of an array -> its PEs or lanes.
        extents: rank -> its extent.
        chunk: keys in a chunk, 0 without chunks.
        outer, keys, inner: trip counts of the loops over queries outside the keys' loop, over keys,
            and over queries inside it; one of the first and the last is 1.

    """

    structure: Structure
    sides: Mapping[str, int]
    extents: Mapping[str, int]
    chunk: Integers
    outer: Integers
    keys: Integers
    inner: Integers

    @classmethod
    def all_of(
        cls,
        structure: Structure,
        resources: Resources,
        extents: Mapping[str, int],
        chunks: tuple[int, ...] | None = None,
    ) -> Shared:
        """Return every configuration; the chunks are all divisors of the keys unless given.

        Machines of the same sides have the same, which is kept for a while.
        """
        sides = tuple((side, resources.side(side)) for own in SIDES.values() for side in own)
        return _every(structure, sides, tuple(extents.items()), chunks)

    @classmethod
    def every(
        cls,
        structure: Structure,
        sides: Mapping[str, int],
        extents: Mapping[str, int],
        chunks: tuple[int, ...] | None,
    ) -> Shared:
        """Return every configuration for arrays of those sides."""
        queries = divisors(extents.get(structure.queries, 1)).tolist()
        rows = set()
        if structure.cascade.along:
            sizes = divisors(extents["M"]).tolist() if chunks is None else chunks
            for size in sizes:
                if extents["M"] % size:
                    raise InputError(f"a chunk of {size} keys does not divide {extents['M']}")
            pairs = [(size, extents["M"] // size) for size in sizes]
        else:
            pairs = [(0, each) for each in divisors(extents[structure.keys]).tolist()]
        for chunk, keys in pairs:
            for tiles in queries:
                rows.add((chunk, tiles, keys, 1))
                if tiles > 1 and keys > 1:
                    rows.add((chunk, 1, keys, tiles))
        columns = np.array(sorted(rows), dtype=np.int64).T
        return cls(structure, sides, extents, *columns)

    def __len__(self) -> int:
        return len(self.keys)

    def extent(self, rank: str) -> int | Integers:
        """Return a rank's extent."""
        if rank == self.structure.cascade.along:
            return self.keys
        if rank == _CHUNK and self.structure.cascade.along:
            return self.chunk
        return self.extents[rank]

    def left(self, rank: str) -> Integers:
        """Return what the shared loops leave of a rank."""
        ones = np.ones(len(self), np.int64)
        if rank in self.structure.batch:
            return ones
        if rank == self.structure.queries:
            return self.extents[rank] // (self.outer * self.inner)
        if rank == self.structure.keys:
            return np.asarray(self.extent(rank) // self.keys)
        return np.asarray(self.extent(rank) * ones)

    @cached_property
    def inside(self) -> tuple[str, ...]:
        """The ranks that something can be left of."""
        taken = {*self.structure.batch, self.structure.cascade.along}
        return tuple(rank for rank in self.structure.cascade.ranks if rank not in taken)

    @cached_property
    def remains(self) -> Mapping[str, Integers]:
        """Rank -> what is left of it, over `inside`."""
        return {rank: self.left(rank) for rank in self.inside}

    @cached_property
    def on_side(self) -> Mapping[tuple[str, str], Integers]:
        """(rank, side) -> the PEs or lanes that it takes there: the largest divisor that fits."""
        return {
            (rank, side): _largest_divisors(left, self.sides[side])
            for rank, left in self.remains.items()
            for sides in SIDES.values()
            for side in sides
        }

    def step(self, rank: str, side: str | None) -> Integers:
        """Return the inner trip count of a rank on a side, or on none."""
        left = self.remains[rank]
        return left if side is None else left // self.on_side[rank, side]

    @cached_property
    def _products(self) -> dict[frozenset[Factor], Integers]:
        return {}

    def product(self, factors: frozenset[Factor]) -> Integers:
        """Return the product of the inner trip counts of ranks, each on a side or on none."""
        known = self._products.get(factors)
        if known is None:
            known = np.ones(len(self), np.int64)
            for rank, side in factors:
                known = known * self.step(rank, side)
            self._products[factors] = known
        return known

    @cached_property
    def shape(self) -> tuple[tuple[tuple[str, ...], ...], Integers]:
        """What decides which transfers are legal, beside placements and sizes: its bits a row.

        Whether keys are cut, and which of two ranks takes more of a side.
        """
        names: list[tuple[str, ...]] = [("cut",)]
        bits = [self.keys > 1]
        for rank, other in self.compared:
            for sides in SIDES.values():
                for side in sides:
                    names.append(("covers", rank, other, side))
                    bits.append(self.on_side[rank, side] >= self.on_side[other, side])
        return tuple(names), np.array(bits, dtype=np.int64).T

    @cached_property
    def tiles(self) -> Integers:
        """Words of the tiles of all tensors of the cascade."""
        words = np.zeros(len(self), np.int64)
        previous = self.structure.cascade.previous
        for tensor in {t.name: t for e in self.structure.einsums for t in e.tensors}.values():
            copies = self.inner if tensor.name in previous.values() else 1
            words = words + self.tile(tensor.ranks) * copies
        return words

    @cached_property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """Pairs of ranks that two readers of a tensor may have on one side, the tensor lacking."""
        pairs = {}
        einsums = self.structure.einsums
        for tensor, readers in self.structure.readers.items():
            for first in readers:
                for second in (each for each in readers if each > first):
                    ranks = next(t.ranks for t in einsums[first].operands if t.name == tensor)
                    for a in set(self.inside) & set(einsums[first].ranks) - set(ranks):
                        for b in set(self.inside) & set(einsums[second].ranks) - set(ranks):
                            pairs[a, b] = True
        return tuple(pairs)

    def words(self, ranks: tuple[str, ...]) -> Integers:
        """Return the words of a tensor with those ranks."""
        return np.asarray(prod(self.extent(rank) for rank in ranks) * np.ones(len(self), np.int64))

    def tile(self, ranks: tuple[str, ...]) -> Integers:
        """Return the words of a tensor's tile under the shared loops."""
        return np.asarray(
            prod(self.remains[rank] for rank in ranks if rank in self.remains)
            * np.ones(len(self), np.int64)
        )


@lru_cache(maxsize=6)
def _every(
    structure: Structure,
    sides: tuple[tuple[str, int], ...],
    extents: tuple[tuple[str, int], ...],
    chunks: tuple[int, ...] | None,
) -> Shared:
    return Shared.every(structure, dict(sides), dict(extents), chunks)


def _largest_divisors(numbers: Integers, bound: int) -> Integers:
    found = {n: int(divisors(n)[divisors(n) <= bound].max()) for n in set(numbers.tolist())}
    return np.array([found[n] for n in numbers.tolist()], dtype=np.int64)
