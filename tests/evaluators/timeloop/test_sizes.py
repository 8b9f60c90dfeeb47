"""Every printed input can be read: Timeloop keeps depths and widths in 32 bits."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluators.accounting import PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator, nests_of
from evaluators.timeloop import chip as chips
from evaluators.timeloop import inputs
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS

READABLE = 2**31
ALL_KEPT = dict.fromkeys(described("flat").keeps.values(), 1)


def flat(seq_len: int, side: int, **binding: int) -> tuple[Workload, Designs]:
    """FLAT with all queries in a tile and everything on chip."""
    chosen = {"query_rows": seq_len, "qk_stationarity": 0, "av_stationarity": 0} | ALL_KEPT
    design = Designs.of(
        array_rows=side,
        array_cols=side,
        vector_lanes=side,
        buffer_bytes=2**20,
        **(chosen | binding),
    )
    return Workload(TRANSFORMERS["BERT"], seq_len), design


def printed(name: str, workload: Workload, design: Designs) -> list[tuple[inputs.Request, dict]]:
    results = AnalyticalEvaluator().evaluate(name, workload, design, PUBLISHED)
    assert results.feasible.all()
    asked = inputs.requests(nests_of(name, workload, results.designs, PUBLISHED))
    return [(each, chips.architecture(each.chip)["subtree"][0]["local"]) for each in asked]


def assert_readable(request: inputs.Request, nodes: list[dict]) -> None:
    for node in nodes:
        for key in ("depth", "width"):
            size = node["attributes"].get(key, 1)
            assert 1 <= size < READABLE, (node["name"], key)
    (buffer,) = (node["attributes"] for node in nodes if node["name"].startswith("L3"))
    (level,) = (each for each in request.mapping.levels if each.name == "L3")
    words = sum(
        int(np.prod([request.factors[loop.factor] for loop in _inside(request, tensor)]))
        for tensor in level.keep
    )
    assert buffer["depth"] * buffer["width"] >= 16 * words


def _inside(request: inputs.Request, tensor: str) -> list:
    """Loops from the buffer inward over a tensor's ranks: the size of its tile there."""
    (ranks,) = (each.ranks for each in request.mapping.einsum.tensors if each.name == tensor)
    names = [level.name for level in request.mapping.levels]
    inner = request.mapping.levels[names.index("L3") :]
    return [
        loop for level in inner for loop in (*level.loops, *level.spatial) if loop.rank in ranks
    ]


@settings(max_examples=25, deadline=None)
@given(
    bits=st.integers(10, 21),
    side=st.sampled_from([8, 32, 256]),
    stationarity=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_all_of_flat_on_chip_is_a_depth_that_timeloop_reads(bits, side, stationarity):
    choice = dict(zip(("qk_stationarity", "av_stationarity"), stationarity, strict=True))
    for request, nodes in printed("flat", *flat(2**bits, side, **choice)):
        assert_readable(request, nodes)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    registers=st.tuples(*[st.just(0) | st.integers(0, 32).map(lambda bits: 2**bits)] * 2),
    side=st.sampled_from([16, 64, 256]),
    words=st.sampled_from([2**10, 2**18]),
)
def test_every_chip_has_sizes_that_timeloop_reads(name, registers, side, words):
    design = Designs.of(
        array_rows=side,
        array_cols=side,
        vector_lanes=side,
        buffer_bytes=16 * 2**20,
        pe_registers=registers[0],
        lane_registers=registers[1],
    )
    for request, nodes in printed(name, Workload(TRANSFORMERS["BERT"], words), design):
        assert_readable(request, nodes)


@pytest.mark.usefixtures("tools")
def test_timeloop_counts_what_a_buffer_of_wide_rows_holds():
    """256K queries of one head, all scores on chip: 2^36 words need rows of more than 64 bits."""
    workload, design = flat(2**18, 32)
    ours, theirs = (
        engine.evaluate("flat", workload, design, PUBLISHED)
        for engine in (AnalyticalEvaluator(), TimeloopEvaluator())
    )
    assert not theirs.failures
    for name, column in ours.metrics.items():
        np.testing.assert_allclose(theirs.metrics[name], column, rtol=1e-12, err_msg=name)
