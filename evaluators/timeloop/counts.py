"""Timeloop's counts of one loop nest, for the accounting of the analytical engine."""

from __future__ import annotations

from evaluators.describe.mapping import Mapping
from evaluators.engine.loopnest import LoopNest, TensorCounts
from evaluators.errors import EvaluationError
from evaluators.timeloop.stats import Statistics


class TimeloopCounts:
    """The counts of one mapping as Timeloop printed them; the interface is `Counts`.

    Args:
        mapping: what was counted; its levels name the counts.
        statistics: what Timeloop printed of it.
        exact: our analysis of the same nest with true partitions, for correction Q5: Timeloop's
            reads and fills of the output lack the partition that it lost to the overflow of 64
            bits, which is then put right; None leaves them as printed.

    """

    def __init__(self, mapping: Mapping, statistics: Statistics, exact: LoopNest | None) -> None:
        self.mapping = mapping
        self.cycles = statistics.cycles
        self.instances = statistics.instances
        self._exact = exact
        self._counts: dict[tuple[str, str], TensorCounts] = {
            (level, tensor): counts
            for level, tensors in statistics.levels.items()
            for tensor, counts in tensors.items()
        }

    def size(self, level: str, tensor: str) -> int:
        """Words of the tensor's tile; 0 at a level that does not keep it."""
        counts = self._counts.get((level, tensor))
        return 0 if counts is None else int(counts.capacity)

    def reads(self, level: str, tensor: str) -> int:
        """Words read; an output's first accumulation into each element reads nothing."""
        return int(self.counts(level, tensor).reads) + self._lost(level, tensor)

    def fills(self, level: str, tensor: str) -> int:
        """Words written from the next outer level that keeps the tensor; 0 at the outermost."""
        outermost = next(each.name for each in self.mapping.levels if tensor in each.keep)
        lost = 0 if level == outermost else self._lost(level, tensor)
        return int(self.counts(level, tensor).fills) + lost

    def updates(self, level: str, tensor: str) -> int:
        """Words of the output written from below."""
        return int(self.counts(level, tensor).updates)

    def counts(self, level: str, tensor: str) -> TensorCounts:
        """Return all that Timeloop printed of a tensor at a level that keeps it."""
        try:
            return self._counts[level, tensor]
        except KeyError:
            raise EvaluationError(
                f"Timeloop's statistics of {self.mapping.einsum.name} have no {tensor} in {level}"
            ) from None

    def _lost(self, level: str, tensor: str) -> int:
        """Words of the printed partition beyond the true one: 0 or less."""
        if self._exact is None or tensor != self.mapping.einsum.output.name:
            return 0
        true = self._exact.counts(level, tensor).partition
        return int(self.counts(level, tensor).partition) - int(true)
