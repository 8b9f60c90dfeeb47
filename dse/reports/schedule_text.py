"""A schedule for people: its interval, what it holds, when which Einsum starts."""

from __future__ import annotations

from collections.abc import Mapping

from dse.reports.text import table
from evaluators.pipeline.needs import Need
from evaluators.pipeline.pipelines import Pipeline


def schedule_text(pipeline: Pipeline, arrays: Mapping[str, str]) -> str:
    """Describe the pipeline of a stage.

    Args:
        pipeline: of the stage.
        arrays: array -> what it is called.

    """
    schedule = pipeline.schedule
    loops = " ".join(f"{rank}:{turns}" for rank, turns in pipeline.loops) or "one"
    names = " ".join(name for task in schedule.tasks for name in task.einsums)
    ratio = schedule.interval / pipeline.ideal
    told = "the least" if ratio < 1 + 1e-9 else f"{ratio:.4g} of the {pipeline.ideal:,.6g}"
    begin = min(schedule.starts.values())
    rows = [
        [
            " ".join(task.einsums),
            arrays[task.array],
            f"{schedule.starts[task.name] - begin:,.6g}",
            f"{schedule.ends[task.name] - begin:,.6g}",
            f"{task.memory:.0%}" if task.memory else "-",
        ]
        for task in sorted(schedule.tasks, key=lambda each: schedule.starts[each.name])
    ]
    lines = [
        f"{names}: {pipeline.steps:,} steps, loops {loops}",
        f"  interval   {schedule.interval:,.6g} cycles, {told} that arrays and memory allow",
        f"  in flight  {schedule.in_flight} step{'s' * (schedule.in_flight > 1)} of "
        f"{schedule.span:,.6g} cycles",
        f"  latency    {pipeline.latency_s:.6g} s; ideal {pipeline.ideal_s:.6g} s",
        *(f"  {arrays.get(need.where, need.where):9}  {_need(need)}" for need in pipeline.needs),
        "",
        table(["Einsums", "array", "starts", "ends", "of DRAM"], rows, left=2),
    ]
    return "\n".join(lines)


def _need(need: Need) -> str:
    short = ""
    if need.needed > need.there:
        short = ", the rest spills" if need.spills else ": too few"
    each = " of a register file" if need.unit == "words" else ""
    return f"{need.needed:,} of {need.there:,} {need.unit}{each}{short}"
