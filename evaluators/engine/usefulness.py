"""What of an evaluation is useful: neither padding nor masked pairs."""

from __future__ import annotations

from math import prod

from evaluators.accounting import CORRECTED
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.padding import fitted
from evaluators.design import Designs
from evaluators.engine.columns import all_shared
from evaluators.engine.nests import Nests
from evaluators.engine.rules import by_rule, given_of
from evaluators.workloads.workload import Workload


def padded_share(accelerator: Accelerator, workload: Workload, designs: Designs) -> float:
    """Return the share of the multiply-accumulates that pad, of a design with all choices made.

    Masked ones count as done; Einsums count whose point is one of them.
    """
    padding = fitted(accelerator, workload)
    columns = by_rule(padding, workload, given_of(padding, designs), len(designs))
    nests = Nests(padding, workload, all_shared(columns), CORRECTED)
    done = needed = 0
    for name, (run, *_) in nests.runs.items():
        if run.row.operations == {"mac": 1}:
            factors = (loop.factor for loop in run.plan.streamed.loops)
            done += prod(int(run.factors.product((each,))) for each in factors)
            needed += prod(_extent(nests, rank, name) for rank in run.plan.streamed.einsum.ranks)
    return 1 - needed / done if done else 0.0


def _extent(nests: Nests, rank: str, einsum: str) -> int:
    """Return the extent of a rank without padding; of one that is split, its share of the whole.

    The outermost piece has the whole, the others 1; alone, a piece is what it is.
    """
    whole = rank.rstrip("0123456789")
    extents = nests.workload.extents
    if rank in extents or whole not in extents:
        return int(nests.values[rank])
    pieces = [each for each in nests.accelerator.ranks if each.rstrip("0123456789") == whole]
    if not set(pieces) <= set(nests.plan.written[einsum].ranks):
        return int(nests.values[rank])
    return extents[whole] if rank == max(pieces) else 1
