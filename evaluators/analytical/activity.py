"""Activity: what one Einsum makes every component of the machine do, gathered from its counts.

The tensors' counts per level are added up here as the artifact does (docs/model/accounting.md);
energies and times follow from an activity in `energy` and `schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evaluators.analytical.counting import Counts
from evaluators.engine.columns import Real, select

WORD_BYTES = 2


@dataclass(frozen=True)
class Activity:
    """Columns of one Einsum on a batch of designs; storage in 16-bit words.

    Attributes:
        cycles: steps of the loop nest.
        instances: PEs or lanes it uses.
        dram_reads, dram_writes: off-chip words.
        buffer_reads, buffer_writes: words of the global buffer, L3.
        register_reads, register_writes: words of ONE register file of its array.
        shared_reads, shared_writes: words of the register file above the 2D array, reg_file_1d.

    """

    cycles: Any
    instances: Any
    dram_reads: Real
    dram_writes: Real
    buffer_reads: Real
    buffer_writes: Real
    register_reads: Real
    register_writes: Real
    shared_reads: Real = 0.0
    shared_writes: Real = 0.0

    @property
    def traffic_bytes(self) -> Real:
        """Off-chip traffic."""
        return WORD_BYTES * (self.dram_reads + self.dram_writes)


def kept_reads(nest: Counts, level: str, tensor: str, *, wrapped: bool) -> Any:
    """Words read off a level, as the published accounting counts them for traffic.

    It drops the reads of a tensor whose reads equal its updates: that is where the 64-bit overflow
    has lost the elision of first reads (quirk Q5), and nowhere else.
    """
    reads = nest.reads(level, tensor)
    if wrapped and tensor == nest.mapping.einsum.output.name:
        return select(reads == nest.updates(level, tensor), 0, reads)
    return reads


def level_words(nest: Counts, level: str) -> tuple[Any, Any]:
    """Words read from and written to one instance of a level by all tensors it keeps."""
    keep = sorted(nest.mapping.levels[nest.mapping.index(level)].keep)
    reads = sum((nest.reads(level, tensor) for tensor in keep), start=0.0)
    writes = sum(
        (nest.updates(level, tensor) + nest.fills(level, tensor) for tensor in keep), start=0.0
    )
    return reads, writes


def activity(nest: Counts, *, wrapped: bool) -> Activity:
    """Add up the counts of an Einsum whose tensors all stay where its mapping keeps them.

    Args:
        nest: the counts.
        wrapped: treat DRAM reads as the published accounting does, see `kept_reads`.

    """
    levels = {level.name: level for level in nest.mapping.levels}
    off_chip = sorted(levels["DRAM"].keep)
    buffer_reads, buffer_writes = level_words(nest, "L3")
    register_reads, register_writes = level_words(nest, "reg_file")
    shared_reads, shared_writes = (
        level_words(nest, "reg_file_1d") if "reg_file_1d" in levels else (0.0, 0.0)
    )
    return Activity(
        cycles=nest.cycles,
        instances=nest.instances,
        dram_reads=sum(
            (kept_reads(nest, "DRAM", tensor, wrapped=wrapped) for tensor in off_chip), start=0.0
        ),
        dram_writes=sum((nest.updates("DRAM", tensor) for tensor in off_chip), start=0.0),
        buffer_reads=buffer_reads,
        buffer_writes=buffer_writes,
        register_reads=register_reads,
        register_writes=register_writes,
        shared_reads=shared_reads,
        shared_writes=shared_writes,
    )
