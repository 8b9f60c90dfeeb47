"""The seam of the counts: what an evaluation asks of a counted loop nest.

Our own analysis, `LoopNest`, counts a batch of designs; an evaluator that has another program count
puts its own counts into the runs (`Nests.recounted`).
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from evaluators.describe.mapping import Mapping
from evaluators.engine.columns import Factors, Mask
from evaluators.engine.loopnest import LoopNest
from evaluators.engine.masking import Visits


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


def count_choices(
    streamed: Mapping,
    resident: Mapping,
    kept: Table[str, Mask],
    factors: Factors,
    *,
    wrapped: bool,
    visits: Visits | None,
) -> tuple[Counts, Counts]:
    """Count an Einsum with every tensor streamed past the buffer, and with every one resident.

    Where all designs of the batch keep the same tensors there is but one loop nest, the one that
    they run: both are it.
    """
    if all(isinstance(mask, bool) for mask in kept.values()):
        names = frozenset(name for name, mask in kept.items() if mask)
        mapping = _choose(streamed, resident, names)
        nest = LoopNest(mapping, factors, wrapped=wrapped, visits=visits)
        return nest, nest
    return (
        LoopNest(streamed, factors, wrapped=wrapped, visits=visits),
        LoopNest(resident, factors, wrapped=wrapped, visits=visits),
    )


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
