"""Labels: partial bindings as rows, and which of them to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Flags, Integers
from evaluators.mapper.pareto import SLACK

Reals = NDArray[np.float64]

Least = Callable[[Integers, Integers, Reals, Reals], tuple[Reals, Reals]]
"""Latency and energy of whole cascades at least, from configurations, and words, busy cycles and
energy of a group."""


class Beaten(Protocol):
    """Tells which pairs of latency and energy are no use."""

    timed_only: bool

    def beats(self, latency_s: Reals, energy_pj: Reals) -> Flags:
        """Return one flag a pair."""
        ...


@dataclass(frozen=True)
class Labels:
    """Partial bindings, a row each.

    Attributes:
        row: of the configurations of the shared loops.
        state: its number.
        pe, lanes: busy cycles of the arrays.
        words: off chip.
        energy_pj: spent.
        tiles: words in the buffer.
        parent, move: the label before, and the move from it.

    """

    row: Integers
    state: Integers
    pe: Integers
    lanes: Integers
    words: Integers
    energy_pj: Reals
    tiles: Integers
    parent: Integers
    move: Integers

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Any) -> Labels:
        """Return some of the labels."""
        return Labels(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def rounded(energy_pj: Reals) -> Reals:
    """Drop the digits that the order of a sum decides, so that they do not keep twins apart."""
    with np.errstate(divide="ignore"):
        scale = 2.0 ** np.floor(np.log2(np.maximum(energy_pj, 1e-300)))
    return np.round(energy_pj / scale / SLACK) * scale * SLACK


LEANINGS = (0.03, 0.2, 0.5, 0.8, 0.97)
"""Shares of the latency, against the energy, in what a greedy run prefers."""

HURRIED = (0.9, 0.97, 0.99, 0.999, 0.9999)
"""The same where no energy matters."""


def promising(row: Integers, scores: Reals, beam: int) -> Integers:
    """Return the labels of each row that are among the first under some leaning."""
    chosen = []
    for score in scores:
        order = np.lexsort((score, row))
        starts = np.flatnonzero(np.diff(row[order], prepend=-1))
        sizes = np.diff(np.append(starts, len(order)))
        rank = np.arange(len(order)) - np.repeat(starts, sizes)
        chosen.append(order[(rank < beam) & np.isfinite(score[order])])
    return np.unique(np.concatenate(chosen))
