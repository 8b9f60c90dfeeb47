"""Figures 6a to 12 of FuseMax (MICRO 2024), drawn from the table of `analysis.figure_data`.

The figures keep the paper's grouping, order, normalisation and scales. Bars are as wide as a page
of two columns, figure 12 as one column. The paper's palettes, Set1 and tab10, are lost on the
colour-blind and in grey: bars have five colours that differ in lightness too, lines those of Okabe
and Ito (https://jfly.uni-koeln.de/color/), with markers and dashes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figure_files import STYLE, write
from analysis.figure_labels import BARS, SEGMENTS, STACKS
from evaluators.workloads.sizes import seq_len_label

LINES = [
    ("#0072B2", "o", "-"),
    ("#E69F00", "X", "--"),
    ("#009E73", "s", ":"),
    ("#D55E00", "P", "-."),
]
"""Colour, marker and dash of each model of figure 12."""


@rc_context(STYLE)
def draw_figures(
    data: pd.DataFrame, folder: Path, names: Sequence[str] | None = None
) -> list[Path]:
    """Write figures 6a to 12 as PDF and PNG and return the 16 paths.

    The same table gives the same bytes. A file appears under its name only once it is whole.

    Parameters
    ----------
    data
        The table of `analysis.figure_data.figure_data`.
    folder
        Where fig6a.pdf, fig6a.png, ..., fig12.png go; made if it does not exist.
    names
        The figures to draw, of `FIGURES`; all, unless told.

    Raises
    ------
    ValueError
        If the table has no rows of one of the figures.

    """
    paths = []
    for name in FIGURES if names is None else names:
        figure = draw_figure(data, name)
        paths += [write(figure, folder / f"fig{name}{suffix}") for suffix in (".pdf", ".png")]
    return paths


@rc_context(STYLE)
def draw_figure(data: pd.DataFrame, name: str) -> Figure:
    """Draw one figure, by its name in the paper ('6a' to '12'), from the table of figure data.

    Raises ValueError if the table has no rows of that figure.
    """
    rows = data[data["figure"] == name]
    if rows.empty:
        raise ValueError(f"The table of figure data has no rows of figure {name}.")
    return FIGURES[name](rows)


def _bar_chart(rows: pd.DataFrame, ylabel: str, *, relative: bool = False) -> Figure:
    """Draw figure 6 or 8 to 11: a panel per model, a group per length, a bar per configuration."""
    panel, models = pd.factorize(rows["model"])
    group, seq_lens = pd.factorize(rows["seq_len"])
    groups = _Groups(list(models), list(map(seq_len_label, seq_lens)), len(BARS) + 1.5, gap=3)
    figure, axes = _grouped_axes(groups, ("tokens", "model"))
    for place, (configuration, (label, colour)) in enumerate(BARS.items()):
        chosen = (rows["configuration"] == configuration).to_numpy()
        left = groups.lefts[panel[chosen], group[chosen]] + 0.75 + place
        top = rows["value"].to_numpy()[chosen]
        bars = _bars(left, np.zeros_like(top), top, width=0.94, colour=colour, label=label)
        axes.add_collection(bars, autolim=False)
    axes.set_ylim(0, 1.05 * rows["value"].max())
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    if relative:
        ylabel += "\nrelative to unfused"
        axes.axhline(1, color="0.4", linewidth=0.5, zorder=1.5)
    axes.set_ylabel(ylabel)
    handles: list[Artist] = list(axes.collections)
    heading = Line2D([], [], linestyle="none", label="FuseMax:")
    handles.insert(list(BARS).index("cascade"), heading)
    _legend_above(axes, handles)
    return figure


def _stacked_bars(rows: pd.DataFrame) -> Figure:
    """Draw figure 7: a panel per length, a bar per configuration, a segment per Einsum."""
    panel, seq_lens = pd.factorize(rows["seq_len"])
    group = rows["configuration"].map(list(STACKS).index).to_numpy()
    groups = _Groups(list(map(seq_len_label, seq_lens)), list(STACKS.values()), 1, gap=0.75)
    figure, axes = _grouped_axes(groups, ("", "tokens"))
    heights = np.zeros(groups.lefts.shape)
    for quantity, (label, colour) in SEGMENTS.items():
        chosen = (rows["quantity"] == quantity).to_numpy()
        stack = panel[chosen], group[chosen]
        bottom = heights[stack]
        heights[stack] += rows["value"].to_numpy()[chosen]
        left, top = groups.lefts[stack] + 0.125, heights[stack]
        bars = _bars(left, bottom, top, width=0.75, colour=colour, label=label)
        axes.add_collection(bars, autolim=False)
    axes.set_ylabel("Proportion Active\nof the 2D array's time, BERT")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    handles = {bars.get_label(): bars for bars in axes.collections}
    _legend_above(axes, list(handles.values()))
    key = "   ".join(f"{short}: {BARS[name][0]}" for name, short in STACKS.items())
    axes.text(1, 1.06, key, transform=axes.transAxes, ha="right", fontsize=6, color="0.4")
    return figure


def _lines(rows: pd.DataFrame) -> Figure:
    """Draw figure 12: latency against area, a line per model, both axes logarithmic."""
    figure = Figure(figsize=(3.5, 2.4))
    axes = figure.add_axes((0.145, 0.13, 0.835, 0.85))
    points = rows.pivot_table(
        index=["model", "array_rows"], columns="quantity", values="value", sort=False
    )
    for model, (colour, marker, dash) in zip(rows["model"].unique(), LINES, strict=True):
        line = points.loc[model]
        axes.loglog(
            line["area_cm2"], line["latency_s"], dash, color=colour, marker=marker, label=model
        )
    axes.minorticks_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    axes.grid(True)
    axes.spines[:].set_visible(True)
    axes.set_xlabel("Area (cm²)")
    axes.set_ylabel("Attention Latency (s)")
    axes.legend(title="Model", handlelength=3.5, frameon=True, borderpad=0.5, borderaxespad=0.5)
    return figure


FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "6a": partial(_bar_chart, ylabel="Utilization 1D"),
    "6b": partial(_bar_chart, ylabel="Utilization 2D"),
    "7": _stacked_bars,
    "8": partial(_bar_chart, ylabel="Speedup", relative=True),
    "9": partial(_bar_chart, ylabel="Energy Use", relative=True),
    "10": partial(_bar_chart, ylabel="End-to-end Speedup", relative=True),
    "11": partial(_bar_chart, ylabel="End-to-end Energy Use", relative=True),
    "12": _lines,
}
"""How each figure is drawn from its rows, in the order of the paper."""


@dataclass(frozen=True)
class _Groups:
    """Groups of bars side by side, in panels with a gap between them; lengths are a bar's width."""

    panels: Sequence[str]
    names: Sequence[str]
    width: float
    gap: float

    @property
    def panel_width(self) -> float:
        return len(self.names) * self.width + self.gap

    @property
    def panel_lefts(self) -> np.ndarray:
        return np.arange(len(self.panels)) * self.panel_width + self.gap / 2

    @property
    def lefts(self) -> np.ndarray:
        """The left edge of every group, (panels, groups)."""
        lefts: np.ndarray = np.add.outer(self.panel_lefts, np.arange(len(self.names)) * self.width)
        return lefts


