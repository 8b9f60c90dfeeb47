"""Cycles of a level of storage whose bandwidth is limited, as `timeloop-model` computes them.

A level needs its words a compute cycle; where it has less, it takes longer, and the chip takes as
long as its slowest level, and the cycles that filling and draining its networks add.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaluators.errors import InputError
from evaluators.formats.timeloop_components import Bandwidth, Storage

LARGEST_CYCLES = 2**63 - 1


@dataclass(frozen=True)
class Throttle:
    """How long a level takes.

    Attributes:
        cycles: its cycles.
        slowdown: the share of the words that it needs in a compute cycle which it moves, 1 at most.

    """

    cycles: int
    slowdown: float


def throttle(
    storage: Storage,
    held: Mapping[str, Mapping[str, int]],
    tensors: Iterable[str],
    compute_cycles: int,
) -> Throttle:
    """Compare what a level needs with what it has.

    Args:
        storage: the level.
        held: tensor -> reads, fills and updates of one of its instances, in words.
        tensors: all tensors in the problem's order, in which Timeloop adds.
        compute_cycles: cycles of the arithmetic.

    Raises:
        InputError: where it takes more than `LARGEST_CYCLES`.

    """
    bandwidth = storage.bandwidth
    read = write = 0.0
    for tensor in tensors:
        if counts := held.get(tensor):
            scale = bandwidth.scales.get(tensor, 1.0)
            read += counts["reads"] / compute_cycles * scale
            write += (counts["fills"] + counts["updates"]) / compute_cycles * scale
    slowdown = 1.0
    for has, needs in _limits(bandwidth, read, write):
        if has is not None and has < needs:
            slowdown = min(slowdown, has / needs)
    cycles = compute_cycles / slowdown if slowdown else math.inf
    if cycles > LARGEST_CYCLES:
        raise InputError(
            f"{storage.where}: its bandwidth makes {storage.name} take more than 2^63 - 1 cycles; "
            "give it more"
        )
    return Throttle(math.ceil(cycles), slowdown)


def _limits(
    bandwidth: Bandwidth, read: float, write: float
) -> Iterable[tuple[float | None, float]]:
    """Pair what a level has with what it needs, in words a cycle."""
    return (
        (bandwidth.read_words, read),
        (bandwidth.write_words, write),
        (bandwidth.shared_words, write + read),
    )
