"""Address generators: one integer adder a port, as wide as the address.

Source: intadder.csv, the integer adder of NeuroSim at 45 nm
(docs/model/components.md#address-generators); both rise by the same amount from bit to bit, so that
the widths it leaves out lie between their neighbours.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TABLE = np.loadtxt(
    str(files("evaluators.components") / "intadder.csv"), delimiter=",", skiprows=1, ndmin=2
)
_MOST_BITS = int(_TABLE[-1, 0])
_ENERGY_PJ, _AREA_UM2 = (
    np.array([np.nan, *np.interp(np.arange(1, _MOST_BITS + 1), _TABLE[:, 0], column), np.nan])
    for column in _TABLE[:, 1:].T
)

MOST_ROWS = 2**_MOST_BITS
"""Rows of the deepest storage that an address generator of the table reaches."""


def address_bits(depth: ArrayLike) -> NDArray[np.int64]:
    """Bits of the address of a storage with `depth` rows (any shape), at least one."""
    return np.maximum(1, np.ceil(np.log2(np.maximum(1, depth)))).astype(np.int64)


def _row(depth: ArrayLike) -> NDArray[np.int64]:
    return np.minimum(address_bits(depth), _MOST_BITS + 1)


def energy_pj(depth: ArrayLike) -> NDArray[np.float64]:
    """Energy of generating one address of a storage with `depth` rows, not rounded.

    NaN for more than `MOST_ROWS`, as the area.
    """
    energy: NDArray[np.float64] = _ENERGY_PJ[_row(depth)]
    return energy


def area_um2(depth: ArrayLike) -> NDArray[np.float64]:
    """Area of one address generator of a storage with `depth` rows."""
    area: NDArray[np.float64] = _AREA_UM2[_row(depth)]
    return area
