"""The figures of fronts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.figure_files import write_figures
from analysis.front_figure import DOMINATED, PAPER, SEARCHED, TRUE, figure_points, fronts_figure
from analysis.objectives_figure import Fronts, objectives_figure
from dse.reports.searched import Searched
from dse.results.study_tables import objective_columns
from evaluators.errors import InputError
from evaluators.workloads.sizes import seq_len_label
from studies.builtin import COLLECTIONS
from studies.objectives import maximised


def draw(
    searched: Sequence[Searched], reports: Sequence[dict[str, Any]], files: Sequence[Path]
) -> None:
    """Write the figure of studies' fronts, see `figure` and `write_figures`."""
    write_figures(partial(figure, searched, reports), files)


def figure(searched: Sequence[Searched], reports: Sequence[dict[str, Any]]) -> Figure:
    """Draw the fronts of studies, beside figure 12 where they have points of it.

    Args:
        searched: the studies.
        reports: of each, see `dse.reports.front.report`.

    Raises:
        InputError: where they have one objective, or not all the same.

    """
    first, *others = {each.study.objectives for each in searched}
    if others or len(first) == 1:
        raise InputError("a figure draws two objectives or more, the same of all studies")
    points = [each["point"] for report in reports for each in report["paper_points"]]
    of_figure_12 = any(point.startswith("pareto/") for point in points)
    if set(first) == {"area", "latency"} and of_figure_12:
        return fronts_figure(_points(searched, reports))
    fronts = {
        each.study.name: Fronts(each.front, each.true_front, _paper(report))
        for each, report in zip(searched, reports, strict=True)
    }
    return objectives_figure(fronts, objective_columns(searched[0].study), maximised(first))


def _paper(report: dict[str, Any]) -> pd.DataFrame:
    """Return the objectives of the paper's points that are feasible in a study."""
    known = [each for each in report["paper_points"] if each["feasible"]]
    return pd.DataFrame(known, columns=report["objectives"])


def _figure_12(paper_points: list[dict[str, Any]], on_front: bool) -> pd.DataFrame:
    """Return area and latency of those points of figure 12 that are on the front, or are not."""
    rows = [
        each
        for each in paper_points
        if each["point"].startswith("pareto/") and each.get("on_front") is on_front
    ]
    return pd.DataFrame(rows, columns=["area_um2", "latency_s"])


def _points(searched: Sequence[Searched], reports: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return fronts of area and latency as lines of a figure.

    Lines are called by their models where they are figure 12's alone, else by studies.
    """
    figure_12 = [each.study.name for each in searched] == list(COLLECTIONS["pareto"])
    points = []
    for each, told in zip(searched, reports, strict=True):
        study = each.study
        on = ", ".join(f"{on.transformer.name} {seq_len_label(on.keys)}" for on in study.workloads)
        line = study.workloads[0].transformer.name if figure_12 else f"{study.name} ({on})"
        for series, kept in ((PAPER, True), (DOMINATED, False)):
            points.append(figure_points(line, series, _figure_12(told["paper_points"], kept)))
        points.append(figure_points(line, SEARCHED, each.front))
        if each.true_front is not None:
            points.append(figure_points(line, TRUE, each.true_front))
    return pd.concat(points, ignore_index=True)
