"""What the report of a study shows, as plain values for its page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.fronts import hypervolume, non_dominated, reference_point
from dse.execution.batch import Row, evaluate
from dse.execution.executors import Serial
from dse.reports.html.details import details, resources
from dse.reports.html.points import (
    bounds,
    commands_of,
    parameters,
    rounded,
    rows_of,
)
from dse.reports.searched import Searched
from dse.results.parts import Parts, part_schema
from dse.results.trials import Trials
from dse.search.place import command
from dse.search.release import release
from studies.objectives import UNITS, maximised, signs
from studies.pins import pins
from studies.reference import reference
from studies.specification import Specification

MOST_DETAILED = 400
"""Designs whose breakdown is in a report: the front, the paper's, the true front, in this order."""

FRONT, PAPER, TRUE, OTHER = "front", "paper", "true front", "other"
"""What a point is; it may be several but `OTHER`."""


@dataclass(frozen=True)
class Evaluated:
    """The distinct feasible designs of a report, ascending by their numbers.

    Attributes:
        designs: their numbers, shape (n,).
        objectives: shape (n, objectives).
        frame: their rows with the columns of a study's parts but the nested ones; a design's follow
            each other.

    """

    designs: NDArray[np.int64]
    objectives: NDArray[np.float64]
    frame: pd.DataFrame


def study_report(
    found: Searched, folder: Path, table: pa.Table, told: dict[str, Any]
) -> dict[str, Any]:
    """Return all that the page of a study shows.

    Args:
        found: the study.
        folder: where it is.
        table: its evaluations, see `dse.results.parts.Parts.table`.
        told: what `dse front --json` tells of it.

    """
    study, trials, true_front = found.study, found.trials, found.true_front
    columns = [UNITS[name] for name in study.objectives]
    pinned, _ = pins(study)
    ids = {int(study.space.index(pin.columns)[0]): pin.id for pin in pinned}
    true = np.array([] if true_front is None else true_front["design"], dtype=np.int64)
    front = trials.set_index("trial").loc[[row["trial"] for row in told["front"]], "design"]
    table = _with(study, table, sorted({*ids, *true.tolist()}))
    evaluated = _evaluated(study, table)
    feasible = set(evaluated.designs.tolist())
    chosen = [
        number
        for number in dict.fromkeys([*front.tolist(), *ids, *true.tolist()])
        if number in feasible
    ][:MOST_DETAILED]
    firsts = trials.drop_duplicates("design").set_index("design")["trial"].to_dict()
    count = len(study.rows)
    frame = evaluated.frame
    return {
        "kind": "study",
        "name": study.name,
        "title": _title(study),
        "charged": study.told,
        "objectives_of": study.objectives_of,
        "counts": {
            "trials": len(trials),
            "feasible": int(trials["feasible"].sum()),
            "repeated": int(trials["repeated"].sum()),
            "space": study.space.size,
        },
        "true_front": told["true_front"],
        "objectives": columns,
        "maximised": maximised(study.objectives),
        "rows": rows_of(study),
        "points": {
            "design": evaluated.designs.tolist(),
            "trial": [firsts.get(number, -1) for number in evaluated.designs.tolist()],
            "objectives": [rounded(each) for each in evaluated.objectives.T],
            "front": np.flatnonzero(np.isin(evaluated.designs, front)).tolist(),
            "true": np.flatnonzero(np.isin(evaluated.designs, true)).tolist(),
            "paper": {
                int(np.searchsorted(evaluated.designs, number)): pin
                for number, pin in ids.items()
                if number in feasible
            },
        },
        "parameters": parameters(study, frame.iloc[::count]),
        "bounds": bounds(frame[["latency_s", *resources(frame.columns)]], count),
        "commands": commands_of(study, evaluated.designs),
        "details": details(study, _rows(table, chosen)),
        "convergence": convergence(study, trials, told),
        "infeasible": _infeasible(trials),
        "importances": told["importances"],
        "provenance": provenance(study, folder),
    }


def _title(study: Specification) -> str:
    scenes = study.scenes or [""] * len(study.workloads)
    workloads = [
        f"{scene}: {each.called}" if scene else each.called
        for scene, each in zip(scenes, study.workloads, strict=True)
    ]
    return f"{', '.join(study.space.configurations)} on {'; '.join(workloads)}"


