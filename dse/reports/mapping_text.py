"""A readable account of a proven optimum: who runs where, what stays on chip, beside +Binding."""

from __future__ import annotations

from collections.abc import Iterator

from dse.reports import text
from dse.results.mapped import LEVELS, EinsumRun, GroupRun, Mapped, Paced, groups
from evaluators.mapper.freedoms import Without
from evaluators.mapper.resources import WORD_BYTES, fusemax

_GIB, _KIB = 2**30, 2**10
_SATURATED = 0.999
_SEEN = 1e-4


def report(mapped: Mapped, *, front: bool) -> str:
    """Write the optimum, +Binding beside it, and the whole front where it is asked for."""
    found = list(groups(mapped))
    parts = ["\n".join([*_asked(mapped), "", *_optimum(mapped, found)])]
    parts += [_group(number, each) for number, each in enumerate(found, start=1)]
    if front:
        parts.append(_front(mapped))
    if mapped.compared:
        parts.append(_beside(mapped))
    if mapped.freedoms is not None:
        parts.append(_freedoms(mapped, mapped.freedoms))
    parts.append(_proof(mapped))
    return "\n\n".join(parts)


def _asked(mapped: Mapped) -> list[str]:
    machine, workload = mapped.resources, mapped.setting.workload
    extents = " ".join(f"{rank}={extent}" for rank, extent in mapped.extents.items())
    called = "" if machine.built == fusemax() else f"{machine.built.title}: "
    exponential = "" if machine.exp_cycles is None else f", exponentials in {machine.exp_cycles}"
    return [
        f"{workload.called}, {mapped.setting.accounting.name} accounting",
        f"  workload  {extents}",
        f"  machine   {called}2D array {machine.rows} x {machine.columns}, 1D array {machine.lanes}"
        f"{exponential}, buffer {machine.buffer_bytes / _KIB:,.10g} KiB, registers "
        f"{machine.pe_registers} a PE and {machine.lane_registers} a lane, "
        f"{machine.dram_bytes_per_s / _GIB:.4g} GiB/s, {machine.clock_hz / 1e6:.4g} MHz",
    ]


def _optimum(mapped: Mapped, found: list[GroupRun]) -> list[str]:
    costs, machine = mapped.costs, mapped.resources
    memory_s = costs.traffic_bytes / machine.dram_bytes_per_s
    chunk = f" in chunks of {mapped.binding.chunk} keys" if mapped.binding.chunk else ""
    count = "one group" if len(found) == 1 else f"{len(found)} groups"
    words = machine.buffer_bytes // WORD_BYTES
    called = "optimum" if mapped.scheduled is None else "shortest schedule found"
    return [
        f"{called}: {mapped.binding.cascade}{chunk}, {count}",
        *_pace(mapped.scheduled),
        f"  latency   {costs.latency_s:.6g} s",
        f"  2D array  busy {costs.pe_busy_s:.6g} s{_bound(costs.pe_busy_s, costs.latency_s)}",
        f"  1D array  busy {costs.lanes_busy_s:.6g} s{_bound(costs.lanes_busy_s, costs.latency_s)}",
        f"  DRAM      {costs.traffic_bytes:,} bytes take {memory_s:.6g} s"
        f"{_bound(memory_s, costs.latency_s)}",
        f"  energy    {costs.energy_pj * 1e-12:.6g} J",
        f"  buffer    {costs.buffer_words:,} of {words:,} words",
        f"  registers {_reserved(found, '2d')} of {machine.pe_registers} words of a PE reserved, "
        f"{_reserved(found, '1d')} of {machine.lane_registers} of a lane",
    ]


def _pace(paced: Paced | None) -> Iterator[str]:
    if paced is not None:
        gap = f"{paced.gap:.2%}" if paced.gap >= _SEEN else "less than 0.01%"
        yield f"  scheduled {paced.latency_s:.6g} s, {gap} above the least of all ideal latencies"


def _bound(busy_s: float, latency_s: float) -> str:
    return ", all the time" if busy_s > _SATURATED * latency_s else ""


def _reserved(found: list[GroupRun], array: str) -> int:
    runs = [run for group in found for run in group.einsums if run.array == array]
    return max((run.reserved_words or 0 for run in runs), default=0)


