"""Dense loop-nest analysis: how often each level of storage is read, filled and updated.

Exactly Timeloop's analysis for perfect factors and projections of one rank each
(docs/model/loop-nests.md; the numbers of its quantities stand in the docstrings below). Every count
is a product of loop factors, so a batch of designs costs a few multiplications of columns.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import prod
from typing import Any

import numpy as np

from evaluators.describe.mapping import Mapping
from evaluators.engine.columns import Column, Factors, select
from evaluators.engine.masking import MaskedCounts, Visits, dense_parts
from evaluators.errors import TooLarge

Names = tuple[str, ...]

LARGEST_COUNT = 2**63 - 1
LARGEST_EXTENT = 2**40

UPDATES_AND_FILLS = 2
"""Counts of a tensor that evaluations add as integers."""


@dataclass(frozen=True)
class TensorCounts:
    """What one instance of a level does with one tensor, in words (reads, fills, updates)."""

    capacity: Column
    instances: Column
    partition: Column
    reads: Column
    fills: Column
    updates: Column
    temporal_reductions: Column


@dataclass(frozen=True)
class _Run:
    """Neighbouring temporal loops over a tensor's ranks, and all loops from the outermost to it."""

    factors: Names
    prefix: Names


@dataclass(frozen=True)
class _TensorPlan:
    """The factors whose products are the counts of one tensor, per level.

    `array` are those below the innermost level; `runs` has an entry more, for what lies there.
    `inner` is the next inner level that keeps the tensor, None for the innermost one; `fanout` are
    the spatial loops down to it, those of the array among them.
    """

    kept: tuple[int, ...]
    size: tuple[Names, ...]
    distinct: tuple[Names, ...]
    partition: tuple[Names, ...]
    array: Names
    runs: tuple[tuple[_Run, ...], ...]
    inner: tuple[int | None, ...]
    fanout: tuple[Names, ...]


@dataclass(frozen=True)
class _Plan:
    """The factors whose products are the counts of one mapping: what no design changes."""

    cycles: Names
    spatial: Names
    instances: tuple[Names, ...]
    tensors: dict[str, _TensorPlan]


def _names(factors: Any) -> Names:
    return tuple(sorted(factors))


def _runs(loops: list[Any], ranks: tuple[str, ...]) -> tuple[_Run, ...]:
    """Group temporal loops, outermost first, into runs over `ranks`; drop the loops inside."""
    runs, outer = [], 0
    for relevant, group in groupby(loops, key=lambda loop: loop.rank in ranks):
        factors = [loop.factor for loop in group]
        outer += len(factors)
        if relevant:
            runs.append(_Run(_names(factors), _names(loop.factor for loop in loops[:outer])))
    return tuple(runs)


@lru_cache(maxsize=4096)
def _plan(mapping: Mapping) -> _Plan:
    levels = mapping.levels
    depth = range(len(levels))
    temporal = [loop for level in levels for loop in level.loops]
    spatial = [loop for level in levels for loop in level.spatial]
    above = [[loop for level in levels[:i] for loop in level.spatial] for i in depth]

    def tensor_plan(name: str, ranks: tuple[str, ...]) -> _TensorPlan:
        def relevant(loops: Any) -> Names:
            return _names(loop.factor for loop in loops if loop.rank in ranks)

        inward = [
            [x for level in levels[i:] for x in (*level.loops, *level.spatial)] for i in depth
        ]
        outward = [[loop for level in levels[:i] for loop in level.loops] for i in depth]
        kept = tuple(i for i in depth if name in levels[i].keep)
        inner = tuple(next((k for k in kept if k > i), None) for i in depth)
        ends = [len(levels) if k is None else k for k in inner]
        return _TensorPlan(
            kept=kept,
            size=tuple(relevant(inward[i]) for i in depth),
            distinct=tuple(relevant(levels[i - 1].spatial) if i else () for i in depth),
            partition=tuple(
                relevant(loop for loop in temporal + spatial if loop not in above[i]) for i in depth
            ),
            array=relevant(levels[-1].spatial),
            runs=tuple(_runs(loops, ranks) for loops in (*outward, temporal)),
            inner=inner,
            fanout=tuple(
                relevant(loop for level in levels[i:end] for loop in level.spatial)
                for i, end in zip(depth, ends, strict=True)
            ),
        )

    return _Plan(
        cycles=_names(loop.factor for loop in temporal),
        spatial=_names(loop.factor for loop in spatial),
        instances=tuple(_names(loop.factor for loop in above[i]) for i in depth),
        tensors={
            tensor.name: tensor_plan(tensor.name, tensor.ranks) for tensor in mapping.einsum.tensors
        },
    )


