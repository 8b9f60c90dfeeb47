"""Accelergy's energies and areas of a design's components at 45 nm.

Accelergy gets a chip for each array (docs/model/components.md), the first with the memories. It is
asked for its reference tables alone; what the counts cost is the accounting's to add up.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from evaluators.accounting import Correction
from evaluators.components import ENERGY_DECIMALS
from evaluators.components.arithmetic import DIVIDE_XIA, Unit
from evaluators.components.register_file import RegisterFile
from evaluators.components.sram import Sram
from evaluators.describe.machine import REGISTERS, WORD_BITS, Array, Machine
from evaluators.engine.costs import Prices, sram_size
from evaluators.engine.nests import Nests
from evaluators.errors import EvaluationError
from evaluators.timeloop import nodes
from evaluators.timeloop.chip import containers
from evaluators.timeloop.compounds import compound_components
from evaluators.timeloop.nodes import Node
from evaluators.timeloop.text import as_yaml

INPUT = "input.yaml"
LIBRARY = "library"
OUTPUTS = ("ERT.yaml", "ART.yaml")
PRECISION = ("--precision", "15")
"""Digits of all that Accelergy prints: decimals until December 2024, significant ones since. Either
way nothing is rounded that matters; the accounting rounds as the published tables are."""

ARGUMENTS = (INPUT, "--outdir", ".", "--output_files", "ERT", "ART", *PRECISION)
ENVIRONMENT = {"DSE_ACCELERGY_COMPONENT_LIBRARIES": LIBRARY}
"""Accelergy looks for tables of components in the folders of every variable so called."""

Run = Callable[[dict[str, str], tuple[str, ...]], dict[str, str]]
"""Runs Accelergy with arguments on input files, name -> text, and returns `OUTPUTS` with theirs."""

UNITS = {
    "max": ("max", "mac_max", ("compare_width",)),
    "add": ("add", "fpmac_adder", ("adder_width",)),
    "mac": ("mac", "fpmac", ("multiplier_width", "adder_width")),
    "exponential": ("exponentiatial", "mac_exponential", ("multiplier_width", "adder_width")),
    "divide": ("divide", "fpmac_divide", ("datawidth", "datawidth_a", "datawidth_b")),
}
"""Functional unit -> its node's name and class in the artifact, and the widths to set."""

_DIVIDER = (
    "technology,global_cycle_seconds,datawidth,datawidth_a,datawidth_b,energy,area,action\n"
    f"90nm,1e-9,32,32,32,{DIVIDE_XIA.energy_pj},{DIVIDE_XIA.area_um2},divide\n"
    f"90nm,1e-9,32,32,32,0,{DIVIDE_XIA.area_um2},read|write|update|leak\n"
)
"""Accelergy's library knows no divider: this is its table of the published one, which it scales."""


@dataclass(frozen=True)
class Tables:
    """Accelergy's reference tables of one chip.

    Attributes:
        energy_pj: component -> action -> energy.
        area_um2: component -> area of one.

    """

    energy_pj: dict[str, dict[str, float]]
    area_um2: dict[str, float]

    def energy(self, name: str, action: str, *, rounded: bool) -> float:
        """Return what a component's action costs; `EvaluationError` where the table lacks it."""
        try:
            exact = self.energy_pj[name][action]
        except KeyError:
            raise EvaluationError(f"Accelergy's energies lack '{action}' of {name}") from None
        return round(exact, ENERGY_DECIMALS) if rounded else exact

    def area(self, name: str) -> float:
        """Return the area of a component; `EvaluationError` where the table lacks it."""
        try:
            return self.area_um2[name]
        except KeyError:
            raise EvaluationError(f"Accelergy's areas lack {name}") from None


def components(nests: Nests, run: Run, *, rounded: bool = True) -> Prices:
    """Return what Accelergy says of a design, a batch of one.

    Args:
        nests: the design; correction Q2 of its accounting scales register files, unrounded.
        run: runs Accelergy.
        rounded: round energies as the accounting does, not at all otherwise.

    Raises:
        EvaluationError: Accelergy failed, or its tables lack a component.

    """
    machine = nests.accelerator.machine
    scaled = nests.accounting.repairs(Correction.Q2)
    tables = {
        array: parse_tables(run(input_files(chip, scaled_registers=scaled), ARGUMENTS))
        for array, chip in chips(nests).items()
    }
    memories = tables[with_memories(machine)]
    dram, *buffers = machine.stores
    return Prices(
        buffers={
            each.name: Sram(*_storage(memories, each.name, rounded=rounded)) for each in buffers
        },
        row_words={
            each.name: each.row_words(nests.values)
            for each in buffers
            if each.row_words is not None
        },
        registers={
            array: RegisterFile(*_storage(table, REGISTERS, rounded=rounded and not scaled))
            for array, table in tables.items()
        },
        dram_pj=memories.energy(dram.name, "read", rounded=rounded),
        units={
            unit: Unit(table.energy(name, "compute", rounded=rounded), table.area(name))
            for array, table in tables.items()
            for unit in _units_of(machine.arrays[array])
            for name in (UNITS[unit][0],)
        },
    )


