"""An evaluation: a batch of designs of an accelerator on a workload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluators.accounting import Accounting, Correction
from evaluators.describe.accelerator import Accelerator
from evaluators.engine.choices import Columns, resolved, times
from evaluators.engine.columns import all_shared
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
    designs: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    violations: dict[str, Any] = {}
    for start in range(0, n, CHUNK):
        place = slice(start, start + CHUNK)
        chunk = {name: column[place] for name, column in columns.items()}
        if not accelerator.choices:
            chunk = resolved(accelerator, workload, chunk, accounting)
        _put(designs, chunk, n, place)
        nests = Nests(accelerator, workload, all_shared(chunk), accounting)
        broken = magnitudes(nests) | {"no_choice": chunk["no_choice"]}
        _put(violations, broken, n, place)
        feasible = np.ones(len(chunk["no_choice"]), dtype=bool)
        for each in broken.values():
            feasible &= each <= 0
        rows: Any = place
        if not feasible.all():
            rows = start + np.flatnonzero(feasible)
            some = {name: column[feasible] for name, column in chunk.items()}
            nests = Nests(accelerator, workload, all_shared(some), accounting)
        if feasible.any():
            _put(metrics, _metrics(nests), n, rows)
    return designs, metrics, violations


def _put(whole: dict[str, Any], part: Mapping[str, Any], n: int, rows: Any) -> None:
    for name, values in part.items():
        if name not in whole:
            kind = np.asarray(values).dtype
            whole[name] = np.full(n, np.nan) if kind.kind == "f" else np.empty(n, dtype=kind)
        whole[name][rows] = values


def _metrics(nests: Nests) -> dict[str, Any]:
    scaled = nests.accounting.repairs(Correction.Q2)
    costs = Costs(nests, lambda: prices(nests.accelerator, nests.values, scaled=scaled))
    clock = times(nests, costs)
    return {
        "latency_s": clock.latency(),
        "energy_pj": sum(costs.energy_pj.values()),
        "traffic_bytes": sum(costs.traffic_bytes.values()),
        "memory_latency_s": clock.memory(),
    } | {f"busy_s[{name}]": clock.array(name) for name in nests.accelerator.machine.arrays}
