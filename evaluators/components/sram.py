"""Global-buffer SRAM: energy per row access and area, from CACTI's results.

The table `sram_cacti.csv` ships with the package; its provenance is in SRAM_TABLE.md. A size
outside the table is computed by live CACTI where that is installed. CACTI optimises leakage alone
and its results jump between neighbouring sizes, so nothing is ever interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.components import ENERGY_DECIMALS, address, cacti

LEAST_ROWS = 64
"""A buffer of fewer rows is charged as one of 64, with the address bits of its real depth."""

_DEPTH_BITS = 32


@dataclass(frozen=True)
class Sram:
    """SRAMs of the sizes asked for: pJ per row access, um^2; NaN where nothing knows the size."""

    read_pj: NDArray[np.float64]
    write_pj: NDArray[np.float64]
    area_um2: NDArray[np.float64]


def sram(depth: ArrayLike, width_bits: ArrayLike) -> Sram:
    """Return energy and area of SRAMs of `depth` rows of `width_bits` bits (shapes broadcast)."""
    depth = np.asarray(depth)
    area_mm2, read_nj, write_nj = _storage(np.maximum(depth, LEAST_ROWS), np.asarray(width_bits))
    decode_pj = address.energy_pj(depth)
    return Sram(
        read_pj=np.round(read_nj * 1e3 + decode_pj, ENERGY_DECIMALS),
        write_pj=np.round(write_nj * 1e3 + decode_pj, ENERGY_DECIMALS),
        area_um2=area_mm2 * 1e6 + 2 * address.area_um2(depth),
    )


def missing(depth: int, width_bits: int) -> str:
    """Say that nothing knows an SRAM of that size, and the two ways out."""
    return (
        f"the component table has no SRAM of {depth} rows of {width_bits} bits: choose a buffer "
        "of 2^k or 3*2^k bytes from 64 KiB to 128 MiB under an array side of 2^k up to 1024, or "
        "install live CACTI with pip install hwcomponents-cacti --no-binary hwcomponents-cacti "
        "(Python 3.12 or later, g++ and make)"
    )


@cache
def _table() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the shipped table: sorted keys and, a row a key, area (mm^2), read, write (nJ)."""
    rows = np.loadtxt(
        str(files("evaluators.components") / "sram_cacti.csv"), delimiter=",", skiprows=1
    )
    keys = _key(rows[:, 1].astype(np.int64), rows[:, 0].astype(np.int64))
    order = np.argsort(keys)
    return keys[order], rows[order, 2:]


def _key(depth: NDArray[np.int64], width_bits: NDArray[np.int64]) -> NDArray[np.int64]:
    return (width_bits << _DEPTH_BITS) | depth


def _storage(depth: NDArray[np.int64], width_bits: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return area (mm^2), read and write energy (nJ) of the storage alone, stacked first."""
    keys, values = _table()
    wanted = _key(depth, width_bits)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[found] == wanted
    storage = np.where(known[..., None], values[found], np.nan)
    for key in np.unique(wanted[~known]):
        storage[wanted == key] = _live(int(key) & (1 << _DEPTH_BITS) - 1, int(key) >> _DEPTH_BITS)
    return np.moveaxis(storage, -1, 0)


@cache
def _live(depth: int, width_bits: int) -> tuple[float, float, float]:
    """Ask live CACTI for a size; NaN where it is not installed or cannot build one."""
    if not cacti.available():
        return (np.nan, np.nan, np.nan)
    try:
        costs = cacti.sram(depth, width_bits)
    except cacti.CactiError:
        return (np.nan, np.nan, np.nan)
    return (costs.area_mm2, costs.read_nj, costs.write_nj)
