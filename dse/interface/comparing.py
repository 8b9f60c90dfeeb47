"""Designs beside each other, and the fronts of studies: which wins where, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.results import parameter_columns
from dse.interface.comparing_studies import compared_studies
from dse.interface.mixes import Part, bound_by, parts_of, whole_of
from dse.interface.named_designs import NamedDesign, named
from dse.interface.typed import typed
from dse.reports import bounds
from dse.reports.comparison import ComparedDesigns, ComparedStudies
from dse.reports.searched import Searched, searched_in
from dse.search.home import begun
from dse.search.place import RUNS
from evaluators.errors import InputError, shown
from evaluators.protocol import BINDING, ENERGIES, Evaluations
from studies import defaults
from studies.objectives import UNITS

_SAME = 1e-3
"""Busy times this near explain no difference of latencies."""

_UNITS = {"latency_s": "s", "energy_pj": "pJ", "area_um2": "um^2", "traffic_bytes": "bytes"}

_METRICS = (*_UNITS, "util_2d", "util_1d", *ENERGIES)


@typed
def compare(
    *what: str | Mapping[str, Any], out: str | PathLike[str] = RUNS
) -> ComparedDesigns | ComparedStudies:
    """Set designs beside each other, or studies that were run.

    Args:
        what: two or more, all names of studies in `out`, or all designs as `dse.explain` takes
            them. Where their accounting or fit would differ, those given by options are corrected
            and padded (strict beside one that leaves its binding open) unless they say otherwise.
            Beside a trial of a mix, those that name no workload run that mix.
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
        return compared_studies([_called(searched_in(folder / name), name) for name in apart])
    if names:
        other = next(each for each in what if each not in names)
        raise InputError(
            f"{names[0]} is a study, and '{shown(other)}' is none; give studies alone, or write a "
            f"trial of it as {names[0]}/0"
        )
    designs = [named(each, folder) for each in what]
    if len({(each.setting.accounting, each.setting.workload.padded) for each in designs}) > 1:
        own = defaults.own([each.setting.configuration for each in designs])
        designs = [named(each, folder, own) for each in what]
    return _designs(_on_one_mix(designs))


def _on_one_mix(designs: Sequence[NamedDesign]) -> list[NamedDesign]:
    """Have designs that name no workload run what a trial beside them runs."""
    mix = next((each.mix for each in designs if each.mix is not None), None)
    return [replace(each, mix=mix) if each.any_workload else each for each in designs]


def _called(found: Searched, name: str) -> Searched:
    """Return a study by the name of its folder, which may be a copy of another's."""
    return replace(found, study=replace(found.study, name=name))


def _designs(given: Sequence[NamedDesign]) -> ComparedDesigns:
    if len({each.called for each in given}) < len(given):
        raise InputError("a design is given twice; give each once")
    found = {each.called: (each, _evaluated(each)) for each in given}
    rows = {called: _row(each, parts) for called, (each, parts) in found.items()}
    table = pd.DataFrame(list(rows.values()), index=list(rows), dtype=object)
    table = table.astype(dict.fromkeys(_METRICS, float))
    wins = []
    for metric in _UNITS:
        best, following = table[metric].sort_values(kind="stable").index[:2]
        factor = float(table.loc[following, metric] / table.loc[best, metric])
        why = _why(metric, *found[best], *found[following])
        wins.append(
            {"metric": metric, "design": best, "factor": factor, "next": following, "why": why}
        )
    return ComparedDesigns(table, pd.DataFrame(wins))


def _evaluated(given: NamedDesign) -> list[Part]:
    try:
        return parts_of(given.setting, given.design, given.engine, given.mix)
    except InputError as error:
        raise InputError(f"design '{shown(given.called)}': {error}") from None


def _row(found: NamedDesign, parts: Sequence[Part]) -> dict[str, Any]:
    setting = found.setting
    results = parts[0].evaluations
    whole = whole_of(parts, found.mix)
    several = {} if found.mix is None else {each.label: each for each in parts}
    on = setting.workload.called
    return {
        "configuration": setting.configuration,
        "workload": on if found.mix is None else found.mix.objectives_of,
        "accounting": setting.accounting.name,
        "bound_by": bound_by(parts),
        **{f"bound_by[{label}]": each.bound_by for label, each in several.items()},
        **{name: whole.get(name, np.nan) for name in _METRICS},
        **{UNITS[name]: whole[UNITS[name]] for name in (found.mix.objectives if found.mix else ())},
        **{
            f"latency_s[{label}]": float(each.evaluations.metrics["latency_s"][0])
            for label, each in several.items()
        },
        BINDING: results.bindings[0] if results.bindings and not several else None,
        **{
            name: column.tolist()[0]
            for name, column in parameter_columns(setting.configuration, results.designs).items()
        },
    }


def _why(
    metric: str,
    winner: NamedDesign,
    best: Sequence[Part],
    loser: NamedDesign,
    other: Sequence[Part],
) -> str:
    """Say what of the better one's takes most less than the other's."""
    if metric == "area_um2" or (winner.mix is None and loser.mix is None):
        return _why_of(metric, best[0], other[0])
    if [each.label for each in best] != [each.label for each in other]:
        return "they run different workloads"
    ours, theirs = (
        [float(each.evaluations.metrics[metric][0]) for each in parts] for parts in (best, other)
    )
    weighted = winner.mix is not None and bool(winner.mix.weights)
    place = max(
        range(len(best)),
        key=lambda i: best[i].times * (theirs[i] - ours[i]) if weighted else theirs[i] / ours[i],
    )
    name = best[place].label
    return f"most by {name}: {ours[place]:.4g} {_UNITS[metric]} instead of {theirs[place]:.4g}"


def _why_of(metric: str, winner: Part, loser: Part) -> str:
    """Say it of one evaluation each."""
    best, other = winner.evaluations, loser.evaluations
    if metric == "latency_s":
        own = {e.called: e.busy_s for e in bounds.in_order(winner.setting, best)}
        longest = bounds.in_order(loser.setting, other)[0]
        parts = {longest.called: (own.get(longest.called, 0.0), longest.busy_s)}
    elif metric == "energy_pj":
        parts = {
            name.removeprefix("energy_").removesuffix("_pj"): _both(best, other, name)
            for name in ENERGIES
        }
    elif metric == "area_um2":
        whole, array = (_both(best, other, name) for name in ("area_um2", "array_area_um2"))
        parts = {"2D array": array, "rest": (whole[0] - array[0], whole[1] - array[1])}
    else:
        parts = _einsums(best, other, metric)
    name, (ours, theirs) = max(parts.items(), key=lambda item: item[1][1] - item[1][0])
    if metric == "latency_s" and theirs < (1 + _SAME) * ours:
        return "its arrays and memory wait less for one another"
    return f"most by {name}: {ours:.4g} {_UNITS[metric]} instead of {theirs:.4g}"


def _both(best: Evaluations, other: Evaluations, metric: str) -> tuple[float, float]:
    return float(best.metrics[metric][0]), float(other.metrics[metric][0])


def _einsums(best: Evaluations, other: Evaluations, metric: str) -> dict[str, tuple[float, float]]:
    """Return a metric of the Einsums of both; 0 where one has no such Einsum."""

    def of(results: Evaluations, einsum: str) -> float:
        part = results.einsums.get(einsum)
        return 0.0 if part is None else float(getattr(part, metric)[0])

    names = dict.fromkeys([*best.einsums, *other.einsums])
    return {name: (of(best, name), of(other, name)) for name in names}
