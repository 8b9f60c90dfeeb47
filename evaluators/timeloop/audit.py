"""What an audit adds to an evaluation: Accelergy's own estimate, and its price of every component.

An audit's columns stand among the metrics of an `Evaluations`, so that workers of any kind can make
them: `ESTIMATED_PJ`, `EXACT_PJ`, and the prices by names such as 'pe read_pj'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evaluators.analytical.architecture import Storage
from evaluators.components.arithmetic import Unit
from evaluators.design import Designs
from evaluators.errors import EvaluationError
from evaluators.protocol import Evaluations

ESTIMATED_PJ = "accelergy estimate_pj"
"""The energy that Accelergy itself estimates from the action counts of all components."""

EXACT_PJ = "accelergy exact_pj"
"""The accounting's energy under Accelergy's prices, none of them rounded, as in its estimate."""

_STORED = ("buffer", "pe", "lane")
_DRAM = "dram read_pj"


def prices(parts: Storage) -> dict[str, float]:
    """Return the energy and the area of every component of one design: 'pe read_pj' -> value."""
    stored = {
        f"{name} {column}": float(values[0])
        for name in _STORED
        for column, values in vars(getattr(parts, name)).items()
    }
    units = {
        f"{name} {column}": float(value)
        for name, unit in parts.units.items()
        for column, value in vars(unit).items()
    }
    return stored | {_DRAM: parts.dram_pj} | units


def priced(parts: Storage, other: Mapping[str, float]) -> Storage:
    """Return the components of one design at other prices, those of `prices`."""

    def stored(name: str) -> dict[str, NDArray[np.float64]]:
        return {
            column: np.array([other[f"{name} {column}"]]) for column in vars(getattr(parts, name))
        }

    units = {
        name: Unit(other[f"{name} energy_pj"], other[f"{name} area_um2"])
        for name in parts.units
        if f"{name} energy_pj" in other
    }
    return replace(
        parts,
        buffer=replace(parts.buffer, **stored("buffer")),
        pe=replace(parts.pe, **stored("pe")),
        lane=replace(parts.lane, **stored("lane")),
        dram_pj=other[_DRAM],
        units=units,
    )


def audited(
    evaluations: Evaluations, audit: Callable[[Designs], Mapping[str, float]]
) -> Evaluations:
    """Add the columns of an audit of each design; an audit that fails fails its design."""
    metrics = {name: values.copy() for name, values in evaluations.metrics.items()}
    failures = dict(evaluations.failures)
    for row in np.flatnonzero(evaluations.feasible).tolist():
        if row in failures:
            continue
        try:
            found = audit(evaluations.designs.take([row]))
        except EvaluationError as error:
            failures[row] = error
            for values in metrics.values():
                values[row] = np.nan
            continue
        for name, value in found.items():
            metrics.setdefault(name, np.full(len(evaluations.designs), np.nan))[row] = value
    return replace(evaluations, metrics=metrics, failures=failures)
