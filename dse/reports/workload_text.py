"""Workloads for people."""

from __future__ import annotations

from evaluators.workloads.workload import Workload


def sizes(workload: Workload) -> str:
    """Write the sizes of a workload's layer: 'B=64 D=4096 E=128 F=128 H=32 S=14336, ...'."""
    shape = workload.transformer
    text = (
        f"B={shape.batch} D={shape.model_width} E={shape.query_width} "
        f"F={shape.value_width} H={shape.heads} S={shape.ffn_width}"
    )
    if shape.kv_heads:
        text += f", {shape.kv_heads} head{'s' * (shape.kv_heads > 1)} of keys and values"
    if shape.gated:
        text += ", gated"
    if shape.experts > 1:
        text += f", {shape.experts} experts"
    return text
