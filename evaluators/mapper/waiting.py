"""What registers hold at least where a tensor passes from Einsum to Einsum: a bound for each end.

An end alone knows its own loops, and what is summed on the way. The words of the loops that the
ends cannot run together wait, so that an end whose loops are in a bad order fits no register file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE


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
    place: int,
    placement: Placement,
    tensor: str,
    way: Way,
    runs: Callable[[int, str], Flags],
    *,
    cut: bool,
) -> Flags:
    """Tell where a tensor may pass an end past all stores, for all that this end decides.

    Args:
        shared: the configurations.
        place: of the Einsum at the end.
        placement: its placement.
        tensor: one of its tensors.
        way: the other ends.
        runs: tells where an Einsum may run on an array.
        cut: whether the shared loops cut the keys.

    """
    structure, own = shared.structure, placement.array
    einsum = structure.einsums[place]
    ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
    produced = structure.place.get(tensor) == place
    others = way.targets if produced else way.sources
    spare = any(rank is not None and rank not in ranks for rank in placement.sides)
    loops, run = placement.loops_over(ranks), placement.leading(ranks)
    crossing = placement.sides[-1] in ranks and run == loops
    crossing &= own != PE or placement.sides[0] not in ranks
    room = shared.resources.registers(own) - len(einsum.tensors) + 1
    found = np.zeros(len(shared), bool)
    for other in others:
        pair = (place, other) if produced else (other, place)
        maker = structure.place.get(tensor) == pair[0]
        if crossing and maker and not (loops and _waits(shared, *pair, cut=cut)):
            found |= runs(other, LANES if own == PE else PE)
        # A producer has no copies for the PEs of a spare side; who reads it may have.
        if not (spare and maker):
            words = _apart(shared, pair, loops, run, placement, cut=cut)
            found |= (words <= room) & runs(other, own)
    return found


def _waits(shared: Shared, source: int, target: int, *, cut: bool) -> bool:
    structure = shared.structure
    return cut and structure.has_keys(source) and not structure.has_keys(target)


def _apart(
    shared: Shared,
    pair: tuple[int, int],
    loops: tuple[str, ...],
    run: tuple[str, ...],
    placement: Placement,
    *,
    cut: bool,
) -> Integers:
    """Return the words of the loops that two ends cannot run together."""
    structure = shared.structure
    together: list[str] = []
    if not _waits(shared, *pair, cut=cut):
        path = structure.on_path(*pair)
        summed = {rank for each in path for rank in structure.einsums[each].reduced}
        for rank in run:
            if rank in summed:
                break
            together.append(rank)
    words = np.ones(len(shared), np.int64)
    for rank in loops:
        if rank not in together:
            words = words * shared.step(rank, placement.side_of.get(rank))
    return words
