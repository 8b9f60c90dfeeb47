"""Exhaustive mapping: the best of all candidates, and one search for designs that are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.design import Designs

_TIE = 1e-12


def best(
    axes: dict[str, NDArray[np.int64]], valid: NDArray[np.bool_], *objectives: Any
) -> dict[str, NDArray[np.int64]]:
    """Return the lexicographically least candidate of each of n designs: axis -> value, (n,).

    Args:
        axes: the choices, in the order of the candidates' axes.
        valid: which candidates are allowed, shape (n, *lengths of the axes).
        objectives: most important first, each broadcasting to that shape. Values that differ by
            less than 1e-12 of themselves tie, so that the order of a floating-point sum decides
            nothing; NaN, an unknown value, decides nothing either. Of equal candidates the first
            in index order wins.

    A design without a valid candidate gets 0 on every axis.

    """
    n = len(valid)
    left = valid.reshape(n, -1)
    found = left.any(axis=1)
    for objective in objectives:
        values = np.broadcast_to(objective, valid.shape).reshape(n, -1)
        least = np.fmin.reduce(values, axis=1, where=left, initial=np.inf)
        left = left & ~(values > least[:, None] * (1 + _TIE))
    index = np.unravel_index(left.argmax(axis=1), valid.shape[1:])
    return {
        name: np.where(found, axis[i], 0)
        for (name, axis), i in zip(axes.items(), index, strict=True)
    }


def search(
    designs: Designs,
    parameters: Sequence[str],
    possible: NDArray[np.bool_],
    best_of: Callable[[Designs], dict[str, NDArray[np.int64]]],
    names: Sequence[str],
    block: int,
) -> dict[str, NDArray[np.int64]]:
    """Search once for all designs that are equal: name -> best choice of each design, (n,).

    Args:
        designs: n designs.
        parameters: those that the search depends on.
        possible: which designs have a candidate at all, shape (n,); the others get 0.
        best_of: searches designs that share their array.
        names: what it chooses.
        block: designs that it searches at a time.

    """
    first, place = distinct(*(designs.columns()[name] for name in parameters))
    different, worth = designs.take(first), possible[first]
    chosen = {name: np.zeros(len(first), dtype=np.int64) for name in names}
    for group in groups(different.array_rows, different.array_cols, worth.astype(np.int64)):
        if worth[group[0]]:
            for rows in np.array_split(group, -(-len(group) // block)):
                for name, values in best_of(different.take(rows)).items():
                    chosen[name][rows] = values
    return {name: values[place] for name, values in chosen.items()}


def distinct(*columns: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of every distinct combination of columns, and each row's place there."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        _, first, key = np.unique(
            key * len(values) + inverse, return_index=True, return_inverse=True
        )
    return first, key


def groups(*columns: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of the rows that are equal in all columns, one array a group."""
    _, key = distinct(*columns)
    if not len(key):
        return
    order = np.argsort(key, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
