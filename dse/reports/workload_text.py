"""Workloads for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dse.reports import text
from evaluators.engine.roofs import Roofs
from evaluators.workloads.closed_forms import Demand, MatrixProduct
from evaluators.workloads.workload import Workload


def sizes(workload: Workload) -> str:
    """Write the sizes of a workload's layer: 'B=64 D=4096 E=128 F=128 H=32 S=14336, ...'."""
    shape = workload.transformer
    told = (
        f"B={shape.batch} D={shape.model_width} E={shape.query_width} "
        f"F={shape.value_width} H={shape.heads} S={shape.ffn_width}"
    )
    if shape.kv_heads:
        told += f", {shape.kv_heads} head{'s' * (shape.kv_heads > 1)} of keys and values"
    if shape.gated:
        told += ", gated"
    if shape.experts > 1:
        told += f", {shape.experts} experts"
    return told


def described(
    workload: Workload,
    demands: Mapping[str, Demand],
    layers: Sequence[MatrixProduct],
    machine: Roofs,
    configuration: str,
) -> str:
    """Write what a workload asks of any machine, and which roof of one binds it."""
    x, depth = workload.extents, workload.transformer.layers
    rows = [
        [
            part,
            f"{demand.macs:,}",
            f"{demand.bytes:,}",
            f"{demand.weight_bytes:,}",
            f"{demand.macs_per_byte:.4g}",
            machine.binds(demand),
            f"{machine.least_s(demand):.4g}",
        ]
        for part, demand in demands.items()
    ]
    header = ["part", "macs", "bytes", "of weights", "macs a byte", "bound by", "at least s"]
    products = [
        [each.name, f"{each.rows:,}", f"{each.contraction:,}", f"{each.columns:,}"]
        for each in layers
    ]
    return "\n".join(
        [
            workload.called,
            f"  workload   {sizes(workload)}, {depth} layer{'s' * (depth > 1)}",
            f"  attention  {x['P']:,} query rows on {x['M']:,} keys for each of {x['H']} heads of "
            f"{x['B']} sequence{'s' * (x['B'] > 1)}, {_pairs(workload)} attended",
            "",
            text.table(["layer", "rows", "contraction", "columns"], products),
            "",
            text.table(header, rows),
            "",
            f"roofs of {configuration}: {machine.array} {machine.macs_per_s:.4g} macs/s, DRAM "
            f"{machine.bytes_per_s:.4g} bytes/s; the array binds from {machine.ridge:.4g} macs a "
            "byte on",
        ]
    )


def _pairs(workload: Workload) -> str:
    return f"{share(workload):.2%} of the pairs" if workload.masked else "all pairs"


def share(workload: Workload) -> float:
    """Return the share of the pairs of a query and a key that the mask leaves."""
    return workload.pairs / (workload.queries * workload.attended)
