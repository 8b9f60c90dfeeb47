"""What of an evaluation is useful: neither padding nor masked pairs.

Counted are the Einsums whose point is a multiply-accumulate (docs/model/designs.md#padding).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from evaluators.engine.nests import Nests, Run, chosen
from evaluators.engine.roofs import macs_per_s
from evaluators.workloads.closed_forms import attention

_MAC = {"mac": 1}


def padded_share(nests: Nests) -> Any:
    """Return the share of the multiply-accumulates that pad; masked ones count as done."""
    if not nests.workload.padded:
        return 0.0
    done: Any = 0.0
    needed: Any = 0.0
    for runs in nests.runs.values():
        if runs[0].row.operations == _MAC:
            parts = [_points(nests, run) for run in runs]
            needed = needed + chosen(runs, [points for points, _ in parts])
            done = done + chosen(runs, [points * times for points, times in parts])
    return 1 - needed / done if np.any(done) else 0.0


def useful_share(nests: Nests, latency_s: Any) -> Any:
    """Return the share of the 2D array's peak that unmasked, unpadded multiply-accumulates are.

    Those of attention's two matrix products, wherever they run; of a cascade that is no attention
    those on the 2D array. 0 on a machine without one.
    """
    accelerator, workload = nests.accelerator, nests.workload
    two_d = accelerator.machine.paper_names.get("2d")
    if two_d is None:
        return 0.0
    macs: Any = float(attention(workload).macs)
    if accelerator.cascade.computes != "attention":
        macs = sum(
            chosen(runs, [_useful(nests, run) * (run.row.array == two_d) for run in runs])
            for runs in nests.runs.values()
        )
    return macs / macs_per_s(accelerator.machine.arrays[two_d], nests.values) / latency_s


def _useful(nests: Nests, run: Run) -> Any:
    """Return the multiply-accumulates of an Einsum that are neither masked nor padded."""
    if run.row.operations != _MAC:
        return 0.0
    workload = nests.workload
    points, _ = _points(nests, run)
    seen = {"P", "M"} <= {rank.rstrip("0123456789") for rank in run.plan.streamed.einsum.ranks}
    return points * workload.pairs / (workload.queries * workload.attended) if seen else points


def _points(nests: Nests, run: Run) -> tuple[Any, Any]:
    """Return the points of an Einsum without padding, and how many times these its loops have.

    Rank by rank, so that one that nothing pads counts as 1, exactly.
    """
    einsum, loops = run.plan.streamed.einsum, run.plan.streamed.loops
    families: dict[str, list[str]] = {}
    for rank in einsum.ranks:
        families.setdefault(_whole(nests, rank), []).append(rank)
    points: Any = 1.0
    times: Any = 1.0
    for whole, ranks in families.items():
        factors = tuple(sorted(loop.factor for loop in loops if loop.rank in ranks))
        extent = _extent(nests, whole, ranks)
        points = points * extent
        times = times * (run.factors.product(factors) / extent)
    return points, times


def _whole(nests: Nests, rank: str) -> str:
    """Return the workload's rank that a rank is a piece of; itself where it is none."""
    whole = rank.rstrip("0123456789")
    return rank if rank in nests.workload.extents or whole not in nests.workload.extents else whole


def _extent(nests: Nests, whole: str, ranks: list[str]) -> Any:
    """Return the extent of a rank without padding; of pieces that are not all of it, their own."""
    pieces = {each for each in nests.accelerator.ranks if _whole(nests, each) == whole}
    if ranks == [whole] or pieces <= set(ranks):
        return nests.workload.extents.get(whole, nests.values[ranks[0]])
    return prod((nests.values[each] for each in ranks), start=1)
