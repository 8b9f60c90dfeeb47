"""What a design runs: a workload, or all that objectives of a study are of, and the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dse.reports import bounds
from dse.results.designs import Setting, evaluated
from dse.results.trials import HALVES
from evaluators.design import Designs
from evaluators.errors import InputError
from evaluators.protocol import ENERGIES, Evaluations, Evaluator
from studies.end_to_end import on_one_chip, paired
from studies.objectives import UNITS, objective_values
from studies.scenes import scenes_of
from studies.specification import Specification

_WHOLE = ("latency", "energy", "area", "traffic", "util_2d")
"""What is told of the whole beside a study's objectives."""


@dataclass(frozen=True)
class Part:
    """One of the evaluations that objectives are of.

    Attributes:
        label: a scene or workload, and end to end whose layers; '' where there is no other part.
        times: how often it runs: the calls of its scene, times the layers of a whole model.
        setting: accelerator, workload, accounting.
        evaluations: those of one design.

    """

    label: str
    times: float
    setting: Setting
    evaluations: Evaluations

    @property
    def bound_by(self) -> str:
        """What is busiest."""
        return bounds.in_order(self.setting, self.evaluations)[0].called


def parts_of(
    setting: Setting,
    design: Designs,
    engine: Evaluator,
    mix: Specification | None,
    *,
    breakdown: bool = True,
) -> list[Part]:
    """Evaluate one design on all that it runs; `InputError` says where it is not feasible, and why.

    Args:
        setting: accelerator and accounting, and the workload where there is no mix.
        design: a batch of one.
        engine: what evaluates it.
        mix: a study whose workloads, and linear layers, it runs.
        breakdown: by Einsum.

    """
    if mix is None:
        return [Part("", 1.0, setting, evaluated(setting, design, engine, breakdown=breakdown))]
    runs = paired((setting.configuration,), mix.linear_layers)[setting.configuration]
    chips = on_one_chip(runs, mix.workloads, design)
    parts = []
    for (workload, half), label, times in zip(mix.rows, labels(mix), _times(mix), strict=True):
        own = Setting(runs[half], workload, setting.accounting)
        try:
            results = evaluated(own, chips[half], engine, breakdown=breakdown)
        except InputError as error:
            raise InputError(f"{label}: {error}") from None
        parts.append(Part(label, times, own, results))
    return parts


def labels(mix: Specification) -> list[str]:
    """Return what the parts of a mix are called, by their places in `Specification.rows`."""
    called = mix.scenes or [each.called for each in mix.workloads]
    halves = [f", {half}" for half in HALVES] if mix.linear_layers else [""]
    return [f"{each}{half}" for each in called for half in halves]


def _times(mix: Specification) -> list[float]:
    halves = len(mix.rows) // len(mix.workloads)
    weights = mix.weights or [1.0] * len(mix.workloads)
    return [
        weight * (workload.transformer.layers if mix.whole_model else 1)
        for workload, weight in zip(mix.workloads, weights, strict=True)
        for _ in range(halves)
    ]


def whole_of(parts: Sequence[Part], mix: Specification | None) -> dict[str, float]:
    """Return the metrics of all parts by name: of a mix also the objectives, by their columns.

    Of one part they are those of its evaluation. Energies of components are told of weighted sums,
    as geometric means of them would not add up.
    """
    metrics = [dict(each.evaluations.metrics) for each in parts]
    if mix is None:
        return {name: float(column[0]) for name, column in metrics[0].items()}
    names = list(dict.fromkeys((*_WHOLE, *mix.objectives)))
    scenes = scenes_of(mix.workloads, metrics, whole_model=mix.whole_model)
    (values,) = objective_values(names, scenes, mix.weights).tolist()
    whole = dict(zip((UNITS[name] for name in names), values, strict=True))
    whole["array_area_um2"] = float(metrics[0]["array_area_um2"][0])
    if mix.weights:
        for name in ENERGIES:
            own = [each.times * each.evaluations.metrics[name][0] for each in parts]
            whole[name] = float(sum(own))
    return whole


def bound_by(parts: Sequence[Part]) -> str:
    """Say what bounds the parts, each resource once, in the order of the parts."""
    return ", ".join(dict.fromkeys(each.bound_by for each in parts))
