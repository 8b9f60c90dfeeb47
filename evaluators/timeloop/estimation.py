"""Accelergy's own estimate of a design's energy, from the action counts of its components.

The energy of an evaluation is linear in the prices: under a price of 1 for one action, and of 0 for
all others, it is the count of that action. So the accounting itself tells the counts, whatever its
corrections, and nothing of it is written here again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import yaml

from evaluators.describe.machine import REGISTERS
from evaluators.engine.costs import Costs, Prices
from evaluators.engine.nests import Nests
from evaluators.errors import EvaluationError
from evaluators.timeloop import accelergy
from evaluators.timeloop.nodes import TOP, VERSION
from evaluators.timeloop.text import as_yaml

INPUT = "action_counts.yaml"
OUTPUT = "energy_estimation.yaml"
ARGUMENTS = (
    *(accelergy.INPUT, INPUT, "--outdir", ".", "--output_files", "energy_estimation"),
    *accelergy.PRECISION,
)

Counts = dict[str, dict[str, float]]
"""Component -> action -> count."""


def action_counts(nests: Nests, parts: Prices) -> dict[str, Counts]:
    """Return what every component does in all Einsums: array -> counts on its chip.

    Args:
        nests: a design, a batch of one, as it is counted.
        parts: its components, at any prices.

    """
    free = _free(parts)
    counts: dict[str, Counts] = {array: {} for array in parts.registers}
    memories = counts[accelergy.with_memories(nests.accelerator.machine)]
    dram = nests.accelerator.machine.stores[0].name
    memories[dram] = {"read": sum(_done(nests, replace(free, dram_pj=1.0)).values())}
    for store in parts.buffers:
        memories[store] = {
            action: sum(_done(nests, _priced(free, "buffers", store, f"{action}_pj")).values())
            for action in ("read", "write")
        }
    for array in parts.registers:
        counts[array][REGISTERS] = {
            action: sum(_done(nests, _priced(free, "registers", array, f"{action}_pj")).values())
            for action in ("read", "write")
        }
    for unit in parts.units:
        for array, count in _done(nests, _priced(free, "units", unit, "energy_pj")).items():
            counts[array][accelergy.UNITS[unit][0]] = {"compute": count}
    return counts


def _done(nests: Nests, at: Prices) -> dict[str, float]:
    """Count the one action that has a price in the Einsums of each array."""
    done = dict.fromkeys(at.registers, 0.0)
    for einsum, energy_pj in Costs(nests, at).energy_pj.items():
        (run,) = nests.runs[einsum]
        done[run.row.array] += float(np.ravel(energy_pj)[0])
    return done


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


def _free(parts: Prices) -> Prices:
    """Return the same components at no price."""

    def without_energy(components: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: replace(
                each,
                **{
                    field.name: getattr(each, field.name) * 0.0
                    for field in fields(each)
                    if field.name.endswith("_pj")
                },
            )
            for name, each in components.items()
        }

    return replace(
        parts,
        buffers=without_energy(parts.buffers),
        registers=without_energy(parts.registers),
        dram_pj=0.0,
        units=without_energy(parts.units),
    )


def _priced(free: Prices, kind: str, name: str, action: str) -> Prices:
    """Give one action of one component the price 1."""
    components = getattr(free, kind)
    priced: Any = {kind: {**components, name: replace(components[name], **{action: 1.0})}}
    return replace(free, **priced)
