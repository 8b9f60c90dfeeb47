"""The trials of a study as a table, and those of them that are on its front."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from analysis.fronts import pareto_front
from analysis.results import declared_in
from dse.results.parts import Parts
from dse.results.trials import Trials, choices_of, columns
from studies.objectives import UNITS, maximised
from studies.specification import Specification


def trials(study: Specification, folder: Path) -> pd.DataFrame:
    """Return the evaluated trials of a study, one row each, by number.

    Columns: trial, pin, design, repeated, configuration, the parameters as resolved (None where the
    configuration lacks one), what `choices_of` names of the bindings found, `feasible` under all
    constraints, `violations`, `failed` and the `failure`, and the objectives with their units (NaN
    where infeasible or failed).
    """
    return trials_of(study, Parts(study, folder).table(wanted(study)))


def wanted(study: Specification) -> list[str]:
    """Return the columns of a study's parts that `trials_of` reads."""
    return list(dict.fromkeys([*columns(study), *_labels(study)]))


def trials_of(study: Specification, table: pa.Table) -> pd.DataFrame:
    """Return `trials` from the rows of all parts, see `Parts.table`."""
    came_to = Trials.of(study, table)
    count = len(study.rows)
    labels = {
        name: pd.Series(table[name].to_pylist()[::count], dtype=object) for name in _labels(study)
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


def _labels(study: Specification) -> list[str]:
    declared = declared_in(study.space.configurations)
    return list(dict.fromkeys(["configuration", *declared, *choices_of(study)]))


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
