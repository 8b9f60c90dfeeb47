"""Accelergy's own estimate of a design's energy, from the action counts of its components.

The energy of an evaluation is linear in the prices: under a price of 1 for one action, and of 0 for
all others, it is the count of that action. So the accounting itself tells the counts, whatever its
corrections, and nothing of it is written here again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import yaml

from evaluators.analytical.architecture import Storage
from evaluators.errors import EvaluationError
from evaluators.protocol import Evaluations
from evaluators.timeloop import accelergy
from evaluators.timeloop.nodes import TOP, VERSION
from evaluators.timeloop.text import as_yaml

INPUT = "action_counts.yaml"
OUTPUT = "energy_estimation.yaml"
ARGUMENTS = (
    *(accelergy.INPUT, INPUT, "--outdir", ".", "--output_files", "energy_estimation"),
    *accelergy.PRECISION,
)

Price = Callable[[Storage], Evaluations]
"""Evaluates a design, a batch of one with its breakdown, under some prices."""

Counts = dict[str, dict[str, float]]
"""Component -> action -> count."""


def action_counts(parts: Storage, price: Price) -> dict[str, Counts]:
    """Return what every component does in all Einsums: array, '2d' or '1d' -> counts.

    Memories are of the 2D array's chip, as `accelergy.array_chip` has them.
    """
    free = _free(parts)
    counts: dict[str, Counts] = {"2d": {}, "1d": {}}

    def done(priced: Storage) -> dict[str, float]:
        """Count the one action that has a price in the Einsums of either array."""
        einsums = price(priced).einsums.values()
        return {
            array: sum(float(each.energy_pj[0]) for each in einsums if each.array == array)
            for array in counts
        }

    counts["2d"]["DRAM"] = {"read": sum(done(replace(free, dram_pj=1.0)).values())}
    for array, component, name in (
        ("2d", "global_buffer", "buffer"),
        ("2d", "reg_file", "pe"),
        ("1d", "reg_file", "lane"),
    ):
        counts[array][component] = {}
        for action in ("read", "write"):
            storage = replace(getattr(free, name), **{f"{action}_pj": np.ones(1)})
            priced = replace(free, **{name: storage})
            counts[array][component][action] = sum(done(priced).values())
    for unit, value in free.units.items():
        priced = replace(free, units={**free.units, unit: replace(value, energy_pj=1.0)})
        for array, count in done(priced).items():
            counts[array][accelergy.UNITS[unit][0]] = {"compute": count}
    return counts


def busy(counts: Counts) -> Counts:
    """Return the components that do anything."""
    return {name: actions for name, actions in counts.items() if any(actions.values())}


def counts_input(counts: Counts) -> str:
    """Return the action counts of a chip as Accelergy reads them; what does nothing is left out."""
    return as_yaml(
        {
            "action_counts": {
                "version": VERSION,
                "local": [
                    {
                        "name": f"{TOP}.{component}[1]",
                        "action_counts": [
                            {"name": action, "counts": count} for action, count in actions.items()
                        ],
                    }
                    for component, actions in busy(counts).items()
                ],
            }
        }
    )


def parse_estimate(made: Mapping[str, str]) -> float:
    """Read `OUTPUT`, the energy of a chip in pJ; `EvaluationError` where it is no estimate."""
    try:
        return float(yaml.safe_load(made[OUTPUT])["energy_estimation"]["Total"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"no energy estimation of Accelergy: {error}") from error


def _free(parts: Storage) -> Storage:
    """Return the same components at no price."""

    def without_energy(component: Any) -> Any:
        names = [each.name for each in fields(component) if each.name.endswith("_pj")]
        return replace(component, **{name: getattr(component, name) * 0.0 for name in names})

    return replace(
        parts,
        buffer=without_energy(parts.buffer),
        pe=without_energy(parts.pe),
        lane=without_energy(parts.lane),
        dram_pj=0.0,
        units={name: without_energy(unit) for name, unit in parts.units.items()},
    )
