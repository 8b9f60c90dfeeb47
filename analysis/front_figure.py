"""Figure 12 beside the fronts that were searched: latency against area, a line each."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figure_data import CM2_PER_UM2, paper_values
from analysis.figure_files import STYLE, Shown
from analysis.figures import LINES

PAPER, DOMINATED, SEARCHED, TRUE = "paper", "paper, dominated", "searched", "true"
"""Series: the paper's points that no design dominates, and those that one does; a study's front;
the true front of its space."""

_EDGE: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "black", "markeredgewidth": 0.5}


def figure_points(line: str, series: str, designs: pd.DataFrame) -> pd.DataFrame:
    """Return designs as points of the figure, by area.

    Args:
        line: the line that they are on, a model's or a study's.
        series: `PAPER`, `DOMINATED`, `SEARCHED` or `TRUE`.
        designs: one row a design, columns area_um2 and latency_s.

    Returns:
        Columns line, series, area_cm2, latency_s.

    """
    return pd.DataFrame(
        {
            "line": line,
            "series": series,
            "area_cm2": designs["area_um2"].to_numpy() * CM2_PER_UM2,
            "latency_s": designs["latency_s"].to_numpy(),
        }
    ).sort_values(["area_cm2", "latency_s"], ignore_index=True)


def published_points() -> pd.DataFrame:
    """Return the points of the paper's own figure 12: model, area_cm2, latency_s."""
    values = paper_values()
    rows = values[values["figure"] == "12"]
    points = rows.pivot_table(
        index=["model", "array_rows"], columns="quantity", values="value", sort=False
    )
    return points.reset_index()[["model", "area_cm2", "latency_s"]]


@rc_context(STYLE)
def fronts_figure(points: pd.DataFrame) -> Figure:
    """Draw the paper's figure 12 at the left, searched fronts at the right."""
    figure = Shown(figsize=(7, 2.9))
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.12, top=0.93, wspace=0.05)
    published = published_points()
    for (model, own), (colour, marker, dash) in zip(
        published.groupby("model", sort=False), LINES, strict=True
    ):
        left.plot(own["area_cm2"], own["latency_s"], dash, color=colour, marker=marker, label=model)
    for (_, own), (colour, marker, dash) in zip(
        points.groupby("line", sort=False), cycle(LINES), strict=False
    ):
        _draw_line(right, own, colour, marker, dash)
    left.set_title("FuseMax, figure 12")
    right.set_title("Searched fronts")
    left.set_ylabel("Attention Latency (s)")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="Area (cm$^2$)")
        axes.minorticks_off()
        axes.grid(True)
        axes.spines[:].set_visible(True)
    left.legend(title="Model", handlelength=3.5, frameon=True, borderpad=0.5, borderaxespad=0.5)
    models = set(published["model"])
    handles = _legend(points) if set(points["line"]) <= models else _lines(points) + _legend(points)
    right.legend(handles=handles, frameon=True, borderpad=0.5, borderaxespad=0.5)
    return figure


def _draw_line(axes: Axes, points: pd.DataFrame, colour: str, marker: str, dash: str) -> None:
    series = dict(iter(points.groupby("series")))
    if TRUE in series:
        true = series[TRUE]
        axes.step(
            true["area_cm2"], true["latency_s"], where="post", color=colour, alpha=0.25, linewidth=3
        )
    found = series[SEARCHED]
    axes.step(found["area_cm2"], found["latency_s"], dash, where="post", color=colour)
    for name, face in ((PAPER, colour), (DOMINATED, "white")):
        if name in series:
            own = series[name]
            axes.plot(
                own["area_cm2"], own["latency_s"], marker=marker, color=face, zorder=3, **_EDGE
            )


def _lines(points: pd.DataFrame) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, linestyle=dash, label=line)  # type: ignore[arg-type]
        for line, (colour, _, dash) in zip(points["line"].unique(), cycle(LINES), strict=False)
    ]


def _legend(points: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color="0.3", label="front of the study")]
    if (points["series"] == TRUE).any():
        handles.append(Line2D([], [], color="0.3", alpha=0.25, linewidth=3, label="true front"))
    for series, colour, label in (
        (PAPER, "0.6", "point of the paper, on the front"),
        (DOMINATED, "white", "point of the paper, dominated"),
    ):
        if (points["series"] == series).any():
            handles.append(Line2D([], [], marker="o", color=colour, label=label, **_EDGE))
    return handles
