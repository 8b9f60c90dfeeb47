"""The seam of the counts: what an evaluation asks of a counted loop nest, and who counts it.

Our own analysis, `LoopNest`, counts a batch of designs; an evaluator that has another program count
gives its own `Count` to the same accounting.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from evaluators.describe.mapping import Mapping
from evaluators.engine.columns import Factors, Mask


class Counts(Protocol):
    """The counts of one loop nest, per instance of a level, in words; see `LoopNest`."""

    mapping: Mapping

    @property
    def cycles(self) -> Any:
        """Steps of the loop nest."""
        ...

    @property
    def instances(self) -> Any:
        """Utilised instances of the arithmetic."""
        ...

    def size(self, level: str, tensor: str) -> Any:
        """Words of the tensor's tile at a level that keeps it; any number at another."""
        ...

    def reads(self, level: str, tensor: str) -> Any:
        """Words read at a level that keeps the tensor, as for the other counts."""
        ...

    def fills(self, level: str, tensor: str) -> Any:
        """Words written from the next outer level that keeps the tensor."""
        ...

    def updates(self, level: str, tensor: str) -> Any:
        """Words of the output written from below."""
        ...


class Count(Protocol):
    """Counts the loop nest of a mapping under a batch's factors.

    `wrapped` asks for partitions modulo 2^64, as Timeloop has them (quirk Q5), instead of exact.
    """

    def __call__(self, mapping: Mapping, factors: Factors, *, wrapped: bool) -> Counts:
        """Return the counts."""
        ...


def count_choices(
    count: Count,
    streamed: Mapping,
    resident: Mapping,
    kept: Table[str, Mask],
    factors: Factors,
    *,
    wrapped: bool,
) -> tuple[Counts, Counts]:
    """Count an Einsum with every tensor streamed past the buffer, and with every one resident.

    Where all designs of the batch keep the same tensors there is but one loop nest, the one that
    they run: both are it.
    """
    if all(isinstance(mask, bool) for mask in kept.values()):
        names = frozenset(name for name, mask in kept.items() if mask)
        nest = count(_choose(streamed, resident, names), factors, wrapped=wrapped)
        return nest, nest
    return count(streamed, factors, wrapped=wrapped), count(resident, factors, wrapped=wrapped)


@lru_cache(maxsize=4096)
def _choose(streamed: Mapping, resident: Mapping, kept: frozenset[str]) -> Mapping:
    """Return the mapping that keeps some tensors as `resident` does, the others as `streamed`."""
    return replace(
        streamed,
        levels=tuple(
            replace(off, keep=(off.keep - kept) | (on.keep & kept))
            for off, on in zip(streamed.levels, resident.levels, strict=True)
        ),
    )
