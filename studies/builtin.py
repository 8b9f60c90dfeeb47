"""The studies that are built in: one of area and latency per configuration and model at 256K."""

from __future__ import annotations

from evaluators.errors import InputError, did_you_mean
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

COLLECTIONS = {
    "pareto": tuple(f"binding-{model.lower()}" for model in TRANSFORMERS),
    "joint": tuple(f"joint-{model.lower()}" for model in TRANSFORMERS),
}
"""Name -> studies that are run one after the other; `pareto` is figure 12's, a front per model."""


def builtin(name: str) -> tuple[Specification, ...]:
    """Return the built-in study of that name, or those of a collection."""
    if name in COLLECTIONS:
        return tuple(STUDIES[each] for each in COLLECTIONS[name])
    if name in STUDIES:
        return (STUDIES[name],)
    known = [*COLLECTIONS, *STUDIES]
    raise InputError(
        f"unknown study '{name}'; {did_you_mean(name, known)}"
        f"give the path of a TOML file or one of {', '.join(known)}"
    )
