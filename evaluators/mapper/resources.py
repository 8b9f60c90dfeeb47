"""The machine that is mapped to, and what it charges (docs/model/open-bindings.md, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from evaluators.accounting import EXACT
from evaluators.components import dram, sram
from evaluators.components.arithmetic import charged
from evaluators.components.register_file import register_file
from evaluators.describe.machine import Machine
from evaluators.describe.machine_reading import machine
from evaluators.errors import InputError

PE, LANES = "pe", "vector"
"""The arrays: the 2D one and the 1D one."""

ROWS, COLUMNS, SIDE = "rows", "columns", "lanes"
"""The sides of the arrays."""

SIDES = {PE: (ROWS, COLUMNS), LANES: (SIDE,)}

MACHINE = "fusemax"
"""The machine that is mapped to where none is named."""

EXPONENTIAL = "exponential"
"""The unit that lanes may have, of their own or shared, and PEs may not."""

PARAMETERS = {
    "array_rows": "rows",
    "array_cols": "columns",
    "vector_lanes": "lanes",
    "buffer_bytes": "buffer_bytes",
    "pe_registers": "pe_registers",
    "lane_registers": "lane_registers",
    "dram_bytes_per_s": "dram_bytes_per_s",
    "clock_hz": "clock_hz",
}
"""Its parameters -> the attribute of `Resources` that each sets."""

RANKS = ("B", "H", "E", "F", "P", "M")
"""The ranks of attention that a cascade may have, beside chunks."""

WORD_BYTES = 2
_WORD_BITS = 8 * WORD_BYTES
_UNITS = charged(_WORD_BITS)
_EXP_MACS = 6
_UNITS_OF = {"multiply-add": ("mac", 1), "exp": ("mac", _EXP_MACS), "relu": ("max", 1)}


@cache
def fusemax() -> Machine:
    """Return FuseMax's machine."""
    return machine(MACHINE)


@dataclass(frozen=True)
class Work:
    """What an array does for a point: operations of each unit, and the cycles they take.

    Units take turns, but those beside an exponential unit are chained with it.
    """

    units: Mapping[str, int]
    cycles: int


@dataclass(frozen=True)
class Resources:
    """A machine: DRAM, a global buffer, a 2D array, a 1D array.

    Attributes:
        rows, columns: of the 2D array.
        lanes: of the 1D array.
        buffer_bytes: the global buffer.
        dram_bytes_per_s, clock_hz: as they say.
        pe_registers, lane_registers: words of a PE's and of a lane's register file.
        exp_cycles: of the exponential unit in a lane; None: lanes compute exponentials with macs,
            as PEs do.
        sram_source: where the buffer's costs come from, see `evaluators.accounting.Accounting`.
        built: how it is built, beside these: units of its arrays, rows of its buffer. One that
            `evaluators.mapper.machines.is_known`.

    """

    rows: int = 256
    columns: int = 256
    lanes: int = 256
    buffer_bytes: int = 16 * 2**20
    dram_bytes_per_s: float = 400.0 * 2**30
    clock_hz: float = 940e6
    pe_registers: int = 12
    lane_registers: int = 32
    exp_cycles: int | None = None
    sram_source: str = EXACT
    built: Machine = field(default_factory=fusemax)

    def side(self, name: str) -> int:
        """Return the PEs or lanes along a side."""
        return {ROWS: self.rows, COLUMNS: self.columns, SIDE: self.lanes}[name]

    def chunk(self, keys: int, multiple: int = 1) -> int:
        """Return keys in a chunk: a multiple of the array's rows, or the most below that divide."""
        most = min(multiple * self.rows, keys)
        return next(each for each in range(most, 0, -1) if keys % each == 0)

    def registers(self, array: str) -> int:
        """Return the words of a register file."""
        return self.pe_registers if array == PE else self.lane_registers

    def work(self, operations: Mapping[str, int], array: str) -> Work | None:
        """Return what an array does for those operations; None where it lacks a unit for them."""
        there = self.built.arrays[array].units
        units: dict[str, int] = {}
        cycles = 0
        for operation, count in operations.items():
            if operation == "exp" and array == LANES and self.exp_cycles is not None:
                units[EXPONENTIAL] = units.get(EXPONENTIAL, 0) + count
                continue
            name, each = _UNITS_OF.get(operation, (operation, 1))
            if name not in _UNITS:
                raise InputError(f"no array computes '{operation}'")
            if name not in there and not (name == "add" and "mac" in there):
                return None
            units[name] = units.get(name, 0) + each * count
            cycles += each * count
        if EXPONENTIAL in units and self.exp_cycles is not None:
            cycles = max(self.exp_cycles * units[EXPONENTIAL], *units.values())
        return Work(units, cycles)

    @cached_property
    def row_words(self) -> int:
        """The words of a row of the buffer."""
        _, buffer = self.built.stores
        assert buffer.row_words is not None
        return int(buffer.row_words({name: getattr(self, own) for name, own in PARAMETERS.items()}))

    @cached_property
    def prices(self) -> Prices:
        """What an access and an operation cost."""
        row_words = self.row_words
        row_bytes = WORD_BYTES * row_words
        if self.buffer_bytes % row_bytes:
            raise InputError(
                f"buffer_bytes {self.buffer_bytes} leaves a remainder of "
                f"{self.buffer_bytes % row_bytes}; it must be a multiple of a row, "
                f"{row_bytes} bytes"
            )
        depth, width = self.buffer_bytes // row_bytes, _WORD_BITS * row_words
        buffer = sram.sram(depth, width, self.sram_source)
        if not float(buffer.area_um2) > 0:
            raise InputError(sram.missing(depth, width))
        files = {array: register_file(self.registers(array), scaled=True) for array in (PE, LANES)}
        return Prices(
            dram.ENERGY_PJ * _WORD_BITS / dram.ACCESS_BITS,
            float(buffer.read_pj) / row_words,
            float(buffer.write_pj) / row_words,
            {array: float(files[array].read_pj) for array in files},
            {array: float(files[array].write_pj) for array in files},
            {name: unit.energy_pj for name, unit in _UNITS.items()},
        )


@dataclass(frozen=True)
class Prices:
    """Energies in pJ: of a word of DRAM and of the buffer, of a register access, of an operation.

    The register file above the 2D array is priced like a lane's.
    """

    dram: float
    buffer_read: float
    buffer_write: float
    register_read: Mapping[str, float]
    register_write: Mapping[str, float]
    units: Mapping[str, float]
