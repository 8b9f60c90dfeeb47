"""Constraints that a design must meet, each with a magnitude in its natural unit.

A magnitude above zero makes the design infeasible; nothing is ever rounded to fit
(spec/generalization.md, 'Divisibility' and decisions 2, 6, 14).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.components import sram
from evaluators.design import Designs
from evaluators.workload import Workload

SENTENCES = {
    "rows_remainder": (
        "array_rows {array_rows} leaves a remainder of {magnitude}: it must divide the keys, "
        "{seq_len} tokens (for linear layers, every layer's output width)"
    ),
    "cols_remainder": (
        "array_cols {array_cols} leaves a remainder of {magnitude}: it must divide the queries, "
        "{seq_len} tokens (for linear layers, batch times tokens)"
    ),
    "lanes_remainder": (
        "vector_lanes {vector_lanes} leaves a remainder of {magnitude}: it must divide what the "
        "lanes carry (FuseMax: query_tiles*array_cols, here {queries} queries; FLAT and unfused: "
        "{seq_len} keys)"
    ),
    "tiles_remainder": (
        "query_tiles {query_tiles} leaves a remainder of {magnitude}: it must divide the "
        "sequence's tiles, {seq_len} tokens over array_cols {array_cols}"
    ),
    "buffer_row_remainder_bytes": (
        "buffer_bytes {buffer_bytes} leaves a remainder of {magnitude}: it must be a multiple of "
        "a buffer row, 2*max(array_rows, array_cols) = {row_bytes} bytes"
    ),
    "buffer_short_bytes": (
        "buffer_bytes {buffer_bytes} is {magnitude} bytes short of the least that this design "
        "keeps on chip; enlarge the buffer, or reduce query_tiles or the array"
    ),
    "no_binding": (
        "no binding of FLAT divides {seq_len} tokens and the head widths evenly on an array of "
        "{array_rows} x {array_cols}; choose sides that divide them"
    ),
    "sram_unknown": "{sram_missing}",
}
"""Constraint -> why it fails and what would be right, for `str.format`."""


def remainders(
    workload: Workload, designs: Designs, *, lanes_cut: NDArray[np.int64] | int
) -> dict[str, NDArray[np.int64]]:
    """Return what the sides leave over in a sequence, and the lanes in `lanes_cut`."""
    return {
        "rows_remainder": workload.seq_len % designs.array_rows,
        "cols_remainder": workload.seq_len % designs.array_cols,
        "lanes_remainder": lanes_cut % designs.vector_lanes,
        **buffer_rows(designs),
    }


def buffer_rows(designs: Designs) -> dict[str, NDArray[np.int64]]:
    """Return what is left of a buffer that is no whole number of rows."""
    row_bytes = 2 * designs.buffer_row_words
    return {"buffer_row_remainder_bytes": designs.buffer_bytes % row_bytes}


def sentence(constraint: str, magnitude: int, workload: Workload, designs: Designs) -> str:
    """Say why the first of the designs violates a constraint, and what would be right."""
    values = {name: int(column[0]) for name, column in designs.columns().items()}
    words = max(values["array_rows"], values["array_cols"])
    depth = values["buffer_bytes"] // (2 * words)
    return SENTENCES[constraint].format(
        magnitude=magnitude,
        seq_len=workload.seq_len,
        row_bytes=2 * words,
        queries=values["query_tiles"] * values["array_cols"],
        sram_missing=sram.missing(depth, 16 * words),
        **values,
    )
