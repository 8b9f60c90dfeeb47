"""Figures 6a to 12 of FuseMax (MICRO 2024), drawn from the table of `analysis.figure_data`.

The figures keep the paper's form (grouping, order, normalisation, scales) at the width of one
column. Its palettes, Set1 and tab10, are not safe for the colour-blind: each colour is replaced by
the nearest of Okabe and Ito's (https://jfly.uni-koeln.de/color/), which all readers can tell apart.
Markers and dashes support them in figure 12, the order of the legend in the bars.
"""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from evaluators.files import write_atomically
from evaluators.workloads.sizes import seq_len_label

PNG_DPI = 300
STYLE: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "font.size": 7,
    "mathtext.fontset": "stix",
    "axes.labelpad": 2,
    "axes.edgecolor": "0.8",
    "axes.linewidth": 0.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "0.8",
    "grid.linewidth": 0.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "legend.frameon": False,
    "legend.handlelength": 1,
    "legend.handletextpad": 0.4,
    "legend.borderaxespad": 0,
    "legend.borderpad": 0,
    "patch.linewidth": 0.5,
    "lines.linewidth": 1,
    "lines.markersize": 4,
    "lines.markeredgewidth": 0,
    "pdf.fonttype": 42,
}
"""Matplotlib's settings: text of 6 to 7 pt, as a column needs it, in the face of its body text."""

BLUE, ORANGE, GREEN, VERMILLION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
BARS = {
    "unfused": ("Unfused", VERMILLION),
    "flat": ("FLAT", BLUE),
    "cascade": ("+Cascade", GREEN),
    "architecture": ("+Architecture", PURPLE),
    "binding": ("+Binding", ORANGE),
}
"""Label and colour of each configuration, in the order of the bars."""

STACKS = {"flat": "FL", "cascade": "+C", "architecture": "+A", "binding": "+B"}
"""Label of each configuration in figure 7, in the order of the bars."""

SEGMENTS = {
    "active_QK": ("QK", BLUE),
    "active_LM": ("LM", ORANGE),
    "active_SLN": ("SLN", GREEN),
    "active_SLD": ("SLD", VERMILLION),
    "active_SLNV": ("SLNV/AV", PURPLE),
    "active_AV": ("SLNV/AV", PURPLE),
}
"""Label and colour of each Einsum of figure 7, from the bottom of the stack to its top."""

LINES = [(BLUE, "o", "-"), (ORANGE, "X", "--"), (GREEN, "s", ":"), (VERMILLION, "P", "-.")]
"""Colour, marker and dash of each model of figure 12."""


@rc_context(STYLE)
def draw_figures(data: pd.DataFrame, folder: Path) -> list[Path]:
    """Write figures 6a to 12 as PDF and PNG and return the 16 paths.

    The same table gives the same bytes. A file appears under its name only once it is whole.

    Parameters
    ----------
    data
        The table of `analysis.figure_data.figure_data`.
    folder
        Where fig6a.pdf, fig6a.png, ..., fig12.png go; made if it does not exist.

    Raises
    ------
    ValueError
        If the table has no rows of one of the figures.

    """
    paths = []
    for name in FIGURES:
        figure = draw_figure(data, name)
        paths.append(_save(figure, folder / f"fig{name}.pdf", metadata={"CreationDate": None}))
        paths.append(_save(figure, folder / f"fig{name}.png", dpi=PNG_DPI))
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


def _bar_chart(rows: pd.DataFrame, ylabel: str) -> Figure:
    """Draw figure 6 or 8 to 11: a panel per model, a group per length, a bar per configuration."""
    panel, models = pd.factorize(rows["model"])
    group, seq_lens = pd.factorize(rows["seq_len"])
    figure, axes, lefts = _grouped_axes(
        list(models), [seq_len_label(seq_len) for seq_len in seq_lens], len(BARS) + 2, panel_gap=3
    )
    for place, (configuration, (label, colour)) in enumerate(BARS.items(), start=1):
        chosen = (rows["configuration"] == configuration).to_numpy()
        left = lefts[panel[chosen], group[chosen]] + place
        top = rows["value"].to_numpy()[chosen]
        bars = _bars(left, np.zeros_like(top), top, width=1, colour=colour, label=label)
        axes.add_collection(bars, autolim=False)
    axes.set_ylabel(ylabel)
    axes.set_ylim(0, 1.05 * rows["value"].max())
    axes.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 5, 10]))
    handles: list[Artist] = list(axes.collections)
    handles.insert(list(BARS).index("cascade"), Line2D([], [], linestyle="none", label="FuseMax"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.015, 1))
    return figure


