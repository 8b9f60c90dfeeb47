"""What registers hold while an Einsum runs.

They hold all that a later Einsum may take, as many words of it as may be asked for, where it fits.
Where it does not, every way to hold less is a way to go on: to count on more loops that both ends
run together, so that fewer words wait, or to let a tensor go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Factor
from evaluators.mapper.placement import Placement
from evaluators.mapper.transfers import Held

Load = tuple[tuple[frozenset[Factor], frozenset[Factor]], ...]
"""Of every tensor the words before and after an Einsum; the larger of both is held."""

Fits = Callable[[Load], NDArray[np.bool_]]
"""Tells for every configuration whether registers hold a load."""

Waiting = tuple[Held, int]

_NOTHING: frozenset[Factor] = frozenset()


@dataclass(eq=False, slots=True)
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


class Reservations:
    """The ways to use the registers of an array while an Einsum runs there.

    Args:
        placement: of the Einsum.
        offered: operand -> the transfer that it may take.
        out: tensor of the Einsum -> what may be held of it for later ones.
        waiting: transfers that pass by, with the places that promised them.

    """

    def __init__(
        self,
        placement: Placement,
        offered: Mapping[str, Held | None],
        out: Mapping[str, Sequence[Held]],
        waiting: Sequence[Waiting],
    ) -> None:
        self._placement, self._offered, self._out = placement, offered, out
        others = sorted({each.tensor for each, _ in waiting} - set(out))
        self._waiting = [
            [each for each in waiting if each[0].tensor == tensor] for tensor in others
        ]

    @cached_property
    def full(self) -> Reservation:
        """All that a later Einsum may take, as many words of it as may be asked for."""
        return self._reserved(
            [self._taken(name, 0) for name in self._out],
            [self._held(name, 0) for name in self._out],
            [_lower(each, 0) for each in self._waiting],
        )

    @cached_property
    def every(self) -> list[Reservation]:
        """All ways of use.

        Of what is held of every tensor, more and more loops may be counted on, and at last it may
        be let go.
        """
        scales: list[list[Any]] = []
        for name, out in self._out.items():
            before = self._offered.get(name)
            lower = 1
            if before is not None:
                lower = before.together(self._placement) - before.level + 2
            upper = max((len(each.run) for each in out), default=-1) + 2
            scales.append([self._taken(name, down) for down in range(lower)])
            scales.append([self._held(name, up) for up in range(upper)])
        for some in self._waiting:
            lower = max(len(each.run) for each, _ in some) - some[0][0].level + 2
            scales.append([_lower(some, down) for down in range(lower)])
        known: dict[tuple[int, ...], Reservation] = {}
        own = 2 * len(self._out)
        for levels in product(*(range(len(each)) for each in scales)):
            picked = [scale[level] for scale, level in zip(scales, levels, strict=True)]
            found = known[levels] = self._reserved(picked[:own:2], picked[1:own:2], picked[own:])
            found.unless = tuple(
                known[(*levels[:k], level - 1, *levels[k + 1 :])].load
                for k, level in enumerate(levels)
                if level
            )
        return list(known.values())

    def _taken(self, name: str, down: int) -> Held | None:
        """Return what is taken of an operand with so many loops more counted on."""
        before = self._offered.get(name)
        return before and before.at_level(before.level + down, before.together(self._placement))

    def _held(self, name: str, up: int) -> list[Held]:
        """Return what is held of a tensor for later with so many loops counted on."""
        left = [each.at_level(up) for each in self._out[name]]
        return [each for each in left if each is not None]

    def _reserved(
        self,
        taken: Sequence[Held | None],
        held: Sequence[list[Held]],
        waiting: Sequence[list[Waiting]],
    ) -> Reservation:
        pairs = [
            (_NOTHING if own is None else own.words, some[0].words if some else _NOTHING)
            for own, some in zip(taken, held, strict=True)
        ]
        pairs += [(some[0][0].words, some[0][0].words) for some in waiting if some]
        return Reservation(
            dict(zip(self._out, taken, strict=True)),
            dict(zip(self._out, held, strict=True)),
            [each for some in waiting for each in some],
            tuple(sorted(pairs, key=_order)),
        )


def _lower(waiting: Sequence[Waiting], down: int) -> list[Waiting]:
    """Return transfers with so many loops more counted on."""
    return [
        (lower, source)
        for each, source in waiting
        if (lower := each.at_level(each.level + down)) is not None
    ]


def _order(pair: tuple[frozenset[Factor], frozenset[Factor]]) -> tuple[str, str]:
    return _named(pair[0]), _named(pair[1])


@lru_cache(maxsize=4096)
def _named(factors: frozenset[Factor]) -> str:
    return str(sorted(map(str, factors)))
