"""The analytical evaluator: columns of designs in, columns of metrics out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical import costs
from evaluators.analytical.activity import Activity
from evaluators.analytical.architecture import Storage, areas_um2, buffer_size, storage
from evaluators.analytical.binding import Bound
from evaluators.analytical.configurations import Configuration, configuration
from evaluators.analytical.counting import Count
from evaluators.analytical.feasibility import deep_registers, sentence
from evaluators.analytical.schedule import Times
from evaluators.components.sram import live_failure
from evaluators.design import Designs
from evaluators.engine.columns import shared
from evaluators.engine.loopnest import LoopNest
from evaluators.errors import EvaluationError
from evaluators.protocol import EINSUM_METRICS, METRICS, EinsumEvaluation, Evaluations
from evaluators.workloads.workload import Workload

CHUNK = 1 << 13
"""Designs evaluated at a time, so that the columns in flight stay in the cache."""

Float64s = NDArray[np.float64]

Sources = Callable[[Configuration, Workload, Designs, Accounting], tuple[Designs, Count, Storage]]
"""Takes a chunk of feasible, resolved designs; returns it, perhaps with another binding, what
counts its loop nests, and the tables of its storage."""


def _own(
    config: Configuration, workload: Workload, designs: Designs, accounting: Accounting
) -> tuple[Designs, Count, Storage]:
    del config, workload
    parts = storage(
        designs,
        scaled_registers=accounting.repairs(Correction.Q2),
        live_sram=accounting.live_sram,
    )
    return designs, LoopNest, parts


class AnalyticalEvaluator:
    """Our own engine: exactly Timeloop's counts, for many designs at once.

    Args:
        sources: where mappings, counts and tables come from, our own by default.
        chunk: designs evaluated at a time; where a source fails, all of them have failed.

    """

    name = "analytical"
    one_by_one = False

    def __init__(self, sources: Sources = _own, chunk: int = CHUNK) -> None:
        self._sources = sources
        self._chunk = chunk

    def check_installed(self) -> None:
        """Do nothing: it runs no program."""

    def evaluate(
        self,
        configuration_name: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch, see `evaluators.protocol.Evaluator.evaluate`."""
        config = configuration(configuration_name)
        config.nests.check(workload)
        width = workload.transformer.query_width
        designs = config.architecture.resolve_registers(designs, width)
        designs = config.nests.resolve(workload, designs, accounting)
        violations = config.nests.violations(workload, designs, accounting)
        violations |= deep_registers(designs)
        feasible = np.all([magnitude <= 0 for magnitude in violations.values()], axis=0)

        n = len(designs)
        metrics = {name: np.full(n, np.nan) for name in METRICS}
        einsums = {
            name: EinsumEvaluation(bound.array, *(np.full(n, np.nan) for _ in EINSUM_METRICS))
            for name, bound in config.binding.items()
            if breakdown
        }
        unknown = np.zeros(n, dtype=np.int64)
        binding = {name: column.copy() for name, column in designs.binding.items()}
        failures: dict[int, EvaluationError] = {}
        for rows in _chunks(feasible, self._chunk):
            try:
                chunk, count, parts = self._sources(
                    config, workload, designs.take(rows), accounting
                )
                batch = _Batch(config, workload, chunk, accounting, count, parts)
            except EvaluationError as error:
                failures |= dict.fromkeys(np.arange(n)[rows].tolist(), error)
                continue
            known = ~np.isnan(batch.parts.buffer.area_um2)
            unknown[rows] = ~known
            if accounting.live_sram:
                failures |= _live_failures(designs, np.arange(n)[rows][~known])
            for name, column in chunk.binding.items():
                binding[name][rows] = column
            for name, values in batch.metrics().items():
                metrics[name][rows] = np.where(known, values, np.nan)
            for name, part in einsums.items():
                for field, values in batch.breakdown(name).items():
                    getattr(part, field)[rows] = np.where(known, values, np.nan)
        unknown[list(failures)] = 0
        violations = violations | {"sram_unknown": unknown}
        designs = designs.with_columns(binding=binding)
        return Evaluations(designs, metrics, violations, einsums, failures)

    def reason(
        self,
        configuration_name: str,
        constraint: str,
        magnitude: int,
        workload: Workload,
        designs: Designs,
    ) -> str:
        """Explain a violation, see `evaluators.protocol.Evaluator.reason`."""
        told = configuration(configuration_name).told
        return sentence(constraint, magnitude, workload, designs, told)


