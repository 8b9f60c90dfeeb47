"""Schedules: how the Einsums of an accelerator overlap in time.

A stage lasts as long as its busiest array. Off-chip traffic overlaps the whole, or each stage by
itself (docs/model/accounting.md#times).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from evaluators.describe.accelerator import Stage
from evaluators.engine.costs import Costs
from evaluators.engine.nests import Nests


@dataclass(frozen=True)
class Span:
    """A stage as it passes on a batch of designs; columns of shape (n,), or one for all, in s.

    Attributes:
        lasts_s: until the next stage starts.
        busy_s: Einsum -> array -> for how long the Einsum keeps it busy.
        traffic_s: Einsum -> time of its off-chip traffic.

    """

    lasts_s: Any
    busy_s: Mapping[str, Mapping[str, Any]]
    traffic_s: Mapping[str, Any]


class Times:
    """Times in seconds on a batch of designs.

    Args:
        nests: the loop nests; the schedule is their accelerator's.
        costs: the costs of their Einsums.

    """

    def __init__(self, nests: Nests, costs: Costs) -> None:
        self._overlapped = nests.accelerator.overlapped_memory
        self._stages = [
            replace(stage, einsums=there)
            for stage in nests.accelerator.stages
            if (there := tuple(name for name in stage.einsums if name in nests.einsums))
        ]
        compute = {f"time({name})": each for name, each in costs.compute_s.items()}
        self._names = nests.values | compute
        self._busy = costs.busy_s
        store = nests.accelerator.machine.stores[0]
        assert store.bytes_per_s is not None
        per_byte = 1 / store.bytes_per_s(nests.values)
        self._traffic = {name: bytes_ * per_byte for name, bytes_ in costs.traffic_bytes.items()}

    def memory(self) -> Any:
        """Return the time of all off-chip traffic."""
        return sum(self._traffic.values())

    def array(self, name: str, share: Mapping[str, Any] | None = None) -> Any:
        """Return the busy time of an array, each Einsum's perhaps weighted by a share.

        It is added up stage by stage, as the latency is: rounded sums do not exceed the latency
        either, so that no utilization exceeds 1.
        """
        total: Any = 0.0
        for stage in self._stages:
            times = [
                self._busy[each][name] * (1.0 if share is None else share[each])
                for each in stage.einsums
                if name in self._busy[each]
            ]
            if times:
                total = total + _sum(times)
        return total

    def stage(self, stage: Stage) -> Any:
        """Return how long a stage lasts."""
        arrays: dict[str, Any] = {}
        for einsum in stage.einsums:
            for name, time in self._busy[einsum].items():
                arrays[name] = arrays[name] + time if name in arrays else time
        lasting = _longest(*arrays.values())
        return lasting if stage.stall is None else lasting + stage.stall(self._names)

    def latency(self) -> Any:
        """Return the latency."""
        lasting = _sum(self._lasts(stage) for stage in self._stages)
        return _longest(self.memory(), lasting) if self._overlapped else lasting

    def spans(self) -> list[Span]:
        """Return the stages, one after the other.

        The latency is their sum, or the time of all off-chip traffic where that overlaps the whole
        and is longer.
        """
        return [
            Span(
                self._lasts(stage),
                {name: self._busy[name] for name in stage.einsums},
                {name: self._traffic[name] for name in stage.einsums},
            )
            for stage in self._stages
        ]

    def _lasts(self, stage: Stage) -> Any:
        """Return how long a stage lasts, with its off-chip traffic where that is its own."""
        if self._overlapped:
            return self.stage(stage)
        return _longest(sum(self._traffic[name] for name in stage.einsums), self.stage(stage))


def _sum(times: Any) -> Any:
    return reduce(lambda a, b: a + b, times)


def _longest(*times: Any) -> Any:
    return reduce(np.maximum, times)
