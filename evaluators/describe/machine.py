"""Machines: stores, arrays of PEs or lanes, their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaluators.describe.expressions import Expression
from evaluators.describe.parameters import Parameter

REGISTERS = "reg_file"
"""The innermost level of every array: a register file in each PE or lane."""

CLOCK_HZ = "clock_hz"
"""The parameter of every machine that says its clock."""

WORD_BITS = "word_bits"
"""The parameter of every machine that says the bits of its words; the paper's, 16, by default."""

UNITS = ("mac", "add", "max", "exponential", "divide")
"""Functional units that a PE or lane may have; adders are shared with the mac."""


@dataclass(frozen=True)
class Edge:
    """A register file above an array, of one instance.

    Attributes:
        name: its level in mappings.
        like: the array whose register files it is like.

    """

    name: str
    like: str


@dataclass(frozen=True)
class Array:
    """An array of PEs, or of lanes.

    Attributes:
        name: the file's name for it.
        sides: its sides, along X first; one for lanes.
        registers: the rows of the register file in each PE or lane.
        units: functional units of each.
        shared: unit -> how many PEs or lanes share one, for those that not each has of its own.
        edge: the register file above it, None without one.

    """

    name: str
    sides: tuple[Expression, ...]
    registers: Expression
    units: tuple[str, ...]
    shared: Mapping[str, Expression]
    edge: Edge | None = None


@dataclass(frozen=True)
class Store:
    """A level of storage above the arrays.

    Attributes:
        name: its level in mappings.
        kind: 'DRAM' or 'SRAM'.
        bytes: its size; None for DRAM.
        row_words: words of a row, all read at once; None for DRAM.
        bytes_per_s: its bandwidth; None for one that is never the slowest.

    """

    name: str
    kind: str
    bytes: Expression | None = None
    row_words: Expression | None = None
    bytes_per_s: Expression | None = None

    def constraint(self, what: str) -> str:
        """Return what a constraint of this store is called, as 'buffer_short_bytes'."""
        name = self.name if self.bytes is None else self.bytes.text
        return f"{name.removesuffix('_bytes') if name.isidentifier() else self.name}_{what}"


@dataclass(frozen=True)
class Machine:
    """A machine.

    Attributes:
        name, title: what it is called in files, and by people.
        source: where it is published.
        parameters: by name.
        stores: outermost first.
        arrays: by name.
        paper_names: '1d' and '2d' -> the arrays that the paper calls so.

    """

    name: str
    title: str
    source: str
    parameters: Mapping[str, Parameter]
    stores: tuple[Store, ...]
    arrays: Mapping[str, Array]
    paper_names: Mapping[str, str]

    def __hash__(self) -> int:
        return hash((self.name, self.stores, *self.arrays))

    def is_built_as(self, other: Machine) -> bool:
        """Tell whether stores and arrays are those of another, whatever the sizes' defaults."""
        return (self.stores, self.arrays) == (other.stores, other.arrays)
