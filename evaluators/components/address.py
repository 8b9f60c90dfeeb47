"""Address generators: one integer adder a port, as wide as the address.

Source: intadder.csv, the integer adder of NeuroSim at 45 nm (spec/components.md, section 2).
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TABLE = np.loadtxt(
    str(files("evaluators.components") / "intadder.csv"), delimiter=",", skiprows=1, ndmin=2
)
_ENERGY_PJ, _AREA_UM2 = np.full((2, 64), np.nan)
_ENERGY_PJ[_TABLE[:, 0].astype(int)], _AREA_UM2[_TABLE[:, 0].astype(int)] = _TABLE[:, 1:].T


def address_bits(depth: ArrayLike) -> NDArray[np.int64]:
    """Bits of the address of a storage with `depth` rows (any shape), at least one."""
    return np.maximum(1, np.ceil(np.log2(np.maximum(1, depth)))).astype(np.int64)


def energy_pj(depth: ArrayLike) -> NDArray[np.float64]:
    """Energy of generating one address of a storage with `depth` rows, not rounded.

    NaN where the table has no adder of that width.
    """
    energy: NDArray[np.float64] = _ENERGY_PJ[address_bits(depth)]
    return energy


def area_um2(depth: ArrayLike) -> NDArray[np.float64]:
    """Area of one address generator of a storage with `depth` rows, NaN as `energy_pj`."""
    area: NDArray[np.float64] = _AREA_UM2[address_bits(depth)]
    return area