def chips(nests: Nests) -> dict[str, Node]:
    """Return the chips of a design, a batch of one, by their array."""
    machine = nests.accelerator.machine
    return {
        name: nodes.architecture(
            "45nm",
            [
                *(_memories(nests) if name == with_memories(machine) else ()),
                *_array(array, nests.values),
            ],
            DATAWIDTH=8,
        )
        for name, array in machine.arrays.items()
    }


def with_memories(machine: Machine) -> str:
    """Return the array whose chip has the memories."""
    return next(iter(machine.arrays))


def _memories(nests: Nests) -> list[Node]:
    dram, *buffers = nests.accelerator.machine.stores
    word_bits = int(nests.values[WORD_BITS])
    sizes = [sram_size(each, nests.values) for each in buffers]
    return [
        nodes.dram(dram.name, "HBM2", word_bits, shared_bandwidth=215),
        *(
            nodes.storage(
                each.name,
                "smartbuffer_SRAM",
                (1, 1),
                word_bits,
                depth=int(rows),
                width=int(row_bits),
                n_banks=32,
                n_rdwr_ports=4,
            )
            for each, (rows, row_bits) in zip(buffers, sizes, strict=True)
        ),
    ]


def _array(array: Array, values: Table[str, Any]) -> list[Node]:
    """Return the fan-outs of an array, the register file and the units of a PE or lane."""
    cols, *others = (int(side(values)) for side in array.sides)
    mesh = (cols, others[0] if others else 1)
    word_bits = int(values[WORD_BITS])
    return [
        *nodes.fanouts(containers(len(array.sides)), mesh),
        nodes.storage(
            REGISTERS,
            "smartbuffer_RF",
            mesh,
            word_bits,
            depth=int(array.registers(values)),
            width=word_bits,
            update_fifo_depth=2,
        ),
        *(
            nodes.unit(name, class_, mesh, **dict.fromkeys(widths, word_bits))
            for name, class_, widths in (UNITS[unit] for unit in _units_of(array))
        ),
    ]


def _units_of(array: Array) -> tuple[str, ...]:
    """Return a PE's or lane's units in the artifact's order; the adder of its mac is one."""
    return tuple(unit for unit in UNITS if unit in {*array.units, "add"})


def accelergy_input(chip: Node, *, scaled_registers: bool) -> dict[str, Any]:
    """Return all that Accelergy reads: the chip and the components that it is built of."""
    classes = {node["class"] for node in chip["subtree"][0]["local"]}
    return {
        "architecture": chip,
        "compound_components": compound_components(classes, scaled_registers=scaled_registers),
    }


def parse_tables(made: Table[str, str]) -> Tables:
    """Read `OUTPUTS` by name; `EvaluationError` where they are no such tables."""
    energies, areas = (made[name] for name in OUTPUTS)
    try:
        energy_rows = yaml.safe_load(energies)["ERT"]["tables"]
        area_rows = yaml.safe_load(areas)["ART"]["tables"]
        return Tables(
            energy_pj={
                _component(row): {each["name"]: float(each["energy"]) for each in row["actions"]}
                for row in energy_rows
            },
            area_um2={_component(row): float(row["area"]) for row in area_rows},
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"no reference tables of Accelergy: {error}") from error


def input_files(chip: Node, *, scaled_registers: bool) -> dict[str, str]:
    """Return the files that Accelergy needs for a chip: name -> text."""
    return {
        INPUT: as_yaml(accelergy_input(chip, scaled_registers=scaled_registers)),
        f"{LIBRARY}/custom_divide.csv": _DIVIDER,
    }


def _component(row: dict[str, Any]) -> str:
    """Return the name of a component: 'system_top_level.mac[1..256]' -> 'mac'."""
    return str(row["name"]).removeprefix(f"{nodes.TOP}.").partition("[")[0]


def _storage(tables: Tables, name: str, *, rounded: bool) -> tuple[Any, Any, Any]:
    """Return read energy, write energy and area of a storage, shape (1,) each."""
    read, write, area = (
        np.array([value])
        for value in (
            tables.energy(name, "read", rounded=rounded),
            tables.energy(name, "write", rounded=rounded),
            tables.area(name),
        )
    )
    return read, write, area
