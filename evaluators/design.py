"""Designs: the free parameters of a configuration as columns, one row a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.errors import InputError, TooLarge, shown

Int64s = NDArray[np.int64]

AUTOMATIC = 0
"""Leaves query tiles or a register-file depth to the configuration's rule."""


@dataclass(frozen=True)
class Size:
    """What a parameter may be: 1 to `most`, or `AUTOMATIC` where that is allowed."""

    most: int
    automatic: bool = False

    @property
    def least(self) -> int:
        """The least value, `AUTOMATIC` where that is allowed."""
        return AUTOMATIC if self.automatic else 1

    def __str__(self) -> str:
        """Say what it may be: 'a positive integer, or 0 for automatic, 1024 at most'."""
        return f"a positive integer{', or 0 for automatic' * self.automatic}, {self.most} at most"

    def checked(self, name: str, value: int) -> int:
        """Return a value; `InputError` where it is too small, `TooLarge` where it is too large."""
        if self.least <= value <= self.most:
            return value
        kind = TooLarge if value > self.most else InputError
        raise kind(f"{name} {shown(value)}: it must be {self}")


SIZES = {
    "array_rows": Size(2**16),
    "array_cols": Size(2**16),
    "vector_lanes": Size(2**20),
    "buffer_bytes": Size(2**31),
    "query_tiles": Size(2**31 - 1, automatic=True),
    "pe_registers": Size(2**24, automatic=True),
    "lane_registers": Size(2**24, automatic=True),
}
"""Parameter -> what it may be where it enters, with a wide margin over what is built."""


@dataclass(frozen=True)
class Designs:
    """A batch of n designs of one configuration (docs/model/designs.md#symbols).

    Attributes:
        array_rows: side of the 2D array that carries keys, R; shape (n,), as all columns.
        array_cols: side of the 2D array that carries queries, C.
        vector_lanes: lanes of the 1D array, V.
        buffer_bytes: global buffer, G.
        query_tiles: query tiles resident in the buffer, P1; 0 takes the most that fit.
        pe_registers: rows of a PE's register file; 0 follows the configuration's rule.
        lane_registers: rows of a lane's register file; 0 follows the configuration's rule.
        binding: further columns by name, for the configurations that have binding choices; without
            them the configuration takes its best.

    """

    array_rows: Int64s
    array_cols: Int64s
    vector_lanes: Int64s
    buffer_bytes: Int64s
    query_tiles: Int64s
    pe_registers: Int64s
    lane_registers: Int64s
    binding: Mapping[str, Int64s] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        array_rows: ArrayLike,
        array_cols: ArrayLike,
        vector_lanes: ArrayLike,
        buffer_bytes: ArrayLike,
        query_tiles: ArrayLike = AUTOMATIC,
        pe_registers: ArrayLike = AUTOMATIC,
        lane_registers: ArrayLike = AUTOMATIC,
        binding: Mapping[str, ArrayLike] | None = None,
    ) -> Designs:
        """Build a batch from integers and one-dimensional arrays, broadcast to one length.

        `InputError` names the first parameter that is no integer or too small; what is too large
        for `SIZES` is refused where it enters, and infeasible here.
        """
        parameters = {
            "array_rows": array_rows,
            "array_cols": array_cols,
            "vector_lanes": vector_lanes,
            "buffer_bytes": buffer_bytes,
            "query_tiles": query_tiles,
            "pe_registers": pe_registers,
            "lane_registers": lane_registers,
        }
        choices = dict(binding or {})
        columns = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(each)) for each in (*parameters.values(), *choices.values()))
        )
        for name, column in zip(parameters, columns, strict=False):
            _check(name, column)
        int64s = dict(
            zip([*parameters, *choices], (each.astype(np.int64) for each in columns), strict=True)
        )
        return cls(
            **{name: int64s[name] for name in parameters},
            binding={name: int64s[name] for name in choices},
        )

    def __len__(self) -> int:
        return len(self.array_rows)

    def columns(self) -> dict[str, Int64s]:
        """Return the parameters by name, without the binding."""
        return {name: getattr(self, name) for name in PARAMETERS}

    def take(self, rows: Any) -> Designs:
        """Return the designs that a slice, a mask or an index array picks."""
        picked = {name: column[rows] for name, column in self.columns().items()}
        return Designs(**picked, binding={k: column[rows] for k, column in self.binding.items()})

    def with_columns(self, **columns: Any) -> Designs:
        """Return the batch with some of its columns replaced."""
        return replace(self, **columns)

    def lifted(self, axes: int) -> Designs:
        """Return the batch with columns of shape (n, 1, ..., 1), with `axes` axes more."""
        shape = (-1, *(1,) * axes)
        lifted = {name: column.reshape(shape) for name, column in self.columns().items()}
        return Designs(**lifted, binding={k: c.reshape(shape) for k, c in self.binding.items()})

    @property
    def buffer_row_words(self) -> Int64s:
        """16-bit words in a row of the global buffer, W: the longer side of the 2D array."""
        return np.maximum(self.array_rows, self.array_cols)


PARAMETERS = tuple(each.name for each in fields(Designs) if each.name != "binding")
"""The numeric parameters of a design, in the order of its columns."""


LACKED = {"array_rows": 1, "array_cols": 1, "vector_lanes": 1, "buffer_bytes": 1}
"""What a design has in the columns of sizes that its accelerator lacks."""


def _check(name: str, column: NDArray[Any]) -> None:
    if column.dtype.kind not in "iu":
        raise InputError(f"{name}: integers are wanted, not {column.dtype}")
    if column.size and column.min() < SIZES[name].least:
        raise InputError(f"{name} {column.min()}: it must be {SIZES[name]}")
