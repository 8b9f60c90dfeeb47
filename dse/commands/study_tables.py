"""`dse study list`, `show` and `export`: what studies came to, read from their parts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.fronts import pareto_front
from dse.commands.cli import BAD_INPUT
from dse.reports import text
from dse.results.design_tables import content
from dse.results.parts import PART, Parts
from dse.results.trials import COLUMNS, Trials
from dse.results.workload_columns import WORKLOAD_FIELDS
from dse.study.home import stored
from evaluators.design import PARAMETERS
from evaluators.errors import InputError
from evaluators.files import write_atomically
from evaluators.workloads.reading import labels_of
from studies.objectives import UNITS
from studies.pins import pins
from studies.specification import Specification

_OWN = ("evaluations", "sweep")
"""Folders of a study that hold what nothing else does."""

_LABELS = ("configuration", "binding", *PARAMETERS)


def trials(study: Specification, folder: Path) -> pd.DataFrame:
    """Return the evaluated trials of a study, one row each, by number.

    Columns: trial, pin, design, repeated, configuration, the parameters as resolved, the binding,
    `feasible` under all constraints, `violations`, `failed` and the `failure`, and the objectives
    with their units (NaN where infeasible or failed).
    """
    columns = list(dict.fromkeys([*COLUMNS, *_LABELS]))
    batches = [part.table for part in Parts(folder / "evaluations", study.digest()).all(columns)]
    came_to = Trials.joined(study, [Trials.of(study, batch) for batch in batches])
    count = len(study.workloads)
    labels = {
        name: [each for batch in batches for each in batch[name].to_pylist()[::count]]
        for name in _LABELS
    }
    return pd.DataFrame(
        {
            "trial": came_to.numbers,
            "pin": came_to.pins,
            "design": came_to.designs,
            "repeated": came_to.repeated,
            **labels,
            "binding": [dict(each) for each in labels["binding"]],
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
    unsorted = ["binding", "violations", "failed", "failure"]
    return pareto_front(feasible.drop(columns=unsorted), objective_columns(study))


def show_list(options: argparse.Namespace) -> int:
    """Print one line a study; one that cannot be read is named, and the code is then 2."""
    rows = []
    code = 0
    for path in sorted(options.out.glob("*/study.toml")):
        try:
            rows.append(_line(path.parent))
        except InputError as error:
            print(f"dse study: {error}", file=sys.stderr)
            code = BAD_INPUT
    if not rows:
        print(f"there are no studies in {options.out}")
    else:
        header = ["study", "configuration", "sampler", "trials", "feasible", "front"]
        print(text.table(header, rows, left=3))
    return code


def _line(folder: Path) -> list[str]:
    """Tell of a study what its last part counts."""
    study = stored(folder)
    counts = Parts(folder / "evaluations", study.digest()).so_far()
    return [
        folder.name,
        study.configuration,
        study.sampler,
        f"{counts['trials']}/{study.trials or '-'}",
        str(counts["feasible"]),
        str(counts["front"]),
    ]


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
    target = Path(os.path.realpath(options.file))
    if any(Path(os.path.realpath(folder / own)) in target.parents for own in _OWN):
        raise InputError(f"{options.file} is among the study's own files; name another place")
    columns = [name for name in PART.names if name != "breakdown"]
    frame = Parts(folder / "evaluations", study.digest()).table(columns).to_pandas()
    flat = frame.assign(
        **{
            name: [json.dumps(dict(each), sort_keys=True) for each in frame[name]]
            for name in ("binding", "violations")
        }
    )
    workloads = [labels_of(each) for each in study.workloads]
    for name in ("shape", *(each.name for each in WORKLOAD_FIELDS)):
        after = "model" if name == "shape" else "seq_len"
        column = [workloads[row % len(workloads)][name] for row in range(len(flat))]
        flat.insert(flat.columns.get_loc(after) + 1, name, column)
    write_atomically(options.file, content(flat, options.file))
    print(f"{len(flat)} evaluations of {study.name} are in {options.file}")
    return 0
