"""Exhaustive mapping: the best of all candidates, and one search for designs that are equal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TIE = 1e-12


def best(candidates: NDArray[np.bool_], *objectives: Any) -> tuple[int, ...] | None:
    """Return the index of the lexicographically least candidate, None where there is none.

    Args:
        candidates: which candidates are valid, any shape.
        objectives: most important first, each broadcasting to that shape. Values that differ by
            less than 1e-12 of themselves tie, so that the order of a floating-point sum decides
            nothing. Of equal candidates the first in index order wins.

    """
    left = candidates.copy()
    if not left.any():
        return None
    for objective in objectives:
        least = np.min(objective, where=left, initial=np.inf)
        left &= np.broadcast_to(objective <= least * (1 + _TIE), left.shape)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(left)), left.shape))


def groups(*columns: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of the rows that are equal in all columns, one array a group."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        _, key = np.unique(key * len(values) + inverse, return_inverse=True)
    order = np.argsort(key, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
