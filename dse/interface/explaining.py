"""What bounds a design, in order, and what one step of each of its parameters would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.front_report import dominators
from dse.interface.designs import evaluated
from dse.interface.named_designs import NamedDesign, named
from dse.interface.typed import typed
from dse.reports import bounds
from dse.reports.explanation import Explanation, Nearest
from dse.reports.searched import Searched, searched_in
from dse.results.designs import Setting, evaluate_pinned, reasons
from dse.results.study_tables import objective_columns
from dse.search.place import RUNS
from evaluators.describe.catalogue import described
from evaluators.describe.parameters import MAPPER
from evaluators.design import AUTOMATIC, Designs
from evaluators.errors import InputError
from evaluators.mapper.evaluator import MapperEvaluator
from evaluators.protocol import BINDING, EINSUM_METRICS, ENERGIES, Evaluations, Evaluator
from search_spaces.domains import parameters, tokens_of
from search_spaces.parameter import Parameter
from studies.objectives import maximised

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
        against: a study that was run, of one workload; where it stands against that one's front.
            A trial stands against its own study's.
        out: the folder of studies.

    Returns:
        Tables of what bounds it, of components, Einsums and steps; printed, what the command says.
        Values that the design leaves open follow each step, and so does the binding where that is
        left open: the mapper finds it anew, and steps are of the machine.

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
    evaluations = evaluated(found.setting, found.design, found.engine)
    metrics = {name: float(column[0]) for name, column in evaluations.metrics.items()}
    workload = found.setting.workload
    study = found.study if against is None else searched_in(Path(out) / against)
    if study is found.study and not found.trial.get("feasible"):
        study = None  # what is infeasible has no objectives
    return Explanation(
        f"{found.called}: {found.setting.configuration} on {workload.transformer.name} "
        f"{workload.told}, {found.setting.accounting.name} accounting{_in_study(found)}",
        metrics,
        evaluations.bindings[0] if evaluations.bindings else "",
        _bounds(found.setting, evaluations, metrics["latency_s"]),
        _components(metrics),
        pd.DataFrame(
            [
                {"einsum": name, "array": part.array}
                | {metric: float(getattr(part, metric)[0]) for metric in EINSUM_METRICS}
                for name, part in evaluations.einsums.items()
            ]
        ),
        pd.DataFrame(_steps(found, evaluations, metrics)),
        None if study is None else _nearest(found, study, evaluations, metrics),
    )


def _in_study(found: NamedDesign) -> str:
    """Say of a trial that its study has more workloads, and why it is infeasible there."""
    if found.trial.get("feasible", True):
        return found.told
    violations = (f"{name} {value:.6g}" for name, value in found.trial["violations"].items())
    return (
        f"{found.told}; infeasible in the study: {found.trial['failure'] or ', '.join(violations)}"
    )


def _bounds(setting: Setting, evaluations: Evaluations, latency_s: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "resource": each.called,
                "busy_s": each.busy_s,
                "share": each.busy_s / latency_s,
                "einsum": each.einsum,
                "einsum_share": each.einsum_share,
            }
            for each in bounds.in_order(setting, evaluations)
        ]
    )


def _components(metrics: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "component": name.removeprefix("energy_").removesuffix("_pj"),
                "energy_pj": metrics[name],
                "share": metrics[name] / metrics["energy_pj"],
            }
            for name in ENERGIES
            if name in metrics
        ],
        columns=["component", "energy_pj", "share"],
    ).sort_values("energy_pj", ascending=False, ignore_index=True)


def _steps(
    found: NamedDesign, evaluations: Evaluations, metrics: Mapping[str, float]
) -> Iterator[dict[str, Any]]:
    """Yield what each step of each parameter that has a domain would give."""
    setting = found.setting
    engine = found.engine if found.engine.own_binding else MapperEvaluator(gap=False)
    machine = described(setting.configuration).machine.parameters
    for each in parameters([setting.configuration], [tokens_of(setting.workload)])[1:]:
        if not engine.own_binding and each.name not in machine:
            continue
        old = evaluations.designs.columns[each.name][0]
        for new in _next(each, old):
            step = found.design.with_columns({each.name: np.array([new], dtype=each.kind)})
            yield {
                "parameter": each.name,
                "old": each.natural(old),
                "new": each.natural(new),
                **_stepped(setting, step, engine, metrics),
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
    setting: Setting, step: Designs, engine: Evaluator, metrics: Mapping[str, float]
) -> dict[str, Any]:
    try:
        ((_, results),) = evaluate_pinned(setting, step, engine)
        (reason,) = reasons(setting, results, engine)
    except InputError as error:
        reason = str(error)
    if reason:
        return dict.fromkeys(_FACTORS, np.nan) | {"bound_by": "", "reason": reason}
    return {
        **{
            name: float(results.metrics[metric][0]) / metrics[metric]
            for name, metric in _FACTORS.items()
        },
        "bound_by": bounds.in_order(setting, results)[0].called,
        "reason": "",
    }


def _nearest(
    found: NamedDesign, against: Searched, evaluations: Evaluations, metrics: Mapping[str, float]
) -> Nearest:
    objectives = objective_columns(against.study)
    front = against.reference
    if front.empty:
        raise InputError(f"no trial of {against.study.name} is feasible: it has no front")
    point = _point(found, against, metrics, objectives)
    values: NDArray[np.float64] = front[objectives].to_numpy(dtype=float)
    factors = values / np.array(list(point.values()))
    decades = np.sqrt((np.log10(factors) ** 2).sum(axis=1))
    best = int(np.argmin(decades))
    (row,) = front.iloc[[best]].to_dict("records")
    own = evaluations.designs.columns
    return Nearest(
        against.study.name,
        "true front" if against.swept else "front",
        int(row["design"]),
        float(decades[best]),
        dict(zip(objectives, factors[best].tolist(), strict=True)),
        len(dominators(front, point, objectives, maximised(against.study.objectives))),
        {
            each.name: row[each.name]
            for each in against.study.space.parameters
            if len(each.values) > 1
            and each.name in own
            and (BINDING in row or each.declared.rule != MAPPER)
            and not pd.isna(row[each.name])
            and row[each.name] != each.natural(own[each.name][0])
        },
        row.get(BINDING, ""),
    )


def _point(
    found: NamedDesign, against: Searched, metrics: Mapping[str, float], objectives: list[str]
) -> dict[str, float]:
    """Return a design's objectives under a study's; `InputError` where they are not the same."""
    study = against.study
    if found.study is not None and found.study.study.name == study.name:
        return {name: found.trial[name] for name in objectives}
    if study.workloads != (found.setting.workload,) or study.accounting != found.setting.accounting:
        raise InputError(
            f"{study.name} has another workload or accounting than {found.called}; name a study of "
            "the same"
        )
    if unknown := [name for name in objectives if name not in metrics]:
        raise InputError(f"{study.name} is of {unknown[0]}, which one evaluation does not have")
    return {name: metrics[name] for name in objectives}
