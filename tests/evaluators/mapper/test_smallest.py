"""The smallest machine against all machines of a small grid, each mapped and priced."""

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from evaluators.accounting import CORRECTED
from evaluators.design import Designs
from evaluators.mapper.best import shipped_cascades
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.evaluator import MapperEvaluator
from evaluators.mapper.reaching import reaches
from evaluators.mapper.resources import RANKS, Resources
from evaluators.mapper.search import search
from evaluators.mapper.smallest import smallest
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

SMALL = Transformer("small", 1, 8, 4, 4, 1, 8)
WORKLOAD = Workload(SMALL, 16)
SIZES = {
    "array_rows": (8, 16),
    "array_cols": (8, 16),
    "vector_lanes": (8, 16),
    "buffer_bytes": (4096, 5120, 8192),
    "pe_registers": (1, 2, 3, 4, 6, 8),
    "lane_registers": (2, 3, 4, 8),
}


@cache
def all_machines():
    """Return sizes -> latency and area; of a machine that nothing fits or prices, NaN."""
    every = list(product(*SIZES.values()))
    columns = {name: np.array(column) for name, column in zip(SIZES, zip(*every), strict=True)}
    found = MapperEvaluator().evaluate("binding", WORKLOAD, Designs.of(**columns), CORRECTED)
    metrics = found.metrics["latency_s"], found.metrics["area_um2"]
    return {sizes: (s, um2) for sizes, s, um2 in zip(every, *metrics, strict=True)}


@pytest.mark.parametrize("longer", [0.999, 1.0, 1.1, 1.5, 2.0, 4.0])
def test_the_smallest_is_that_of_all_machines(longer: float) -> None:
    machines = all_machines()
    assert any(np.isnan(latency_s) for latency_s, _ in machines.values())
    limit_s = longer * np.nanmin([latency_s for latency_s, _ in machines.values()])
    found = smallest(
        WORKLOAD, SIZES, limit_s, lambda sizes: machines[tuple(sizes.values())][0] <= limit_s
    )
    fast = [um2 for latency_s, um2 in machines.values() if latency_s <= limit_s]
    assert found.area_um2 == min(fast, default=np.inf)
    assert (found.sizes is None) == (not fast)
    if found.sizes is not None:
        assert machines[tuple(found.sizes.values())][1] == found.area_um2
    assert found.machines == len(machines)
    assert found.bounded >= len(machines) // 3, "no row of 5,120 bytes has a price"
    assert found.mapped < (found.machines - found.bounded) / 4


@pytest.mark.parametrize("registers", [3, 4, 8])
def test_what_is_reached_is_what_the_search_finds(registers: int) -> None:
    machine = replace(
        Resources(), rows=8, columns=8, lanes=8, buffer_bytes=4096, pe_registers=registers
    )
    extents = {rank: WORKLOAD.extents[rank] for rank in RANKS}
    cascades = shipped_cascades()
    fastest_s = search(cascades, machine, extents, Limits(within=0.0)).fastest_s
    assert reaches(cascades, machine, extents, fastest_s)
    assert not reaches(cascades, machine, extents, fastest_s * (1 - 1e-9))
