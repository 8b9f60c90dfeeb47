"""A readable account of one evaluation: what is busy, what bounds it, where the energy goes."""

from __future__ import annotations

from dse import text
from dse.designs import Setting
from evaluators.analytical.architecture import DRAM_BYTES_PER_S
from evaluators.analytical.mappings import STATIONARITIES
from evaluators.protocol import EinsumEvaluation, Evaluations
from evaluators.workload import seq_len_label

KIB, GIB = 2**10, 2**30
UM2_PER_CM2 = 1e8
SATURATED = 0.999
"""A resource that is busy for this share of the latency bounds it."""


def account(setting: Setting, evaluations: Evaluations) -> str:
    """Write an account of a batch of one feasible design, with its breakdown."""
    metrics = {name: float(column[0]) for name, column in evaluations.metrics.items()}
    shape = setting.workload.transformer
    design = {name: int(column[0]) for name, column in evaluations.designs.columns().items()}
    lines = [
        f"{setting.configuration} on {shape.name} at {seq_len_label(setting.workload.seq_len)} "
        f"tokens, {setting.accounting.name} accounting",
        f"  workload  B={shape.batch} D={shape.model_width} E={shape.query_width} "
        f"F={shape.value_width} H={shape.heads} S={shape.ffn_width}",
        f"  design    {design['array_rows']} x {design['array_cols']} PEs with "
        f"{design['pe_registers']} registers, {design['vector_lanes']} lanes with "
        f"{design['lane_registers']}, {design['buffer_bytes'] / KIB:,.10g} KiB buffer",
        *_binding_line(design, evaluations),
        f"  latency   {metrics['latency_s']:.6g} s, {_bound(metrics, evaluations)}",
        f"  2D array  busy {metrics['compute_2d_s']:.6g} s, "
        f"utilization {metrics['util_2d']:.1%}{_leader(evaluations, '2d')}",
        f"  1D array  busy {metrics['compute_1d_s']:.6g} s, "
        f"utilization {metrics['util_1d']:.1%}{_leader(evaluations, '1d')}",
        f"  DRAM      {metrics['traffic_bytes'] / GIB:.6g} GiB at "
        f"{DRAM_BYTES_PER_S / GIB:.0f} GiB/s take {metrics['memory_latency_s']:.6g} s, "
        f"{metrics['memory_latency_s'] / metrics['latency_s']:.1%} of the latency",
        f"  energy    {metrics['energy_pj'] * 1e-12:.6g} J",
        f"  area      {metrics['area_um2'] / UM2_PER_CM2:.6g} cm^2, the 2D array "
        f"{metrics['array_area_um2'] / metrics['area_um2']:.1%} of it",
        "",
        _breakdown(evaluations, metrics),
    ]
    return "\n".join(lines)


def _binding_line(design: dict[str, int], evaluations: Evaluations) -> list[str]:
    """Tell the query tiles of the FuseMax family, or what FLAT keeps on chip."""
    if design["query_tiles"]:
        return [f"  binding   {design['query_tiles']} query tiles in the buffer"]
    binding = {name: int(column[0]) for name, column in evaluations.designs.binding.items()}
    if "query_rows" not in binding:
        return []
    kept = [
        name
        for name, column in (
            ("Q", "keeps_q"),
            ("K", "keeps_k"),
            ("QK, A", "keeps_qk"),
            ("V", "keeps_v"),
            ("AV", "keeps_av"),
        )
        if binding[column]
    ]
    return [
        f"  binding   tiles of {binding['query_rows']} queries, "
        f"on chip {', '.join(kept) or 'nothing'}; "
        f"QK {STATIONARITIES[binding['qk_stationarity']]} stationary, "
        f"AV {STATIONARITIES[binding['av_stationarity']]} stationary"
    ]


def _bound(metrics: dict[str, float], evaluations: Evaluations) -> str:
    """Name the resource that bounds the latency, and the Einsum that asks most of it."""
    resources = {
        "the 2D array": (metrics["compute_2d_s"], "2d"),
        "the 1D array": (metrics["compute_1d_s"], "1d"),
        "off-chip bandwidth": (metrics["memory_latency_s"], "traffic"),
    }
    name, (busy_s, kind) = max(resources.items(), key=lambda item: item[1][0])
    share = busy_s / metrics["latency_s"]
    einsum = _largest(evaluations, kind)
    if share >= SATURATED:
        return f"bound by {name}, most by {einsum}"
    return f"bound by its schedule; {name} is in use {share:.1%} of it, most by {einsum}"


def _largest(evaluations: Evaluations, kind: str) -> str:
    """Return the Einsum that keeps an array busy longest, or moves most off chip."""

    def weight(part: EinsumEvaluation) -> float:
        if kind == "traffic":
            return float(part.traffic_bytes[0])
        return float(part.busy_s[0]) if part.array == kind else -1.0

    return max(evaluations.einsums, key=lambda name: weight(evaluations.einsums[name]))


def _leader(evaluations: Evaluations, array: str) -> str:
    busy_s = sum(float(p.busy_s[0]) for p in evaluations.einsums.values() if p.array == array)
    if not busy_s:
        return ""
    name = _largest(evaluations, array)
    return f"; {name} {float(evaluations.einsums[name].busy_s[0]) / busy_s:.1%} of the busy time"


def _breakdown(evaluations: Evaluations, metrics: dict[str, float]) -> str:
    rows = [
        [
            name,
            part.array,
            f"{part.busy_s[0]:.6g}",
            f"{part.active_fraction[0]:.2%}",
            f"{part.traffic_bytes[0] / GIB:.6g}",
            f"{part.energy_pj[0] * 1e-12:.6g}",
            f"{part.energy_pj[0] / metrics['energy_pj']:.2%}",
        ]
        for name, part in evaluations.einsums.items()
    ]
    header = ["Einsum", "array", "busy s", "2D active", "traffic GiB", "energy J", "of energy"]
    return text.table(header, rows, left=2)
