"""Described machines of the open space: stores and arrays as FuseMax's, whatever their units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evaluators.accounting import Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import WORD_BITS, Machine
from evaluators.describe.machine_reading import machine
from evaluators.engine.columns import Columns
from evaluators.engine.nests import Nests
from evaluators.errors import InputError
from evaluators.mapper.resources import (
    EXPONENTIAL,
    LANES,
    MACHINE,
    PARAMETERS,
    PE,
    WORD_BYTES,
    Resources,
    fusemax,
)
from evaluators.workloads.workload import Workload


def is_known(described: Machine) -> bool:
    """Tell whether a machine is FuseMax's but for sizes, units and the rows of its buffer."""
    plain = fusemax()
    if (len(described.stores), {*described.arrays}) != (len(plain.stores), {*plain.arrays}):
        return False
    shared = {(name, unit) for name, each in described.arrays.items() for unit in each.shared}
    if EXPONENTIAL in described.arrays[PE].units or shared - {(LANES, EXPONENTIAL)}:
        return False
    dram, buffer = described.stores
    if buffer.row_words is None or not buffer.row_words.names <= PARAMETERS.keys():
        return False
    arrays = {
        name: replace(each, units=plain.arrays[name].units, shared={})
        for name, each in described.arrays.items()
    }
    stores = dram, replace(buffer, row_words=plain.stores[1].row_words)
    return replace(described, stores=stores, arrays=arrays).is_built_as(plain)


def check_known(described: Machine) -> None:
    """Raise `InputError` for a machine that is not known."""
    if not is_known(described):
        raise InputError(
            "the mapper knows machines of DRAM, one buffer, a 2D array 'pe' and a 1D array "
            f"'vector', with sides and registers as {MACHINE} has them and rows of the buffer that "
            f"follow from these, and {described.name} is another; take {MACHINE}"
        )
    bits = described.parameters[WORD_BITS].default
    if bits != 8 * WORD_BYTES:
        raise InputError(
            f"the mapper's words have {8 * WORD_BYTES} bits, and those of {described.name} {bits}; "
            f"take {MACHINE}"
        )


def known_machine(name: str) -> Machine:
    """Return a machine by its name or path; `InputError` for one that is not known."""
    found = machine(name)
    check_known(found)
    return found


def resources_of(nests: Nests) -> Resources:
    """Return the resources of a design's machine, one that `is_known`."""
    described = nests.accelerator.machine
    return Resources(
        **{attribute: nests.values[name] for name, attribute in PARAMETERS.items()},
        exp_cycles=exp_cycles(described, nests.values),
        sram_source=nests.accounting.sram,
        built=described,
    )


def exp_cycles(described: Machine, values: Mapping[str, Any]) -> int | None:
    """Return the cycles of the exponential unit in a lane; None where there is none.

    One that lanes share takes as many as share it. `values` are of the machine's parameters; those
    that are not among them have their defaults.
    """
    lanes = described.arrays[LANES]
    if EXPONENTIAL not in lanes.units:
        return None
    if EXPONENTIAL not in lanes.shared:
        return 1
    defaults = {name: each.default for name, each in described.parameters.items()}
    return int(lanes.shared[EXPONENTIAL]({**defaults, **values}))


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
