"""`dse study list`, `show` and `export`: what studies came to, read from their parts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.fronts import pareto_front
from dse import text
from dse.batch import outcome
from dse.design_tables import content
from dse.parts import Parts
from evaluators.design import PARAMETERS
from evaluators.errors import InputError
from evaluators.files import write_atomically
from studies import toml
from studies.objectives import UNITS
from studies.pins import pins
from studies.specification import Specification


def stored(folder: Path) -> Specification:
    """Return the specification of a study that was run in a folder."""
    path = folder / "study.toml"
    if not path.is_file():
        raise InputError(
            f"there is no study in {folder}; dse study list shows those there are, "
            "dse study run starts one"
        )
    return toml.load(path)


def trials(study: Specification, folder: Path) -> pd.DataFrame:
    """Return the evaluated trials of a study, one row each, by number.

    Columns: trial, pin, design, repeated, configuration, the parameters as resolved, the binding,
    `feasible` under all constraints, `violations`, `failed`, and the objectives with their units
    (NaN where infeasible or failed).
    """
    frame = Parts(folder / "evaluations", study.digest()).frame()
    rows = []
    for number, group in frame.groupby("trial", sort=True):
        records: list[dict[str, Any]] = [
            {str(name): value for name, value in record.items()}
            | {name: dict(record[name]) for name in ("violations", "binding")}
            for record in group.to_dict("records")
        ]
        result = outcome(study, records)
        values = result.objectives or (np.nan,) * len(study.objectives)
        first = records[0]
        rows.append(
            {"trial": number}
            | {name: first[name] for name in ("pin", "design", "repeated", "configuration")}
            | {name: first[name] for name in PARAMETERS}
            | {"binding": first["binding"], "feasible": result.objectives is not None}
            | {"violations": result.violations, "failed": bool(result.failure)}
            | dict(zip(objective_columns(study), values, strict=True))
        )
    return pd.DataFrame(rows)


def objective_columns(study: Specification) -> list[str]:
    """Name the objectives with their units."""
    return [UNITS[name] for name in study.objectives]


def front(study: Specification, table: pd.DataFrame) -> pd.DataFrame:
    """Return the non-dominated feasible trials, each design once, by the first objective."""
    if table.empty:
        return table
    feasible = table[table["feasible"]].drop_duplicates("design")
    return pareto_front(
        feasible.drop(columns=["binding", "violations", "failed"]), objective_columns(study)
    )


def show_list(options: argparse.Namespace) -> int:
    """Print one line a study."""
    rows = []
    for path in sorted(options.out.glob("*/study.toml")):
        study = toml.load(path)
        table = trials(study, path.parent)
        rows.append(
            [
                study.name,
                study.configuration,
                study.sampler,
                f"{len(table)}/{study.trials or '-'}",
                str(int(table["feasible"].sum()) if len(table) else 0),
                str(len(front(study, table))),
            ]
        )
    if not rows:
        print(f"there are no studies in {options.out}")
    else:
        header = ["study", "configuration", "sampler", "trials", "feasible", "front"]
        print(text.table(header, rows, left=3))
    return 0


def show(options: argparse.Namespace) -> int:
    """Print where a study stands."""
    folder = options.out / options.study
    study = stored(folder)
    table = trials(study, folder)
    done = set(table["pin"].dropna()) if len(table) else set()
    inside, outside = pins(study)
    summary: dict[str, Any] = {
        "study": study.name,
        "space": study.space.size,
        "trials": len(table),
        "budget": study.trials,
        "feasible": int(table["feasible"].sum()) if len(table) else 0,
        "repeated": int(table["repeated"].sum()) if len(table) else 0,
        "failed": int(table["failed"].sum()) if len(table) else 0,
        "front": len(front(study, table)),
        "pinned": {pin.id: pin.id in done for pin in inside},
        "not pinned, outside the space": outside,
        "specification": study.identity(),
    }
    if options.json:
        print(json.dumps(summary, indent=1))
        return 0
    for key in ("study", "space", "trials", "budget", "feasible", "repeated", "failed", "front"):
        print(f"{key:9} {summary[key]}")
    for name, evaluated in summary["pinned"].items():
        print(f"pinned    {name} {'evaluated' if evaluated else 'waiting'}")
    for name in outside:
        print(f"outside   {name}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a study's rows as one table: a design on a workload each, without the breakdown."""
    folder = options.out / options.study
    study = stored(folder)
    frame = Parts(folder / "evaluations", study.digest()).frame()
    flat = frame.drop(columns=["breakdown"]).assign(
        **{
            name: [json.dumps(dict(each), sort_keys=True) for each in frame[name]]
            for name in ("binding", "violations")
        }
    )
    write_atomically(options.file, content(flat, options.file))
    print(f"{len(flat)} evaluations of {study.name} are in {options.file}")
    return 0
