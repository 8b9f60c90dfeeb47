"""Architecture templates: what a chip is built of, and the paper's sizes (section 6.1).

Every template has DRAM, a global buffer, a 2D array of PEs and a 1D array of lanes, each PE and
lane with a register file (docs/model/accounting.md#area).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluators.components import arithmetic, dram, sram
from evaluators.components.register_file import RegisterFile, register_file
from evaluators.design import AUTOMATIC, Designs

CLOCK_HZ = 940e6
DRAM_BYTES_PER_S = 400 * 2**30
PAPER_SIDE = 256
"""PEs along each side of the paper's 2D array, and lanes of its 1D array."""

MIB = 2**20
Float64s = NDArray[np.float64]


@dataclass(frozen=True)
class Architecture:
    """A template of a chip.

    Attributes:
        buffer_bytes: the paper's global buffer.
        pe_registers: the paper's rows of a PE's register file.
        lane_registers: the paper's rows of a lane's register file.
        pe_units: functional units of a PE, beside its register file.
        lane_units: functional units of a lane. Adders are shared with the mac.
        scales_registers: away from the paper's sizes, the register files follow the array.

    """

    buffer_bytes: int
    pe_registers: int
    lane_registers: int
    pe_units: tuple[str, ...]
    lane_units: tuple[str, ...]
    scales_registers: bool = False

    def paper_design(self) -> Designs:
        """Return the paper's machine of this template, as a batch of one."""
        return Designs.of(
            array_rows=PAPER_SIDE,
            array_cols=PAPER_SIDE,
            vector_lanes=PAPER_SIDE,
            buffer_bytes=self.buffer_bytes,
        )

    def has_paper_sizes(self, designs: Designs) -> NDArray[np.bool_]:
        """Tell which designs have the paper's array sizes and buffer, shape (n,)."""
        mask: NDArray[np.bool_] = (
            (designs.array_rows == PAPER_SIDE)
            & (designs.array_cols == PAPER_SIDE)
            & (designs.vector_lanes == PAPER_SIDE)
            & (designs.buffer_bytes == self.buffer_bytes)
        )
        return mask

    def resolve_registers(self, designs: Designs, *query_widths: int) -> Designs:
        """Fill in automatic register-file depths, for all of one or more workloads at once.

        The paper's depths on the paper's sizes; elsewhere, where the template scales them, depths
        2*T and 8*T with T = 2*max(1, W // E) (docs/model/designs.md#decision-1), E being the
        narrowest of the workloads' heads, which asks for most.
        """
        pe = np.full(len(designs), self.pe_registers)
        lane = np.full(len(designs), self.lane_registers)
        if self.scales_registers:
            published = self.has_paper_sizes(designs)
            tiles = 2 * np.maximum(1, designs.buffer_row_words // min(query_widths))
            pe = np.where(published, pe, 2 * tiles)
            lane = np.where(published, lane, 8 * tiles)
        return designs.with_columns(
            pe_registers=np.where(designs.pe_registers == AUTOMATIC, pe, designs.pe_registers),
            lane_registers=np.where(
                designs.lane_registers == AUTOMATIC, lane, designs.lane_registers
            ),
        )


@dataclass(frozen=True)
class Storage:
    """Energy and area of the components of a batch of designs, shape (n,) each.

    The energy of a DRAM access and the units by name are the same for all designs.
    """

    buffer: sram.Sram
    buffer_row_words: NDArray[np.int64]
    pe: RegisterFile
    lane: RegisterFile
    dram_pj: float
    units: Mapping[str, arithmetic.Unit]


def buffer_size(designs: Designs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the global buffer and the bits of one."""
    words = designs.buffer_row_words
    return designs.buffer_bytes // (2 * words), 16 * words


def storage(designs: Designs, *, scaled_registers: bool, live_sram: bool = False) -> Storage:
    """Look up the storage of resolved designs.

    Args:
        designs: with register-file depths filled in.
        scaled_registers: correction Q2, see `register_file`.
        live_sram: ask CACTI for buffers that the table lacks, see `sram`.

    """
    return Storage(
        buffer=sram.sram(*buffer_size(designs), "cacti" if live_sram else "exact"),
        buffer_row_words=designs.buffer_row_words,
        pe=register_file(designs.pe_registers, scaled=scaled_registers),
        lane=register_file(designs.lane_registers, scaled=scaled_registers),
        dram_pj=dram.ENERGY_PJ,
        units=arithmetic.units(16),
    )


def areas_um2(
    architecture: Architecture, designs: Designs, parts: Storage
) -> tuple[Float64s, Float64s]:
    """Return the area of the 2D array and of the chip.

    Networks are placeholders of 1 um^2: one a row of the 2D array, one across it, one for the 1D
    array. DRAM is off chip.
    """
    rows, cols, lanes = designs.array_rows, designs.array_cols, designs.vector_lanes
    pe = parts.pe.area_um2 + sum(parts.units[unit].area_um2 for unit in architecture.pe_units)
    lane = parts.lane.area_um2 + sum(parts.units[unit].area_um2 for unit in architecture.lane_units)
    array = rows + rows * cols * pe
    return array, array + parts.buffer.area_um2 + lanes * lane + 2.0


FLAT = Architecture(
    buffer_bytes=32 * MIB,
    pe_registers=4,
    lane_registers=16,
    pe_units=("mac",),
    lane_units=("max", "mac", "divide", "exponential"),
)
"""FLAT's and the unfused baseline's chip."""

CASCADE = replace(FLAT, scales_registers=True)
"""FLAT's chip under the FuseMax cascade."""

FUSEMAX = Architecture(
    buffer_bytes=16 * MIB,
    pe_registers=12,
    lane_registers=32,
    pe_units=("mac", "max"),
    lane_units=("max", "mac", "divide"),
    scales_registers=True,
)
"""FuseMax's chip, whose PEs take the maximum and whose lanes compute exponentials with macs."""

LINEAR_FUSEMAX = replace(FUSEMAX, pe_registers=16, scales_registers=False)
"""FuseMax's chip as the artifact models it under the linear layers."""
