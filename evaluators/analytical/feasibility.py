"""Constraints that a design must meet, each with a magnitude in its natural unit.

A magnitude above zero makes the design infeasible; nothing is ever rounded to fit
(docs/model/designs.md#divisibility and decisions 2, 6, 14).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evaluators.components import address, sram
from evaluators.design import Designs
from evaluators.engine.columns import bounded_product
from evaluators.workloads.workload import Workload

SENTENCES = {
    "array_rows_remainder": (
        "array_rows {array_rows} leaves a remainder of {magnitude} in {array_rows_cut}; "
        "it must divide them"
    ),
    "array_cols_remainder": (
        "array_cols {array_cols} leaves a remainder of {magnitude} in {array_cols_cut}; "
        "it must divide them"
    ),
    "vector_lanes_remainder": (
        "vector_lanes {vector_lanes} leaves a remainder of {magnitude} in {vector_lanes_cut}; "
        "it must divide them"
    ),
    "query_tiles_remainder": (
        "query_tiles {query_tiles} leaves a remainder of {magnitude} in the tiles of the sequence, "
        "{seq_len} tokens / array_cols {array_cols}; it must divide them"
    ),
    "buffer_row_remainder_bytes": (
        "buffer_bytes {buffer_bytes} leaves a remainder of {magnitude}; it must be a multiple of a "
        "buffer row, 2*max(array_rows, array_cols) = {row_bytes} bytes"
    ),
    "buffer_short_bytes": (
        "buffer_bytes {buffer_bytes} is {magnitude} bytes short of {held}; enlarge the buffer, or "
        "reduce {smaller}"
    ),
    "no_binding": (
        "no binding of FLAT divides {seq_len} tokens and the head widths evenly on an array of "
        "{array_rows} x {array_cols}; choose sides that divide them"
    ),
    "sram_unknown": "{sram_missing}",
    "pe_registers_over": (
        "pe_registers {pe_registers} is {magnitude} more than the component tables' address "
        f"generators reach; give {address.MOST_ROWS} or fewer"
    ),
    "lane_registers_over": (
        "lane_registers {lane_registers} is {magnitude} more than the component tables' address "
        f"generators reach; give {address.MOST_ROWS} or fewer"
    ),
    "pe_registers_short": (
        "pe_registers {pe_registers} is {magnitude} short of the words that the mapping keeps in a "
        "PE's register file; give {pe_need} or more"
    ),
    "lane_registers_short": (
        "lane_registers {lane_registers} is {magnitude} short of the words that the mapping keeps "
        "in a lane's register file; give {lane_need} or more"
    ),
}
"""Constraint -> why it fails and what would be right, for `str.format`."""

Told = Callable[[Workload, dict[str, int]], dict[str, str]]
"""Tells of a design, parameter by parameter, what fills the gaps of `SENTENCES`: what each side of
its arrays carries, as `array_rows_cut`, what the buffer must hold, and what would make it less."""


def told_of_three_pass(workload: Workload, design: dict[str, int]) -> dict[str, str]:
    """Tell of a design under FLAT or unfused."""
    del design
    return {
        "array_rows_cut": f"the {workload.seq_len} keys or queries",
        "array_cols_cut": f"the {workload.seq_len} queries or keys",
        "vector_lanes_cut": f"the {workload.seq_len} keys",
    }


def told_of_fusemax(workload: Workload, design: dict[str, int]) -> dict[str, str]:
    """Tell of a design under the FuseMax cascade."""
    queries = design["query_tiles"] * design["array_cols"]
    return {
        "array_rows_cut": f"the {workload.seq_len} keys",
        "array_cols_cut": f"the {workload.seq_len} queries",
        "vector_lanes_cut": f"the {queries} queries resident in the buffer",
        "held": "the least that this design keeps on chip",
        "smaller": "query_tiles or the array",
    }


def remainders(
    workload: Workload, designs: Designs, *, lanes_cut: NDArray[np.int64] | int
) -> dict[str, NDArray[np.int64]]:
    """Return what the sides leave over in a sequence, and the lanes in `lanes_cut`."""
    return {
        "array_rows_remainder": workload.seq_len % designs.array_rows,
        "array_cols_remainder": workload.seq_len % designs.array_cols,
        "vector_lanes_remainder": lanes_cut % designs.vector_lanes,
        **buffer_rows(designs),
    }


def buffer_rows(designs: Designs) -> dict[str, NDArray[np.int64]]:
    """Return what is left of a buffer that is no whole number of rows."""
    row_bytes = bounded_product(2, designs.buffer_row_words)
    return {"buffer_row_remainder_bytes": designs.buffer_bytes % row_bytes}


def deep_registers(designs: Designs) -> dict[str, NDArray[np.int64]]:
    """Return by how many rows a register file is deeper than any address generator reaches."""
    return {
        "pe_registers_over": designs.pe_registers - address.MOST_ROWS,
        "lane_registers_over": designs.lane_registers - address.MOST_ROWS,
    }


def sentence(
    constraint: str, magnitude: int, workload: Workload, designs: Designs, told: Told
) -> str:
    """Say why the first of the designs violates a constraint, and what would be right."""
    values = {name: int(column[0]) for name, column in designs.columns().items()}
    words = max(values["array_rows"], values["array_cols"])
    depth = values["buffer_bytes"] // (2 * words)
    return SENTENCES[constraint].format(
        magnitude=magnitude,
        seq_len=workload.seq_len,
        row_bytes=2 * words,
        **told(workload, values),
        sram_missing=sram.missing(depth, 16 * words),
        pe_need=values["pe_registers"] + magnitude,
        lane_need=values["lane_registers"] + magnitude,
        **values,
    )
