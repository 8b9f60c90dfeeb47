"""The bindings on a sweep's true front, a sentence for each point."""

from __future__ import annotations

import pandas as pd

from dse.reports import text
from dse.results.study_tables import objective_columns
from dse.results.trials import choices_of
from evaluators.protocol import BINDING
from studies.specification import Specification


def bindings(study: Specification, front: pd.DataFrame) -> list[str]:
    """Tell the first binding at each different point of a front; nothing where none was found.

    Args:
        study: that was swept.
        front: see `dse.results.sweep_parts.SweepParts.front_of`.

    """
    choices, objectives = choices_of(study), objective_columns(study)
    machine = [
        each.name
        for each in study.space.parameters[1:]
        if len(each.values) > 1 and each.name not in choices
    ]
    return [
        text.wrapped(
            ", ".join(
                [
                    *(f"{name} {row[name]:.4g}" for name in objectives),
                    *(f"{name} {row[name]}" for name in machine),
                ]
            )
            + f": {row[BINDING]}"
        )
        for row in front.drop_duplicates(objectives).to_dict("records")
        if choices
    ]
