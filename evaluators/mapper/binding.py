"""A binding: what the search returns, and its costs counted anew, loop nest by loop nest.

`evaluate` uses nothing of the search: it lays out every Einsum's whole loop nest, with its own
order and all tensors where the binding keeps them, and has the engine count it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from evaluators.describe.cascade import Einsum
from evaluators.describe.machine import REGISTERS
from evaluators.describe.mapping import Level, Loop
from evaluators.describe.mapping import Mapping as Nest
from evaluators.engine.columns import Factors, divisors
from evaluators.engine.loopnest import LoopNest
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE, WORD_BYTES, Resources
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.uses import BUFFER, EDGE, LAST, OFF_CHIP
from evaluators.protocol import ENERGIES

DRAM_PJ, BUFFER_PJ, REGISTERS_PJ, ARITHMETIC_PJ = ENERGIES


@dataclass(frozen=True)
class Step:
    """How one Einsum runs.

    Attributes:
        einsum: its name.
        placement: where.
        keep: tensor -> the levels that keep it.
        reserved: words of a register file of its array that are held while it runs, for all that
            later Einsums may take; None where nobody counted them.

    """

    einsum: str
    placement: Placement
    keep: Mapping[str, str]
    reserved: int | None = None


@dataclass(frozen=True)
class BoundGroup:
    """Einsums under the same shared loops.

    Attributes:
        group: their places in the cascade.
        outer, keys, inner: trip counts of the loops over queries outside that over keys, over keys,
            and over queries inside it.
        steps: the Einsums in order.

    """

    group: Group
    outer: int
    keys: int
    inner: int
    steps: tuple[Step, ...]

    @property
    def on_chip(self) -> tuple[str, ...]:
        """The tensors that it produces and that never leave the chip."""
        off_chip = {
            name for step in self.steps for name, levels in step.keep.items() if OFF_CHIP in levels
        }
        return tuple(step.einsum for step in self.steps if step.einsum not in off_chip)


@dataclass(frozen=True)
class Binding:
    """A way to run a cascade.

    Attributes:
        cascade: its name.
        chunk: keys in a chunk, 0 without chunks.
        groups: in order.

    """

    cascade: str
    chunk: int
    groups: tuple[BoundGroup, ...]


@dataclass(frozen=True)
class Costs:
    """Of a group or a cascade."""

    latency_s: float
    energy_pj: float
    traffic_bytes: int
    pe_busy_s: float
    lanes_busy_s: float
    buffer_words: int

    def __add__(self, other: Costs) -> Costs:
        return Costs(
            self.latency_s + other.latency_s,
            self.energy_pj + other.energy_pj,
            self.traffic_bytes + other.traffic_bytes,
            self.pe_busy_s + other.pe_busy_s,
            self.lanes_busy_s + other.lanes_busy_s,
            max(self.buffer_words, other.buffer_words),
        )


def evaluate(
    binding: Binding, structure: Structure, resources: Resources, extents: Mapping[str, int]
) -> Costs:
    """Return what a binding costs, counted by the engine."""
    known = chunked(binding, structure, extents)
    total = Costs(0.0, 0.0, 0, 0.0, 0.0, 0)
    for group in binding.groups:
        total = total + _group(group, structure, resources, known)
    return total


def chunked(binding: Binding, structure: Structure, extents: Mapping[str, int]) -> dict[str, int]:
    """Return the extents with those of the chunks, where the cascade has them."""
    known = dict(extents)
    if structure.cascade.along:
        known |= {structure.cascade.along: extents["M"] // binding.chunk, "M0": binding.chunk}
    return known


def tile(group: BoundGroup, structure: Structure, extents: Mapping[str, int]) -> dict[str, int]:
    """Return how much of the queries and of the keys a step of the shared loops has, by rank."""
    keys = "M" if structure.cascade.along else structure.keys
    steps = {structure.queries: group.outer * group.inner, keys: group.keys}
    return {rank: extents[rank] // count for rank, count in steps.items() if rank}


@dataclass(frozen=True)
class EinsumCosts:
    """Of one Einsum: cycles of its array, words off chip, energy; and its counts.

    `cycles` are those that the array is busy, of every PE or lane; `component_pj` has the energy by
    the names of `ENERGIES`.
    """

    cycles: int
    words: int
    energy_pj: float
    component_pj: Mapping[str, float]
    counts: LoopNest


def einsum_costs(
    place: int,
    step: Step,
    bound: BoundGroup,
    structure: Structure,
    resources: Resources,
    extents: Mapping[str, int],
) -> EinsumCosts:
    """Return what an Einsum of a group costs; the extents are those of `chunked`."""
    einsum = structure.einsums[place]
    nest, values = loop_nest(einsum, step, bound, structure, resources, extents)
    counts = LoopNest(nest, Factors(values), wrapped=False)
    work = resources.work(structure.operations(place), step.placement.array)
    assert work is not None
    units = sum(resources.prices.units[name] * n for name, n in work.units.items())
    words, energy = 0, counts.cycles * counts.instances * units
    component_pj = dict.fromkeys(ENERGIES, 0.0) | {ARITHMETIC_PJ: energy}
    for tensor in einsum.tensors:
        off_chip, terms = _use(counts, tensor.name, step, resources, extents, structure)
        words += off_chip
        energy += sum(spent for _, spent in terms)
        for component, spent in terms:
            component_pj[component] += spent
    return EinsumCosts(counts.cycles * work.cycles, words, energy, component_pj, counts)


def _group(
    bound: BoundGroup, structure: Structure, resources: Resources, extents: Mapping[str, int]
) -> Costs:
    words, energy = 0, 0.0
    busy = {PE: 0, LANES: 0}
    tiles: dict[str, int] = {}
    for place, step in zip(bound.group, bound.steps, strict=True):
        own = einsum_costs(place, step, bound, structure, resources, extents)
        busy[step.placement.array] += own.cycles
        words += own.words
        energy += own.energy_pj
        for tensor in structure.einsums[place].tensors:
            if BUFFER in step.keep[tensor.name]:
                state = structure.cascade.previous.get(tensor.name)
                made = state is not None and structure.place[state] in bound.group
                copies = bound.inner if tensor.name in structure.previous_of else 1
                size = own.counts.size("L3", tensor.name) * copies
                if not (made and structure.place[str(state)] >= place):
                    tiles[tensor.name] = max(size, tiles.get(tensor.name, 0))
    traffic = WORD_BYTES * words
    pe, lanes = (busy[array] / resources.clock_hz for array in (PE, LANES))
    latency = max(traffic / resources.dram_bytes_per_s, pe, lanes)
    return Costs(latency, energy, traffic, pe, lanes, sum(tiles.values()))


def _use(
    counts: LoopNest,
    tensor: str,
    step: Step,
    resources: Resources,
    extents: Mapping[str, int],
    structure: Structure,
) -> tuple[int, list[tuple[str, float]]]:
    """Return words off chip and energies of one tensor of an Einsum, each with its component."""
    prices, array = resources.prices, step.placement.array
    keep = step.keep[tensor]
    words = 0
    if LAST in keep:
        output = counts.mapping.einsum.output
        along = structure.cascade.along
        words = prod(extents[rank] for rank in output.ranks if rank != along)
    elif OFF_CHIP in keep:
        words = counts.reads("DRAM", tensor) + counts.updates("DRAM", tensor)
    terms = [(DRAM_PJ, words * prices.dram)]
    edge = (prices.register_read[LANES], prices.register_write[LANES])
    at = [(BUFFER, "L3", BUFFER_PJ, prices.buffer_read, prices.buffer_write)]
    at += [(EDGE, "edge", REGISTERS_PJ, *edge)]
    for code, level, component, read, write in at:
        if code in keep:
            written = counts.updates(level, tensor) + counts.fills(level, tensor)
            terms.append((component, counts.reads(level, tensor) * read + written * write))
    written = counts.updates(REGISTERS, tensor) + counts.fills(REGISTERS, tensor)
    own = counts.reads(REGISTERS, tensor) * prices.register_read[array]
    own += written * prices.register_write[array]
    return words, [*terms, (REGISTERS_PJ, counts.instances * own)]


def loop_nest(
    einsum: Einsum,
    step: Step,
    bound: BoundGroup,
    structure: Structure,
    resources: Resources,
    extents: Mapping[str, int],
) -> tuple[Nest, dict[str, int]]:
    """Return the whole loop nest of an Einsum, and its trip counts: of rank R, R0 are spatial.

    The extents are those of `chunked`.
    """
    values: dict[str, int] = {}
    outside = []
    shared = [(rank, f"{rank}3", extents[rank]) for rank in structure.batch]
    shared += [(structure.queries, "queries3", bound.outer), (structure.keys, "keys3", bound.keys)]
    shared += [(structure.queries, "queries2", bound.inner)]
    left = dict(extents)
    for rank, name, count in shared:
        if rank in einsum.ranks:
            outside.append(Loop(rank, name))
            values[name] = count
            left[rank] = left[rank] // count
    spatial = []
    for rank, side in step.placement.side_of.items():
        options = divisors(left[rank])
        count = int(options[options <= resources.side(side)].max())
        spatial.append(Loop(rank, f"{rank}0"))
        values[f"{rank}0"] = count
        left[rank] //= count
    inside = []
    for rank in step.placement.order:
        inside.append(Loop(rank, f"{rank}1"))
        values[f"{rank}1"] = left[rank]

    def kept(code: str) -> frozenset[str]:
        return frozenset(
            name
            for name, levels in step.keep.items()
            if code in levels and not (code == OFF_CHIP and LAST in levels)
        )

    levels = [Level("DRAM", tuple(outside), (), kept(OFF_CHIP))]
    if step.placement.array == PE:
        levels += [
            Level("L3", tuple(inside), (), kept(BUFFER)),
            Level("edge", (), tuple(spatial), kept(EDGE)),
        ]
    else:
        levels += [Level("L3", tuple(inside), tuple(spatial), kept(BUFFER))]
    levels += [Level(REGISTERS, keep=frozenset(each.name for each in einsum.tensors))]
    assert prod(values.values()) == prod(extents[rank] for rank in einsum.ranks)
    return Nest(einsum, tuple(levels)), values
