"""Global-buffer SRAM: energy per row access and area, from CACTI's results.

The table `sram_cacti.csv` ships with the package; its provenance is in SRAM_TABLE.md. A size
outside the table is unknown, whatever is installed, unless the next larger of the table, or live
CACTI, is asked for. CACTI optimises leakage alone and its results jump between neighbouring sizes,
so nothing is ever interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.accounting import EXACT, LIVE, NEXT_LARGER
from evaluators.components import ENERGY_DECIMALS, address, cacti
from evaluators.components.cacti import CactiError, SramCosts

LEAST_ROWS = 64
"""A buffer of fewer rows is charged as one of 64, with the address bits of its real depth."""

_DEPTH_BITS = 31
_LARGEST = 2**_DEPTH_BITS - 1


_TABLED = (
    "choose a buffer of 2^k or 3*2^k bytes from 64 KiB to 128 MiB under an array side of 2^k up to "
    "1024"
)
"""What to do where the table lacks a size."""


@dataclass(frozen=True)
class Sram:
    """SRAMs of the sizes asked for: pJ per row access, um^2; NaN where nothing knows the size."""

    read_pj: NDArray[np.float64]
    write_pj: NDArray[np.float64]
    area_um2: NDArray[np.float64]


def sram(depth: ArrayLike, width_bits: ArrayLike, source: str = EXACT) -> Sram:
    """Return energy and area of SRAMs of `depth` rows of `width_bits` bits (shapes broadcast).

    Args:
        depth: rows; below `LEAST_ROWS` the storage is padded.
        width_bits: bits of a row.
        source: what becomes of a size that the table lacks, one of `SRAM_SOURCES`: NaN; the SRAM
            that `taken` says, decoder and all; or what live CACTI computes. What CACTI fails on is
            NaN, and `live_failure` says why; `CactiMissing` is raised where it is not installed.

    """
    depth, width_bits = np.asarray(depth), np.asarray(width_bits)
    if source == NEXT_LARGER:
        depth, width_bits = taken(depth, width_bits)
    rows = np.maximum(depth, LEAST_ROWS)
    area_mm2, read_nj, write_nj = _storage(rows, width_bits, live=source == LIVE)
    decode_pj = address.energy_pj(depth)
    return Sram(
        read_pj=np.round(read_nj * 1e3 + decode_pj, ENERGY_DECIMALS),
        write_pj=np.round(write_nj * 1e3 + decode_pj, ENERGY_DECIMALS),
        area_um2=area_mm2 * 1e6 + 2 * address.area_um2(depth),
    )


def taken(depth: ArrayLike, width_bits: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and width of the table's next larger SRAMs, of sizes as they are if it has them.

    The next larger is that of least capacity, then of narrowest rows, that has no fewer and no
    narrower rows. Sizes that are larger than all stay as they are.
    """
    depth, width_bits = np.broadcast_arrays(np.asarray(depth), np.asarray(width_bits))
    keys, _ = _table()
    widths, depths = keys >> _DEPTH_BITS, keys & _LARGEST
    wanted = _key(np.maximum(depth, LEAST_ROWS), width_bits)
    unknown = ~np.isin(wanted, keys)
    lacking, place = np.unique(wanted[unknown], return_inverse=True)
    by_size = np.lexsort((widths, widths * depths))
    fits = (widths[by_size] >= (lacking >> _DEPTH_BITS)[:, None]) & (
        depths[by_size] >= (lacking & _LARGEST)[:, None]
    )
    first = by_size[fits.argmax(axis=1)][place]
    some = fits.any(axis=1)[place]
    rows, bits = depth.astype(np.int64), width_bits.astype(np.int64)
    rows[unknown] = np.where(some, depths[first], rows[unknown])
    bits[unknown] = np.where(some, widths[first], bits[unknown])
    return rows, bits


def live_failure(depth: int, width_bits: int) -> CactiError | None:
    """Return how CACTI failed on a size; None where it did not, or cannot model the size."""
    rows = max(depth, LEAST_ROWS)
    costs = _live(rows, width_bits) if cacti.can_model(rows, width_bits) else None
    return costs if isinstance(costs, CactiError) else None


def missing(depth: int, width_bits: int) -> str:
    """Say that nothing knows an SRAM of that size, and the ways out."""
    lacks = f"the component table has no SRAM of {depth} rows of {width_bits} bits"
    ways = [_TABLED]
    larger = tuple(int(each) for each in taken(depth, width_bits))
    if larger == (depth, width_bits):
        lacks += ", nor a larger one"
    else:
        ways.append(
            f"take the next larger, {larger[0]} rows of {larger[1]} bits, with --sram 'next "
            'larger\', in a study sram = "next larger"'
        )
    if cacti.can_model(max(depth, LEAST_ROWS), width_bits):
        ways.append(
            "have live CACTI compute it with --sram cacti, in a study "
            'sram = "cacti" (pip install hwcomponents-cacti --no-binary hwcomponents-cacti, with '
            "Python 3.12 or later, g++ and make)"
        )
    else:
        lacks += ", and CACTI cannot model it"
    return f"{lacks}: {'; or '.join(ways)}"


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
    """Join both in one integer; beyond 31 bits, past any SRAM of the table, they are cut off."""
    depth, width_bits = (np.minimum(each, _LARGEST) for each in (depth, width_bits))
    return (width_bits << _DEPTH_BITS) | depth


def _storage(
    depth: NDArray[np.int64], width_bits: NDArray[np.int64], *, live: bool
) -> NDArray[np.float64]:
    """Return area (mm^2), read and write energy (nJ) of the storage alone, stacked first."""
    keys, values = _table()
    wanted = _key(depth, width_bits)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[found] == wanted
    storage = np.where(known[..., None], values[found], np.nan)
    if live:
        for key in np.unique(wanted[~known]).tolist():
            size = key & _LARGEST, key >> _DEPTH_BITS
            costs = _live(*size) if cacti.can_model(*size) else None
            if isinstance(costs, SramCosts):
                storage[wanted == key] = costs.area_mm2, costs.read_nj, costs.write_nj
    return np.moveaxis(storage, -1, 0)


@cache
def _live(depth: int, width_bits: int) -> SramCosts | CactiError:
    """Ask live CACTI for a size, once; return its failure, so that one size fails alone."""
    try:
        return cacti.sram(depth, width_bits)
    except CactiError as error:
        return error
