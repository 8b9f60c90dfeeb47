"""A masked loop nest for Timeloop, which knows no mask: the sum of dense nests over its tiles.

It is their sum where neighbouring tiles share nothing of keys and values, as in the FuseMax family
(docs/model/loop-nests.md#masks). Our own counts tell: a nest that is no such sum is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from evaluators.engine.counting import Counts
from evaluators.engine.loopnest import LoopNest
from evaluators.engine.nests import Nests, Run
from evaluators.errors import InputError

Parts = list[tuple[int, Any]]
"""How many tiles are alike, and the counts of one."""


class TiledCounts:
    """The sum of the counts of tiles; the interface is `Counts`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.mapping = parts[0][1].mapping

    @property
    def cycles(self) -> int:
        """Steps of all tiles."""
        return sum(many * int(each.cycles) for many, each in self._parts)

    @property
    def instances(self) -> Any:
        """Utilised instances of the arithmetic, of every tile the same."""
        return self._parts[0][1].instances

    def size(self, level: str, tensor: str) -> Any:
        """Words of the tensor's tile, of every tile of queries the same."""
        return self._parts[0][1].size(level, tensor)

    def reads(self, level: str, tensor: str) -> int:
        """Words read."""
        return sum(many * int(each.reads(level, tensor)) for many, each in self._parts)

    def fills(self, level: str, tensor: str) -> int:
        """Words written from the next outer level that keeps the tensor."""
        return sum(many * int(each.fills(level, tensor)) for many, each in self._parts)

    def updates(self, level: str, tensor: str) -> int:
        """Words of the output written from below."""
        return sum(many * int(each.updates(level, tensor)) for many, each in self._parts)


def of(nests: Nests, run: Run) -> list[tuple[int, LoopNest]]:
    """Return the dense nests of a run of a batch of one, and how many tiles are alike.

    Without a mask it is its own. `InputError` says that it is not their sum.
    """
    nest = run.streamed
    assert isinstance(nest, LoopNest)
    parts = nest.dense()
    if nests.workload.masked and list(_counted(nest)) != list(_counted(TiledCounts(parts))):
        raise InputError(
            f"{nests.workload.called}: Timeloop counts loop nests "
            f"without a mask, and {run.row.einsum} of {nests.accelerator.name} is no sum of them; "
            "the evaluator 'analytical' takes a mask, mask 'none' leaves it out"
        )
    return parts


def _counted(counts: Counts) -> Iterator[int]:
    yield int(np.ravel(counts.cycles)[0])
    for level in counts.mapping.levels:
        for tensor in sorted(level.keep):
            for quantity in (counts.reads, counts.fills, counts.updates):
                yield int(np.ravel(quantity(level.name, tensor))[0])
