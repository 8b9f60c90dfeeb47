"""`dse front`: a study's front, how good it is, and how the paper's points stand against it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.front_report import dominators, quality
from dse.commands import front_tables
from dse.commands.study_tables import front, objective_columns, trials
from dse.execution.batch import evaluate
from dse.execution.executors import Serial
from dse.reports import front_text
from dse.reports.evaluate_command import command
from dse.reports.importance import importances
from dse.results.parts import part_schema
from dse.results.sweep_parts import SweepParts
from dse.results.trials import Trials
from dse.search.home import stored
from evaluators.describe.parameters import LargestThatFits
from evaluators.errors import InputError
from search_spaces.domains import parameters_of
from studies.builtin import COLLECTIONS
from studies.objectives import maximised
from studies.pins import Pin, pins
from studies.reference import reference
from studies.specification import Specification

SHOWN = 3
"""Dominators that are shown of each of the paper's points."""


@dataclass(frozen=True)
class Searched:
    """A study that was run.

    Attributes:
        study: its specification.
        trials: see `dse.commands.study_tables.trials`.
        front: the rows of `trials` on its front, by the first objective.
        true_front: see `SweepParts.front`; None where the study was not swept.

    """

    study: Specification
    trials: pd.DataFrame
    front: pd.DataFrame
    true_front: pd.DataFrame | None

    @property
    def swept(self) -> bool:
        """Tell whether the true front is known."""
        return self.true_front is not None

    @property
    def reference(self) -> pd.DataFrame:
        """The best front that is known."""
        return self.front if self.true_front is None else self.true_front


def run(options: argparse.Namespace) -> int:
    """Report studies, of a collection with its figure 12; 1 if one has no feasible trial."""
    names = [each for name in options.study for each in _names(name, options.out)]
    studies = [searched(options.out / name) for name in dict.fromkeys(names)]
    barren = [each.study.name for each in studies if each.front.empty]
    if barren:
        print(f"dse front: no trial of {', '.join(barren)} is feasible", file=sys.stderr)
        return 1
    reports = [report(each) for each in studies]
    collected: dict[str, Any] = {"studies": reports, "tables": [], "figures": []}
    if options.table:
        front_tables.write(reports, options.table)
        collected["tables"] = [str(each) for each in options.table]
    if files := _figures(options, studies):
        from dse.commands.front_figures import draw  # noqa: PLC0415  # Matplotlib loads slowly

        draw(studies, reports, files)
        collected["figures"] = [str(each) for each in files]
    if options.json:
        print(json.dumps(collected if len(studies) > 1 else reports[0], indent=1))
        return 0
    print("\n\n".join(front_text.text(each, options.out) for each in reports))
    for path in collected["tables"]:
        print(f"\nthe table is in {path}")
    for path in collected["figures"]:
        print(f"\nthe figure is in {path}")
    return 0


def _figures(options: argparse.Namespace, searched: list[Searched]) -> list[Path]:
    """Return where a figure goes: a collection's beside its studies, any other where asked for."""
    if options.figure is not None:
        (objectives, *others) = {each.study.objectives for each in searched}
        if others or len(objectives) == 1:
            raise InputError("--figure draws two objectives or more, the same of all studies")
        return [options.figure]
    if options.study[0] not in COLLECTIONS or len(searched) == 1:
        return []
    folder = options.out / options.study[0] / "figures"
    return [folder / "fig12.pdf", folder / "fig12.png"]


def _names(name: str, out: Path) -> tuple[str, ...]:
    """Return the studies of a collection, or the one study."""
    return (name,) if (out / name / "study.toml").is_file() else COLLECTIONS.get(name, (name,))


def searched(folder: Path) -> Searched:
    """Return the study of a folder as it stands."""
    study = stored(folder)
    table = trials(study, folder)
    found = front(study, table)
    if len(found):
        found = table.set_index("trial").loc[found["trial"]].reset_index()
    return Searched(study, table, found, SweepParts(study, folder).front())


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
