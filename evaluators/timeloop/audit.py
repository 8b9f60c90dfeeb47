"""What an audit adds to an evaluation: Accelergy's own estimate, and its price of every component.

An audit's columns stand among the metrics of an `Evaluations`, so that workers of any kind can make
them: `ESTIMATED_PJ`, `EXACT_PJ`, and the prices by names such as 'pe read_pj'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evaluators.engine.costs import Prices
from evaluators.engine.nests import Nests

ESTIMATED_PJ = "accelergy estimate_pj"
"""The energy that Accelergy itself estimates from the action counts of all components."""

EXACT_PJ = "accelergy exact_pj"
"""The accounting's energy under Accelergy's prices, none of them rounded, as in its estimate."""

_KINDS = ("buffers", "registers", "units")
_DRAM = "dram read_pj"


def prices(parts: Prices) -> dict[str, float]:
    """Return the energy and the area of every component of one design: 'pe read_pj' -> value.

    Register files have the name of their array.
    """
    return {
        f"{name} {column}": float(np.ravel(value)[0])
        for kind in _KINDS
        for name, component in getattr(parts, kind).items()
        for column, value in vars(component).items()
    } | {_DRAM: float(parts.dram_pj)}


def register_rows(nests: Nests) -> dict[str, int]:
    """Return array -> rows of a register file of one design."""
    return {
        name: int(np.ravel(array.registers(nests.values))[0])
        for name, array in nests.accelerator.machine.arrays.items()
    }


def priced(parts: Prices, other: Mapping[str, float]) -> Prices:
    """Return the components of one design at other prices, those of `prices` that are given."""

    def at(name: str, component: Any) -> Any:
        return replace(
            component,
            **{
                column: np.array([other[f"{name} {column}"]])
                for column in vars(component)
                if f"{name} {column}" in other
            },
        )

    kinds = {
        kind: {name: at(name, each) for name, each in getattr(parts, kind).items()}
        for kind in _KINDS
    }
    return replace(parts, dram_pj=other[_DRAM], **kinds)
