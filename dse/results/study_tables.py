"""The trials of a study as a table, and those of them that are on its front."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.fronts import pareto_front
from analysis.results import declared_in
from dse.results.parts import Parts
from dse.results.trials import Trials, columns
from studies.objectives import UNITS, maximised
from studies.specification import Specification


def trials(study: Specification, folder: Path) -> pd.DataFrame:
    """Return the evaluated trials of a study, one row each, by number.

    Columns: trial, pin, design, repeated, configuration, the parameters as resolved (None where the
    configuration lacks one), `feasible` under all constraints, `violations`, `failed` and the
    `failure`, and the objectives with their units (NaN where infeasible or failed).
    """
    own = ["configuration", *declared_in(study.space.configurations)]
    wanted = list(dict.fromkeys([*columns(study), *own]))
    batches = [part.table for part in Parts(study, folder).all(wanted)]
    came_to = Trials.joined(study, [Trials.of(study, batch) for batch in batches])
    count = len(study.rows)
    labels = {
        name: pd.Series(
            [each for batch in batches for each in batch[name].to_pylist()[::count]], dtype=object
        )
        for name in own
    }
    return pd.DataFrame(
        {
            "trial": came_to.numbers,
            "pin": came_to.pins,
            "design": came_to.designs,
            "repeated": came_to.repeated,
            **labels,
            "feasible": came_to.feasible,
            "violations": came_to.violations,
            "failed": [bool(each) for each in came_to.failures],
            "failure": came_to.failures,
            **dict(zip(objective_columns(study), came_to.objectives.T, strict=True)),
        }
    )


def objective_columns(study: Specification) -> list[str]:
    """Name the objectives with their units."""
    return [UNITS[name] for name in study.objectives]


def front(study: Specification, table: pd.DataFrame) -> pd.DataFrame:
    """Return the non-dominated feasible trials, each design once, by the first objective."""
    if table.empty:
        return table
    feasible = table[table["feasible"]].drop_duplicates("design")
    unsorted = ["violations", "failed", "failure"]
    return pareto_front(
        feasible.drop(columns=unsorted), objective_columns(study), maximised(study.objectives)
    )
