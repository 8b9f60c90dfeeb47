"""What registers hold while an Einsum runs.

They hold all that a later Einsum may take, as many words of it as may be asked for, where it fits.
Where it does not, every way to hold less is a way to go on: to count on more loops that both ends
run together, so that fewer words wait, or to let a tensor go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Factor
from evaluators.mapper.placement import Placement
from evaluators.mapper.transfers import Held

Load = tuple[tuple[frozenset[Factor], frozenset[Factor]], ...]
"""Of every tensor the words before and after an Einsum; the larger of both is held."""

Waiting = tuple[Held, int]


@dataclass(frozen=True)
class Reservation:
    """One way to use the registers.

    Attributes:
        incoming: operand -> the transfer that is taken, None where it is read otherwise.
        outgoing: tensor of the Einsum -> what is held of it for later ones.
        passing: what waits meanwhile.
        load: the words of them all.
        unless: loads that hold more; this one is of use only where none of them fits.

    """

    incoming: Mapping[str, Held | None]
    outgoing: Mapping[str, list[Held]]
    passing: list[Waiting]
    load: Load
    unless: tuple[Load, ...] = ()


def reservations(
    placement: Placement,
    offered: Mapping[str, Held | None],
    out: Mapping[str, Sequence[Held]],
    waiting: Sequence[Waiting],
    fits: Callable[[Load], NDArray[np.bool_]],
) -> Iterator[Reservation]:
    """Yield the ways to use the registers of an array while an Einsum runs there.

    Args:
        placement: of the Einsum.
        offered: operand -> the transfer that it may take.
        out: tensor of the Einsum -> what may be held of it for later ones.
        waiting: transfers that pass by, with the places that promised them.
        fits: tells for every configuration whether a load fits.

    """
    names = list(out)
    others = sorted({each.tensor for each, _ in waiting} - set(names))
    scales = []
    for name in names:
        before = offered.get(name)
        lower = before.together(placement) - before.level + 2 if before is not None else 1
        scales.append(range(lower))
        scales.append(range(max((len(each.run) for each in out[name]), default=-1) + 2))
    for name in others:
        some = [each for each, _ in waiting if each.tensor == name]
        scales.append(range(max(len(each.run) for each in some) - some[0].level + 2))

    def reserved(levels: tuple[int, ...]) -> Reservation:
        return _reserved(levels, placement, offered, out, waiting, names, others)

    full = reserved(tuple(0 for _ in scales))
    if fits(full.load).all():
        yield full
        return
    known = {levels: reserved(levels) for levels in product(*scales)}
    for levels, less in known.items():
        if fits(less.load).any():
            more = tuple(
                known[(*levels[:k], level - 1, *levels[k + 1 :])].load
                for k, level in enumerate(levels)
                if level
            )
            yield Reservation(less.incoming, less.outgoing, less.passing, less.load, more)


def _reserved(
    levels: tuple[int, ...],
    placement: Placement,
    offered: Mapping[str, Held | None],
    out: Mapping[str, Sequence[Held]],
    waiting: Sequence[Waiting],
    names: Sequence[str],
    others: Sequence[str],
) -> Reservation:
    incoming: dict[str, Held | None] = {}
    outgoing: dict[str, list[Held]] = {}
    passing: list[Waiting] = []
    pairs = []
    nothing: frozenset[Factor] = frozenset()
    for name, down, up in zip(names, levels[::2], levels[1::2], strict=False):
        before = offered.get(name)
        taken = before and before.at_level(before.level + down, before.together(placement))
        incoming[name] = taken
        left = [each.at_level(up) for each in out[name]]
        outgoing[name] = [each for each in left if each is not None]
        words = outgoing[name][0].words if outgoing[name] else nothing
        pairs.append((taken.words if taken is not None else nothing, words))
    for name, down in zip(others, levels[2 * len(names) :], strict=True):
        own = [
            (lower, source)
            for each, source in waiting
            if each.tensor == name and (lower := each.at_level(each.level + down)) is not None
        ]
        passing += own
        if own:
            pairs.append((own[0][0].words, own[0][0].words))
    return Reservation(incoming, outgoing, passing, tuple(sorted(pairs, key=_order)))


def _order(pair: tuple[frozenset[Factor], frozenset[Factor]]) -> tuple[str, str]:
    return _named(pair[0]), _named(pair[1])


@lru_cache(maxsize=4096)
def _named(factors: frozenset[Factor]) -> str:
    return str(sorted(map(str, factors)))
