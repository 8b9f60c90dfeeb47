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
    designs = resolved(accelerator, workload, columns, accounting)
    no_choice = designs.pop("no_choice")
    n = len(no_choice)
    nests = Nests(accelerator, workload, designs, accounting)
    violations = {
        name: np.broadcast_to(each, n)
        for name, each in magnitudes(nests, sizes=not accelerator.footprint.spills).items()
    } | {"no_choice": no_choice}
    feasible = np.all([each <= 0 for each in violations.values()], axis=0)
    metrics: dict[str, Any] = {}
    rows_ = np.flatnonzero(feasible)
    for start in range(0, len(rows_), CHUNK):
        rows = rows_[start : start + CHUNK]
        if len(rows_) == n:
            rows = slice(start, start + CHUNK)
        chunk = {name: column[rows] for name, column in designs.items()}
        nests = Nests(accelerator, workload, chunk, accounting)
        at = prices(accelerator, chunk, scaled=accounting.repairs(Correction.Q2))
        costs = Costs(nests, at)
        clock = times(nests, costs)
        latency = clock.latency()
        values = {
            "latency_s": latency,
            "energy_pj": sum(costs.energy_pj.values()),
            "traffic_bytes": sum(costs.traffic_bytes.values()),
            "memory_latency_s": clock.memory(),
        } | {f"busy_s[{name}]": clock.array(name) for name in accelerator.machine.arrays}
        for name, value in values.items():
            metrics.setdefault(name, np.full(n, np.nan))[rows] = value
    return designs, metrics, violations
