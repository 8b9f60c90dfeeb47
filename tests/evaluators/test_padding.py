"""Padding: what a side leaves over is rounded up to short steps, and nothing else moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED
from evaluators.describe.catalogue import described
from evaluators.describe.expressions import expression
from evaluators.describe.padding import padded
from evaluators.design import Designs
from evaluators.engine.masking import mask_of
from evaluators.engine.nests import Nests
from evaluators.protocol import METRICS, Evaluations, evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.closed_forms import attention
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from tests.evaluators.test_masks import walked

ENGINE = evaluator("analytical")
MIB = 2**20
PAPERS = {"array_rows": 256, "array_cols": 256, "vector_lanes": 256, "buffer_bytes": 16 * MIB}
CONFIGURATIONS = ("unfused", "flat", "cascade", "architecture", "binding")
CHIPS = (*CONFIGURATIONS, "linear_flat", "linear_fusemax")


def evaluate(name: str, workload: Workload, **parameters: Any) -> Evaluations:
    return ENGINE.evaluate(name, workload, Designs.of(**(PAPERS | parameters)), CORRECTED)


@given(extent=st.integers(1, 3000), side=st.integers(1, 300), tiles=st.integers(1, 40))
def test_steps_are_as_few_and_as_short_as_do(extent: int, side: int, tiles: int) -> None:
    values = {"P": extent, "array_cols": side, "t": tiles}
    steps, used = (expression(f"{each}(P, array_cols)").padded for each in ("steps", "side"))
    n, s = steps(values), used(values)
    assert s <= side
    assert n * s >= extent > (n - 1) * s - n + 1
    assert n == -(-extent // side)
    multiple = expression("steps(P, array_cols, t)").padded(values)
    assert multiple % tiles == 0
    assert multiple - n < tiles
    plain = expression("steps(P, array_cols)")
    assert (plain(values), plain.divisions[0][1].text) == (extent // side, "array_cols")
    assert plain.text == "P / array_cols"


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("causal", [False, True])
def test_where_sides_divide_padding_changes_nothing(name: str, causal: bool) -> None:
    shape = Transformer("even", 2, 256, 32, 64, 4, 512, kv_heads=2, gated=True)
    sides = {
        "array_rows": np.array([16, 32, 32]),
        "array_cols": np.array([16, 16, 32]),
        "vector_lanes": np.array([16, 32, 16]),
    }
    strict = evaluate(name, Workload(shape, 256, 256, causal), **sides)
    padding = evaluate(name, Workload(shape, 256, 256, causal, padded=True), **sides)
    assert strict.feasible.all()
    for metric in METRICS:
        assert np.array_equal(strict.metrics[metric], padding.metrics[metric]), metric


@pytest.mark.parametrize("name", CHIPS)
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_padding_makes_any_extent_feasible_and_no_cheaper(name: str, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(2, 200))
    heads = data.draw(st.sampled_from([1, 3, 5]))
    causal = data.draw(st.booleans())
    shape = Transformer("odd", 1, 8 * heads, 24, 20, 2 * heads, 40, kv_heads=2)
    sides = {
        "array_rows": data.draw(st.integers(1, 40)),
        "array_cols": data.draw(st.integers(1, 40)),
        "vector_lanes": data.draw(st.integers(1, 40)),
    }
    row = 2 * max(sides["array_rows"], sides["array_cols"])
    sides["buffer_bytes"] = 4 * MIB // row * row
    work = Workload(shape, tokens, tokens + 3, causal, padded=True)
    result = evaluate(name, work, **sides)
    remainders = [x for key, x in result.violations.items() if key.endswith("_remainder")]
    assert all(each[0] == 0 for each in remainders)
    if result.feasible[0]:
        assert 0 <= result.metrics["padded_share"][0] < 1
        assert 0 < result.metrics["useful_util_2d"][0] <= 1 + 1e-12
    shorter = Workload(shape, max(1, tokens // 2), tokens + 3, causal, padded=True)
    other = evaluate(name, shorter, **sides)
    busy, less = (x.metrics["compute_2d_s"][0] for x in (result, other))
    assert not busy < less


@pytest.mark.parametrize(
    ("side", "share"), [(128, (197 / 198) ** 2), (64, (197 / 200) ** 2), (256, 1.0)]
)
def test_vits_tokens_pad_as_a_hand_counts(side: int, share: float) -> None:
    """197 tokens are 2 x 99, 4 x 50 and 1 x 197."""
    work = Workload(transformer("vit-b-16"), 197, padded=True)
    result = evaluate(
        "binding", work, array_rows=side, array_cols=side, vector_lanes=1, query_tiles=1
    )
    runs = Nests(
        padded(described("binding")),
        work,
        {name: column[0].item() for name, column in result.designs.columns.items()},
        CORRECTED,
    ).runs
    (run,) = runs["QK"]
    done = run.streamed.cycles * run.streamed.instances
    assert attention(work).macs / 2 / done == pytest.approx(share, rel=1e-12)
    (weighted,) = runs["SLNV"]
    assert weighted.streamed.cycles * weighted.streamed.instances == done


@pytest.mark.parametrize(
    ("model", "tokens", "steps", "used"),
    [
        ("whisper-large-v3", 1500, 6, 250),
        ("falcon-7b", 2048, 568, 256),
        ("vit-b-16", 197, 1, 197),
        ("bert-base", 2003, 8, 251),
    ],
)
def test_rows_of_real_models_on_256_columns(model: str, tokens: int, steps: int, used: int) -> None:
    extents = Workload(transformer(model), tokens).extents | {"array_cols": 256}
    assert expression("steps(P, array_cols)").padded(extents) == steps
    assert expression("side(P, array_cols)").padded(extents) == used


def test_query_tiles_that_have_no_divisor_near_what_fits_are_padded() -> None:
    """Llama-3-8B at 128K+1 tokens: 2049 = 3 * 683 steps; 121 tiles move 11.3 GB, 3 move 370 GB."""
    work = Workload(transformer("llama-3-8b"), 131_073, padded=True)
    result = evaluate("binding", work)
    assert result.designs.columns["query_tiles"][0] == 121
    assert result.metrics["traffic_bytes"][0] / 1e9 == pytest.approx(11.3, abs=0.05)
    three = evaluate("binding", work, query_tiles=3)
    assert three.metrics["traffic_bytes"][0] / 1e9 == pytest.approx(370, abs=1)
    again = evaluate("binding", work, query_tiles=121)
    assert again.metrics["latency_s"][0] == result.metrics["latency_s"][0]
    assert result.metrics["padded_share"][0] == pytest.approx(0.0024, abs=5e-5)


@settings(max_examples=60, deadline=None)
@given(
    tokens=st.integers(100, 3000),
    rows=st.integers(1, 24),
    cols=st.integers(1, 24),
    lanes=st.integers(1, 24),
    kib=st.integers(4, 400),
    padded=st.booleans(),
)
def test_automatic_query_tiles_are_the_largest_of_all_that_fit(
    *, tokens: int, rows: int, cols: int, lanes: int, kib: int, padded: bool
) -> None:
    """Every divisor of the steps is tried; where none is near what fits, padding may add more."""
    work = Workload(Transformer("odd", 1, 4, 4, 4, 1, 4), tokens, padded=padded)
    machine = {"array_rows": rows, "array_cols": cols, "vector_lanes": lanes}
    machine["buffer_bytes"] = kib * 1024
    steps = -(-tokens // cols) if padded else tokens // cols
    divisors = [each for each in range(1, steps + 1) if steps % each == 0]
    short = evaluate("binding", work, query_tiles=divisors, **machine).violations
    fitting = [
        each for each, s in zip(divisors, short["buffer_short_bytes"], strict=True) if s <= 0
    ]
    largest = max(fitting, default=1)
    (found,) = evaluate("binding", work, **machine).designs.columns["query_tiles"]
    if padded and found not in divisors:
        assert found > largest
        tiles = [found, 2 * largest]
        fit = evaluate("binding", work, query_tiles=tiles, **machine).violations
        assert (fit["buffer_short_bytes"] <= 0).all()
    else:
        assert found == largest


class TestByHand:
    """B = H = 1, E = F = 4, 5 queries on 7 keys, causal, on 2 x 3 PEs and 2 lanes, one tile.

    Three steps of 2 rows, three of 3 keys: the tiles need 2, 2 and 3 chunks, 7 of 9 pairs.
    """

    SHAPE = Transformer("hand", 1, 4, 4, 4, 1, 4)
    SIDES = Designs.of(
        array_rows=3, array_cols=2, vector_lanes=2, buffer_bytes=6 * 1024, query_tiles=1
    )

    def nests(self, *, causal: bool) -> Nests:
        work = Workload(self.SHAPE, 5, 7, causal, padded=True)
        columns = {name: int(each[0]) for name, each in self.SIDES.columns.items()}
        columns |= {"pe_registers": 12, "lane_registers": 32}
        return Nests(padded(described("binding")), work, columns, CORRECTED)

    def test_cycles(self) -> None:
        expected = dict.fromkeys(("QK", "SLNV", "SPNV", "RNV"), 28) | {"AV": 12}
        expected |= dict.fromkeys(("LM", "RM", "SPD", "SLD", "RD", "SLN", "PRM"), 7)
        runs = self.nests(causal=True).runs
        assert {name: run.streamed.cycles for name, (run,) in runs.items()} == expected
        assert runs["SLN"][0].row.cycles * 7 == 49

    def test_words_off_chip(self) -> None:
        for causal, moved in ((True, 84), (False, 108)):
            runs = self.nests(causal=causal).runs
            words = {
                tensor: runs[name][0].streamed.reads("DRAM", tensor)
                + runs[name][0].streamed.updates("DRAM", tensor)
                for name, tensor in (("QK", "Q"), ("QK", "BK"), ("SLNV", "BV"), ("AV", "AV"))
            }
            assert words == {"Q": 24, "BK": moved, "BV": moved, "AV": 24}

    def test_reads_of_outputs_that_are_accumulated(self) -> None:
        """First writes read nothing: 6 scores a pair, over 6 PEs; a maximum of 2 rows a tile."""
        runs = self.nests(causal=True).runs
        (qk,), (rm,) = runs["QK"], runs["RM"]
        registers = qk.row.streamed.levels[-1].name
        assert qk.streamed.updates(registers, "QK") == 28
        assert qk.streamed.reads(registers, "QK") == 21
        assert rm.streamed.reads("L3", "RM0") == 14
        assert rm.streamed.updates("L3", "RM") == 14

    def test_useful_macs(self) -> None:
        runs = self.nests(causal=True).runs
        done = sum(
            runs[name][0].streamed.cycles * runs[name][0].streamed.instances
            for name in ("QK", "SLNV")
        )
        useful = attention(Workload(self.SHAPE, 5, 7, True)).macs
        assert (done, useful) == (336, 200)
        assert useful / done == pytest.approx(0.595, abs=5e-4)


@settings(max_examples=300)
@given(
    group=st.integers(1, 5),
    queries=st.integers(2, 12),
    more=st.integers(0, 20),
    window=st.integers(0, 25),
    data=st.data(),
)
def test_padded_steps_visit_what_their_rows_need(
    group: int, queries: int, more: int, window: int, data: st.DataObject
) -> None:
    shape = Transformer("any", 1, 8, 4, 4, group, 8, kv_heads=1)
    mask = mask_of(Workload(shape, queries, queries + more, True, window))
    assert mask is not None
    stride = data.draw(st.integers(1, mask.rows + 2))
    steps = -(-mask.rows // stride) + data.draw(st.integers(0, 2))
    chunk = data.draw(st.integers(1, mask.keys))
    visited = 0
    for step in range(steps):
        rows = [min(mask.rows - 1, step * stride + each) for each in range(stride)]
        lasts = [row // group + mask.offset for row in rows]
        firsts = [max(0, last - window + 1) if window else 0 for last in lasts]
        visited += max(lasts) // chunk - min(firsts) // chunk + 1
    assert mask.chunks(steps, steps, stride, chunk) == visited


@pytest.mark.parametrize("name", ["architecture", "binding", "one_array"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_masked_and_padded_nest_takes_the_cycles_of_a_walk_and_no_fewer_words(
    name: str, data: st.DataObject
) -> None:
    group, queries = data.draw(st.sampled_from([1, 2, 3])), data.draw(st.integers(2, 7))
    more, window = data.draw(st.integers(0, 6)), data.draw(st.sampled_from([0, 0, 3, 5]))
    shape = Transformer("any", 1, 8, 2, 3, group, 8, kv_heads=1)
    work = Workload(shape, queries, queries + more, True, window, padded=True)
    mask = mask_of(work)
    assert mask is not None
    sides = ("array_rows", "array_cols", "vector_lanes")
    columns = {each: data.draw(st.integers(1, 5)) for each in sides}
    columns |= {"buffer_bytes": 2**20, "pe_registers": 64, "lane_registers": 64}
    columns["query_tiles"] = data.draw(st.integers(1, 3))
    runs = Nests(padded(described(name)), work, columns, CORRECTED).runs
    scores = runs["QK"][0]
    inner = [x for x in scores.streamed.mapping.loops if x.rank == "P" and x.factor != "P2"]
    rows = int(np.prod([scores.factors.product((loop.factor,)) for loop in inner]))
    for einsum, (run,) in runs.items():
        mapping = run.streamed.mapping
        factors = {loop.factor: int(run.factors.product((loop.factor,))) for loop in mapping.loops}
        cycles, fills = walked(mapping, factors, mask, rows)
        assert run.streamed.cycles == cycles, einsum
        for (level, tensor), words in fills.items():
            if tensor in mapping.levels[0].keep:
                assert run.streamed.fills(level, tensor) >= words, (einsum, level, tensor)
