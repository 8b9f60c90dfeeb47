"""The analytical evaluator: columns of designs in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.counting import Count
from evaluators.analytical.loopnest import LoopNest
from evaluators.describe.accelerator import Accelerator
from evaluators.designs import Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.choices import resolved, times
from evaluators.engine.columns import all_shared
from evaluators.engine.constraints import magnitudes
from evaluators.engine.costs import Costs, Prices, prices
from evaluators.engine.nests import Nests
from evaluators.errors import EvaluationError
from evaluators.protocol import EINSUM_METRICS, METRICS, EinsumEvaluation
from evaluators.workload import Workload

CHUNK = 1 << 13
"""Designs evaluated at a time, so that the columns in flight stay in the cache."""

Float64s = NDArray[np.float64]

Sources = Callable[[Accelerator, Workload, Designs, Accounting], tuple[Designs, Count, Prices]]
"""Takes a chunk of feasible, resolved designs; returns it, perhaps with other choices, what counts
its loop nests, and the prices of its components."""


def own_sources(
    accelerator: Accelerator, workload: Workload, designs: Designs, accounting: Accounting
) -> tuple[Designs, Count, Prices]:
    """Count by our own analysis, priced by the component tables."""
    del workload
    scaled = accounting.repairs(Correction.Q2)
    return designs, LoopNest, prices(accelerator, designs.columns, scaled=scaled)


class Results:
    """The results of a batch, filled chunk by chunk."""

    def __init__(self, accelerator: Accelerator, n: int, *, breakdown: bool) -> None:
        arrays = list(accelerator.machine.arrays)
        self.columns: dict[str, Any] = {}
        self.violations: dict[str, Any] = {}
        self.metrics = {name: np.full(n, np.nan) for name in METRICS}
        self.busy_s = {name: np.full(n, np.nan) for name in arrays}
        self.util = {name: np.full(n, np.nan) for name in arrays}
        self.failures: dict[int, EvaluationError] = {}
        self.einsums = {
            name: EinsumEvaluation(
                "|".join(dict.fromkeys(row.array for _, row in accelerator.rows(name))),
                *(np.full(n, np.nan) for _ in EINSUM_METRICS),
            )
            for name in accelerator.cascade.einsums
            if breakdown
        }
        self._n = n

    def put(self, whole: dict[str, Any], part: Mapping[str, Any], rows: Any) -> None:
        """Put columns of some rows where they belong."""
        for name, values in part.items():
            if name not in whole:
                whole[name] = np.zeros(self._n, dtype=np.asarray(values).dtype)
            whole[name][rows] = values


class Batch:
    """One chunk of feasible designs: loop nests, then energies, times and areas."""

    def __init__(self, nests: Nests, at: Prices) -> None:
        self._nests = nests
        self._at = at
        self._accelerator = nests.accelerator
        self._costs = Costs(nests, lambda: at)
        self._times = times(nests, self._costs)
        self._latency_s = self._times.latency()
        self._areas = areas_um2(self._accelerator.machine, nests.values, at)

    @property
    def known(self) -> Any:
        """Tell which designs have a buffer of a known price."""
        return ~np.isnan(self._areas["chip"])

    def busy_s(self) -> dict[str, Any]:
        """Return busy time by array."""
        return {name: self._times.array(name) for name in self._accelerator.machine.arrays}

    def util(self, busy_s: Mapping[str, Any]) -> dict[str, Any]:
        """Return utilization by array: the busy share, of FLAT's PEs the share in use (Q14)."""
        util = {name: busy / self._latency_s for name, busy in busy_s.items()}
        if self._accelerator.counts_idle_pes:
            for name, array in self._accelerator.machine.arrays.items():
                if len(array.sides) > 1:
                    util[name] = self._times.array(name, self._in_use) / self._latency_s
        return util

    @property
    def _in_use(self) -> dict[str, Any]:
        """Share of the PEs that each Einsum of a 2D array uses."""
        shares = {}
        for name, runs in self._nests.runs.items():
            cols, *rows = self._accelerator.machine.arrays[runs[0].row.array].sides
            pes = cols(self._nests.values)
            for side in rows:
                pes = pes * side(self._nests.values)
            shares[name] = self._costs.instances[name] / pes
        return shares

    def metrics(self, busy_s: Mapping[str, Any], util: Mapping[str, Any]) -> dict[str, Any]:
        """Return `METRICS` by name."""
        names = self._accelerator.machine.paper_names
        two_d, one_d = names.get("2d", ""), names.get("1d", "")
        return {
            "latency_s": self._latency_s,
            "energy_pj": sum(self._costs.energy_pj.values()),
            "traffic_bytes": sum(self._costs.traffic_bytes.values()),
            "util_1d": util.get(one_d, 0.0),
            "util_2d": util.get(two_d, 0.0),
            "memory_latency_s": self._times.memory(),
            "compute_2d_s": busy_s.get(two_d, 0.0),
            "compute_1d_s": busy_s.get(one_d, 0.0),
            "array_area_um2": self._areas.get(two_d, 0.0),
            "area_um2": self._areas["chip"],
        }

    def breakdown(self, einsum: str) -> dict[str, Any]:
        """Return one Einsum's columns of an `EinsumEvaluation`."""
        busy = self._costs.compute_s[einsum]
        arrays = self._accelerator.machine.arrays
        two_d = all(len(arrays[name].sides) > 1 for name in self._costs.busy_s[einsum])
        active: Any = 0.0
        if two_d:
            share = self._in_use[einsum] if self._accelerator.counts_idle_pes else 1.0
            active = busy * share / self._latency_s
        return {
            "busy_s": busy,
            "active_fraction": active,
            "traffic_bytes": self._costs.traffic_bytes[einsum],
            "energy_pj": self._costs.energy_pj[einsum],
        }


