"""Register files: rows of a word, one comparator a row, one address generator a port.

The published tables charge every register file as at least 64 rows of 32 bits, because the
artifact pads its storage and never scales it back (quirk Q2, docs/model/corrections.md#q2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.components import ENERGY_DECIMALS, address

_LEAST_ROWS = 64
_ROW_BITS = 32
_BIT_READ_PJ = 0.009
_BIT_AREA_UM2 = 5.98
_COMPARATOR_PJ = 0.02947
_COMPARATOR_AREA_UM2 = 71.0
_ENERGY_SHARES = np.array([(rows / _LEAST_ROWS) ** 0.78 for rows in range(_LEAST_ROWS + 1)])
"""Of the energy at the least depth, by real rows. A table, because numpy raises one number and an
array to a power by two ways, whose last digits differ."""


@dataclass(frozen=True)
class RegisterFile:
    """Register files of the depths asked for: pJ per access and um^2, shaped as the depths."""

    read_pj: NDArray[np.float64]
    write_pj: NDArray[np.float64]
    area_um2: NDArray[np.float64]


def register_file(depth: ArrayLike, *, scaled: bool, word_bits: ArrayLike = 16) -> RegisterFile:
    """Return energy and area of register files with `depth` rows of a word (shapes broadcast).

    Args:
        depth: rows, at least 1.
        scaled: charge the storage at its real depth and width (correction Q2), which also leaves
            the energies unrounded.
        word_bits: of a word, 32 at most; they matter to what is scaled alone.

    """
    depth = np.asarray(depth)
    rows = np.maximum(_LEAST_ROWS, depth)
    real_rows = np.minimum(depth, _LEAST_ROWS).astype(np.int64)
    width = np.asarray(word_bits) / _ROW_BITS
    energy_scale = width * _ENERGY_SHARES[real_rows] if scaled else 1.0
    area_scale = width * (real_rows / _LEAST_ROWS) if scaled else 1.0

    write = rows * _COMPARATOR_PJ
    read = write + _ROW_BITS * _BIT_READ_PJ
    storage_area = rows * (_ROW_BITS * _BIT_AREA_UM2 + _COMPARATOR_AREA_UM2)

    def charged(storage_pj: NDArray[np.float64]) -> NDArray[np.float64]:
        energy = storage_pj * energy_scale + address.energy_pj(depth)
        return energy if scaled else np.round(energy, ENERGY_DECIMALS)

    return RegisterFile(
        read_pj=charged(read),
        write_pj=charged(write),
        area_um2=storage_area * area_scale + 2 * address.area_um2(depth),
    )
