"""The waterfall of a schedule: which Einsum keeps which array busy when, over some steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figure_files import STYLE, Shown
from evaluators.pipeline.modulo import Schedule, Task
from evaluators.pipeline.pipelines import Pipeline

COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#999999", "#0072B2")
"""Of Okabe and Ito, a colour a task in their order; further tasks are hatched."""

_WIDEST_LABEL = 0.035
"""Of the figure's width: a bar that is wider has its Einsums written in it."""


@rc_context(STYLE)
def waterfall(pipelines: Sequence[Pipeline], arrays: Mapping[str, str]) -> Figure:
    """Draw a row an array, a bar a task, some steps on; a panel a stage.

    Args:
        pipelines: of the stages.
        arrays: array -> what it is called.

    """
    height = 0.35 + 1.3 * len(pipelines)
    figure = Shown(figsize=(7, height))
    panels = figure.subplots(len(pipelines), 1, squeeze=False)[:, 0]
    figure.subplots_adjust(
        left=0.07, right=0.985, hspace=0.6, bottom=0.38 / height, top=1 - 0.25 / height
    )
    for axes, pipeline in zip(panels, pipelines, strict=True):
        _draw_stage(axes, pipeline, arrays)
    panels[-1].set_xlabel("cycles; dotted, where a step begins; numbers are steps")
    return figure


def _draw_stage(axes: Axes, pipeline: Pipeline, arrays: Mapping[str, str]) -> None:
    schedule = pipeline.schedule
    rows = [name for name in arrays if any(task.array == name for task in schedule.tasks)]
    steps = min(pipeline.steps, schedule.in_flight + 2)
    end = schedule.span + (steps - 1) * schedule.interval
    looks = [(colour, hatch) for hatch in ("", "////") for colour in COLOURS]
    for task, look in zip(schedule.tasks, cycle(looks), strict=False):
        for step in range(steps):
            _bar(axes, task, schedule, step, rows.index(task.array), look, end)
    for step in range(1, steps):
        axes.axvline(step * schedule.interval, color="0.6", linewidth=0.5, linestyle=":", zorder=0)
    axes.set_xlim(0, end)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [arrays[name] for name in rows])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    handles = axes.get_legend_handles_labels()
    axes.legend(*handles, loc="lower left", bbox_to_anchor=(0, 1.04), ncols=len(schedule.tasks))


def _bar(
    axes: Axes,
    task: Task,
    schedule: Schedule,
    step: int,
    row: int,
    look: tuple[str, str],
    end: float,
) -> None:
    colour, hatch = look
    start = schedule.starts[task.name] + step * schedule.interval
    axes.barh(
        row,
        task.cycles,
        left=start,
        height=0.8,
        facecolor=colour,
        hatch=hatch,
        alpha=1.0 if step % 2 == 0 else 0.55,
        edgecolor="0.2",
        linewidth=0.3,
        label=" ".join(task.einsums) if step == 0 else None,
    )
    if task.cycles > _WIDEST_LABEL * end:
        axes.text(
            start + task.cycles / 2,
            row,
            str(step),
            ha="center",
            va="center",
            fontsize=6,
            bbox={"facecolor": "white", "linewidth": 0, "pad": 0.8},
        )
