"""What a search may choose, taken away one by one: which freedom gives what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from evaluators.describe.catalogue import described
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.search import search
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Structure

_PAPERS = "binding"


@dataclass(frozen=True)
class Without:
    """The optimum with a freedom less.

    Attributes:
        fixed: what is fixed, for people.
        latency_s, energy_pj: of the optimum; None where no binding is left.
        cascade: of the optimum.

    """

    fixed: str
    latency_s: float | None
    energy_pj: float | None
    cascade: str | None


def without(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
    tolerance: float,
) -> Iterator[Without]:
    """Yield the optimum with each freedom taken away in turn."""
    for fixed, searches in _fixed(cascades, resources, extents, limits):
        found = [
            search({name: cascades[name] for name in names}, resources, extents, own)
            for names, own in searches
        ]
        points = [each.optimum(tolerance) for each in found if each.front]
        best = min(points, key=lambda each: (each.latency_s, each.energy_pj), default=None)
        if best is None:
            yield Without(fixed, None, None, None)
        else:
            yield Without(fixed, best.latency_s, best.energy_pj, best.cascade)


def _fixed(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
) -> Iterator[tuple[str, list[tuple[list[str], Limits]]]]:
    """Yield what is fixed, and the searches to take the best of: cascades and limits."""
    every = list(cascades)
    if len(cascades) > 1:
        for name in cascades:
            yield f"{name} alone", [([name], limits)]
    if any(each.cascade.along for each in cascades.values()):
        own = (resources.chunk(extents["M"]),)
        if limits.chunks != own:
            yield f"chunks of {own[0]} keys", [(every, replace(limits, chunks=own))]
    if limits.cuts:
        yield "one group, nothing cut", [(every, replace(limits, cuts=False))]
    papers = _papers_arrays()
    known = [name for name, each in cascades.items() if _einsums(each) <= set(papers)]
    if known:
        yield "+Binding's arrays", [(known, replace(limits, freedom=Freedom(papers)))]
    yield (
        "2D array for products alone",
        [
            ([name], replace(limits, freedom=Freedom(dict(_split(each)))))
            for name, each in cascades.items()
        ],
    )
    for fixed, freedom in (
        ("no word past all stores", Freedom(transfers=False)),
        ("no stream past the buffer", Freedom(streams=False)),
    ):
        yield fixed, [(every, replace(limits, freedom=freedom))]


def _einsums(structure: Structure) -> set[str]:
    return {each.name for each in structure.einsums}


def _papers_arrays() -> dict[str, tuple[str, ...]]:
    """Return Einsum -> its array in the paper's best configuration."""
    return {row.einsum: (row.array,) for table in described(_PAPERS).tables for row in table.rows}


def _split(structure: Structure) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the array of each Einsum where 2D arrays multiply matrices and do nothing else."""
    for place, each in enumerate(structure.einsums):
        product = "multiply-add" in structure.operations(place) and each.reduced
        yield each.name, (PE if product else LANES,)
