"""The points of a study's report: every design, with what a reader wants to know of it.

Text is told once, columns refer to it by its place, so that 20,000 designs stay small.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dse.reports.bounds import SATURATED
from dse.reports.evaluate_command import commands
from dse.reports.html.details import resources
from dse.results.trials import row_labels
from evaluators.describe.catalogue import described
from studies.specification import Specification

DIGITS = 8
"""Significant digits of what is plotted and printed; commands give all of them again."""


def bounds(metrics: pd.DataFrame, count: int) -> dict[str, Any]:
    """Tell what bounds the latency of designs.

    Args:
        metrics: latency_s and the columns of `resources`; the rows of a design follow each other.
        count: rows of a design.

    Returns:
        `resources`, what there is; `busiest`, places among them, a column for each row of a design;
        `share`, likewise, of the latency in %; one of `saturated` % bounds it, else the schedule.

    """
    names = resources(metrics.columns)
    busy = metrics[list(names)].fillna(0.0).to_numpy()
    busiest = busy.argmax(axis=1)
    share = 100 * busy[np.arange(len(busy)), busiest] / metrics["latency_s"].to_numpy()
    return {
        "resources": list(names.values()),
        "saturated": 100 * SATURATED,
        "busiest": busiest.reshape(-1, count).T.tolist(),
        "share": np.round(share, 2).reshape(-1, count).T.tolist(),
    }


def parameters(study: Specification, designs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the parameters that designs differ in, or that the study searches.

    Args:
        study: the study.
        designs: 'configuration' and the parameters as resolved, labels as text, None where a
            configuration lacks one; a row a design.

    Returns:
        Of each its `name`, what it is (`help`), whether it is of the `chip` or of the binding, its
        `values` in their order as text, and `at`: the place of each design's, -1 for none.

    """
    searched = {each.name: each for each in study.space.parameters}
    chips = {
        name
        for configuration in study.space.configurations
        for name in described(configuration).machine.parameters
    }
    told = []
    for name, each in searched.items():
        column = designs[name]
        known = column[column.notna()]
        there = set(known)
        values: list[Any] = [label for label in each.labels if label in there] or sorted(there)
        if len(values) < 2 and len(each.values) < 2:
            continue
        place = {value: i for i, value in enumerate(values)}
        told.append(
            {
                "name": name,
                "help": each.declared.help,
                "chip": name in chips,
                "values": values if each.labels else [each.declared.written(v) for v in values],
                "at": [place.get(value, -1) for value in column],
            }
        )
    return told


def commands_of(study: Specification, designs: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return the commands of designs, ascending by their numbers, group by group.

    A group has `rows`, which designs they are; `starts`, a workload's each; `options`, each with
    its `name`, its `values` as written and `at`, the place of each design's; and the `end`.
    """
    groups = []
    for group in commands(study, designs):
        options = []
        for name, texts in group.options.items():
            values = list(dict.fromkeys(texts))
            place = {value: i for i, value in enumerate(values)}
            if values != [""]:
                options.append(
                    {"name": name, "values": values, "at": [place[text] for text in texts]}
                )
        groups.append(
            {
                "rows": group.rows.tolist(),
                "starts": list(group.starts),
                "options": options,
                "end": group.end,
            }
        )
    return groups


def rounded(values: NDArray[np.float64]) -> list[float]:
    """Return values to `DIGITS` digits."""
    return [float(f"{x:.{DIGITS}g}") for x in values.tolist()]


def rows_of(study: Specification) -> list[dict[str, Any]]:
    """Return of each row of a design its `label`, and the place of its `workload`.

    Commands are of attention: `command` tells whether the row has one.
    """
    labels = row_labels(study)
    told = []
    for place, (workload, half) in enumerate(study.rows):
        parts = [*(labels[name][place] for name in labels), workload.called]
        told.append(
            {
                "label": ", ".join(parts),
                "workload": study.workloads.index(workload),
                "command": half == 0,
            }
        )
    return told
