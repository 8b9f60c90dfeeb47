"""What registers hold at least where a tensor passes from Einsum to Einsum: a bound for each end.

An end alone knows its own loops, and what is summed on the way. The words of the loops that the
ends cannot run together wait, so that an end whose loops are in a bad order fits no register file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evaluators.mapper.loops import Factor, Flags, Integers, Shared
from evaluators.mapper.placement import Placement
from evaluators.mapper.places import Places
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.structure import Structure


@dataclass(frozen=True)
class Way:
    """How a tensor of an Einsum may be kept.

    Attributes:
        keeps: the levels that may keep it, see `evaluators.mapper.uses`; "" for registers alone.
        sources, targets: the Einsums of the group that use it before and after.

    """

    keeps: tuple[str, ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]


def passes(
    shared: Shared,
    resources: Resources,
    place: int,
    places: Places,
    tensor: str,
    way: Way,
    runs: Callable[[int, str], Flags],
) -> Flags:
    """Tell where a tensor may pass an end past all stores, for all that this end decides.

    Args:
        shared: the configurations.
        resources: the machine.
        place: of the Einsum at the end.
        places: its placements.
        tensor: one of its tensors.
        way: the other ends.
        runs: tells where an Einsum may run on an array.

    Returns:
        Shape (placements, configurations).

    """
    structure = shared.structure
    others = way.targets if structure.place.get(tensor) == place else way.sources
    room = {
        array: resources.registers(array) - len(structure.einsums[place].tensors) + 1
        for array in (PE, LANES)
    }
    most = np.where(places.on_pe, room[PE], room[LANES])[:, None]
    found = np.zeros(places.legal.shape, bool)
    for other in others:
        ends = [_end(structure, place, each, tensor, other) for each in places.placements]
        waits = ends[0].waits if ends else False
        cut = waits & (shared.keys > 1)
        on_pe, on_lanes = runs(other, PE), runs(other, LANES)
        crosses = np.array([each.crosses for each in ends], bool)[:, None]
        loops = np.array([each.loops for each in ends], bool)[:, None]
        found |= crosses & ~(loops & cut) & np.where(places.on_pe[:, None], on_lanes, on_pe)
        held = np.array([each.held for each in ends], bool)[:, None]
        words = _products(shared, [each.apart for each in ends])
        if waits:
            words = np.where(cut, _products(shared, [each.all_loops for each in ends]), words)
        found |= held & (words <= most) & np.where(places.on_pe[:, None], on_pe, on_lanes)
    return found


def _products(shared: Shared, factors: list[frozenset[Factor]]) -> Integers:
    rows = {each: k for k, each in enumerate(dict.fromkeys(factors))}
    table = np.array([shared.product(each) for each in rows]).reshape(len(rows), len(shared))
    return table[[rows[each] for each in factors]]


@dataclass(frozen=True)
class _End:
    """One end of a pass, so placed.

    Attributes:
        crosses: whether it may be of a pass through the edge register.
        loops: whether it has loops over the tensor's ranks; such a pass does not wait for the keys.
        held: whether it may be of a pass through registers.
        waits: whether one end is behind the loop over the keys, and the other in it.
        all_loops: the trip counts of the loops over the tensor's ranks.
        apart: those that the two ends cannot run together, where they do not wait.

    """

    crosses: bool
    loops: bool
    held: bool
    waits: bool
    all_loops: frozenset[Factor]
    apart: frozenset[Factor]


@lru_cache(maxsize=2**15)
def _end(structure: Structure, place: int, placement: Placement, tensor: str, other: int) -> _End:
    einsum = structure.einsums[place]
    ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
    produced = structure.place.get(tensor) == place
    source, target = (place, other) if produced else (other, place)
    made = structure.place.get(tensor) == source
    loops, run = placement.loops_over(ranks), placement.leading(ranks)
    crossing = placement.sides[-1] in ranks and run == loops
    crossing &= placement.array != PE or placement.sides[0] not in ranks
    spare = any(rank is not None and rank not in ranks for rank in placement.sides)
    summed = {
        rank
        for each in structure.on_path(source, target)
        for rank in structure.einsums[each].reduced
    }
    together: list[str] = []
    for rank in run:
        if rank in summed:
            break
        together.append(rank)
    factors = [(rank, placement.side_of.get(rank)) for rank in loops]
    return _End(
        crosses=crossing and made,
        loops=bool(loops),
        # A producer has no copies for the PEs of a spare side; who reads it may have.
        held=not (spare and made),
        waits=structure.has_keys(source) and not structure.has_keys(target),
        all_loops=frozenset(factors),
        apart=frozenset(each for each in factors if each[0] not in together),
    )
