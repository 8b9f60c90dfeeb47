"""Columns: a parameter or a count for every design of a batch, and the products that join them.

A `Column` is an integer that all designs share or an array with one integer a design, so that what
does not depend on the design is computed once, as a plain integer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from math import isqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = "int | NDArray[np.int64]"
"""Integers: one for all designs, or one each (any shape that broadcasts)."""

Mask: TypeAlias = "bool | NDArray[np.bool_]"
"""Truth values: one for all designs, or one each."""


Columns: TypeAlias = Mapping[str, NDArray[Any]]

BOUND = 2**62
"""The largest integer that `int64s` makes."""


def select(mask: Mask, yes: Any, no: Any) -> Any:
    """Take `yes` where `mask` holds and `no` elsewhere, without arrays where none is needed."""
    if isinstance(mask, (bool, np.bool_)):
        return yes if mask else no
    return np.where(mask, yes, no)


def shared(column: NDArray[Any]) -> Any:
    """Return a column as one number where all designs of the batch share it.

    Columns of Python integers, see `evaluators.engine.rules.exact`, stay columns.
    """
    if column.dtype == object or not column.size:
        return column
    if column.size > 1 and (column[0] != column[-1] or (column != column[0]).any()):
        return column
    return column.item(0)


def all_shared(columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return columns by name, each as one number where all designs share it."""
    return {name: shared(column) for name, column in columns.items()}


def divisors(n: int) -> NDArray[np.int64]:
    """Return the divisors of n >= 1 in ascending order; takes time and memory of sqrt(n)."""
    small = np.arange(1, isqrt(n) + 1, dtype=np.int64)
    small = small[n % small == 0]
    return np.union1d(small, n // small)


def int64s(column: Any) -> Any:
    """Return Python integers as a column, `BOUND` for those that pass it; others as they are."""
    column = np.asarray(column)
    if column.dtype != object:
        return column
    return np.minimum(column, BOUND).astype(np.int64)


class Factors:
    """The loop factors of a batch by name, and their products, each computed once.

    Args:
        values: name -> factor; arrays must broadcast against each other.

    """

    def __init__(self, values: Mapping[str, Column]) -> None:
        self._products: dict[tuple[str, ...], Any] = {(): 1}
        self._products.update({(name,): value for name, value in values.items()})
        self._exceed_one: dict[tuple[str, ...], Any] = {}
        self._remembered: dict[Hashable, Any] = {}

    def product(self, names: tuple[str, ...]) -> Any:
        """Multiply the factors of that sorted tuple of names; the empty product is 1."""
        known = self._products.get(names)
        if known is None:
            known = self.product(names[:-1]) * self._products[names[-1:]]
            self._products[names] = known
        return known

    def remembered(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return what was computed from these factors under a key, computed when first asked."""
        if key not in self._remembered:
            self._remembered[key] = compute()
        return self._remembered[key]

    def exceed_one(self, names: tuple[str, ...]) -> Any:
        """Tell where the product of those factors is more than 1: one bool, or one a design."""
        known = self._exceed_one.get(names)
        if known is None:
            known = self.product(names) > 1
            if isinstance(known, np.ndarray) and (known.all() or not known.any()):
                known = bool(known.flat[0])
            self._exceed_one[names] = known
        return known
