"""Scenes: what a design comes to on one workload, from its evaluations there.

A scene is one call of a layer: of its attention, or end to end of its attention and then its linear
layers, one layer or the whole model. Scenes add up to a mix (docs/model/studies.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluators.workloads.workload import Workload

Scene = Mapping[str, NDArray[np.float64]]
"""Metrics by name, and `tokens`; columns of shape (n,)."""

TOKENS = "tokens"
"""Tokens that a call brings forth: one a query of each sequence of the batch."""

ADDED = (
    "latency_s",
    "energy_pj",
    "traffic_bytes",
    "memory_latency_s",
    "compute_2d_s",
    "compute_1d_s",
    TOKENS,
)
"""What adds up over evaluations one after the other."""

SHARES = ("util_1d", "util_2d", "useful_util_2d")
"""Shares of the latency."""

NOT_IN_SCENES = ("padded_share",)
"""What an evaluation says that says nothing of several: a share of its own operations."""


def added(parts: Sequence[Scene], weights: Sequence[float]) -> Scene:
    """Return what evaluations one after the other come to, each so often as its weight says.

    Times, energies, traffic and tokens are weighted sums, utilizations the busy share of the whole
    time; areas are the chip's, which is the same in all parts.
    """
    first = {name: each for name, each in parts[0].items() if name not in NOT_IN_SCENES}
    if len(parts) == 1 and weights[0] == 1:
        return first
    whole = {
        name: np.sum([w * each[name] for w, each in zip(weights, parts, strict=True)], axis=0)
        for name in ADDED
        if name in first
    }
    for name in SHARES:
        if name in first:
            busy = [
                w * each["latency_s"] * each[name] for w, each in zip(weights, parts, strict=True)
            ]
            whole[name] = np.sum(busy, axis=0) / whole["latency_s"]
    areas = {name: each for name, each in first.items() if name.endswith("area_um2")}
    return areas | whole


def scenes_of(
    workloads: Sequence[Workload], metrics: Sequence[Scene], *, whole_model: bool = False
) -> list[Scene]:
    """Return the scene of each workload.

    Args:
        workloads: what runs.
        metrics: of as many evaluations of each workload, workload after workload; columns (n,).
        whole_model: a call is of all the transformer's layers, not of one.

    """
    a_workload = len(metrics) // len(workloads)
    scenes: list[Scene] = []
    for place, workload in enumerate(workloads):
        own = metrics[place * a_workload : (place + 1) * a_workload]
        layers = float(workload.transformer.layers if whole_model else 1)
        tokens = float(workload.transformer.batch * workload.queries)
        counted = {TOKENS: np.full(np.shape(own[0]["latency_s"]), tokens)}
        scenes.append({**added(own, [layers] * a_workload), **counted})
    return scenes
