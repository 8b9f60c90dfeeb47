"""The figures of `dse front`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.front_figure import DOMINATED, PAPER, SEARCHED, TRUE, draw_fronts, figure_points
from analysis.objectives_figure import Fronts, draw_objectives
from dse.commands.front import Searched
from dse.commands.study_tables import objective_columns
from evaluators.workloads.sizes import seq_len_label
from studies.builtin import COLLECTIONS
from studies.objectives import maximised


def draw(
    searched: Sequence[Searched], reports: Sequence[dict[str, Any]], files: Sequence[Path]
) -> None:
    """Draw the fronts of studies into files, atomically.

    Those that have points of the paper's figure 12 stand beside it.
    """
    points = [each["point"] for report in reports for each in report["paper_points"]]
    if any(point.startswith("pareto/") for point in points) and all(
        set(each.study.objectives) == {"area", "latency"} for each in searched
    ):
        draw_fronts(_points(searched, reports), files)
        return
    fronts = {
        each.study.name: Fronts(each.front, each.true_front, _paper(report))
        for each, report in zip(searched, reports, strict=True)
    }
    objectives = searched[0].study.objectives
    draw_objectives(fronts, objective_columns(searched[0].study), maximised(objectives), files)


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
