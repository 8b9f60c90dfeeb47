"""`dse study show` and `export`: what a study came to, read from its parts."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dse.results.parts import Parts
from dse.results.study_tables import front, trials
from dse.results.table_writing import content
from dse.results.trials import row_labels
from dse.search.home import stored
from evaluators.errors import InputError
from evaluators.files import write_atomically
from evaluators.workloads.reading import labels_of
from studies.pins import pins
from studies.specification import Specification

_OWN = ("evaluations", "sweep")
"""Folders of a study that hold what nothing else does."""


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions, without the libraries that searching takes."""
    return {"show": _show, "export": _export}[options.action](options)


def _show(options: argparse.Namespace) -> int:
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
        "objectives of": study.objectives_of,
        "pinned": {pin.id: pin.id in done for pin in inside},
        "not pinned, outside the space": outside,
        "specification": _specification(study),
    }
    if options.json:
        print(json.dumps(summary, indent=1))
        return 0
    for key in ("study", "space", "trials", "budget", "feasible", "repeated", "failed", "front"):
        print(f"{key:9} {summary[key]}")
    if study.objectives_of:
        print(f"of        {study.objectives_of}")
    for name, evaluated in summary["pinned"].items():
        print(f"pinned    {name} {'evaluated' if evaluated else 'waiting'}")
    for name in outside:
        print(f"outside   {name}")
    return 0


def _specification(study: Specification) -> dict[str, Any]:
    """Return what defines a study, as JSON: workloads by their sizes, choices by their labels."""
    return study.identity() | {
        "workloads": [labels_of(each) for each in study.workloads],
        "space": {
            each.name: [each.natural(value) for value in each.values]
            for each in study.space.parameters
        },
    }


def _export(options: argparse.Namespace) -> int:
    """Write a study's rows as one table: a design on a workload each, without the breakdown."""
    folder = options.out / options.study
    study = stored(folder)
    target = Path(os.path.realpath(options.file))
    if any(Path(os.path.realpath(folder / own)) in target.parents for own in _OWN):
        raise InputError(f"{options.file} is among the study's own files; name another place")
    parts = Parts(study, folder)
    table = parts.table([name for name in parts.schema.names if name != "breakdown"])
    on_front = pa.array(np.isin(table["design"], _front_designs(study, folder)))
    violations = [
        json.dumps(dict(each), sort_keys=True) for each in table["violations"].to_pylist()
    ]
    place = table.schema.get_field_index("violations")
    table = table.set_column(place, "violations", pa.array(violations, pa.string()))
    for name, labels in row_labels(study).items():
        table = table.append_column(name, pa.array(labels * (len(table) // len(labels))))
    table = table.append_column("on_front", on_front)
    write_atomically(options.file, content(_without_nan(table), options.file))
    print(f"{len(table)} evaluations of {study.name} are in {options.file}")
    return 0


def _without_nan(table: pa.Table) -> pa.Table:
    """Return a table with null for what is not known: metrics of infeasible designs."""
    columns = [
        pc.if_else(pc.is_nan(each), None, each) if pa.types.is_floating(each.type) else each
        for each in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _front_designs(study: Specification, folder: Path) -> list[int]:
    found = front(study, trials(study, folder))
    return found["design"].tolist() if len(found) else []