def evaluate(
    accelerator: Accelerator,
    workload: Workload,
    designs: Designs,
    accounting: Accounting,
    sources: Sources = own_sources,
    chunk: int = CHUNK,
    *,
    breakdown: bool = False,
) -> Results:
    """Evaluate a batch of designs on a workload, `chunk` at a time."""
    n = len(designs)
    results = Results(accelerator, n, breakdown=breakdown)
    columns: Mapping[str, Any] = designs.columns
    if accelerator.choices:
        columns = resolved(accelerator, workload, columns, accounting)
    for start in range(0, n, CHUNK):
        place = slice(start, min(start + CHUNK, n))
        each = {name: column[place] for name, column in columns.items()}
        if not accelerator.choices:
            each = resolved(accelerator, workload, each, accounting)
        nests = Nests(accelerator, workload, all_shared(each), accounting)
        broken = magnitudes(nests)
        results.put(results.columns, each, place)
        results.put(results.violations, broken, place)
        feasible = np.ones(len(Designs(each)), dtype=bool)
        for magnitude in broken.values():
            feasible &= magnitude <= 0
        _priced(
            accelerator,
            workload,
            Designs(each),
            feasible,
            start,
            accounting,
            sources,
            chunk,
            results,
        )
    return results


def _priced(
    accelerator: Accelerator,
    workload: Workload,
    designs: Designs,
    feasible: NDArray[np.bool_],
    start: int,
    accounting: Accounting,
    sources: Sources,
    chunk: int,
    results: Results,
) -> None:
    """Count and price the feasible designs of a chunk that starts at a row of the batch."""
    rows = np.flatnonzero(feasible)
    unknown = np.zeros(len(designs), dtype=np.int64)
    for first in range(0, len(rows), chunk):
        some: Any = rows[first : first + chunk]
        own = designs if len(some) == len(designs) else designs.take(some)
        place = slice(start, start + len(designs)) if own is designs else start + some
        try:
            own, count, at = sources(accelerator, workload, own, accounting)
            nests = Nests(accelerator, workload, all_shared(own.columns), accounting, count)
            batch = Batch(nests, at)
        except EvaluationError as error:
            results.failures |= dict.fromkeys((start + some).tolist(), error)
            continue
        known = batch.known
        unknown[some] = ~np.broadcast_to(known, len(some))
        results.put(results.columns, own.columns, place)
        busy = batch.busy_s()
        util = batch.util(busy)
        everything = bool(np.all(known))
        for whole, part in (
            (results.metrics, batch.metrics(busy, util)),
            (results.busy_s, busy),
            (results.util, util),
            *((vars(each), batch.breakdown(name)) for name, each in results.einsums.items()),
        ):
            for name, values in part.items():
                whole[name][place] = values if everything else np.where(known, values, np.nan)
    results.put(results.violations, {"sram_unknown": unknown}, slice(start, start + len(designs)))
