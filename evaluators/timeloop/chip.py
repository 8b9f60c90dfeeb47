"""The chip that Timeloop counts a loop nest on: levels of storage, fan-outs, the arithmetic.

It is the design's, of the array that runs the Einsum. No count depends on how deep a level is, and
what a design may keep is our engine's to say: a level is at least as deep as the tiles it holds, so
that a buffer whose overflow spills, and register files that are short, are counted as well.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

from evaluators.describe.machine import REGISTERS, WORD_BITS, Array, Machine, Store
from evaluators.engine.costs import sram_size
from evaluators.engine.nests import Run
from evaluators.timeloop import nodes
from evaluators.timeloop.nodes import Node

MOST_ROWS = 2**31 - 1
"""Timeloop keeps a depth, and the bits of a row, in 32 bits."""


@dataclass(frozen=True)
class Level:
    """A level of storage on chip.

    Attributes:
        name: the machine's name for it.
        rows: how many it has.
        row_bits: the bits of one.

    """

    name: str
    rows: int
    row_bits: int


@dataclass(frozen=True)
class Chip:
    """The storage of a design under one Einsum.

    Attributes:
        sides: instances along the sides of the array, X first.
        dram: what the level off chip is called.
        buffers: levels of one instance each, outermost first.
        edge: the register file above the array, None where the Einsum does not use it.
        registers: the register file of a PE or lane.
        word_bits: the bits of a word.

    """

    sides: tuple[int, ...]
    dram: str
    buffers: tuple[Level, ...]
    edge: Level | None
    registers: Level
    word_bits: int

    @property
    def mesh(self) -> tuple[int, int]:
        """Instances along X and Y."""
        return (self.sides[0], self.sides[1] if len(self.sides) > 1 else 1)

    @property
    def containers(self) -> tuple[str, ...]:
        """What spreads out instances, outermost first, as a mapping calls it."""
        return containers(len(self.sides))


def containers(sides: int) -> tuple[str, ...]:
    """Return the containers of an array of so many sides."""
    return ("PE_col", "PE")[-sides:]


def chip(machine: Machine, values: Table[str, Any], run: Run) -> Chip:
    """Return the chip of a design, a batch of one, for the loop nest that one of its Einsums runs.

    Args:
        machine: the machine.
        values: the design's, by name.
        run: the loop nest.

    """
    array = machine.arrays[run.row.array]
    word_bits = int(values[WORD_BITS])
    levels = {level.name: level for level in run.streamed.mapping.levels}
    words = {
        name: sum(int(run.streamed.size(name, tensor)) for tensor in level.keep)
        for name, level in levels.items()
    }
    edge = array.edge if array.edge is not None and array.edge.name in levels else None
    return Chip(
        sides=_sides(array, values),
        dram=machine.stores[0].name,
        buffers=tuple(_buffer(each, values, words[each.name]) for each in machine.stores[1:]),
        edge=None
        if edge is None
        else Level(
            edge.name,
            _deep(_files(machine.arrays[edge.like], values), words[edge.name]),
            word_bits,
        ),
        registers=Level(
            REGISTERS, _deep(int(array.registers(values)), words[REGISTERS]), word_bits
        ),
        word_bits=word_bits,
    )


def _sides(array: Array, values: Table[str, Any]) -> tuple[int, ...]:
    return tuple(int(side(values)) for side in array.sides)


def _files(array: Array, values: Table[str, Any]) -> int:
    """Return the rows of all register files along an array's longer side together."""
    return max(_sides(array, values)) * int(array.registers(values))


def _buffer(store: Store, values: Table[str, Any], words: int) -> Level:
    """Return a buffer that holds so many words.

    One of more rows than Timeloop can read has wider ones; no count depends on them.
    """
    rows, row_bits = (int(size) for size in sram_size(store, values))
    while (deep := max(rows, -(-words * int(values[WORD_BITS]) // row_bits))) > MOST_ROWS:
        rows, row_bits = -(-rows // 2), 2 * row_bits
    return Level(store.name, deep, row_bits)


def _deep(rows: int, words: int) -> int:
    """Return the rows of a register file; above those that Timeloop can read, more hold no more."""
    return max(min(rows, MOST_ROWS), words)


def architecture(chip: Chip) -> Node:
    """Print a chip as Timeloop's architecture; its 16 nm technology prices nothing here."""
    local = [nodes.dram(chip.dram, "LPDDR4", chip.word_bits)]
    local += [
        nodes.storage(
            each.name,
            "smartbuffer_SRAM",
            (1, 1),
            chip.word_bits,
            depth=each.rows,
            width=each.row_bits,
            n_banks=32,
        )
        for each in chip.buffers
    ]
    if chip.edge is not None:
        local.append(_register_file(chip.edge, (1, 1)))
    local += nodes.fanouts(chip.containers, chip.mesh)
    local.append(_register_file(chip.registers, chip.mesh))
    widths = dict.fromkeys(("multiplier_width", "adder_width"), chip.word_bits)
    local.append(nodes.unit("mac", "intmac", chip.mesh, **widths))
    return nodes.architecture("16nm", local)


def _register_file(level: Level, mesh: tuple[int, int]) -> Node:
    return nodes.storage(
        level.name,
        "storage/aladdin_register",
        mesh,
        level.row_bits,
        depth=level.rows,
        width=level.row_bits,
    )
