"""The roofs of a machine: what no mapping on it exceeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import CLOCK_HZ, Array
from evaluators.engine.rules import by_rule
from evaluators.engine.shared_units import sharing
from evaluators.engine.widths import word_bytes
from evaluators.errors import InputError
from evaluators.workloads.closed_forms import Demand
from evaluators.workloads.workload import Workload


@dataclass(frozen=True)
class Roofs:
    """Peak rates of a machine.

    Attributes:
        array: the array of most macs.
        macs_per_s: of that array.
        bytes_per_s: of DRAM.
        word_bytes: of a word of the machine.

    """

    array: str
    macs_per_s: float
    bytes_per_s: float
    word_bytes: int

    @property
    def ridge(self) -> float:
        """Multiply-accumulates a byte from which on the array binds."""
        return self.macs_per_s / self.bytes_per_s

    def least_s(self, demand: Demand) -> float:
        """Return the least time that a demand takes."""
        return max(demand.macs / self.macs_per_s, demand.bytes / self.bytes_per_s)

    def binds(self, demand: Demand) -> str:
        """Return what binds a demand: the array by name, or 'DRAM'."""
        return self.array if demand.macs_per_byte >= self.ridge else "DRAM"


def macs_per_s(array: Array, values: Mapping[str, Any]) -> Any:
    """Return the peak of an array of each design: a multiply-accumulate a PE and cycle.

    PEs that share a unit take turns.
    """
    by = sharing(array, "mac")
    places = prod((side(values) for side in array.sides), start=1.0)
    return places * values[CLOCK_HZ] / (1 if by is None else by(values))


def roofs(accelerator: Accelerator, workload: Workload) -> Roofs:
    """Return the roofs of an accelerator's machine at its defaults.

    `InputError` names a machine that has no multiply-accumulate unit.
    """
    machine = accelerator.machine
    defaults = {
        name: np.array([each.default])
        for name, each in machine.parameters.items()
        if each.default is not None
    }
    values = workload.extents | by_rule(accelerator, workload, defaults, 1)
    macs = {
        name: float(_one(macs_per_s(array, values)))
        for name, array in machine.arrays.items()
        if "mac" in array.units
    }
    if not macs:
        raise InputError(
            f"{accelerator.name}: no array of machine {machine.name} has the unit mac; name a "
            "configuration of which one has"
        )
    array = max(macs, key=lambda name: macs[name])
    bytes_per_s = machine.stores[0].bytes_per_s
    assert bytes_per_s is not None
    return Roofs(
        array=array,
        macs_per_s=macs[array],
        bytes_per_s=float(_one(bytes_per_s(values))),
        word_bytes=int(_one(word_bytes(values))),
    )


def _one(column: Any) -> Any:
    return np.ravel(column)[0]
