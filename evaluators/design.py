"""Designs: what accelerators leave open, set; columns by parameter, one row a design."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.errors import InputError

AUTOMATIC = 0
"""As a value: the parameter is left to its rule, or to its default."""


@dataclass(frozen=True)
class Designs:
    """A batch of n designs of one accelerator (docs/model/designs.md#symbols).

    What a parameter is, the accelerator's file and its machine's declare. One that has no column is
    left open for all designs, `AUTOMATIC` leaves it open for one: its rule or its default sets it.

    Attributes:
        columns: parameter -> values, integers or reals, shape (n,); of labels their indices.
        size: n.

    """

    columns: Mapping[str, NDArray[Any]]
    size: int

    @classmethod
    def of(cls, size: int | None = None, /, **parameters: ArrayLike) -> Designs:
        """Build a batch from numbers and one-dimensional arrays, broadcast to one length.

        Without parameters it takes a size. `InputError` names a parameter that is no number.
        """
        lone = np.empty(1 if size is None else size)
        columns = {name: _column(name, values) for name, values in parameters.items()}
        *aligned, lone = np.broadcast_arrays(*columns.values(), lone)
        return cls(dict(zip(columns, aligned, strict=True)), len(lone))

    def __len__(self) -> int:
        return self.size

    def take(self, rows: Any) -> Designs:
        """Return the designs that a slice, a mask or an index array picks."""
        picked = {name: column[rows] for name, column in self.columns.items()}
        return Designs(picked, len(np.empty(self.size, dtype=bool)[rows]))

    def with_columns(self, columns: Mapping[str, NDArray[Any]]) -> Designs:
        """Return the batch with some columns more, or others in their place."""
        return Designs({**self.columns, **columns}, self.size)

    def only(self, names: Container[str]) -> Designs:
        """Return the batch with those of its columns alone that are among some names."""
        return Designs({k: each for k, each in self.columns.items() if k in names}, self.size)


def _column(name: str, values: ArrayLike) -> NDArray[Any]:
    column = np.atleast_1d(np.asarray(values))
    if column.dtype.kind not in "iuf":
        raise InputError(f"{name}: numbers are wanted, not {column.dtype}")
    return column.astype(np.float64 if column.dtype.kind == "f" else np.int64)
