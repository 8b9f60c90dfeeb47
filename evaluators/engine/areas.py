"""Areas of a machine (FuseMax, section 6.1; docs/model/accounting.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from evaluators.describe.machine import Array, Machine
from evaluators.engine.costs import Prices

NETWORK_UM2 = 1.0
"""A network is a placeholder: one along an array, one a row of a 2D array."""


def areas_um2(machine: Machine, values: Mapping[str, Any], at: Prices) -> dict[str, Any]:
    """Return area by array and store, and under 'chip' that of all; DRAM is off chip.

    Adders are shared with the mac.
    """
    areas: dict[str, Any] = {
        name: _array_um2(array, values, at) for name, array in machine.arrays.items()
    }
    two_d = [name for name, array in machine.arrays.items() if len(array.sides) > 1]
    others = [name for name in machine.arrays if name not in two_d]
    stores = {name: buffer.area_um2 for name, buffer in at.buffers.items()}
    parts = [areas[name] for name in two_d]
    parts += [*stores.values(), *(areas[name] for name in others)]
    whole = reduce(lambda a, b: a + b, parts) + NETWORK_UM2 * len(machine.arrays)
    return areas | stores | {"chip": whole}


def _array_um2(array: Array, values: Mapping[str, Any], at: Prices) -> Any:
    """Return the area of an array: its PEs or lanes, and a network a row."""
    units = sum(
        at.units[unit].area_um2 for unit in array.units if unit != "add" or "mac" not in array.units
    )
    each = at.registers[array.name].area_um2 + units
    sides = [np.asarray(side(values)) for side in array.sides]
    if len(sides) == 1:
        return sides[0] * each
    cols, rows = sides
    return NETWORK_UM2 * rows + rows * cols * each
