"""Masked counts: what a loop nest counts where chunks of keys that no query needs are left out.

The key loop that is cut is the outermost temporal loop over M with more than one step; query loops
are the temporal loops over P outside it. A count that contains the key loop is summed over the
steps of those query loops that it contains, each with the chunks that the rows of the step need
together, from the first unmasked key to the last (docs/model/loop-nests.md#masks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.mapping import Mapping
from evaluators.engine.columns import Factors, select
from evaluators.workloads.workload import Workload

Names = tuple[str, ...]


@dataclass(frozen=True)
class Mask:
    """Which keys a row of queries sees: those up to `row // group + offset`, the last `window`.

    Attributes:
        rows: P.
        keys: M.
        group: rows of a query.
        offset: the last key of the first query.
        window: 0 for all keys.

    """

    rows: int
    keys: int
    group: int
    offset: int
    window: int = 0

    def chunks(self, steps: Any, outer: Any, stride: Any, chunk: Any) -> Any:
        """Return how many chunks of keys all steps of some query loops visit.

        Step i has the `stride` rows from i * stride on. Where query loops outside these repeat
        them, `outer` is the number of steps together, and a step has the rows of all repetitions.
        Rows that pad the last steps are as the last row.
        """
        keys, last = self.group * chunk, self.rows - 1
        reach = (outer - steps + 1) * stride - 1
        within = np.clip((last - reach) // stride + 1, 0, steps)
        offset = self.offset * self.group
        visited = steps + floor_sum(within, keys, stride, reach + offset)
        visited = visited + (steps - within) * ((last + offset) // keys)
        if not self.window:
            return visited
        before = (self.window - 1 - self.offset) * self.group
        within = np.clip(last // stride + 1, 0, steps)
        first = np.clip(-(-before // stride), 0, within)
        skipped = floor_sum(within - first, keys, stride, first * stride - before)
        skipped = skipped + (steps - within) * (max(0, last - before) // keys)
        return visited - skipped

    def each(self, steps: int, stride: int, chunk: int) -> NDArray[np.int64]:
        """Return how many chunks of keys every one of some steps of `stride` rows visits."""
        start = np.arange(steps) * stride
        first, last = (np.minimum(x, self.rows - 1) for x in (start, start + stride - 1))
        keys = last // self.group + self.offset
        skipped = np.maximum(first // self.group + self.offset - self.window + 1, 0)
        return keys // chunk - (skipped // chunk if self.window else 0) + 1


class Visits:
    """The chunks of keys that the query loops of a batch's loop nests visit under a mask.

    They are looked up by the columns themselves: loop nests that share columns share the result.

    Args:
        mask: the mask.
        rows: rows of a step of the loops of those names, where padding makes it more than P over
            all steps; None without padding.
        known: what other tables' loop nests visit; is added to.

    """

    def __init__(
        self,
        mask: Mask,
        rows: Callable[[Names], Any] | None,
        known: dict[tuple[int, ...], tuple[Any, Any]],
    ) -> None:
        self._mask = mask
        self._rows = rows
        self._known = known

    def __call__(self, steps: Any, outer: Any, key: Any, names: Names) -> Any:
        """Return the pairs of a step and a chunk that are visited.

        Args:
            steps: of the query loops that a count contains.
            outer: steps of these and of those outside them.
            key: steps of the key loop.
            names: of the outer loops.

        """
        rows = None if self._rows is None else self._rows(names)
        columns = (steps, outer, key, rows)
        places = tuple(id(each) for each in columns)
        if places not in self._known:
            stride = self._mask.rows // outer if rows is None else rows
            chunk = -(-self._mask.keys // key)
            self._known[places] = columns, self._mask.chunks(steps, outer, stride, chunk)
        return self._known[places][1]

    def each(self, steps: int, key: int, names: Names) -> NDArray[np.int64]:
        """Return the chunks that every step of the loops of those names visits, of one design."""
        stride = self._mask.rows // steps if self._rows is None else int(self._rows(names))
        return self._mask.each(steps, stride, -(-self._mask.keys // key))


def mask_of(workload: Workload) -> Mask | None:
    """Return the mask of a workload; None where all queries see all keys that are left."""
    if not workload.masked:
        return None
    extents = workload.extents
    return Mask(
        rows=extents["P"],
        keys=extents["M"],
        group=workload.transformer.group,
        offset=workload.attended - workload.queries,
        window=workload.window,
    )


def floor_sum(n: Any, m: Any, a: Any, b: Any) -> Any:
    """Return the sum of (a*i + b) // m over i from 0 to n - 1, for columns of integers >= 0.

    As Euclid's algorithm: points below a line are counted along one axis, then along the other.
    """
    total: Any = 0
    while np.any(n > 0):
        (whole, a), (more, b) = divmod(a, m), divmod(b, m)
        total = total + n * (n - 1) // 2 * whole + n * more
        n, b = divmod(a * n + b, m)
        a, m = m, np.maximum(a, 1)
    return total


@dataclass(frozen=True)
class _Cut:
    """A loop over keys, and the query loops outside it, outermost first."""

    key: str
    queries: Names


def query_loops(mapping: Mapping) -> Iterator[tuple[Names, Names]]:
    """Yield the query loops from the outermost to each, and the loops over P that are inside it."""
    every = [loop.factor for loop in mapping.loops if _family(loop.rank) == "P"]
    for cut in _cuts(mapping):
        for place in range(len(cut.queries)):
            outer = cut.queries[: place + 1]
            yield (
                tuple(sorted(outer)),
                tuple(sorted(factor for factor in every if factor not in outer)),
            )


@lru_cache(maxsize=4096)
def _cuts(mapping: Mapping) -> tuple[_Cut, ...]:
    """Return the temporal loops over the leading rank of keys, outermost first."""
    temporal = [loop for level in mapping.levels for loop in level.loops]
    ranks = sorted(rank for rank in mapping.einsum.ranks if _family(rank) == "M")
    return tuple(
        _Cut(
            loop.factor,
            tuple(each.factor for each in temporal[:place] if _family(each.rank) == "P"),
        )
        for place, loop in enumerate(temporal)
        if ranks and loop.rank == ranks[-1]
    )


def dense_parts(mapping: Mapping, factors: Factors, visits: Visits) -> list[tuple[int, Factors]]:
    """Return the dense nests, one a tile of queries, of a masked one of a single design.

    Tiles of as many chunks are alike: how many they are, and their factors. A nest whose keys lie
    in no loop over queries is dense itself.
    """
    values = {loop.factor: int(factors.product((loop.factor,))) for loop in mapping.loops}
    cut = next((each for each in _cuts(mapping) if values[each.key] > 1), None)
    if cut is None or not cut.queries:
        return [(1, factors)]
    names = tuple(sorted(cut.queries))
    chunks = visits.each(prod(values[name] for name in names), values[cut.key], names)
    tile = values | dict.fromkeys(names, 1)
    return [
        (int(many), Factors(tile | {cut.key: int(each)}))
        for each, many in zip(*np.unique(chunks, return_counts=True), strict=True)
    ]


def _family(rank: str) -> str:
    return rank.rstrip("0123456789")


class MaskedCounts:
    """Counts of a mapping under a mask: products of factors, less what is not visited."""

    def __init__(self, mapping: Mapping, factors: Factors, visits: Visits) -> None:
        self._cuts = [cut for cut in _cuts(mapping) if cut.queries]
        self._factors = factors
        self._visits = visits

    def __call__(self, names: Names) -> Any:
        """Return the count that is the product of these factors where nothing is masked."""
        return self._factors.remembered(("masked", *self._cuts, names), lambda: self._count(names))

    def _count(self, names: Names) -> Any:
        dense = self._factors.product(names)
        count = dense
        for cut in reversed(self._cuts):
            masked = dense
            own = tuple(name for name in cut.queries if name in names)
            if cut.key in names and own:
                others = tuple(each for each in names if each != cut.key and each not in own)
                masked = self._factors.product(others) * self._visited(cut, own)
            count = select(self._factors.exceed_one((cut.key,)), masked, count)
        return count

    def _visited(self, cut: _Cut, own: Names) -> Any:
        """Return the visited pairs of a step of some query loops and a chunk."""
        product = self._factors.product
        outer = cut.queries[: cut.queries.index(own[-1]) + 1]
        return self._visits(
            product(tuple(sorted(own))),
            product(tuple(sorted(outer))),
            product((cut.key,)),
            tuple(sorted(outer)),
        )
