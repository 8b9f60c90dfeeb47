"""Designs: the parameters of an accelerator as columns, one row a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.errors import InputError

Column = NDArray[Any]
"""Integers, or reals, one a design."""


@dataclass(frozen=True, eq=False)
class Designs:
    """A batch of n designs of one accelerator.

    Attributes:
        columns: parameter -> its values, shape (n,). A parameter that is not among them is left to
            its rule or its default; so is one of value 0 that has a rule.

    """

    columns: Mapping[str, Column]

    @classmethod
    def of(cls, **parameters: ArrayLike) -> Designs:
        """Build a batch from numbers and one-dimensional arrays, broadcast to one length.

        `InputError` names the first parameter that is no number.
        """
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x)) for x in parameters.values()))
        named: dict[str, Column] = {}
        for name, column in zip(parameters, columns, strict=True):
            if column.dtype.kind not in "iuf":
                raise InputError(f"{name}: numbers are wanted, not {column.dtype}")
            named[name] = column.astype(np.float64 if column.dtype.kind == "f" else np.int64)
        return cls(named)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def take(self, rows: Any) -> Designs:
        """Return the designs that a slice, a mask or an index array picks."""
        return Designs({name: column[rows] for name, column in self.columns.items()})

    def only(self, names: Any) -> Designs:
        """Return the batch with some of its columns alone."""
        return Designs({name: each for name, each in self.columns.items() if name in names})

    def with_columns(self, columns: Mapping[str, Column]) -> Designs:
        """Return the batch with columns added or replaced."""
        return Designs({**self.columns, **columns})
