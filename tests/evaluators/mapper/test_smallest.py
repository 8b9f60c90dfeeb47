"""The smallest machine against all of a small grid; what it relies on against the search."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, NEXT_LARGER
from evaluators.design import Designs
from evaluators.mapper.best import shipped_cascades
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.reaching import reaches
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import search
from evaluators.mapper.smallest import smallest
from evaluators.protocol import evaluator
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

WORKLOAD = Workload(Transformer("small", 1, 8, 4, 4, 1, 8), 16, padded=True)
MACS = 2 * 16 * 16 * 4
SIZES = {
    "array_rows": (8, 16),
    "array_cols": (8, 16),
    "vector_lanes": (8, 32),
    "buffer_bytes": (4096, 8192, 5 * 2048, 16384),
    "pe_registers": (2, 3, 4, 8),
    "lane_registers": (8, 16, 32),
}
SHAPE = tuple(len(each) for each in SIZES.values())
UNPRICED = 5 * 2048
"""Bytes of a buffer that the component table lacks."""


@cache
def all_areas():
    """Return the area of every machine as the ordinary evaluation has it; NaN without a price."""
    columns = zip(SIZES, np.meshgrid(*SIZES.values(), indexing="ij"), strict=True)
    designs = Designs.of(**{name: column.ravel() for name, column in columns})
    found = evaluator("analytical").evaluate("binding", WORKLOAD, designs, CORRECTED)
    return found.metrics["area_um2"].reshape(SHAPE)


@cache
def least_latencies():
    """Return the time that every machine needs for the products alone."""
    rows, columns, lanes, _, words, _ = np.ix_(*map(np.array, SIZES.values()))
    products = rows * columns * (words >= 3) + lanes
    return np.broadcast_to(MACS / (products * Resources().clock_hz), SHAPE)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_the_smallest_is_that_of_all_machines(seed: int, share: float) -> None:
    drawn = np.random.default_rng(seed).exponential(1.0, SHAPE) ** 3
    for axis in (3, 4, 5):
        drawn = np.minimum.accumulate(drawn, axis)
    latency_s = least_latencies() * (1 + drawn)
    limit_s = float(np.quantile(latency_s, share))

    asked = []

    def fast(sizes):
        asked.append(tuple(values.index(sizes[name]) for name, values in SIZES.items()))
        return latency_s[asked[-1]] <= limit_s

    found = smallest(WORKLOAD, SIZES, limit_s, fast)
    areas = all_areas()
    good = areas[(latency_s <= limit_s) & ~np.isnan(areas)]
    assert found.area_um2 == pytest.approx(good.min(initial=np.inf), rel=1e-12)
    if found.sizes is None:
        assert not len(good)
    else:
        place = tuple(values.index(found.sizes[name]) for name, values in SIZES.items())
        assert areas[place] == pytest.approx(found.area_um2, rel=1e-12)
        assert latency_s[place] <= limit_s
    assert found.machines == areas.size
    assert found.bounded == (np.isnan(areas) | (least_latencies() > limit_s)).sum()
    assert len(asked) == len(set(asked)) == found.mapped <= areas.size - found.bounded


def test_a_buffer_without_a_price_is_in_no_machine() -> None:
    areas = all_areas()
    assert np.isnan(areas[:, :, :, SIZES["buffer_bytes"].index(UNPRICED)]).all()
    found = smallest(WORKLOAD, SIZES, 1.0, lambda sizes: sizes["buffer_bytes"] >= UNPRICED)
    assert found.sizes is not None
    assert found.sizes["buffer_bytes"] == 16384


MACHINE = Resources(8, 8, 4, 4096, pe_registers=4, lane_registers=4, sram_source=NEXT_LARGER)
EXTENTS = {"B": 1, "H": 1, "P": 32, "M": 32, "E": 4, "F": 4}


def fastest_s(machine, cascades):
    return search(cascades, machine, EXTENTS, Limits(within=0.0)).fastest_s


@pytest.mark.parametrize("cascade", ["1-pass", "2-pass", "3-pass"])
def test_what_is_reached_is_what_the_search_finds(cascade: str) -> None:
    cascades = {cascade: shipped_cascades()[cascade]}
    least_s = fastest_s(MACHINE, cascades)
    assert reaches(cascades, MACHINE, EXTENTS, least_s)
    assert not reaches(cascades, MACHINE, EXTENTS, least_s * (1 - 1e-9))


@pytest.mark.parametrize(
    "more", [{"buffer_bytes": 1024}, {"pe_registers": 6}, {"lane_registers": 16}]
)
@pytest.mark.parametrize("cascade", ["1-pass", "2-pass"])
def test_more_of_a_store_makes_nothing_slower(cascade: str, more: dict[str, int]) -> None:
    cascades = {cascade: shipped_cascades()[cascade]}
    small = replace(MACHINE, buffer_bytes=256, pe_registers=3)
    assert reaches(cascades, replace(small, **more), EXTENTS, fastest_s(small, cascades))
