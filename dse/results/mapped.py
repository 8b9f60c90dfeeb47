"""What `dse map` found: the optimum, laid out Einsum by Einsum, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dse.results.designs import Setting
from evaluators.mapper.binding import (
    Binding,
    BoundGroup,
    Costs,
    Step,
    chunked,
    loop_nest,
    tile,
)
from evaluators.mapper.cascade_search import Point
from evaluators.mapper.freedoms import Without
from evaluators.mapper.resources import PE, SIDES, Resources
from evaluators.mapper.structure import Structure
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

LEVELS = {OFF_CHIP: "DRAM", BUFFER: "buffer", EDGE: "edge register"}
"""What the codes of a binding's levels are called; a tensor in none is in registers alone."""


COMPARED_METRICS = ("latency_s", "energy_pj", "traffic_bytes")
"""What a configuration is compared by."""


@dataclass(frozen=True)
class Compared:
    """A configuration that ships on the machine.

    Attributes:
        configuration, title: its name, and what people call it.
        metrics: `COMPARED_METRICS`; None where it does not run.
        note: why it does not, or what its machine has otherwise.

    """

    configuration: str
    title: str
    metrics: Mapping[str, float] | None
    note: str


@dataclass(frozen=True)
class Paced:
    """How a binding runs by its schedule, which registers and buffer hold.

    Attributes:
        latency_s: of the schedule.
        gap: the share by which that may be above what another binding takes.
        tried: schedules of bindings that were made.

    """

    latency_s: float
    gap: float
    tried: int


@dataclass(frozen=True)
class Mapped:
    """What was asked and what was found.

    Attributes:
        setting: model, length and accounting.
        resources: the machine.
        extents: rank -> its extent.
        cascades: those searched, by name.
        chunks: keys in a chunk, those searched; None for every divisor.
        front: the points found, by latency.
        tolerance: share of the least latency that the optimum may be slower for less energy.
        binding, costs: of the optimum: least latency, then least energy.
        scheduled: of the binding whose schedule is shortest, which then is that of `binding` and
            `costs`; None where it was not asked for.
        gaps: shares by which its latency and energy may be above the least; 0 where proven.
        compared: the configurations that ship for such a machine, on this one.
        freedoms: the optimum with each freedom taken away in turn; None where it was not asked for.
        ways: in how many the cascades may be cut, tiled, placed and ordered.
        labels, configurations: partial bindings, and shared loops of groups, that were counted.
        cpu_s: of the search.

    """

    setting: Setting
    resources: Resources
    extents: Mapping[str, int]
    cascades: Mapping[str, Structure]
    chunks: tuple[int, ...] | None
    tolerance: float
    front: tuple[Point, ...]
    binding: Binding
    costs: Costs
    scheduled: Paced | None
    gaps: tuple[float, float]
    compared: tuple[Compared, ...]
    freedoms: tuple[Without, ...] | None
    ways: int
    labels: int
    configurations: int
    cpu_s: float


@dataclass(frozen=True)
class EinsumRun:
    """How an Einsum runs.

    Attributes:
        einsum: its name.
        array: '2d' or '1d'.
        sides: side of the array -> the rank on it and how many PEs or lanes that takes.
        loops: loops below the buffer, outermost first, with their steps.
        keep: tensor -> the levels that keep it, by `LEVELS`; none: registers alone.
        reserved_words: words held in each register file of its array, for all that later Einsums
            may take; fewer may do.

    """

    einsum: str
    array: str
    sides: Mapping[str, tuple[str, int]]
    loops: Mapping[str, int]
    keep: Mapping[str, tuple[str, ...]]
    reserved_words: int | None


@dataclass(frozen=True)
class GroupRun:
    """Einsums under the same loops at DRAM.

    Attributes:
        loops: (rank, steps) of these loops, outermost first.
        tile: rank -> how much of it a step has.
        on_chip: tensors that it produces and that never leave the chip.
        einsums: how each runs.

    """

    loops: tuple[tuple[str, int], ...]
    tile: Mapping[str, int]
    on_chip: tuple[str, ...]
    einsums: tuple[EinsumRun, ...]


def groups(mapped: Mapped) -> Iterator[GroupRun]:
    """Yield the groups of the optimum in order."""
    structure = mapped.cascades[mapped.binding.cascade]
    extents = chunked(mapped.binding, structure, mapped.extents)
    queries, keys = structure.queries, structure.keys
    for bound in mapped.binding.groups:
        loops = [(rank, extents[rank]) for rank in structure.batch]
        loops += [(queries, bound.outer), (keys, bound.keys), (queries, bound.inner)]
        yield GroupRun(
            tuple(each for each in loops if each[1] > 1),
            tile(bound, structure, extents),
            bound.on_chip,
            tuple(
                _einsum(place, step, bound, structure, mapped, extents)
                for place, step in zip(bound.group, bound.steps, strict=True)
            ),
        )


def _einsum(
    place: int,
    step: Step,
    bound: BoundGroup,
    structure: Structure,
    mapped: Mapped,
    extents: Mapping[str, int],
) -> EinsumRun:
    einsum = structure.einsums[place]
    _, counts = loop_nest(einsum, step, bound, structure, mapped.resources, extents)
    placement = step.placement
    return EinsumRun(
        step.einsum,
        "2d" if placement.array == PE else "1d",
        {
            side: (rank, counts[f"{rank}0"])
            for side, rank in zip(SIDES[placement.array], placement.sides, strict=True)
            if rank is not None
        },
        {rank: counts[f"{rank}1"] for rank in placement.order},
        {
            name: tuple(called for code, called in LEVELS.items() if code in levels)
            for name, levels in step.keep.items()
        },
        step.reserved,
    )
