"""The report of `dse schedule`: how a design's Einsums overlap, and what that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dse.reports.text import table
from evaluators.pipeline.needs import Need
from evaluators.pipeline.pipelines import Pipeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Scheduled:
    """How the Einsums of a design overlap, step by step; printed, what `dse schedule` says.

    Attributes:
        design: what it is, and on which workload.
        arrays: array -> what it is called.
        pipelines: of each stage, in turn. It has `loops` (rank and turns) and so many `steps`; its
            `schedule` (`interval`, cycles from step to step; steps `in_flight`; `starts` and
            `ends`, task -> cycles); the `ideal` interval, cycles; `needs`, each what one of the
            stores or register files must hold beside what is `there`, bytes or words; `fits`,
            `latency_s`, `ideal_s`.

    """

    design: str
    arrays: Mapping[str, str]
    pipelines: tuple[Pipeline, ...]

    @property
    def latency_s(self) -> float:
        """The latency of all stages, seconds."""
        return sum(each.latency_s for each in self.pipelines)

    @property
    def ideal_s(self) -> float:
        """The latency of arrays and memory that overlap without a gap, seconds."""
        return sum(each.ideal_s for each in self.pipelines)

    @property
    def fits(self) -> bool:
        """Whether stores and register files have room for what the stages hold."""
        return all(each.fits for each in self.pipelines)

    def figure(self) -> Figure:
        """Draw the waterfall: a row an array, a bar an Einsum in a step, a panel a stage.

        Returns a figure of matplotlib, to show or to save (`figure.savefig("waterfall.pdf")`).
        """
        from analysis.waterfall import waterfall  # noqa: PLC0415  # Matplotlib loads slowly

        return waterfall(self.pipelines, self.arrays)

    def __str__(self) -> str:
        """Lay it out for people."""
        total = f"{self.design}: {self.latency_s:.6g} s, ideal {self.ideal_s:.6g} s"
        return "\n\n".join([total, *(_stage(each, self.arrays) for each in self.pipelines)])


def _stage(pipeline: Pipeline, arrays: Mapping[str, str]) -> str:
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
