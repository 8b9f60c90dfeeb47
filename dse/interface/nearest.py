"""Where a design stands against the front of a study that was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.front_report import dominators
from dse.interface.mixes import Part
from dse.interface.named_designs import NamedDesign
from dse.reports.explanation import Nearest
from dse.reports.searched import Searched
from dse.results.study_tables import objective_columns
from evaluators.describe.parameters import MAPPER
from evaluators.errors import InputError
from evaluators.protocol import BINDING
from studies.objectives import maximised
from studies.specification import Specification


def nearest(
    found: NamedDesign, against: Searched, parts: Sequence[Part], whole: Mapping[str, float]
) -> Nearest:
    """Return the point of a study's front that is nearest to a design.

    Args:
        found: the design.
        against: the study.
        parts: what it runs, see `dse.interface.mixes`.
        whole: the metrics of all of it.

    Raises:
        InputError: if the study is of other workloads or another accounting, or has no front.

    """
    objectives = objective_columns(against.study)
    front = against.reference
    if front.empty:
        raise InputError(f"no trial of {against.study.name} is feasible: it has no front")
    point = _point(found, against, whole, objectives)
    values: NDArray[np.float64] = front[objectives].to_numpy(dtype=float)
    factors = values / np.array(list(point.values()))
    decades = np.sqrt((np.log10(factors) ** 2).sum(axis=1))
    best = int(np.argmin(decades))
    (row,) = front.iloc[[best]].to_dict("records")
    own = parts[0].evaluations.designs.columns
    return Nearest(
        against.study.name,
        "true front" if against.swept else "front",
        int(row["design"]),
        float(decades[best]),
        dict(zip(objectives, factors[best].tolist(), strict=True)),
        len(dominators(front, point, objectives, maximised(against.study.objectives))),
        {
            each.name: row[each.name]
            for each in against.study.space.parameters
            if len(each.values) > 1
            and (BINDING in row or each.declared.rule != MAPPER)
            and each.name in own
            and not pd.isna(row[each.name])
            and row[each.name] != each.natural(own[each.name][0])
        },
        row.get(BINDING, ""),
    )


def _point(
    found: NamedDesign, against: Searched, whole: Mapping[str, float], objectives: list[str]
) -> dict[str, float]:
    """Return a design's objectives under a study's; `InputError` where they are not the same."""
    study = against.study
    if found.study is not None and found.study.study.name == study.name:
        return {name: found.trial[name] for name in objectives}
    if _runs(study) != _runs_of(found):
        raise InputError(
            f"{study.name} has another workload or accounting than {found.called}; name a study of "
            "the same"
        )
    if unknown := [name for name in objectives if name not in whole]:
        raise InputError(f"{study.name} is of {unknown[0]}, which one evaluation does not have")
    return {name: whole[name] for name in objectives}


def _runs(study: Specification) -> tuple[Any, ...]:
    """Return what the objectives of a study are of."""
    return (study.rows, study.weights, study.whole_model, study.accounting)


def _runs_of(found: NamedDesign) -> tuple[Any, ...]:
    if found.mix is not None:
        return _runs(found.mix)
    return (((found.setting.workload, 0),), (), False, found.setting.accounting)
