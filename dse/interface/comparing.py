"""Designs beside each other, and the fronts of studies: which wins where, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.fronts import hypervolume, non_dominated, reference_point
from analysis.results import parameter_columns
from dse.interface.designs import evaluated
from dse.interface.named_designs import NamedDesign, engine_of, named, numbered
from dse.interface.typed import typed
from dse.reports import bounds
from dse.reports.comparison import ComparedDesigns, ComparedStudies
from dse.reports.searched import Searched, searched_in
from dse.results.study_tables import objective_columns
from dse.search.home import begun
from dse.search.place import RUNS
from evaluators.errors import InputError
from evaluators.protocol import BINDING, ENERGIES, Evaluations
from studies import defaults
from studies.objectives import signs
from studies.reference import reference
from studies.specification import Specification

Float64s = NDArray[np.float64]

_SAME = 1e-3
"""Busy times this near explain no difference of latencies."""

_METRICS = ("latency_s", "energy_pj", "area_um2", "traffic_bytes", "util_2d", "util_1d", *ENERGIES)


@typed
def compare(
    *what: str | Mapping[str, Any], out: str | PathLike[str] = RUNS
) -> ComparedDesigns | ComparedStudies:
    """Set designs beside each other, or studies that were run.

    Args:
        what: two or more, all names of studies in `out`, or all designs as `dse.explain` takes
            them. Where their accounting or fit would differ, those given by options are corrected
            and padded (strict beside one that leaves its binding open) unless they say otherwise.
        out: the folder of studies.

    Returns:
        Tables of the designs and of who wins in which metric and why; or of the studies, their
        joint front, and where each is ahead and why. Printed, what the command says.

    Raises:
        Error: for fewer than two, what is neither, studies of other objectives or workloads, or
            one without a feasible trial.

    Examples:
        >>> import dse
        >>> both = dse.compare("binding,seq_len=64K", "flat,seq_len=64K")
        >>> print(both.designs["latency_s"].round(2).tolist())
        [7.4, 54.83]
        >>> both.wins.set_index("metric").loc["latency_s", "why"]
        'most by 1D array: 7.403 s instead of 54.83'

    """
    folder = Path(out)
    if len(what) < 2:
        raise InputError("give two designs or more, or two studies or more")
    names = [each for each in what if isinstance(each, str) and begun(folder / each)]
    if len(names) == len(what):
        apart = dict.fromkeys(names)
        return _studies([_called(searched_in(folder / name), name) for name in apart])
    if names:
        raise InputError(
            f"{names[0]} is a study, and others are designs; give studies alone, or write a trial "
            f"of it as {names[0]}/0"
        )
    designs = [named(each, folder) for each in what]
    if len({(each.setting.accounting, each.setting.workload.padded) for each in designs}) > 1:
        own = defaults.own([each.setting.configuration for each in designs])
        designs = [named(each, folder, own) for each in what]
    return _designs(designs)


def _called(found: Searched, name: str) -> Searched:
    """Return a study by the name of its folder, which may be a copy of another's."""
    return replace(found, study=replace(found.study, name=name))


def _designs(given: Sequence[NamedDesign]) -> ComparedDesigns:
    found = {
        each.called: (each, evaluated(each.setting, each.design, each.engine)) for each in given
    }
    if len(found) < len(given):
        raise InputError("a design is given twice; give each once")
    rows = {called: _row(each, results) for called, (each, results) in found.items()}
    table = pd.DataFrame(list(rows.values()), index=list(rows), dtype=object)
    table = table.astype(dict.fromkeys(_METRICS, float))
    results = {called: each for called, (_, each) in found.items()}
    settings = {called: each.setting for called, (each, _) in found.items()}
    wins = []
    for metric in _METRICS[:4]:
        best, following = table[metric].sort_values(kind="stable").index[:2]
        factor = float(table.loc[following, metric] / table.loc[best, metric])
        busy = {each: bounds.in_order(settings[each], results[each]) for each in (best, following)}
        why = _why(metric, results[best], results[following], busy[best], busy[following])
        wins.append(
            {"metric": metric, "design": best, "factor": factor, "next": following, "why": why}
        )
    return ComparedDesigns(table, pd.DataFrame(wins))


def _row(found: NamedDesign, results: Evaluations) -> dict[str, Any]:
    workload = found.setting.workload
    parameters = parameter_columns(found.setting.configuration, results.designs)
    return {
        "configuration": found.setting.configuration,
        "workload": f"{workload.transformer.name} {workload.told}{found.told}",
        "accounting": found.setting.accounting.name,
        "bound_by": bounds.in_order(found.setting, results)[0].called,
        **{name: float(results.metrics.get(name, [np.nan])[0]) for name in _METRICS},
        BINDING: results.bindings[0] if results.bindings else None,
        **{name: column.tolist()[0] for name, column in parameters.items()},
    }


def _why(
    metric: str,
    best: Evaluations,
    other: Evaluations,
    busy: Sequence[bounds.Resource],
    others_busy: Sequence[bounds.Resource],
) -> str:
    """Say what of the better one's takes most less than the other's."""
    if metric == "latency_s":
        own = {each.called: each.busy_s for each in busy}
        parts = {each.called: (own.get(each.called, 0.0), each.busy_s) for each in others_busy[:1]}
        unit = "s"
    elif metric == "energy_pj":
        parts = {
            name.removeprefix("energy_").removesuffix("_pj"): _both(best, other, name)
            for name in ENERGIES
            if name in best.metrics and name in other.metrics
        } or _einsums(best, other, "energy_pj")
        unit = "pJ"
    elif metric == "area_um2":
        whole, array = (_both(best, other, name) for name in ("area_um2", "array_area_um2"))
        parts = {"2D array": array, "rest": (whole[0] - array[0], whole[1] - array[1])}
        unit = "um^2"
    else:
        parts = _einsums(best, other, metric)
        unit = "bytes"
    name, (ours, theirs) = max(parts.items(), key=lambda item: item[1][1] - item[1][0])
    if metric == "latency_s" and theirs < (1 + _SAME) * ours:
        return "its arrays and memory wait less for one another"
    return f"most by {name}: {ours:.4g} {unit} instead of {theirs:.4g}"


def _both(best: Evaluations, other: Evaluations, metric: str) -> tuple[float, float]:
    return float(best.metrics[metric][0]), float(other.metrics[metric][0])


def _einsums(best: Evaluations, other: Evaluations, metric: str) -> dict[str, tuple[float, float]]:
    """Return a metric of the Einsums of both; 0 where one has no such Einsum."""

    def of(results: Evaluations, einsum: str) -> float:
        part = results.einsums.get(einsum)
        return 0.0 if part is None else float(getattr(part, metric)[0])

    names = dict.fromkeys([*best.einsums, *other.einsums])
    return {name: (of(best, name), of(other, name)) for name in names}


def _studies(found: Sequence[Searched]) -> ComparedStudies:
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
    """Return what bounds a design of a study on its first workload, and its parameters."""
    setting, designs = numbered(searched, design)
    results = evaluated(setting, designs, engine_of(setting, searched.study))
    columns = parameter_columns(setting.configuration, results.designs)
    return {
        "bound_by": bounds.in_order(setting, results)[0].called,
        "configuration": setting.configuration,
        **{name: column.tolist()[0] for name, column in columns.items()},
    }
