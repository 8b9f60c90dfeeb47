"""Described machines of the open space: FuseMax's, with an exponential unit in lanes or not."""

from __future__ import annotations

from dataclasses import replace

from evaluators.accounting import Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import Machine
from evaluators.describe.machine_reading import machine
from evaluators.engine.columns import Columns
from evaluators.engine.nests import Nests
from evaluators.mapper.resources import LANES, MACHINE, PARAMETERS, Resources
from evaluators.workloads.workload import Workload

_UNIT = "exponential"


def is_known(described: Machine) -> bool:
    """Tell whether a machine is FuseMax's, whatever its sizes and its lanes' exponential unit."""
    lanes = described.arrays.get(LANES)
    if lanes is None:
        return False
    units = tuple(each for each in lanes.units if each != _UNIT)
    shared = {name: each for name, each in lanes.shared.items() if name != _UNIT}
    plain = {**described.arrays, LANES: replace(lanes, units=units, shared=shared)}
    return replace(described, arrays=plain).is_built_as(machine(MACHINE))


def resources_of(nests: Nests) -> Resources:
    """Return the resources of a design's machine, one that `is_known`."""
    lanes = nests.accelerator.machine.arrays[LANES]
    cycles = None
    if _UNIT in lanes.units:
        cycles = int(lanes.shared[_UNIT](nests.values)) if _UNIT in lanes.shared else 1
    return Resources(
        **{attribute: nests.values[name] for name, attribute in PARAMETERS.items()},
        exp_cycles=cycles,
        sram_source=nests.accounting.sram,
    )


def priced(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    row: int,
    accounting: Accounting,
) -> Nests:
    """Return a machine as the engine prices it; the file's own binding does not matter."""
    values = {name: columns[name][row].item() for name in accelerator.machine.parameters}
    own = dict.fromkeys(accelerator.parameters, 1)
    return Nests(accelerator, workload, own | values, accounting)
