"""Accelergy's energies and areas of a design's components at 45 nm.

Accelergy gets two chips (docs/model/components.md): memories and the 2D array; the 1D array. It is
asked for its reference tables alone; what the counts cost is the accounting's to add up.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.architecture import Storage
from evaluators.analytical.configurations import Configuration
from evaluators.components import ENERGY_DECIMALS
from evaluators.components.arithmetic import DIVIDE_XIA, Unit
from evaluators.components.register_file import RegisterFile
from evaluators.components.sram import Sram
from evaluators.design import Designs
from evaluators.errors import EvaluationError
from evaluators.timeloop import nodes
from evaluators.timeloop.compounds import compound_components
from evaluators.timeloop.nodes import WORD_BITS, Node
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


def components(
    config: Configuration,
    design: Designs,
    accounting: Accounting,
    run: Run,
    *,
    rounded: bool = True,
) -> Storage:
    """Return what Accelergy says of a configuration's design, a batch of one, registers resolved.

    Args:
        config: the configuration.
        design: its design.
        accounting: how counts become energy; correction Q2 scales register files, unrounded.
        run: runs Accelergy.
        rounded: round energies as the accounting does, not at all otherwise.

    Raises:
        EvaluationError: Accelergy failed, or its tables lack a component.

    """
    scaled = accounting.repairs(Correction.Q2)
    array, lanes = (
        parse_tables(run(input_files(chip, scaled_registers=scaled), ARGUMENTS))
        for chip in chips(config, design).values()
    )
    rounded_registers = rounded and not scaled
    return Storage(
        buffer=Sram(*_storage(array, "global_buffer", rounded=rounded)),
        buffer_row_words=design.buffer_row_words,
        pe=RegisterFile(*_storage(array, "reg_file", rounded=rounded_registers)),
        lane=RegisterFile(*_storage(lanes, "reg_file", rounded=rounded_registers)),
        dram_pj=array.energy("DRAM", "read", rounded=rounded),
        units={
            unit: Unit(lanes.energy(name, "compute", rounded=rounded), lanes.area(name))
            for unit, (name, _, _) in UNITS.items()
            if unit in _lane_units(config)
        },
    )


def chips(config: Configuration, design: Designs) -> dict[str, Node]:
    """Return the two chips of a design by their array."""
    return {"2d": array_chip(config, design), "1d": lanes_chip(config, design)}


def array_chip(config: Configuration, design: Designs) -> Node:
    """Return DRAM, the global buffer and the 2D array with its PEs."""
    rows, cols = int(design.array_rows[0]), int(design.array_cols[0])
    row_words, size = int(design.buffer_row_words[0]), int(design.buffer_bytes[0])
    takes_maximum = "max" in config.architecture.pe_units
    ports: dict[str, int] = {"n_banks": 4, "n_rdwr_ports": 4}
    return _chip(
        [
            nodes.dram("HBM2", shared_bandwidth=215),
            nodes.storage(
                "global_buffer",
                "smartbuffer_SRAM",
                (1, 1),
                depth=size // (2 * row_words),
                width=WORD_BITS * row_words,
                n_banks=32 if takes_maximum else 4,
                n_rdwr_ports=4,
            ),
            nodes.fanout("PE_col", (1, 1)),
            nodes.fanout("PE", (cols, 1)),
            _register_file(
                (cols, rows),
                int(design.pe_registers[0]),
                **({"update_fifo_depth": 2} if takes_maximum else ports),
            ),
            *_units(("max", "add", "mac") if takes_maximum else ("add", "mac"), (cols, rows)),
        ]
    )


def lanes_chip(config: Configuration, design: Designs) -> Node:
    """Return the 1D array with its lanes."""
    mesh = (int(design.vector_lanes[0]), 1)
    return _chip(
        [
            nodes.fanout("PE", (1, 1)),
            _register_file(mesh, int(design.lane_registers[0]), update_fifo_depth=2),
            *_units(_lane_units(config), mesh),
        ]
    )


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


def _lane_units(config: Configuration) -> tuple[str, ...]:
    """Return a lane's units in the artifact's order; an adder beside that of the mac."""
    return tuple(unit for unit in UNITS if unit in {*config.architecture.lane_units, "add"})


def _chip(local: list[Node]) -> Node:
    return nodes.architecture("45nm", local, DATAWIDTH=8)


def _register_file(mesh: tuple[int, int], rows: int, **attributes: int) -> Node:
    return nodes.storage(
        "reg_file", "smartbuffer_RF", mesh, depth=rows, width=WORD_BITS, **attributes
    )


def _units(names: tuple[str, ...], mesh: tuple[int, int]) -> list[Node]:
    return [
        nodes.unit(UNITS[name][0], UNITS[name][1], mesh, **dict.fromkeys(UNITS[name][2], 16))
        for name in names
    ]