def _grouped_axes(groups: _Groups, levels: tuple[str, str]) -> tuple[Figure, Axes]:
    """Return a figure and its axes, below which stand the groups' names and the panels' under them.

    Left of the two rows stands what they name, `levels`.
    """
    figure = Figure(figsize=(7, 1.8))
    axes = figure.add_axes((0.085, 0.22, 0.905, 0.64))
    axes.set_xlim(0, len(groups.panels) * groups.panel_width)
    axes.grid(axis="y")
    axes.xaxis.set_visible(False)
    write = partial(axes.text, transform=axes.get_xaxis_transform(), ha="center", va="top")
    for panel, left in zip(groups.panels, groups.panel_lefts, strict=True):
        right = left + groups.panel_width - groups.gap
        write((left + right) / 2, -0.21, panel)
        axes.plot(
            [left, right],
            [-0.19, -0.19],
            color="0.6",
            linewidth=0.5,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )
    for group, left in zip(list(groups.names) * len(groups.panels), groups.lefts.flat, strict=True):
        write(left + groups.width / 2, -0.065, group, fontsize=6)
    for level, y in zip(levels, (-0.065, -0.21), strict=True):
        write(0, y, level, ha="right", fontsize=6, color="0.4")
    return figure, axes


def _legend_above(axes: Axes, handles: list[Artist]) -> None:
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.04),
        ncols=len(handles),
        columnspacing=1.5,
    )


def _bars(
    left: np.ndarray, bottom: np.ndarray, top: np.ndarray, *, width: float, colour: str, label: str
) -> PolyCollection:
    """Return n bars as one collection; left, bottom and top are (n,) in the axes' units."""
    right = left + width
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=-1)
    quads = list(corners.reshape(-1, 4, 2))
    return PolyCollection(quads, facecolors=colour, linewidths=0, label=label)
