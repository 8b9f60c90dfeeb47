"""What FLAT and the unfused baseline share: tensors that may stay on chip, and the softmax.

Source: docs/model/accounting.md#traffic, docs/model/mappings.md#softmax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluators.analytical.activity import WORD_BYTES, Activity, kept_reads, level_words
from evaluators.analytical.counting import Count, Counts, count_choices
from evaluators.analytical.mappings import SOFTMAX_MAPPINGS
from evaluators.engine.columns import Factors, Mask, Real, select
from evaluators.workloads.workload import Workload

SCORES = frozenset({"QK", "SN", "A"})
"""The M x P matrices of the softmax, the tensors of it that may spill."""


def level_of(nest: Counts, level: str, tensor: str) -> bool:
    """Tell whether the mapping keeps the tensor at that level."""
    return tensor in nest.mapping.levels[nest.mapping.index(level)].keep


def on_chip_activity(
    streamed: Counts,
    resident: Counts,
    kept: Mapping[str, Mask],
    spilled: Real,
    *,
    spillable: frozenset[str],
    wrapped: bool,
) -> Activity:
    """Add up the counts of an Einsum some of whose tensors stay on chip.

    A spilled share of a tensor goes off chip as often as the buffer is accessed; the buffer's own
    accesses are not reduced (quirk Q10).

    Args:
        streamed: the counts with a design's off-chip choice for every tensor.
        resident: the counts with its on-chip choice for every tensor.
        kept: tensor -> which designs choose `resident` for it.
        spilled: share of the spillable tensors that does not fit the buffer, 0 to 1.
        spillable: tensors that spill where the buffer keeps them.
        wrapped: treat reads as the published accounting does, see `kept_reads`.

    """
    totals: list[Any] = [0.0] * 6
    for tensor in streamed.mapping.einsum.tensors:
        name = tensor.name
        off, on = (
            _words(nest, name, spills=name in spillable, wrapped=wrapped)
            for nest in (streamed, resident)
        )
        totals = [
            total + select(kept[name], yes, no)
            for total, yes, no in zip(totals, on, off, strict=True)
        ]
    reads, writes, spill_reads, spill_writes, buffer_reads, buffer_writes = totals
    register_reads, register_writes = level_words(streamed, "reg_file")
    return Activity(
        cycles=streamed.cycles,
        instances=streamed.instances,
        dram_reads=reads + spilled * spill_reads,
        dram_writes=writes + spilled * spill_writes,
        buffer_reads=buffer_reads,
        buffer_writes=buffer_writes,
        register_reads=register_reads,
        register_writes=register_writes,
    )


def _words(nest: Counts, tensor: str, *, spills: bool, wrapped: bool) -> tuple[Any, ...]:
    """Words of one tensor: off-chip reads and writes, what a full spill adds to each, buffer's."""
    reads = writes = spill_reads = spill_writes = buffer_reads = buffer_writes = 0
    if level_of(nest, "DRAM", tensor):
        reads = kept_reads(nest, "DRAM", tensor, wrapped=wrapped)
        writes = nest.updates("DRAM", tensor)
    if level_of(nest, "L3", tensor):
        buffer_reads = nest.reads("L3", tensor)
        buffer_writes = nest.updates("L3", tensor) + nest.fills("L3", tensor)
        if spills:
            spill_reads = kept_reads(nest, "L3", tensor, wrapped=wrapped) - reads
            spill_writes = nest.updates("L3", tensor) - writes
    return reads, writes, spill_reads, spill_writes, buffer_reads, buffer_writes


def softmax_activities(
    workload: Workload,
    lanes: Any,
    scores_on_chip: Mask,
    spilled: Real,
    count: Count,
    *,
    wrapped: bool,
) -> dict[str, Activity]:
    """Return the activities of M, SN, SD and A on the lanes, which carry keys.

    Args:
        workload: B, H and L.
        lanes: vector lanes, V, dividing L.
        scores_on_chip: where QK and A stay on chip.
        spilled: share of the scores that does not fit the buffer.
        count: counts the loop nests.
        wrapped: see `kept_reads`.

    """
    shape = workload.transformer
    factors = Factors(
        {
            "B": shape.batch,
            "H": shape.heads,
            "P": workload.seq_len,
            "M1": workload.seq_len // lanes,
            "M0": lanes,
        }
    )
    activities = {}
    for name in ("M", "SN", "SD", "A"):
        streamed, resident = (mappings[name] for mappings in SOFTMAX_MAPPINGS)
        kept = {tensor.name: scores_on_chip for tensor in streamed.einsum.tensors}
        nests = count_choices(count, streamed, resident, kept, factors, wrapped=wrapped)
        activities[name] = on_chip_activity(
            *nests, kept, spilled, spillable=SCORES, wrapped=wrapped
        )
    return activities


def softmax_spill(workload: Workload, available_bytes: Any) -> Any:
    """Share of a row of scores that the buffer cannot hold while QK and A are off chip."""
    row_bytes = WORD_BYTES * workload.seq_len
    return 1 - np.minimum(1.0, np.maximum(0, available_bytes) / row_bytes)
