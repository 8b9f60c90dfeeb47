"""What bounds a design: how long each array, and DRAM, is in use, and for which Einsum most."""

from __future__ import annotations

from dataclasses import dataclass

from dse.results.designs import Setting
from evaluators.describe.catalogue import described
from evaluators.protocol import EinsumEvaluation, Evaluations

SATURATED = 0.999
"""A resource that is busy for this share of the latency bounds it."""

OFF_CHIP = "off-chip bandwidth"
_PAPERS = {"2d": "2D array", "1d": "1D array"}


@dataclass(frozen=True)
class Resource:
    """An array of a machine, or its off-chip bandwidth.

    Attributes:
        called: what people call it.
        busy_s: how long it is in use.
        util: an array's utilization; of the bandwidth, the share of the latency.
        einsum: the Einsum that asks most of it, '' where there is no breakdown or it is idle.
        einsum_share: of its use.

    """

    called: str
    busy_s: float
    util: float
    einsum: str
    einsum_share: float

    @property
    def bounding(self) -> str:
        """What the latency is bound by where this one is."""
        return self.called if self.called == OFF_CHIP else f"the {self.called}"


def arrays(setting: Setting, evaluations: Evaluations, row: int = 0) -> list[Resource]:
    """Return the arrays of a machine, the paper's first."""
    machine = described(setting.configuration).machine
    metrics = evaluations.metrics
    times = {
        label: (called, metrics[f"compute_{label}_s"][row], metrics[f"util_{label}"][row])
        for label, called in _PAPERS.items()
        if label in machine.paper_names
    }
    times |= {
        name: (name, evaluations.busy_s[name][row], evaluations.util[name][row])
        for name in machine.arrays
        if name not in machine.paper_names.values()
    }
    return [
        Resource(called, float(busy_s), float(util), *_leader(evaluations, label, row))
        for label, (called, busy_s, util) in times.items()
    ]


def in_order(setting: Setting, evaluations: Evaluations, row: int = 0) -> list[Resource]:
    """Return arrays and off-chip bandwidth, the busiest first."""
    memory_s = float(evaluations.metrics["memory_latency_s"][row])
    share = memory_s / float(evaluations.metrics["latency_s"][row])
    memory = Resource(OFF_CHIP, memory_s, share, *_leader(evaluations, OFF_CHIP, row))
    found = [*arrays(setting, evaluations, row), memory]
    return sorted(found, key=lambda each: -each.busy_s)


def _leader(evaluations: Evaluations, label: str, row: int) -> tuple[str, float]:
    """Return the Einsum that keeps an array busy longest, or moves most off chip, and its share."""

    def weight(part: EinsumEvaluation) -> float:
        if label == OFF_CHIP:
            return float(part.traffic_bytes[row])
        return float(part.busy_s[row]) if part.array == label else 0.0

    weights = {name: weight(part) for name, part in evaluations.einsums.items()}
    whole = sum(weights.values())
    if not whole:
        return "", 0.0
    name = max(weights, key=lambda each: weights[each])
    return name, weights[name] / whole
