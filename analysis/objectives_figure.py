"""Fronts of any objectives: a panel for each two of them, a colour and a marker for each study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from math import ceil
from typing import Any, Literal

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, StrMethodFormatter

from analysis.figure_files import STYLE, Shown
from analysis.figures import LINES
from analysis.quantities import quantity

Step = Literal["pre", "post"]

NARROW = 30
"""An axis that spans a smaller factor has ticks between the decades."""


@dataclass(frozen=True)
class Fronts:
    """What is drawn of a study: tables of designs with its objectives, one row each.

    Attributes:
        searched: its front.
        true: the front of its space, None where that is not known.
        paper: the paper's points; may be empty.

    """

    searched: pd.DataFrame
    true: pd.DataFrame | None
    paper: pd.DataFrame


@rc_context(STYLE)
def objectives_figure(
    studies: Mapping[str, Fronts], objectives: Sequence[str], maximised: Sequence[str] = ()
) -> Figure:
    """Draw the fronts of studies: of two objectives as steps, of more as points of each two.

    Args:
        studies: by what they are called.
        objectives: two to five columns of their tables, positive.
        maximised: those of them of which more is better.

    """
    pairs = list(combinations(objectives, 2))
    across, down = min(len(pairs), 3), ceil(len(pairs) / 3)
    figure = Shown(figsize=(3.5 if across == 1 else 7, 2.9 * down))
    panels = [figure.add_subplot(down, across, place) for place in range(1, len(pairs) + 1)]
    stepped = len(objectives) == 2
    for panel, pair in zip(panels, pairs, strict=True):
        for fronts, style in zip(studies.values(), cycle(LINES), strict=False):
            rising: Step = "pre" if pair[0] in maximised else "post"
            _draw(panel, fronts, pair, style, rising if stepped else None)
        x, y = (quantity(each).title for each in pair)
        panel.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
        panel.minorticks_off()
        for axis, (low, high) in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim())):
            if high < NARROW * low:
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.grid(True)
        panel.spines[:].set_visible(True)
    left, bottom, top = 0.14 if stepped else 0.07, 0.13 / down, 1 - 0.02 / down
    figure.subplots_adjust(left, bottom, 0.98, top, wspace=0.32, hspace=0.2)
    panels[-1].legend(handles=_legend(studies), frameon=True, borderpad=0.5, borderaxespad=0.5)
    return figure


def _draw(
    axes: Axes,
    fronts: Fronts,
    pair: Sequence[str],
    style: tuple[str, str, str],
    steps: Step | None,
) -> None:
    """Draw a study; `steps` says where between two designs the step is, None for no steps."""
    colour, marker, dash = style
    if fronts.true is not None:
        x, y = _columns(fronts.true, pair)
        if steps:
            axes.step(x, y, where=steps, color=colour, alpha=0.25, linewidth=3)
        else:
            axes.plot(x, y, marker=marker, color=colour, alpha=0.2, linestyle="none")
    x, y = _columns(fronts.searched, pair)
    if steps:
        axes.step(x, y, dash, where=steps, color=colour, marker=marker, markersize=3)
    else:
        axes.plot(x, y, marker=marker, color=colour, linestyle="none", markersize=3)
    x, y = _columns(fronts.paper, pair)
    axes.plot(x, y, color=colour, zorder=3, **_PAPER)


_PAPER: dict[str, Any] = {
    "marker": "*",
    "linestyle": "none",
    "markersize": 7,
    "markeredgecolor": "black",
    "markeredgewidth": 0.5,
}


def _columns(designs: pd.DataFrame, pair: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    """Return two objectives in the units that are shown, by the first."""
    x, y = (designs[each].astype(float) * quantity(each).scale for each in pair)
    order = x.to_numpy().argsort(kind="stable")
    return x.iloc[order], y.iloc[order]


def _legend(studies: Mapping[str, Fronts]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=3, label=name)  # type: ignore[arg-type]
        for name, (colour, marker, dash) in zip(studies, cycle(LINES), strict=False)
    ]
    if any(each.true is not None for each in studies.values()):
        handles.append(Line2D([], [], color="0.3", alpha=0.25, linewidth=3, label="true front"))
    if any(len(each.paper) for each in studies.values()):
        handles.append(Line2D([], [], color="0.6", label="point of the paper", **_PAPER))
    return handles
