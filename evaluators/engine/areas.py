"""Areas of a machine (FuseMax, section 6.1; docs/model/accounting.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from evaluators.describe.machine import Array, Machine
from evaluators.engine.costs import Prices
from evaluators.engine.shared_units import sharing, units_of

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
    listed = [unit for unit in array.units if unit != "add" or "mac" not in array.units]
    own = sum(at.units[unit].area_um2 for unit in listed if sharing(array, unit) is None)
    each = at.registers[array.name].area_um2 + own
    sides = [np.asarray(side(values)) for side in array.sides]
    places = reduce(lambda a, b: a * b, reversed(sides))
    area = places * each
    for unit in listed:
        if sharing(array, unit) is not None:
            area = area + units_of(array, unit, places, values) * at.units[unit].area_um2
    return area if len(sides) == 1 else NETWORK_UM2 * sides[1] + area