def _stacked_bars(rows: pd.DataFrame) -> Figure:
    """Draw figure 7: a panel per length, a bar per configuration, a segment per Einsum."""
    panel, seq_lens = pd.factorize(rows["seq_len"])
    group = rows["configuration"].map(list(STACKS).index).to_numpy()
    figure, axes, lefts = _grouped_axes(
        [seq_len_label(seq_len) for seq_len in seq_lens], list(STACKS.values()), 1, panel_gap=0.75
    )
    heights = np.zeros(lefts.shape)
    for quantity, (label, colour) in SEGMENTS.items():
        chosen = (rows["quantity"] == quantity).to_numpy()
        stack = panel[chosen], group[chosen]
        bottom = heights[stack]
        heights[stack] += rows["value"].to_numpy()[chosen]
        left, top = lefts[stack] + 0.125, heights[stack]
        bars = _bars(left, bottom, top, width=0.75, colour=colour, label=label)
        axes.add_collection(bars, autolim=False)
    axes.set_ylabel("Proportion Active")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    handles = {bars.get_label(): bars for bars in axes.collections}
    axes.legend(handles=list(handles.values()), loc="center left", bbox_to_anchor=(1.015, 0.5))
    return figure


def _lines(rows: pd.DataFrame) -> Figure:
    """Draw figure 12: latency against area, a line per model, both axes logarithmic."""
    figure = Figure(figsize=(3.5, 2.4))
    axes = figure.add_axes((0.11, 0.13, 0.87, 0.85))
    points = rows.pivot_table(
        index=["model", "array_rows"], columns="quantity", values="value", sort=False
    )
    for model, (colour, marker, dash) in zip(rows["model"].unique(), LINES, strict=True):
        line = points.loc[model]
        axes.loglog(
            line["area_cm2"], line["latency_s"], dash, color=colour, marker=marker, label=model
        )
    axes.minorticks_off()
    axes.grid(True)
    axes.spines[:].set_visible(True)
    axes.set_xlabel("Area (cm$^2$)")
    axes.set_ylabel("Attention Latency (s)")
    axes.legend(title="Model", handlelength=3.5, frameon=True, borderpad=0.5, borderaxespad=0.5)
    return figure


FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "6a": partial(_bar_chart, ylabel="Utilization 1D"),
    "6b": partial(_bar_chart, ylabel="Utilization 2D"),
    "7": _stacked_bars,
    "8": partial(_bar_chart, ylabel="Speedup"),
    "9": partial(_bar_chart, ylabel="Energy Use"),
    "10": partial(_bar_chart, ylabel="Speedup"),
    "11": partial(_bar_chart, ylabel="Energy Use"),
    "12": _lines,
}
"""How each figure is drawn from its rows, in the order of the paper."""


def _grouped_axes(
    panels: Sequence[str], groups: Sequence[str], group_width: float, panel_gap: float
) -> tuple[Figure, Axes, np.ndarray]:
    """Return a figure, its axes and the left edge of every group of bars, (panels, groups).

    The panels stand side by side in one pair of axes, their names under those of the groups.
    """
    figure = Figure(figsize=(3.5, 1.3))
    axes = figure.add_axes((0.095, 0.27, 2.4 / 3.5, 0.69))
    panel_width = len(groups) * group_width + panel_gap
    panel_lefts = np.arange(len(panels)) * panel_width
    group_lefts = panel_gap / 2 + np.arange(len(groups)) * group_width
    lefts = panel_lefts[:, None] + group_lefts
    axes.set_xlim(0, len(panels) * panel_width)
    axes.grid(axis="y")
    axes.xaxis.set_visible(False)
    write = partial(axes.text, transform=axes.get_xaxis_transform(), ha="center", va="top")
    panel_y = -0.06 - 0.055 * max(map(len, groups))
    for panel, left in zip(panels, panel_lefts + panel_width / 2, strict=True):
        write(left, panel_y, panel)
    for group, left in zip(list(groups) * len(panels), lefts.flat, strict=True):
        write(left + group_width / 2, -0.03, group, rotation="vertical", fontsize=6)
    return figure, axes, lefts


def _bars(
    left: np.ndarray, bottom: np.ndarray, top: np.ndarray, *, width: float, colour: str, label: str
) -> PolyCollection:
    """Return n bars as one collection; left, bottom and top are (n,) in the axes' units."""
    right = left + width
    corners = np.stack([left, bottom, left, top, right, top, right, bottom], axis=-1)
    quads = list(corners.reshape(-1, 4, 2))
    return PolyCollection(quads, facecolors=colour, linewidths=0, label=label)


def _save(figure: Figure, path: Path, **options: Any) -> Path:
    """Write a figure in the format of the path's suffix, all of it or nothing."""
    content = BytesIO()
    figure.savefig(content, format=path.suffix[1:], **options)
    write_atomically(path, content.getvalue())
    return path