def _with(study: Specification, table: pa.Table, wanted: list[int]) -> pa.Table:
    """Return the rows of a study's designs, and of those wanted that it did not try."""
    missing = np.setdiff1d(wanted, table["design"].to_numpy())
    if len(missing) and study.evaluator == "analytical":  # others run programs, for minutes
        found, _ = evaluate(study, study.space.numbered(missing), Serial())
        rows: list[Row] = [{"trial": -1, "repeated": False} | row for each in found for row in each]
        table = pa.concat_tables(
            [table, pa.Table.from_pylist(rows, schema=part_schema(study))], promote_options="none"
        )
    return table


def _evaluated(study: Specification, table: pa.Table) -> Evaluated:
    table = table.drop_columns(["breakdown"]).filter(pc.invert(table["repeated"]))
    table = table.take(pc.sort_indices(table, [("design", "ascending")]))
    trials = Trials.of(study, table)
    kept = pa.array(np.repeat(trials.feasible, len(study.rows)))
    return Evaluated(
        trials.designs[trials.feasible],
        trials.objectives[trials.feasible],
        table.drop_columns(["violations"]).filter(kept).to_pandas(),
    )


def _rows(table: pa.Table, chosen: list[int]) -> list[Row]:
    """Return the rows of the designs chosen, ascending by their numbers."""
    wanted = pc.is_in(table["design"], pa.array(chosen, pa.int64()))
    own = table.filter(pc.and_(wanted, pc.invert(table["repeated"])))
    own = own.take(pc.sort_indices(own, [("design", "ascending")]))
    rows: list[Row] = own.to_pylist(maps_as_pydicts="strict")
    return rows


def convergence(
    study: Specification, trials: pd.DataFrame, told: dict[str, Any]
) -> dict[str, Any] | None:
    """Return how the hypervolume of the front grew: after which `trials`, to what `volumes`.

    It is that of log10 of the objectives up to the study's `reference`, see `studies.reference`; a
    share of the true front's where that is known. A study without a reference takes that of its
    own front. None where no trial is feasible.
    """
    columns = [UNITS[name] for name in study.objectives]
    ways = signs(study.objectives)
    objectives = trials[columns].to_numpy(dtype=float)
    true = told["true_front"]
    end = np.array(list(true["reference"].values())) if true else reference(study)
    own = end is None
    if end is None:
        feasible = objectives[trials["feasible"].to_numpy()]
        if not len(feasible):
            return None
        end = reference_point(feasible, ways)
    values = ways * np.log10(objectives)
    front = values[:0]
    after: list[int] = []
    volumes: list[float] = []
    for trial in np.flatnonzero(trials["feasible"].to_numpy() & ~trials["repeated"].to_numpy()):
        point = values[trial]
        if len(front) and bool((front <= point).all(axis=1).any()):
            continue
        front = np.vstack([front, point])
        front = front[non_dominated(front)]
        after.append(int(trial) + 1)
        volumes.append(hypervolume(front, ways * np.log10(end)))
    whole = volumes[-1] / true["hypervolume_ratio"] if true and volumes and volumes[-1] else 1.0
    return {
        "reference": dict(zip(columns, end.tolist(), strict=True)),
        "of_true": true is not None,
        "own_reference": own,
        "trials": after,
        "volumes": [volume / whole for volume in volumes],
        "pinned": int(trials["pin"].notna().sum()),
    }


def _infeasible(trials: pd.DataFrame) -> dict[str, int]:
    """Count the designs that violate each constraint, most first."""
    tried = trials[~trials["feasible"] & ~trials["failed"]].drop_duplicates("design")
    counts = Counter(name for each in tried["violations"] for name in each)
    return dict(counts.most_common())


def provenance(study: Specification, folder: Path) -> dict[str, dict[str, str]]:
    """Return what made a study: `facts`, its `files`, and the `commands` that make it again."""
    parts = Parts(study, folder)
    firsts = parts.first_trials()
    made_with = parts.read(firsts[-1], []).made_with if firsts else {}
    again = ["study", "run", str(folder / "study.toml"), "--name", f"{folder.name}-again"]
    return {
        "facts": {
            "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "attention-dse": release(),
            **made_with,
            "evaluator": study.evaluator,
            "accounting": study.accounting.name,
            "digest of the specification": study.digest(),
            **{f"digest of {name}": each for name, each in study.behaviour().items()},
            "sampler": study.sampler,
            "seed": str(study.seed),
            "batch": str(study.batch),
        },
        "commands": {
            "This study again, from its file": command(folder.parent, *again),
            "This report again": command(folder.parent, "report", folder.name),
        },
        "files": {"study.toml": (folder / "study.toml").read_text(encoding="utf-8")},
    }
