"""What bounds a design, in order, and what one step of each of its parameters would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dse.interface.mixes import Part, bound_by, parts_of, whole_of
from dse.interface.named_designs import NamedDesign, named
from dse.interface.nearest import nearest
from dse.interface.typed import typed
from dse.reports import bounds
from dse.reports.explanation import Explanation
from dse.reports.searched import searched_in
from dse.search.place import RUNS
from evaluators.describe.catalogue import described
from evaluators.design import AUTOMATIC, Designs
from evaluators.errors import InputError
from evaluators.protocol import EINSUM_METRICS, ENERGIES, Evaluator
from search_spaces.domains import parameters, tokens_of
from search_spaces.parameter import Parameter
from studies.specification import Specification

_FACTORS = {"latency": "latency_s", "energy": "energy_pj", "area": "area_um2"}


@typed
def explain(
    design: str | Mapping[str, Any] = "binding",
    /,
    *,
    against: str | None = None,
    out: str | PathLike[str] = RUNS,
) -> Explanation:
    """Say what bounds a design, and what would be otherwise one step away.

    Args:
        design: a trial of a study, as 'binding-bert/17'; an accelerator with options of
            `dse evaluate`, as 'binding,array_rows=128,seq_len=64K'; or such options by name.
        against: a study that was run, of the same workloads; where it stands against that one's
            front. A trial stands against its own study's.
        out: the folder of studies.

    Returns:
        Tables of what bounds it, of components, Einsums and steps; printed, what the command says.
        Values that the design leaves open follow each step, and so does the binding where that is
        left open: the mapper finds it anew, and steps are of the machine. A trial of a study of
        several workloads, of a mix or end to end, is told of all that it runs.

    Raises:
        Error: for what is no design, or an infeasible one, with the reason.

    Examples:
        >>> import dse
        >>> why = dse.explain("binding,array_rows=128,seq_len=64K")
        >>> why.bounds[["resource", "share"]].round(3)
                     resource  share
        0            1D array  1.000
        1            2D array  0.992
        2  off-chip bandwidth  0.006
        >>> steps = why.steps.set_index(["parameter", "new"])
        >>> print(round(steps.loc[("array_rows", 256), "latency"], 3))
        0.5

    """
    found = named(design, Path(out))
    parts = parts_of(found.setting, found.design, found.engine, found.mix)
    whole = whole_of(parts, found.mix)
    study = found.study if against is None else searched_in(Path(out) / against)
    if study is found.study and not found.trial.get("feasible"):
        study = None  # what is infeasible has no objectives
    several = found.mix is not None
    return Explanation(
        f"{found.called}: {_told(found)}{_in_study(found)}",
        whole,
        "" if several else _binding(parts[0]),
        _parts(parts, found.mix) if several else pd.DataFrame(),
        _tables(parts, _bounds),
        _tables(parts, _components),
        _tables(parts, _einsums),
        pd.DataFrame(_steps(found, parts, whole)),
        None if study is None else nearest(found, study, parts, whole),
    )


def _told(found: NamedDesign) -> str:
    setting = found.setting
    if found.mix is not None:
        of = found.mix.objectives_of
        return f"{setting.configuration}, objectives of {of}, {found.mix.told}"
    workload = setting.workload
    return f"{setting.configuration} on {workload.called}, {setting.accounting.name} accounting"


def _in_study(found: NamedDesign) -> str:
    """Say why a trial is infeasible in its study."""
    if found.trial.get("feasible", True):
        return ""
    violations = (f"{name} {value:.6g}" for name, value in found.trial["violations"].items())
    return f"; infeasible in the study: {found.trial['failure'] or ', '.join(violations)}"


def _binding(part: Part) -> str:
    return part.evaluations.bindings[0] if part.evaluations.bindings else ""


def _parts(parts: Sequence[Part], mix: Specification | None) -> pd.DataFrame:
    """Tell of each part how often it runs, what it takes, and of a weighted sum its share."""
    rows = []
    for each in parts:
        metrics = each.evaluations.metrics
        busiest = bounds.in_order(each.setting, each.evaluations)[0]
        rows.append(
            {
                "part": each.label,
                "times": each.times,
                "latency_s": float(metrics["latency_s"][0]),
                "energy_pj": float(metrics["energy_pj"][0]),
                "bound_by": busiest.called,
                "bound_share": busiest.busy_s / float(metrics["latency_s"][0]),
                "binding": _binding(each),
            }
        )
    table = pd.DataFrame(rows)
    for name in ("latency", "energy"):
        runs = table["times"] * table[_FACTORS[name]]
        table[f"{name}_share"] = runs / runs.sum() if mix and mix.weights else np.nan
    return table


def _tables(parts: Sequence[Part], told: Callable[[Part], pd.DataFrame]) -> pd.DataFrame:
    """Return what is told of each part in one table, with a column `part` where it has a label."""
    tables = []
    for each in parts:
        table = told(each)
        if each.label:
            table.insert(0, "part", each.label)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _bounds(part: Part) -> pd.DataFrame:
    latency_s = float(part.evaluations.metrics["latency_s"][0])
    return pd.DataFrame(
        [
            {
                "resource": each.called,
                "busy_s": each.busy_s,
                "share": each.busy_s / latency_s,
                "einsum": each.einsum,
                "einsum_share": each.einsum_share,
            }
            for each in bounds.in_order(part.setting, part.evaluations)
        ]
    )


def _components(part: Part) -> pd.DataFrame:
    metrics = {name: float(column[0]) for name, column in part.evaluations.metrics.items()}
    return pd.DataFrame(
        [
            {
                "component": name.removeprefix("energy_").removesuffix("_pj"),
                "energy_pj": metrics[name],
                "share": metrics[name] / metrics["energy_pj"],
            }
            for name in ENERGIES
        ]
    ).sort_values("energy_pj", ascending=False, ignore_index=True)


def _einsums(part: Part) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"einsum": name, "array": einsum.array}
            | {metric: float(getattr(einsum, metric)[0]) for metric in EINSUM_METRICS}
            for name, einsum in part.evaluations.einsums.items()
        ]
    )


def _steps(
    found: NamedDesign, parts: Sequence[Part], whole: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """Yield what each step of each parameter that has a domain would give.

    What was left open and came out otherwise on another workload has no step.
    """
    setting = found.setting
    engine = found.engine
    if not engine.own_binding:
        from evaluators.mapper.evaluator import MapperEvaluator  # noqa: PLC0415  # loads slowly

        engine = MapperEvaluator(gap=False)
    machine = described(setting.configuration).machine.parameters
    columns = [each.evaluations.designs.columns for each in parts]
    tokens = [tokens_of(each.setting.workload) for each in parts]
    for each in parameters([setting.configuration], tokens)[1:]:
        if not engine.own_binding and each.name not in machine:
            continue
        old, *others = (own[each.name][0] for own in columns if each.name in own)
        if any(other != old for other in others):
            continue
        for new in _next(each, old):
            step = found.design.with_columns({each.name: np.array([new], dtype=each.kind)})
            yield {
                "parameter": each.name,
                "old": each.natural(old),
                "new": each.natural(new),
                **_stepped(found, step, engine, whole),
            }


def _next(parameter: Parameter, value: float) -> list[int | float]:
    """Return the values beside a value: all others of a choice, of a size the next on each side."""
    others = [each for each in parameter.domain or () if each != value]
    if not parameter.ordered:
        return others
    sizes = [each for each in others if each != AUTOMATIC]
    below = [each for each in sizes if each < value][-1:]
    return below + [each for each in sizes if each > value][:1]


def _stepped(
    found: NamedDesign, step: Designs, engine: Evaluator, whole: Mapping[str, float]
) -> dict[str, Any]:
    try:
        parts = parts_of(found.setting, step, engine, found.mix, breakdown=False)
    except InputError as error:
        return dict.fromkeys(_FACTORS, np.nan) | {"bound_by": "", "reason": str(error)}
    stepped = whole_of(parts, found.mix)
    return {
        **{name: stepped[metric] / whole[metric] for name, metric in _FACTORS.items()},
        "bound_by": bound_by(parts),
        "reason": "",
    }