def _chunks(feasible: NDArray[np.bool_], most: int) -> list[Any]:
    """Return slices of at most `most` feasible designs; index arrays where some are not."""
    if feasible.all():
        return [slice(start, start + most) for start in range(0, len(feasible), most)]
    rows = np.flatnonzero(feasible)
    return [rows[start : start + most] for start in range(0, len(rows), most)]


def _live_failures(designs: Designs, rows: NDArray[np.intp]) -> dict[int, EvaluationError]:
    """Return, of rows whose buffers nothing knows, those that CACTI failed on: row -> how."""
    depths, widths = buffer_size(designs)
    failed = {row: live_failure(int(depths[row]), int(widths[row])) for row in rows.tolist()}
    return {row: error for row, error in failed.items() if error is not None}


class _Batch:
    """One chunk of feasible designs: activities, then energies, times and areas."""

    def __init__(
        self,
        config: Configuration,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count,
        parts: Storage,
    ) -> None:
        self._config = config
        self._designs = designs
        self.parts = parts
        self._activities = {
            name: _charged_activity(config, each, accounting)
            for name, each in config.nests.activities(workload, designs, accounting, count).items()
        }
        self._times: Times = costs.times(
            self._activities, config.binding, shared(designs.array_rows)
        )
        self._energies_pj = {
            name: costs.energy_pj(
                each, _charged(config, config.binding[name], accounting), self.parts, accounting
            )
            for name, each in self._activities.items()
        }
        self._latency_s = config.latency(self._times)

    def metrics(self) -> dict[str, Any]:
        """Return `METRICS` by name."""
        busy = {array: self._busy_s(array, self._times.compute) for array in ("1d", "2d")}
        active = {name: self._active_s(name) for name in self._on("2d")}
        array_area, area = areas_um2(self._config.architecture, self._designs, self.parts)
        return {
            "latency_s": self._latency_s,
            "energy_pj": sum(self._energies_pj.values()),
            "traffic_bytes": sum(each.traffic_bytes for each in self._activities.values()),
            "util_1d": busy["1d"] / self._latency_s,
            "util_2d": self._busy_s("2d", active) / self._latency_s,
            "memory_latency_s": self._times.memory(),
            "compute_2d_s": busy["2d"],
            "compute_1d_s": busy["1d"],
            "array_area_um2": array_area,
            "area_um2": area,
        }

    def breakdown(self, einsum: str) -> dict[str, Any]:
        """Return one Einsum's columns of an `EinsumEvaluation`."""
        return {
            "busy_s": self._times.compute[einsum],
            "active_fraction": self._active_s(einsum) / self._latency_s,
            "traffic_bytes": self._activities[einsum].traffic_bytes,
            "energy_pj": self._energies_pj[einsum],
        }

    def _on(self, array: str) -> list[str]:
        return [name for name, bound in self._config.binding.items() if bound.array == array]

    def _busy_s(self, array: str, times_s: Mapping[str, Any]) -> Any:
        """Add up the times of an array's Einsums.

        They are added as the schedule adds them: what the latency were, were all else instant. So
        rounded sums do not exceed the latency either, and no utilization exceeds 1.
        """
        nothing = dict.fromkeys(self._times.compute, 0.0)
        own = {name: times_s[name] for name in self._on(array)}
        return self._config.latency(Times(nothing | own, nothing, array_rows=0))

    def _active_s(self, einsum: str) -> Any:
        """Time for which an Einsum uses the 2D array, by the share of its PEs where that counts."""
        if self._config.binding[einsum].array == "1d":
            return 0.0
        active = self._times.compute[einsum]
        if self._config.counts_idle_pes:
            pes = self._designs.array_rows * self._designs.array_cols
            active = active * (self._activities[einsum].instances / pes)
        return active


def _charged(config: Configuration, bound: Bound, accounting: Accounting) -> Bound:
    """Drop the operations that this accounting does not charge."""
    free = {unit for unit, correction in config.unpaid if not accounting.repairs(correction)}
    charged = {unit: count for unit, count in bound.operations.items() if unit not in free}
    return replace(bound, operations=charged)


def _charged_activity(
    config: Configuration, activity: Activity, accounting: Accounting
) -> Activity:
    """Drop the accesses that this accounting does not charge."""
    if config.shared_unpaid is None or accounting.repairs(config.shared_unpaid):
        return activity
    return replace(activity, shared_reads=0.0, shared_writes=0.0)
