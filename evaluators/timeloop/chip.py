"""The chip that Timeloop counts a loop nest on: levels of storage, fan-outs, the arithmetic.

Capacities are the artifact's (docs/model/mappings.md#validity): the global buffer of FuseMax and of
the mapper is the design's, that of FLAT is unlimited because its overflow spills, and register
files are never too small. A level is at least as deep as the tile it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.analytical.architecture import FUSEMAX
from evaluators.describe.mapping import Level, Mapping
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.timeloop import nodes
from evaluators.timeloop.nodes import WORD_BITS, Node

_UNLIMITED_ROW_BITS = 64
_UNLIMITED_ROWS = {"2d": 1 << 27, "1d": 1 << 25}
MOST_ROWS = 2**31 - 1
"""Timeloop keeps a depth, and the bits of a row, in 32 bits."""

_PE_ROWS = 16
_SOFTMAX_ROWS = 8


@dataclass(frozen=True)
class Chip:
    """The storage of a design under one Einsum.

    Attributes:
        rows, cols: the sides of the array along Y and X; one row of lanes for the 1D array.
        buffer_rows, buffer_row_bits: the global buffer, L3.
        shared_rows: words of the register file above the 2D array, None without one.
        registers: the register files of a PE or lane, each with its words and the tensors it keeps.

    """

    rows: int
    cols: int
    buffer_rows: int
    buffer_row_bits: int
    shared_rows: int | None
    registers: dict[str, tuple[int, tuple[str, ...]]]

    @property
    def sides(self) -> tuple[str, ...]:
        """The containers that spread out instances, outermost first, as a mapping calls them."""
        return ("PE",) if self.rows == 0 else ("PE_col", "PE")


def chip(configuration: str, design: Designs, mapping: Mapping, factors: Factors) -> Chip:
    """Return the chip of a configuration's design (a batch of one) for one of its mappings."""
    nest = LoopNest(mapping, factors, wrapped=False)

    def words(level: Level) -> int:
        return sum(int(nest.size(level.name, tensor)) for tensor in level.keep)

    levels = {level.name: level for level in mapping.levels}
    array = "2d" if len(_spatial(mapping)) == 2 else "1d"
    flat = configuration == "flat" and array == "2d"
    rows, cols, lanes, lane_registers = (
        int(column[0])
        for column in (
            design.array_rows,
            design.array_cols,
            design.vector_lanes,
            design.lane_registers,
        )
    )
    row_bits, buffer_rows = _deep_enough(
        *_buffer(configuration, design, array), words(levels["L3"]) * WORD_BITS
    )
    shared = rows * cols if configuration == "cascade" else lanes * lane_registers
    tensors = tuple(tensor.name for tensor in mapping.einsum.tensors)
    registers: dict[str, tuple[int, tuple[str, ...]]]
    if flat:
        registers = {f"reg{i}": (1, (tensor,)) for i, tensor in enumerate(tensors)}
    else:
        depth = _register_rows(configuration, array, rows, lane_registers)
        registers = {"reg_file": (_rows(depth, words(levels["reg_file"])), tensors)}
    return Chip(
        rows=rows if array == "2d" else 0,
        cols=cols if array == "2d" else lanes,
        buffer_rows=buffer_rows,
        buffer_row_bits=row_bits,
        shared_rows=_rows(shared, words(levels["reg_file_1d"]))
        if "reg_file_1d" in levels
        else None,
        registers=registers,
    )


def _spatial(mapping: Mapping) -> list[str]:
    return [loop.factor for level in mapping.levels for loop in level.spatial]


def _buffer(configuration: str, design: Designs, array: str) -> tuple[int, int]:
    """Return the bits of a row and the rows of the global buffer."""
    if configuration == "flat" or (configuration == "unfused" and array == "1d"):
        return _UNLIMITED_ROW_BITS, _UNLIMITED_ROWS[array]
    row_words, size = int(design.buffer_row_words[0]), int(design.buffer_bytes[0])
    if configuration == "cascade":
        size = min(size, FUSEMAX.buffer_bytes)
    return WORD_BITS * row_words, size // (2 * row_words)


def _deep_enough(row_bits: int, rows: int, bits: int) -> tuple[int, int]:
    """Return the bits of a row and the rows of a buffer that holds so many bits.

    A buffer of more rows than Timeloop can read has wider ones; no count depends on them.
    """
    while (deep := max(rows, -(-bits // row_bits))) > MOST_ROWS:
        rows, row_bits = -(-rows // 2), 2 * row_bits
    return row_bits, deep


def _rows(rows: int, need: int) -> int:
    """Return the rows of a register file; above what Timeloop can read, more hold no more."""
    return max(min(rows, MOST_ROWS), need)


def _register_rows(configuration: str, array: str, rows: int, lane_registers: int) -> int:
    if array == "2d":
        return _PE_ROWS
    if configuration == "cascade":
        return 2 * rows
    return _SOFTMAX_ROWS if configuration in ("flat", "unfused") else lane_registers


def architecture(chip: Chip) -> Node:
    """Print a chip as Timeloop's architecture; its 16 nm technology prices nothing here."""
    two_d = chip.rows > 0
    mesh = (chip.cols, chip.rows if two_d else 1)
    local = [
        nodes.dram("LPDDR4"),
        nodes.storage(
            "L3",
            "smartbuffer_SRAM",
            (1, 1),
            depth=chip.buffer_rows,
            width=chip.buffer_row_bits,
            n_banks=32,
        ),
    ]
    if chip.shared_rows is not None:
        local.append(_registers("reg_file_1d", (1, 1), chip.shared_rows))
    if two_d:
        local.append(nodes.fanout("PE_col", (1, 1)))
    local.append(nodes.fanout("PE", (chip.cols, 1) if two_d else (1, 1)))
    local += [_registers(name, mesh, rows) for name, (rows, _) in chip.registers.items()]
    local.append(nodes.unit("mac", "intmac", mesh, multiplier_width=16, adder_width=16))
    return nodes.architecture("16nm", local)


def _registers(name: str, mesh: tuple[int, int], rows: int) -> Node:
    return nodes.storage(name, "storage/aladdin_register", mesh, depth=rows, width=WORD_BITS)
