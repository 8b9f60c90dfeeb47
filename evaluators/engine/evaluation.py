"""An evaluation: a batch of designs of an accelerator on a workload."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.accounting import Accounting, Correction
from evaluators.describe.accelerator import Accelerator
from evaluators.engine.choices import Columns, resolved, times
from evaluators.engine.constraints import magnitudes
from evaluators.engine.costs import Costs, prices
from evaluators.engine.nests import Nests
from evaluators.workload import Workload

CHUNK = 1 << 13


def evaluate(
    accelerator: Accelerator, workload: Workload, columns: Columns, accounting: Accounting
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Evaluate a batch; returns the resolved columns, the metrics, the violations."""
    n = len(next(iter(columns.values())))
    if accelerator.choices:
        columns = resolved(accelerator, workload, columns, accounting)
    results: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = {name: column[rows] for name, column in columns.items()}
        if not accelerator.choices:
            chunk = resolved(accelerator, workload, chunk, accounting)
        for whole, part in zip(
            results, _evaluated(accelerator, workload, chunk, accounting), strict=True
        ):
            for name, values in part.items():
                if name not in whole:
                    whole[name] = np.empty(n, dtype=np.asarray(values).dtype)
                whole[name][rows] = values
    return results


def _evaluated(
    accelerator: Accelerator, workload: Workload, designs: dict[str, Any], accounting: Accounting
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    no_choice = designs.pop("no_choice")
    n = len(no_choice)
    nests = Nests(accelerator, workload, designs, accounting)
    sizes = not accelerator.footprint.spills
    violations = magnitudes(nests, sizes=sizes) | {"no_choice": no_choice}
    feasible = np.ones(n, dtype=bool)
    for each in violations.values():
        feasible &= each <= 0
    rows = np.flatnonzero(feasible)
    if len(rows) < n:
        some = {name: column[rows] for name, column in designs.items()}
        nests = Nests(accelerator, workload, some, accounting)
    metrics = {}
    if len(rows):
        scaled = accounting.repairs(Correction.Q2)
        costs = Costs(nests, lambda: prices(accelerator, nests.values, scaled=scaled))
        clock = times(nests, costs)
        values = {
            "latency_s": clock.latency(),
            "energy_pj": sum(costs.energy_pj.values()),
            "traffic_bytes": sum(costs.traffic_bytes.values()),
            "memory_latency_s": clock.memory(),
        } | {f"busy_s[{name}]": clock.array(name) for name in accelerator.machine.arrays}
        for name, value in values.items():
            metrics[name] = np.full(n, np.nan)
            metrics[name][rows] = value
    else:
        metrics = {
            k: np.full(n, np.nan)
            for k in ("latency_s", "energy_pj", "traffic_bytes", "memory_latency_s")
        }
    return designs, metrics, violations
