"""A study's front, how good it is, and how the paper's points stand against it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from pandas import isna

from analysis.front_report import dominators, quality
from dse.execution.batch import evaluate
from dse.execution.executors import Serial
from dse.reports.evaluate_command import command
from dse.reports.importance import importances
from dse.reports.searched import Searched
from dse.results.parts import part_schema
from dse.results.study_tables import objective_columns
from dse.results.trials import Trials, choices_of
from evaluators.describe.parameters import LargestThatFits
from search_spaces.domains import parameters_of
from studies.objectives import maximised
from studies.pins import Pin, pins
from studies.reference import reference
from studies.specification import Specification

SHOWN = 3
"""Dominators that are shown of each of the paper's points."""


def report(searched: Searched) -> dict[str, Any]:
    """Return all that `dse front` tells of a study, as plain values.

    Objectives are named with their units; parameters are in natural units, choices by label.
    """
    study = searched.study
    objectives = objective_columns(study)
    standings, outside = _standings(searched)
    result: dict[str, Any] = {
        "study": study.name,
        "accounting": study.accounting.name,
        "told": study.told,
        "objectives": objectives,
        "maximised": maximised(study.objectives),
        "objectives_of": study.objectives_of,
        "trials": len(searched.trials),
        "feasible": int(searched.trials["feasible"].sum()),
        "space": study.space.size,
        "front": [
            {
                "trial": row["trial"],
                "pin": row["pin"] if isinstance(row["pin"], str) else None,
                "parameters": _shown_parameters(study, row),
                "found": {name: row[name] for name in choices_of(study) if not isna(row[name])},
                **{name: row[name] for name in objectives},
            }
            for row in searched.front.to_dict("records")
        ],
        "true_front": None,
        "paper_points_against": "true front" if searched.swept else "study's front",
        "paper_points": standings,
        "paper_points_outside": outside,
        "importances": importances(study, searched.trials),
    }
    if searched.true_front is not None:
        compared = quality(
            searched.front,
            searched.true_front,
            objectives,
            reference(study),
            maximised(study.objectives),
        )
        result["true_front"] = {"designs": len(searched.true_front), **vars(compared)}
    return result


def _shown_parameters(study: Specification, row: dict[Any, Any]) -> dict[str, Any]:
    """Return the parameters that vary, and the tiles that a design came to have."""
    own = ("configuration", *parameters_of(row["configuration"]))
    return {
        each.name: row[each.name]
        for each in study.space.parameters
        if each.name in own
        and row[each.name] is not None
        and (len(each.values) > 1 or isinstance(each.declared.rule, LargestThatFits))
    }


def _standings(searched: Searched) -> tuple[list[dict[str, Any]], list[str]]:
    """Tell of each of the paper's points in the space how it stands; the ids of those outside."""
    inside, outside = pins(replace(searched.study, pinned=True))
    return [_standing(searched, pin) for pin in inside], outside


def _standing(searched: Searched, pin: Pin) -> dict[str, Any]:
    study = searched.study
    objectives = objective_columns(study)
    result = _evaluated(searched, pin)
    standing: dict[str, Any] = {"point": pin.id, "evaluated": result is not None}
    if result is None:
        return standing | {"feasible": False, "violations": {}, "failure": ""}
    standing["feasible"] = bool(result["feasible"])
    if not result["feasible"]:
        return standing | {"violations": result["violations"], "failure": result["failure"]}
    point = {name: result[name] for name in objectives}
    better = dominators(searched.reference, point, objectives, maximised(study.objectives))
    workload = next(
        each
        for each in study.workloads
        if [each.transformer.name, str(each.keys)] == pin.id.split("/")[2:4] and not each.causal
    )
    return standing | {
        **point,
        "on_front": better.empty,
        "dominators": len(better),
        "best": [
            {
                "design": row["design"],
                "factors": {name: row[name] for name in objectives},
                "command": command(study, workload, row["design"]),
            }
            for row in better.head(SHOWN).to_dict("records")
        ],
    }


def _evaluated(searched: Searched, pin: Pin) -> dict[str, Any] | None:
    """Return what a pinned design came to: from the parts, else by our engine, else None."""
    study = searched.study
    (design,) = study.space.index(pin.columns).tolist()
    rows = searched.trials[searched.trials["design"] == design]
    if len(rows):
        (found,) = rows.head(1).to_dict("records")
        return {str(name): value for name, value in found.items()}
    if study.evaluator != "analytical":  # others run programs, for minutes
        return None
    (evaluated,), _ = evaluate(study, pin.columns, Serial())
    labelled = [{"trial": 0, "repeated": False} | row for row in evaluated]
    result = Trials.of(study, pa.Table.from_pylist(labelled, schema=part_schema(study)))
    return {
        "feasible": bool(result.feasible[0]),
        "violations": result.violations[0],
        "failure": result.failures[0],
        **dict(zip(objective_columns(study), result.objectives[0].tolist(), strict=True)),
    }
