"""The roofs of a machine: what no mapping on it exceeds."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from evaluators.describe.accelerator import Accelerator
from evaluators.engine.rules import by_rule
from evaluators.workloads.closed_forms import Demand
from evaluators.workloads.workload import Workload


@dataclass(frozen=True)
class Roofs:
    """Peak rates of a machine.

    Attributes:
        array: the array of most macs.
        macs_per_s: of that array.
        bytes_per_s: of DRAM.

    """

    array: str
    macs_per_s: float
    bytes_per_s: float

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


def roofs(accelerator: Accelerator, workload: Workload) -> Roofs:
    """Return the roofs of an accelerator's machine at its defaults."""
    machine = accelerator.machine
    defaults = {
        name: np.array([each.default])
        for name, each in machine.parameters.items()
        if each.default is not None
    }
    values = workload.extents | by_rule(accelerator, workload, defaults)
    macs = {
        name: prod(int(side(values)[0]) for side in array.sides)
        for name, array in machine.arrays.items()
        if "mac" in array.units
    }
    array = max(macs, key=lambda name: macs[name])
    bytes_per_s = machine.stores[0].bytes_per_s
    assert bytes_per_s is not None
    return Roofs(
        array, macs[array] * float(np.ravel(values["clock_hz"])[0]), float(bytes_per_s(values)[0])
    )
