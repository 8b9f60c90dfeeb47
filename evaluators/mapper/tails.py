"""What the Einsums behind a place cost at least, as pairs that belong together.

The least busy time and the least energy of what is left are seldom those of one binding. A tail is
a choice of array and placement for every Einsum left, each at its cheapest otherwise: its busy
cycles and its energy are a bound together. Tails that are alike are joined by their minima, which
bounds them still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

_MOST = 40
"""Tails that are kept of each place."""


@dataclass(frozen=True)
class Tails:
    """Busy cycles of both arrays, and energy in pJ: shape (tails, configurations)."""

    pe: Reals
    lanes: Reals
    energy_pj: Reals

    @classmethod
    def none(cls, configurations: int) -> Tails:
        """Return what is behind the last Einsum."""
        zero = np.zeros((1, configurations))
        return cls(zero, zero, zero)

    def behind(self, other: Tails) -> Tails:
        """Return every pair of an own entry and one of what follows, the best of them."""
        n = self.pe.shape[1]
        values = np.stack(
            [
                (own[:, None, :] + then[None, :, :]).reshape(-1, n)
                for own, then in (
                    (self.pe, other.pe),
                    (self.lanes, other.lanes),
                    (self.energy_pj, other.energy_pj),
                )
            ]
        )
        return best_tails(values)


def best_tails(values: Reals) -> Tails:
    """Return the best entries of (3, entries, configurations), and no more than `_MOST`."""
    order = np.lexsort((values[2], values[1], values[0]), axis=0)
    values = np.take_along_axis(values, order[None], axis=1)
    count, n = values.shape[1:]
    beaten = np.zeros((count, n), bool)
    for k in range(count - 1):
        own = ~beaten[k]
        worse = own & (values[:, k + 1 :] >= values[:, k : k + 1]).all(axis=0)
        beaten[k + 1 :] |= worse
    values = np.where(beaten, np.inf, values)
    order = np.argsort(values[0], axis=0, kind="stable")
    values = np.take_along_axis(values, order[None], axis=1)
    most = int((~beaten).sum(axis=0).max())
    values = values[:, :most]
    while values.shape[1] > _MOST:
        values = _joined(values)
    return Tails(*values)


def _joined(values: Reals) -> Reals:
    """Join neighbours, as many pairs as are needed."""
    count = values.shape[1]
    pairs = min(count // 2, count - _MOST)
    with np.errstate(invalid="ignore"):
        gap = values[0, 1:] - values[0, :-1]
        mean = np.nanmean(np.where(np.isfinite(gap), gap, np.nan), axis=1)
    first = np.argsort(np.where(np.isfinite(mean), mean, 0.0), kind="stable")
    taken = np.zeros(count, bool)
    heads: list[int] = []
    for k in first.tolist():
        if len(heads) < pairs and not taken[k] and not taken[k + 1]:
            taken[k] = taken[k + 1] = True
            heads.append(k)
    head = np.array(sorted(heads))
    values = values.copy()
    values[:, head] = np.minimum(values[:, head], values[:, head + 1])
    return np.delete(values, head + 1, axis=1)
