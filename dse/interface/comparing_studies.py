"""The fronts of studies beside each other: which is ahead where, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.fronts import hypervolume, non_dominated, reference_point
from analysis.results import parameter_columns
from dse.interface.mixes import bound_by, parts_of
from dse.interface.named_designs import engine_of, mix_of, numbered
from dse.reports.comparison import ComparedStudies
from dse.reports.searched import Searched
from dse.results.study_tables import objective_columns
from evaluators.errors import InputError
from studies.objectives import signs
from studies.reference import reference
from studies.specification import Specification

Float64s = NDArray[np.float64]


def compared_studies(found: Sequence[Searched]) -> ComparedStudies:
    """Compare two studies or more; `InputError` where their fronts have not the same objectives."""
    if len(found) < 2:
        raise InputError("give two studies or more, each once")
    first = found[0].study
    for each in found:
        if each.study.objectives != first.objectives:
            raise InputError(f"{each.study.name} has other objectives than {first.name}")
        if (each.study.rows, each.study.weights) != (first.rows, first.weights):
            raise InputError(f"{each.study.name} has other workloads than {first.name}")
        if each.front.empty:
            raise InputError(f"no trial of {each.study.name} is feasible: it has no front")
    swept = all(each.swept for each in found)
    objectives = objective_columns(first)
    fronts = {each.study.name: each.reference if swept else each.front for each in found}
    together = pd.concat(
        [front.assign(study=name) for name, front in fronts.items()], ignore_index=True
    )[["study", "design", *objectives]]
    values = together[objectives].to_numpy(dtype=float)
    ways = signs(first.objectives)
    joint = together[non_dominated(ways * values)].sort_values(objectives, ignore_index=True)
    end = ways * np.log10(_end([each.study for each in found], values, ways))
    whole = hypervolume(ways * np.log10(values), end)
    rows = []
    for each in found:
        own = fronts[each.study.name][objectives].to_numpy(dtype=float)
        volume = hypervolume(ways * np.log10(own), end)
        rows.append(
            {
                "study": each.study.name,
                "accounting": each.study.accounting.name,
                "trials": each.counts["trials"],
                "feasible": each.counts["feasible"],
                "front": len(own),
                "hypervolume": volume,
                "share": volume / whole,
                "joint": int((joint["study"] == each.study.name).sum()),
            }
        )
    by_name = {each.study.name: each for each in found}
    wins = pd.DataFrame(_wins(by_name, fronts, joint, objectives, ways))
    return ComparedStudies("true fronts" if swept else "fronts", pd.DataFrame(rows), joint, wins)


def _end(studies: Sequence[Specification], values: Float64s, ways: Float64s) -> Float64s:
    """Return the reference of all hypervolumes: the furthest of the studies', where all have one.

    That is a function of the specifications; else of the fronts.
    """
    ends = [reference(each) for each in studies]
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return reference_point(values, ways)
    furthest: Float64s = ways * np.max(ways * np.array(known), axis=0)
    return furthest


def _wins(
    found: Mapping[str, Searched],
    fronts: Mapping[str, pd.DataFrame],
    joint: pd.DataFrame,
    objectives: list[str],
    ways: Float64s,
) -> Iterator[dict[str, Any]]:
    """Yield of each study its design that is furthest ahead of all others' designs."""
    for name, searched in found.items():
        own = joint[joint["study"] == name]
        if own.empty:
            continue
        others = pd.concat([f.assign(study=n) for n, f in fronts.items() if n != name])
        factors = (
            others[objectives].to_numpy(dtype=float)[np.newaxis]
            / own[objectives].to_numpy(dtype=float)[:, np.newaxis]
        )
        worst = (factors**ways).max(axis=2)
        best = int(np.argmax(worst.min(axis=1)))
        rival = int(np.argmin(worst[best]))
        ahead = float(worst[best, rival])
        if ahead <= 1:
            continue  # others have its designs too
        design = int(own["design"].iloc[best])
        (row,) = others.iloc[[rival]].to_dict("records")
        ours, theirs = _told(searched, design), _told(found[row["study"]], int(row["design"]))
        yield {
            "study": name,
            "design": design,
            "rival": row["study"],
            "rival_design": int(row["design"]),
            "ahead": ahead,
            "factors": dict(zip(objectives, factors[best, rival].tolist(), strict=True)),
            "bound_by": ours["bound_by"],
            "rival_bound_by": theirs["bound_by"],
            "parameters": {
                parameter: (ours.get(parameter), theirs.get(parameter))
                for parameter in dict.fromkeys([*ours, *theirs])
                if parameter != "bound_by" and ours.get(parameter) != theirs.get(parameter)
            },
        }


def _told(searched: Searched, design: int) -> dict[str, Any]:
    """Return what bounds a design of a study on all that it runs, and its parameters."""
    setting, designs = numbered(searched, design)
    parts = parts_of(setting, designs, engine_of(setting, searched.study), mix_of(searched.study))
    columns = parameter_columns(setting.configuration, parts[0].evaluations.designs)
    return {
        "bound_by": bound_by(parts),
        "configuration": setting.configuration,
        **{name: column.tolist()[0] for name, column in columns.items()},
    }
