"""The studies that are built in: of area and latency per configuration and model, and open ones.

An open study searches machine and binding together (docs/how-to/map.md#choices-as-parameters).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from evaluators.accounting import CORRECTED
from evaluators.errors import InputError, did_you_mean
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.domains import ATTENTION, PAPERS
from studies.paper import PARETO_SEQ_LEN
from studies.specification import JOINT, Specification


def _area_latency(name: str, configurations: tuple[str, ...], model: str) -> Specification:
    return Specification(
        name=f"{name.replace('_', '-')}-{model.lower()}",
        configurations=configurations,
        workloads=(Workload(TRANSFORMERS[model], PARETO_SEQ_LEN),),
    )


STUDIES = {
    study.name: study
    for study in (
        _area_latency(name, configurations, model)
        for name, configurations in (*((name, (name,)) for name in PAPERS), (JOINT, ATTENTION))
        for model in TRANSFORMERS
    )
}
"""Name -> study: `binding-bert`, ..., `linear-fusemax-xlm`, `joint-bert`, ..."""

OPEN = (*(f"open-{model.lower()}" for model in TRANSFORMERS), "open-llama-decode")
"""The open studies, each of area, latency and energy."""

_MACHINES = {
    "array_rows": [64, 128, 256],
    "array_cols": [64, 128, 256],
    "vector_lanes": [64, 128, 256],
    "buffer_bytes": [2**20, 2**22, 2**24],
}
"""Sizes of the machines of open studies: 81, as each takes seconds."""

_ARRAYS = ["1d", "2d"]
_CHOICES = {
    "chunk": [1, 2, 4, 8],
    **{f"{name}_on": _ARRAYS for name in ("rm", "spnv", "rnv", "gm", "sn", "sd", "snv")},
    **{f"{name}_in": ["dram", "buffer"] for name in "qkv"},
}
"""Choices of the binding that open studies search; the mapper completes the rest."""


@cache
def _open_study(name: str) -> Specification:
    """Return one of `OPEN`: BERT, TrXL, T5 or XLM at 256K, or a step of 64 sequences of 8K."""
    workload = next(
        (
            Workload(shape, PARETO_SEQ_LEN)
            for model, shape in TRANSFORMERS.items()
            if name == f"open-{model.lower()}"
        ),
        Workload(replace(transformer("llama-3-8b"), batch=64), 1, 8192),
    )
    return Specification(
        name=name,
        configurations=("one_pass", "two_pass", "three_pass"),
        workloads=(workload,),
        objectives=("area", "latency", "energy"),
        overrides=_MACHINES | _CHOICES,
        trials=48,
        batch=8,
        evaluator="mapper",
        accounting=CORRECTED,
        pinned=False,
    )


COLLECTIONS = {
    "pareto": tuple(f"binding-{model.lower()}" for model in TRANSFORMERS),
    "joint": tuple(f"joint-{model.lower()}" for model in TRANSFORMERS),
}
"""Name -> studies that are run one after the other; `pareto` is figure 12's, a front per model."""

NAMES = (*COLLECTIONS, *STUDIES, *OPEN)


def builtin(name: str) -> tuple[Specification, ...]:
    """Return the built-in study of that name, or those of a collection."""
    if name in COLLECTIONS:
        return tuple(STUDIES[each] for each in COLLECTIONS[name])
    if name in STUDIES:
        return (STUDIES[name],)
    if name in OPEN:
        return (_open_study(name),)
    raise InputError(
        f"unknown study '{name}'; {did_you_mean(name, NAMES)}"
        f"give the path of a TOML file or one of {', '.join(NAMES)}"
    )
