"""`dse machine`: list and print the machines that ship, to build accelerators and machines on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dse.reports import text
from evaluators.describe.layers import MACHINES, is_path, shipped, text_of
from evaluators.describe.machine import CLOCK_HZ, WORD_BITS, Array, Machine
from evaluators.describe.machine_reading import machine

KIB = 2**10


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions."""
    return {"list": _list, "show": _show}[options.action](options)


def _list(options: argparse.Namespace) -> int:
    del options
    header = ["name", "arrays", "buffer KiB", "GB/s", "MHz", "bits"]
    print(text.table(header, [_row(machine(name)) for name in shipped(MACHINES)], left=2))
    return 0


def _row(each: Machine) -> list[str]:
    """Tell a machine's sizes where its parameters have their defaults."""
    values: dict[str, Any] = {
        name: parameter.default for name, parameter in each.parameters.items()
    }
    dram, buffer = each.stores[:2]
    assert dram.bytes_per_s is not None
    assert buffer.bytes is not None
    return [
        each.name,
        ", ".join(_array(array, values) for array in each.arrays.values()),
        f"{buffer.bytes(values) / KIB:,.10g}",
        f"{dram.bytes_per_s(values) / 1e9:.4g}",
        f"{values[CLOCK_HZ] / 1e6:,.10g}",
        f"{values[WORD_BITS]}",
    ]


def _array(array: Array, values: dict[str, Any]) -> str:
    """Write an array as rows x columns, or lanes."""
    sides = [str(side(values)) for side in array.sides]
    return f"{array.name} {' x '.join(reversed(sides))}"


def _show(options: argparse.Namespace) -> int:
    path = Path(options.name) if is_path(options.name) else MACHINES / f"{options.name}.toml"
    machine(options.name)
    print(text_of(path, "a machine"), end="")
    return 0
