"""An accelerator in the paper's words: Einsums, loop nests, footprint, stages."""

from __future__ import annotations

from dse.reports.text import table
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import REGISTERS
from evaluators.describe.passes import alive, passes
from evaluators.engine.costs import Costs, buffer_of
from evaluators.engine.footprint import tile_bytes
from evaluators.engine.needs import register_words
from evaluators.engine.nests import Nests, Run
from evaluators.engine.shared_units import cycles_a_step

_SIDES = ("x", "y")


def description(nests: Nests, costs: Costs) -> str:
    """Describe an accelerator on a design, a batch of one."""
    accelerator = nests.accelerator
    parts = [_title(accelerator), _cascade(accelerator), _design(nests)]
    parts += [_loop_nest(nests, run) for runs in nests.runs.values() for run in runs]
    parts += [_footprint(nests), _registers(nests), _stages(accelerator, costs)]
    return "\n\n".join(parts)


def open_description(accelerator: Accelerator) -> str:
    """Describe an accelerator that leaves its binding open: what it computes, what it leaves."""
    assert accelerator.open is not None
    rows = []
    for name, each in accelerator.open.parameters.items():
        domain = "" if each.domain is None else ", ".join(map(each.written, each.domain.values))
        if each.domain is not None and each.domain.divisors_of is not None:
            domain = f"divisors of {each.domain.divisors_of.text}"
        rows.append([name, each.help, domain])
    choices = table(["choice", "what it is", "values"], rows, left=3)
    told = "the mapper completes the binding; of its choices are parameters"
    return "\n\n".join([_title(accelerator), _cascade(accelerator), f"{told}\n{choices}"])


def _title(accelerator: Accelerator) -> str:
    machine = accelerator.machine
    return f"{accelerator.name}: {accelerator.title}, on {machine.title} ({machine.source})"


def _cascade(accelerator: Accelerator) -> str:
    cascade = accelerator.cascade
    lines = [f"cascade of {len(cascade.einsums)} Einsums, computes {cascade.computes}"]
    lines += [f"  {einsum.text}" for einsum in cascade.einsums.values()]
    if cascade.previous:
        states = ", ".join(f"{name} of {state}" for name, state in cascade.previous.items())
        lines.append(f"  values of the chunk before, along {cascade.along}: {states}")
    for rank in cascade.ranks:
        count = passes(cascade, rank)
        if count > 1 or rank == cascade.along:
            whole = ", ".join(alive(cascade, rank))
            lines.append(
                f"  {count} {'pass' if count == 1 else 'passes'} over {rank}"
                + (f"; alive over all of it: {whole}" * bool(whole))
            )
    return "\n".join(lines)


def _design(nests: Nests) -> str:
    workload = nests.workload
    values = ", ".join(f"{name} {_shown(nests, name)}" for name in nests.accelerator.all_parameters)
    return f"on {workload.called}, {values}"


def _shown(nests: Nests, name: str) -> str:
    value = nests.values[name]
    labels = nests.accelerator.all_parameters[name].labels
    return labels[int(value)] if labels else f"{value:,}"


def _loop_nest(nests: Nests, run: Run) -> str:
    """Write a loop nest as an indented tree: levels with what they keep, loops with trip counts."""
    operations = ", ".join(
        f"{count} {unit}" if count > 1 else unit for unit, count in run.row.operations.items()
    )
    array = nests.accelerator.machine.arrays[run.row.array]
    cycles = int(cycles_a_step(run.row, array, nests.values))
    lines = [f"{run.row.einsum} on {run.row.array}: {operations}, {cycles} a step"]
    depth = 0
    for level in run.plan.streamed.levels:
        kept = [
            each.tensor
            for each in run.plan.levels[level.name]
            if (run.kept.get(each.tensor, True) and each.on)
            or (not run.kept.get(each.tensor, True) and each.off)
        ]
        if kept and level.name != REGISTERS:
            lines.append(f"  {'  ' * depth}{level.name} keeps {' '.join(kept)}")
        for loop in level.loops:
            depth += _loop(lines, depth, loop.factor, run, "for")
        for side, loop in zip(_SIDES, level.spatial, strict=False):
            depth += _loop(lines, depth, loop.factor, run, f"parallel {side}")
    return "\n".join(lines)


def _loop(lines: list[str], depth: int, factor: str, run: Run, kind: str) -> int:
    count = run.factors.product((factor,))
    lines.append(f"  {'  ' * depth}{kind} {factor} in {int(count):,}")
    return 1


def _footprint(nests: Nests) -> str:
    accelerator = nests.accelerator
    store = buffer_of(accelerator)
    groups = (
        [nests.einsums]
        if accelerator.overlapped_memory
        else [stage.einsums for stage in accelerator.stages]
    )
    only = accelerator.footprint.einsums
    rows: list[list[str]] = []
    for einsums in groups:
        counted = tuple(name for name in einsums if not only or name in only)
        held = tile_bytes(nests, store, counted)
        for tensor, size in held.items():
            while_ = " ".join(counted) if len(groups) > 1 else "all"
            rows.append([tensor, while_, f"{int(size):,}"])
    header = [f"tensor in {store.name}", "while", "bytes"]
    size = "" if store.bytes is None else f"{int(store.bytes(nests.values)):,} bytes are there"
    spills = ", the rest spills" if accelerator.footprint.spills else ""
    return "\n".join([table(header, rows, left=2), size + spills])


def _registers(nests: Nests) -> str:
    lines = []
    for name, need in register_words(nests).items():
        array = nests.accelerator.machine.arrays[name]
        depth = int(array.registers(nests.values))
        short = "" if need <= depth else f": {int(need) - depth} short"
        lines.append(f"registers of {name}: {int(need)} of {depth} words in use{short}")
    return "\n".join(lines)


def _stages(accelerator: Accelerator, costs: Costs) -> str:
    lines = [
        "stages, off-chip traffic overlapping "
        + ("the whole" if accelerator.overlapped_memory else "each by itself")
    ]
    for place, stage in enumerate(accelerator.stages):
        arrays: dict[str, list[str]] = {}
        for name in stage.einsums:
            for array, time in costs.busy_s[name].items():
                arrays.setdefault(array, []).append(f"{name} {float(time):.4g} s")
        beside = " | ".join(f"{array}: {', '.join(each)}" for array, each in arrays.items())
        stall = "" if stage.stall is None else f", then a stall of {stage.stall.text} seconds"
        lines.append(f"  {place + 1}. {beside}{stall}")
    return "\n".join(lines)
