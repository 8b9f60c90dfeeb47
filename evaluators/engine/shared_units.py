"""Functional units that several PEs or lanes of an array share: fewer of them, and turns to wait.

Lanes that share a unit take turns: an operation on it lasts as many cycles as there are lanes that
share it. An adder is the mac's where an array lists none (docs/model/designs.md#shared-units).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.describe.machine import Array
from evaluators.describe.mapping import Row
from evaluators.errors import InputError


def sharing(array: Array, unit: str) -> Expression | None:
    """Return how many PEs or lanes share a unit; None where each has its own."""
    return array.shared.get("mac" if unit == "add" and unit not in array.units else unit)


def cycles_a_step(row: Row, array: Array, values: Mapping[str, Any]) -> Any:
    """Return the cycles of an array for a step of a row's loop nest.

    Units in turn add up, of chained ones the slowest counts.
    """
    if not array.shared:
        return row.cycles
    return sum(
        reduce(np.maximum, (_cycles(array, unit, count, values) for unit, count in turn))
        for turn in row.turns
    )


def _cycles(array: Array, unit: str, count: int, values: Mapping[str, Any]) -> Any:
    by = sharing(array, unit)
    return count if by is None else count * by(values)


def units_of(array: Array, unit: str, places: Any, values: Mapping[str, Any]) -> Any:
    """Return how many of a unit an array of so many PEs or lanes has."""
    by = sharing(array, unit)
    return places if by is None else -(-places // by(values))


def check_shares(accelerator: Accelerator, values: Mapping[str, Any]) -> None:
    """Raise `InputError` for a unit that is shared by none."""
    for array in accelerator.machine.arrays.values():
        for unit, by in array.shared.items():
            least = np.min(by(values))
            if least < 1:
                raise InputError(
                    f"the unit {unit} of {array.name} is shared by '{by.text}', {least}; it must "
                    "be 1 or more"
                )
