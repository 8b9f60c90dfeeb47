"""Rows of a batch that are alike: found once, without sorting where columns have few values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_LARGEST_TABLE = 1 << 22
"""Combinations of values that a table is made for."""


def distinct(*columns: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of every distinct combination of columns, and each row's place there."""
    n = len(columns[0])
    key, size = np.zeros(n, dtype=np.int64), 1
    for column in columns:
        many, places = _places(column)
        if size * many > _LARGEST_TABLE:
            used, key = np.unique(key, return_inverse=True)
            size = len(used)
        key = key * many + places
        size *= many
    if size > _LARGEST_TABLE:
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        return first, place
    rows = np.full(size, n)
    rows[key[::-1]] = np.arange(n - 1, -1, -1)
    used = np.flatnonzero(rows < n)
    rank = np.zeros(size, dtype=np.intp)
    rank[used] = np.arange(len(used))
    return rows[used], rank[key]


def _places(column: NDArray[np.int64]) -> tuple[int, NDArray[np.intp]]:
    """Return how many values a column has, and each row's place among them."""
    n = len(column)
    if n and column.dtype == np.int64 and column.min() >= 0 and column.max() < 4 * n:
        there = np.zeros(column.max() + 1, dtype=bool)
        there[column] = True
        values = np.flatnonzero(there)
        rank = np.zeros(len(there), dtype=np.intp)
        rank[values] = np.arange(len(values))
        return len(values), rank[column]
    values = np.unique(column)
    return len(values), np.searchsorted(values, column)


def groups(*columns: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of the rows that are equal in all columns, one array a group."""
    _, key = distinct(*columns)
    if not len(key):
        return
    order = np.argsort(key, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
