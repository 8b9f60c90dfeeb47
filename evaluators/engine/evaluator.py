"""The analytical evaluator: columns of designs in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import CORRECTED, Accounting
from evaluators.components.sram import live_failure
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described as accelerator_of
from evaluators.describe.padding import fitted
from evaluators.design import Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.choices import resolved
from evaluators.engine.columns import Columns, all_shared, int64s
from evaluators.engine.constraints import magnitudes
from evaluators.engine.costs import Costs, Prices, sram_size
from evaluators.engine.nests import Nests, check_countable, present
from evaluators.engine.plan import plan
from evaluators.engine.reasons import reason
from evaluators.engine.rules import by_rule, exact, given_of
from evaluators.engine.schedule import Times
from evaluators.engine.usefulness import padded_share, useful_share
from evaluators.errors import EvaluationError
from evaluators.protocol import EINSUM_METRICS, ENERGIES, METRICS, EinsumEvaluation, Evaluations
from evaluators.workloads.workload import Workload

CHUNK = 1 << 15
"""Designs evaluated at a time: few enough that the columns in flight stay in the cache, and so many
that what is done once a batch does not count."""

Float64s = NDArray[np.float64]


class Results:
    """The results of a batch of n, with a breakdown of some Einsums, filled chunk by chunk."""

    def __init__(self, described: Accelerator, n: int, einsums: tuple[str, ...]) -> None:
        arrays = list(described.machine.arrays)
        self.columns: dict[str, Any] = {}
        self.violations: dict[str, Any] = {}
        self.metrics = {name: np.full(n, np.nan) for name in (*METRICS, *ENERGIES)}
        self.busy_s = {name: np.full(n, np.nan) for name in arrays}
        self.util = {name: np.full(n, np.nan) for name in arrays}
        self.failures: dict[int, EvaluationError] = {}
        called = {array: name for name, array in described.machine.paper_names.items()}
        self.einsums = {
            name: EinsumEvaluation(
                "|".join(
                    dict.fromkeys(
                        called.get(row.array, row.array) for _, row in described.rows(name)
                    )
                ),
                *(np.full(n, np.nan) for _ in EINSUM_METRICS),
            )
            for name in einsums
        }
        self.size = n

    def put(self, whole: dict[str, Any], part: Mapping[str, Any], rows: Any) -> None:
        """Put columns of some rows where they belong."""
        for name, values in part.items():
            column = int64s(values)
            if name not in whole:
                whole[name] = np.zeros(self.size, dtype=column.dtype)
            whole[name][rows] = column


class Batch:
    """One chunk of feasible designs: loop nests, then energies, times and areas.

    Args:
        nests: the loop nests, as they are counted.
        at: the components' prices, our own by default.
        further: metrics beside `METRICS` and `ENERGIES`.

    """

    def __init__(
        self,
        nests: Nests,
        at: Prices | None = None,
        further: Mapping[str, Any] | None = None,
    ) -> None:
        self.nests = nests
        self._further = further or {}
        self._accelerator = nests.accelerator
        self._costs = Costs(nests, at)
        self._times = Times(nests, self._costs)
        self._latency_s = self._times.latency()
        self._areas = areas_um2(self._accelerator.machine, nests.values, self._costs.prices)

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
        for name, runs in self.nests.runs.items():
            cols, *rows = self._accelerator.machine.arrays[runs[0].row.array].sides
            pes = cols(self.nests.values)
            for side in rows:
                pes = pes * side(self.nests.values)
            shares[name] = self._costs.instances[name] / pes
        return shares

    def metrics(self, busy_s: Mapping[str, Any], util: Mapping[str, Any]) -> dict[str, Any]:
        """Return `METRICS` and `ENERGIES` by name, and what there is beside them."""
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
            **self._costs.component_pj,
            "padded_share": padded_share(self.nests),
            "useful_util_2d": useful_share(self.nests, self._latency_s),
            **self._further,
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


class AnalyticalEvaluator:
    """Our own engine: exactly Timeloop's counts, for many designs at once.

    Args:
        batch: makes a batch of the loop nests of feasible designs. Other counts, prices or choices
            are put in here; an `EvaluationError` is the failure of the designs of the batch.
        chunk: designs evaluated at a time.

    """

    name = "analytical"
    one_by_one = False
    own_binding = True

    def __init__(self, batch: Callable[[Nests], Batch] = Batch, chunk: int = CHUNK) -> None:
        self._batch = batch
        self._chunk = chunk

    def check_installed(self) -> None:
        """Do nothing: it runs no program."""

    def check_known(self, configuration: str, workload: Workload, accounting: Accounting) -> None:
        """Do nothing: it evaluates everything that can be described."""

    def evaluate(
        self,
        configuration: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch, see `evaluators.protocol.Evaluator.evaluate`."""
        plain = accelerator_of(configuration)
        described = fitted(plain, workload)
        check_countable(plan(described, accounting), workload)
        there = present(described, workload)
        results = Results(described, len(designs), there if breakdown else ())
        given = given_of(described, designs)
        bounded = exact(plain, workload, given)
        self._evaluate(described, workload, given, bounded, accounting, results)
        return Evaluations(
            Designs(results.columns, len(designs)),
            results.metrics,
            results.violations,
            results.einsums,
            results.failures,
            busy_s=results.busy_s,
            util=results.util,
        )

    def reason(
        self,
        configuration: str,
        constraint: str,
        magnitude: int,
        workload: Workload,
        designs: Designs,
    ) -> str:
        """Explain a violation, see `evaluators.protocol.Evaluator.reason`."""
        plain = accelerator_of(configuration)
        described = fitted(plain, workload)
        columns = exact(plain, workload, given_of(described, designs.take(slice(1))))
        complete = resolved(described, workload, columns, CORRECTED, 1)
        nests = Nests(described, workload, all_shared(complete), CORRECTED)
        return reason(nests, constraint, magnitude)

    def _evaluate(
        self,
        described: Accelerator,
        workload: Workload,
        given: Columns,
        columns: Columns,
        accounting: Accounting,
        results: Results,
    ) -> None:
        """Evaluate a batch, chunk by chunk.

        `columns` are the given ones, as Python integers where a tile may pass 64 bits.
        """
        n = results.size
        own_choices = any(
            name in columns for choice in described.choices for name in choice.parameters
        )
        narrow = columns is given
        searched = bool(described.choices) or workload.masked
        if searched and n:
            columns = resolved(described, workload, columns, accounting, n)
        for start in range(0, n, self._chunk):
            place = slice(start, min(start + self._chunk, n))
            chunk = {name: column[place] for name, column in columns.items()}
            if not searched:
                chunk = resolved(described, workload, chunk, accounting, place.stop - start)
            nests = Nests(described, workload, all_shared(chunk), accounting)
            violations = magnitudes(nests, own_choices=own_choices)
            results.put(results.columns, _told(described, chunk), place)
            results.put(results.violations, violations, place)
            feasible = np.ones(place.stop - start, dtype=bool)
            for magnitude in violations.values():
                feasible &= np.asarray(magnitude <= 0, dtype=bool)
            rows: Any = place
            if not (narrow and feasible.all()):
                rows = start + np.flatnonzero(feasible)
                chunk = {name: int64s(column[feasible]) for name, column in chunk.items()}
                nests = Nests(described, workload, all_shared(chunk), accounting)
            unknown = np.zeros(place.stop - start, dtype=np.int64)
            if feasible.any():
                try:
                    unknown[feasible] = self._priced(nests, rows, results)
                except EvaluationError as error:
                    failed = np.arange(results.size)[rows].tolist()
                    results.failures |= dict.fromkeys(failed, error)
            unknown[[row - start for row in results.failures if start <= row < place.stop]] = 0
            results.put(results.violations, {"sram_unknown": unknown}, place)

    def _priced(self, nests: Nests, rows: Any, results: Results) -> Any:
        """Cost feasible designs into their rows; tell which have a buffer that nothing prices."""
        batch = self._batch(nests)
        known = batch.known
        busy = batch.busy_s()
        util = batch.util(busy)
        everything = bool(np.all(known))
        metrics = batch.metrics(busy, util)
        for name in metrics.keys() - results.metrics.keys():
            results.metrics[name] = np.full(results.size, np.nan)
        for whole, part in (
            (results.metrics, metrics),
            (results.busy_s, busy),
            (results.util, util),
            *((vars(each), batch.breakdown(name)) for name, each in results.einsums.items()),
        ):
            for name, values in part.items():
                whole[name][rows] = values if everything else np.where(known, values, np.nan)
        if batch.nests is not nests:
            results.put(results.columns, _told(nests.accelerator, batch.nests.values), rows)
        if nests.accounting.live_sram and not everything:
            results.failures |= _live_failures(nests, np.arange(results.size)[rows], known)
        return ~known


def nests_of(
    configuration: str, workload: Workload, designs: Designs, accounting: Accounting
) -> Nests:
    """Return the loop nests of designs that leave no choice open, as evaluations have them."""
    described = fitted(accelerator_of(configuration), workload)
    columns = by_rule(described, workload, given_of(described, designs), len(designs))
    return Nests(described, workload, all_shared(columns), accounting)


def _told(described: Accelerator, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that results tell."""
    return {name: columns[name] for name in described.all_parameters if name in columns}


def _live_failures(nests: Nests, rows: Any, known: Any) -> dict[int, EvaluationError]:
    """Return, of rows whose buffers nothing prices, those that CACTI failed on: row -> how."""
    failures: dict[int, EvaluationError] = {}
    for store in nests.accelerator.machine.stores:
        if store.bytes is None or store.row_words is None:
            continue
        depths, widths = (np.broadcast_to(x, len(rows)) for x in sram_size(store, nests.values))
        for place in np.flatnonzero(~np.broadcast_to(known, len(rows))).tolist():
            error = live_failure(int(depths[place]), int(widths[place]))
            if error is not None:
                failures[int(rows[place])] = error
    return failures