def _group(number: int, group: GroupRun) -> str:
    loops = " ".join(f"{rank}:{steps}" for rank, steps in group.loops) or "none"
    tile = ", ".join(f"{size} of {rank}" for rank, size in group.tile.items())
    header = ["Einsum", "array", "rows", "columns", "lanes", "loops", *LEVELS.values(), "registers"]
    table = text.table(header, [_row(each) for each in group.einsums], left=len(header))
    return "\n".join(
        [
            f"group {number}: loops at DRAM {loops}; tiles of {tile}",
            *(f"  {line}" for line in table.split("\n")),
            f"  stays on chip: {' '.join(group.on_chip) or 'nothing'}",
        ]
    )


def _row(run: EinsumRun) -> list[str]:
    sides = [":".join(map(str, run.sides.get(side, ()))) for side in ("rows", "columns", "lanes")]
    loops = " ".join(f"{rank}:{steps}" for rank, steps in run.loops.items())
    kept = [
        " ".join(name for name, levels in run.keep.items() if level in levels)
        for level in LEVELS.values()
    ]
    alone = " ".join(name for name, levels in run.keep.items() if not levels)
    cells = [run.einsum, run.array.upper(), *sides, loops, *kept, alone]
    return [each or "-" for each in cells]


def _front(mapped: Mapped) -> str:
    rows = [
        [
            f"{each.latency_s:.6g}",
            f"{each.energy_pj * 1e-12:.6g}",
            each.cascade,
            str(each.chunk or "-"),
            str(len(each.parts)),
        ]
        for each in mapped.front
    ]
    table = text.table(["latency s", "energy J", "cascade", "chunk", "groups"], rows, left=0)
    return f"front of latency and energy\n{table}"


def _beside(mapped: Mapped) -> str:
    rows = []
    for each in mapped.compared:
        cells = ["-", "-", "-", "-"]
        if each.metrics is not None:
            cells = _against(mapped, each.metrics["latency_s"], each.metrics["energy_pj"])
        rows.append([each.title, *cells])
    papers = mapped.resources.built.stores == fusemax().stores
    whose = "the paper's, here" if papers else "as it ships, here"
    head, *lines = text.table([whose, *_AGAINST], rows, left=1).split("\n")
    notes = [each.note for each in mapped.compared]
    told = (f"{line}  {note}".rstrip() for line, note in zip(lines, notes, strict=True))
    return "\n".join([head, *told])


_AGAINST = ("latency s", "of optimum's", "energy J", "of optimum's")


def _against(mapped: Mapped, latency_s: float, energy_pj: float) -> list[str]:
    costs = mapped.costs
    return [
        f"{latency_s:.6g}",
        f"{latency_s / costs.latency_s:.4f}",
        f"{energy_pj * 1e-12:.6g}",
        f"{energy_pj / costs.energy_pj:.4f}",
    ]


def _freedoms(mapped: Mapped, freedoms: tuple[Without, ...]) -> str:
    rows = []
    for each in freedoms:
        if each.latency_s is None or each.energy_pj is None:
            rows.append([each.fixed, "none fits", "-", "-", "-", "-"])
        else:
            cells = _against(mapped, each.latency_s, each.energy_pj)
            rows.append([each.fixed, *cells, str(each.cascade)])
    return text.table(["the best with a freedom less", *_AGAINST, "cascade"], rows, left=1)


def _proof(mapped: Mapped) -> str:
    chunked = any(each.cascade.along for each in mapped.cascades.values())
    sizes = (
        "every divisor of the keys" if mapped.chunks is None else ", ".join(map(str, mapped.chunks))
    )
    chunks = f" (chunks of {sizes})" if chunked else ""
    named = f"{', '.join(mapped.cascades)}{chunks}"
    slow, dear = mapped.gaps
    proof = f"proven: every binding of {named} is counted or bounded from below"
    if slow or dear:
        proof = (
            f"not proven, time was up: of {named} none is faster by more than {slow:.2%}, "
            f"none as fast takes less energy by more than {dear:.2%}"
        )
    if mapped.scheduled is not None:
        proof += f"\nnot proven: of {mapped.scheduled.tried} schedules this is the shortest"
    return (
        f"{proof}\n{mapped.ways:.3g} ways to cut, tile, place and order the Einsums, each with its "
        f"choices of stores\n{mapped.configurations} configurations of shared loops and "
        f"{mapped.labels} partial bindings counted in {mapped.cpu_s:.1f} s of CPU time"
    )