class LoopNest:
    """The counts of one mapping for a batch of designs.

    Args:
        mapping: the loop nest; its factors must multiply to the ranks' extents.
        factors: the factors of the batch. All counts are exact up to 2^63 - 1; `check_countable`
            tells whether a problem stays below.
        wrapped: compute partitions as Timeloop does, modulo 2^64 (quirk Q5), instead of exactly.
        at_rest: tensor -> words that the units below the innermost level read in a cycle in which
            the tensor rests (see `links`); where it is not named, as many as when it moves.
        visits: of a mask, which leaves out what no query needs; None for none.

    Levels are named as in the mapping. Counts are per instance of a level, in words.

    """

    def __init__(
        self,
        mapping: Mapping,
        factors: Factors,
        *,
        wrapped: bool,
        at_rest: Table[str, int] | None = None,
        visits: Visits | None = None,
    ) -> None:
        self.mapping = mapping
        self._counts = factors.product if visits is None else MaskedCounts(mapping, factors, visits)
        self._masked = visits is not None
        self._visits = visits
        self._at_rest = at_rest or {}
        self._factors = factors
        self._wrapped = wrapped
        self._plan = _plan(mapping)
        self._partitions: dict[str, list[Any]] = {}
        self._shares: dict[tuple[int, str], Any] = {}

    @property
    def cycles(self) -> Any:
        """Steps of the loop nest (1): the product of the temporal factors."""
        return self._counts(self._plan.cycles)

    @property
    def instances(self) -> Any:
        """Utilised instances of the arithmetic (1): the product of the spatial factors."""
        return self._factors.product(self._plan.spatial)

    def dense(self) -> list[tuple[int, LoopNest]]:
        """Return the nests of the tiles of queries, of one design: how many, and their counts.

        They are without a mask, each with the keys that its tile needs; see `dense_parts`.
        """
        if self._visits is None:
            return [(1, self)]
        return [
            (many, LoopNest(self.mapping, factors, wrapped=False))
            for many, factors in dense_parts(self.mapping, self._factors, self._visits)
        ]

    @property
    def factors(self) -> Factors:
        """The trip counts of its loops."""
        return self._factors

    def size(self, level: str, tensor: str) -> Any:
        """Words of the tensor's tile at a level (3), kept there or not."""
        return self._size(self.mapping.index(level), tensor)

    def reads(self, level: str, tensor: str) -> Any:
        """Words read; an output's first accumulation into each element reads nothing."""
        i = self.mapping.index(level)
        return self._demand(i, tensor) - self._elided(i, tensor)

    def fills(self, level: str, tensor: str) -> Any:
        """Words written from the next outer level that keeps the tensor; 0 at the outermost."""
        i = self.mapping.index(level)
        if i == self._plan.tensors[tensor].kept[0]:
            return 0
        return self._share(i, tensor) - self._elided(i, tensor)

    def updates(self, level: str, tensor: str) -> Any:
        """Words of the output written from below; 0 for an operand."""
        if tensor != self.mapping.einsum.output.name:
            return 0
        return self._demand(self.mapping.index(level), tensor)

    def counts(self, level: str, tensor: str) -> TensorCounts:
        """Return all that Timeloop prints of a tensor at a level that keeps it."""
        i = self.mapping.index(level)
        reads = self.reads(level, tensor)
        return TensorCounts(
            capacity=self._size(i, tensor),
            instances=self._factors.product(self._plan.instances[i]),
            partition=self._partition(i, tensor),
            reads=reads,
            fills=self.fills(level, tensor),
            updates=self.updates(level, tensor),
            temporal_reductions=reads if tensor == self.mapping.einsum.output.name else 0,
        )

    def _size(self, i: int, tensor: str) -> Any:
        return self._factors.product(self._plan.tensors[tensor].size[i])

    def _refetch(self, i: int, tensor: str) -> Any:
        """How often a tile of level i is fetched anew (5): temporal stationarity.

        The product of all temporal loops outside level i down to the innermost one over a rank of
        the tensor; a loop of factor 1 is no loop, which may differ from design to design.
        """
        refetch: Any = 1
        for run in self._plan.tensors[tensor].runs[i]:
            prefix = self._factors.product(run.prefix)
            moves = run.prefix == run.factors or self._factors.exceed_one(run.factors)
            refetch = select(moves, prefix, refetch)
        return refetch

    def _share(self, i: int, tensor: str) -> Any:
        """Words exchanged with the parent per instance of level i (6)."""
        known = self._shares.get((i, tensor))
        if known is None:
            known = (
                self._masked_share(i, tensor)
                if self._masked
                else self._size(i, tensor) * self._refetch(i, tensor)
            )
            self._shares[i, tensor] = known
        return known

    def _masked_share(self, i: int, tensor: str) -> Any:
        """Words exchanged with the parent under a mask: the tile and its fetches are one count."""
        size = self._plan.tensors[tensor].size[i]
        share = self._counts(size)
        for run in self._plan.tensors[tensor].runs[i]:
            moves = run.prefix == run.factors or self._factors.exceed_one(run.factors)
            share = select(moves, self._counts(_names({*size, *run.prefix})), share)
        return share

    def _demand(self, i: int, tensor: str) -> Any:
        """Words that what lies below asks of one instance of level i, a level that keeps it (7)."""
        plan = self._plan.tensors[tensor]
        inner = plan.inner[i]
        if inner is not None:
            return self._share(inner, tensor) * self._factors.product(plan.fanout[i])
        if tensor in self._at_rest:
            fanout = _names(name for names in plan.distinct[i + 1 :] for name in names)
            return self._array_demand(tensor) * self._factors.product(fanout)
        return self.cycles * self._factors.product(plan.fanout[i])

    def _array_demand(self, tensor: str) -> Any:
        """Words that the units below one instance of the innermost level read over links, too."""
        words = self._factors.product(self._plan.tensors[tensor].array)
        moves = self._refetch(len(self.mapping.levels), tensor)
        return moves * words + (self.cycles - moves) * self._at_rest[tensor]

    def _elided(self, i: int, tensor: str) -> Any:
        """Accesses that the first accumulation into each element saves: an output's partition."""
        return self._partition(i, tensor) if tensor == self.mapping.einsum.output.name else 0

    def _partition(self, i: int, tensor: str) -> Any:
        """The share of the tensor that one instance of level i owns (8)."""
        names = self._plan.tensors[tensor].partition
        if not self._wrapped:
            return self._counts(names[i])
        known = self._partitions.setdefault(tensor, [self._factors.product(names[0])])
        while len(known) <= i:
            known.append(self._wrapped_partition(len(known), tensor, known[-1]))
        return known[i]

    def _wrapped_partition(self, i: int, tensor: str, outer: Any) -> Any:
        """Timeloop's partition of level i: the product in its numerator is kept modulo 2^64."""
        plan = self._plan.tensors[tensor]
        size = self._size(i, tensor)
        distinct = self._factors.product(plan.distinct[i])
        if _below_2_63(outer, size):
            if outer is self._factors.product(plan.partition[i - 1]):
                return self._factors.product(plan.partition[i])
            return outer // distinct
        if isinstance(outer, int) and isinstance(size, int):
            return outer * size % 2**64 // (size * distinct)
        product = np.asarray(outer).astype(np.uint64) * np.asarray(size).astype(np.uint64)
        return (product // np.asarray(size * distinct).astype(np.uint64)).astype(np.int64)


def _below_2_63(a: Any, b: Any) -> bool:
    """Tell whether a*b stays below 2^63 for certain, for every design of the batch."""
    return _most(a) * _most(b) < 2.0**63


def _most(column: Any) -> float:
    return float(column.max() if isinstance(column, np.ndarray) else column)


def check_mappable(extents: dict[str, int], where: str) -> None:
    """Raise `TooLarge` also where the divisors of an extent are too many to be enumerated."""
    check_countable(extents, where, added=UPDATES_AND_FILLS)
    for rank, extent in extents.items():
        if extent > LARGEST_EXTENT:
            raise TooLarge(f"{where}: rank {rank} has more points than 2^40, the largest extent")


def check_countable(extents: dict[str, int], where: str, *, added: int = 1) -> None:
    """Raise `TooLarge` where the computes of an iteration space, and so a count, pass 2^63 - 1.

    No count per instance exceeds the number of computes, since each is a product of distinct loops.
    Where so many counts are `added` before they are real numbers, nor must their sum.
    """
    computes = prod(extents.values())
    if computes * added > LARGEST_COUNT:
        words = f", or {added} times as many words," if added > 1 else ""
        raise TooLarge(
            f"{where}: 2^{computes.bit_length() - 1} computes or more{words} exceed 2^63 - 1, the "
            "largest count that is exact; shrink the batch or the sequence"
        )
