"""What one would build instead of FuseMax: questions, each a machine and a workload, answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isinf
from typing import Any

from dse.interface.mapping import PAPERS, best_binding
from dse.interface.typed import typed
from dse.reports.instead import Answer, Instead
from dse.results.designs import Setting, evaluated
from dse.results.mapped import Mapped, groups
from evaluators.design import Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.costs import prices
from evaluators.engine.evaluator import nests_of
from evaluators.mapper.best import shipped_cascades
from evaluators.mapper.reaching import reaches
from evaluators.mapper.resources import PARAMETERS, RANKS, Resources
from evaluators.mapper.scheduled import as_it_runs
from evaluators.mapper.smallest import Smallest, grid, smallest
from evaluators.protocol import evaluator

LEAST_AREA = "least area"
"""The question whose machine is searched for: as fast on BERT at 256K as +Binding."""

QUESTIONS: Mapping[str, Mapping[str, Any]] = {
    "least latency": {"chunks": "1024", "scheduled": True},
    LEAST_AREA: {"chunks": "all"},
    "short sequences": {"seq_len": "1K", "scheduled": True},
    "decoding": {
        "model": "llama-3-8b",
        "queries": 1,
        "keys": "8K",
        "batch": 64,
        "scheduled": True,
        "tolerance": 0.05,
    },
}
"""Question -> what `dse map` is asked; what is left out is the paper's machine and BERT at 256K."""

_OF_SCHEDULES = ("scheduled", "tolerance")

_LONG = Setting.parse({"accounting": "corrected", "seq_len": "256K"})


@typed
def instead(*, freedoms: bool = False) -> Instead:
    """Say what one would build instead of FuseMax, proven, beside +Binding on the paper's machine.

    Both are charged 'corrected', with register needs enforced. The ideal latency is that of arrays
    and memory that overlap wholly, the other that of a schedule that fits the machine.

    Args:
        freedoms: the ideal optimum with each of its freedoms taken away, too: half a minute more.

    Returns:
        For least latency, least area, short sequences and decoding the machine, the best of its
        bindings, latency, energy and area; printed, what the command says.

    Examples:
        >>> import dse
        >>> small = dse.instead().answers[1]
        >>> small.question, small.command.split()[-2:]
        ('least area', ['--lane-registers', '3'])
        >>> print(f"{small.optimum['area_um2'] / small.fusemax['area_um2']:.2f}")
        0.45

    """
    return Instead(tuple(_answers(freedoms)))


def _answers(freedoms: bool) -> Iterator[Answer]:
    for question, given in QUESTIONS.items():
        searched, asked = None, dict(given)
        if question == LEAST_AREA:
            searched = _least_area()
            assert searched.sizes is not None, "the paper's machine is one of the grid"
            asked |= searched.sizes
        mapped = best_binding(**asked)
        costs = mapped.costs
        chunk = f" in chunks of {mapped.binding.chunk} keys" if mapped.binding.chunk else ""
        runs = [run for group in groups(mapped) for run in group.einsums]
        yield Answer(
            question,
            _command(asked),
            f"{mapped.binding.cascade}{chunk}",
            {
                array: tuple(each.einsum for each in runs if each.array == array.lower())
                for array in ("2D", "1D")
            },
            tuple(name for group in groups(mapped) for name in group.on_chip),
            {
                "latency_s": costs.latency_s,
                "scheduled_s": _scheduled_s(mapped),
                "energy_pj": costs.energy_pj,
                "area_um2": _area_um2(mapped),
            },
            _fusemax(mapped.setting),
            _without(asked) if freedoms else {},
            searched,
        )


def _command(asked: Mapping[str, Any]) -> str:
    """Return the command that is asked so."""
    options = (
        f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
        for name, value in asked.items()
    )
    return " ".join(["dse map", *options])


def _without(asked: Mapping[str, Any]) -> dict[str, tuple[float, float] | None]:
    """Return what the ideal optimum loses by each freedom taken away in turn."""
    ideal = {name: value for name, value in asked.items() if name not in _OF_SCHEDULES}
    mapped = best_binding(freedoms=True, **ideal)
    costs = mapped.costs
    return {
        each.fixed: None
        if each.latency_s is None or each.energy_pj is None
        else (each.latency_s / costs.latency_s, each.energy_pj / costs.energy_pj)
        for each in mapped.freedoms or ()
    }


def _scheduled_s(mapped: Mapped) -> float | None:
    """Return the latency of the binding's schedule; None where that does not fit the machine."""
    if mapped.scheduled is not None:
        return mapped.scheduled.latency_s
    binding, workload = mapped.binding, mapped.setting.workload
    structure = mapped.cascades[binding.cascade]
    runs = as_it_runs(binding, structure, mapped.resources, workload, mapped.extents)
    return None if isinf(runs.latency_s) else runs.latency_s


def _least_area() -> Smallest:
    """Search for the smallest machine that takes no longer than +Binding on the paper's."""
    latency_s, workload = _fusemax(_LONG)["latency_s"], _LONG.workload
    extents = {rank: workload.extents[rank] for rank in RANKS}

    def fast(sizes: Mapping[str, int]) -> bool:
        own: dict[str, Any] = {PARAMETERS[name]: size for name, size in sizes.items()}
        return reaches(shipped_cascades(), Resources(**own), extents, latency_s)

    return smallest(workload, grid(), latency_s, fast)


def _area_um2(mapped: Mapped) -> float:
    """Return the area of the machine that was mapped to."""
    sizes = {name: getattr(mapped.resources, own) for name, own in PARAMETERS.items()}
    setting = mapped.setting
    nests = nests_of(PAPERS[0], setting.workload, Designs.of(**sizes), setting.accounting)
    return float(areas_um2(nests.accelerator.machine, nests.values, prices(nests))["chip"])


def _fusemax(setting: Setting) -> dict[str, float]:
    """Return what +Binding takes on the paper's machine, padded where the workload needs it."""
    padded = replace(setting, workload=replace(setting.workload, padded=True))
    metrics = evaluated(padded, Designs.of(), evaluator("analytical")).metrics
    return {name: float(metrics[name][0]) for name in ("latency_s", "energy_pj", "area_um2")}
