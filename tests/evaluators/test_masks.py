"""Masked counts: by hand, by walking through the loops, as sums of dense nests.

The rule is docs/model/loop-nests.md#masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.describe.mapping import Mapping
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.engine.masking import Mask, Visits, floor_sum, mask_of
from evaluators.engine.nests import Nests
from evaluators.protocol import METRICS, Evaluations, evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

ENGINE = evaluator("analytical")
MIB = 2**20
PAPERS = {"array_rows": 256, "array_cols": 256, "vector_lanes": 256, "buffer_bytes": 16 * MIB}


def evaluate(name: str, workload: Workload, **parameters: Any) -> Evaluations:
    designs = Designs.of(**(PAPERS | parameters))
    return ENGINE.evaluate(name, workload, designs, CORRECTED, breakdown=True)


def nest(name: str, factors: dict[str, int], mask: Mask | None) -> LoopNest:
    """Return the counts of one of +Binding's Einsums."""
    ((_, row),) = described("binding").rows(name)
    visits = None if mask is None else Visits(mask, None, {})
    return LoopNest(row.streamed, Factors(factors), wrapped=False, visits=visits)


class TestByHand:
    """E = F = 4, 5 queries on 7 keys, causal, on 2 x 3 PEs and 2 lanes, padded to 6 rows, 9 keys.

    One tile is resident. Rows 0 and 1 see keys to 3, rows 2 and 3 to 5, row 4 to 6: the tiles need
    2, 2 and 3 chunks, 7 of 9 pairs.
    """

    MASK = Mask(rows=6, keys=9, group=1, offset=2)

    @staticmethod
    def nest(name: str, mask: Mask | None = MASK) -> LoopNest:
        factors = {"B": 1, "H": 1, "P0": 2, "P1": 1, "P2": 3, "M0": 3, "M1": 3, "E": 4, "F": 4}
        return nest(name, factors, mask)

    @pytest.mark.parametrize(
        ("einsums", "cycles"),
        [
            ("QK SLNV SPNV RNV", 28),
            ("LM RM SPD SLD RD", 7),
            ("SLN PRM", 7),  # times the 7 cycles of an exponential
            ("AV", 12),
        ],
    )
    def test_cycles(self, einsums: str, cycles: int) -> None:
        for name in einsums.split():
            assert self.nest(name).cycles == cycles

    def test_words_off_chip(self) -> None:
        words = {
            tensor: self.nest(name).reads("DRAM", tensor) + self.nest(name).updates("DRAM", tensor)
            for name, tensor in (("QK", "Q"), ("QK", "BK"), ("SLNV", "BV"), ("AV", "AV"))
        }
        assert words == {"Q": 24, "BK": 84, "BV": 84, "AV": 24}
        assert self.nest("QK", None).reads("DRAM", "BK") == 108

    def test_words_on_chip(self) -> None:
        scores = self.nest("QK")
        assert scores.updates("reg_file", "QK") == 28
        assert scores.reads("reg_file", "QK") == 21
        assert self.nest("RM").reads("L3", "RM0") == 14
        assert self.nest("RM").updates("L3", "RM") == 14

    def test_macs(self) -> None:
        done = [self.nest(name).cycles * self.nest(name).instances for name in ("QK", "SLNV")]
        assert sum(done) == 336
        pairs = sum(min(q + 2, 6) + 1 for q in range(5))
        assert 2 * 4 * pairs == 200
        assert pytest.approx(0.595, abs=5e-4) == 200 / 336


@pytest.mark.parametrize(
    ("model", "tokens", "tiles", "visited"),
    [
        ("llama-3-8b", 8192, 1, 2112),
        ("llama-3-8b", 8192, 16, 144),
        ("llama-3-8b", 8192, 64, 48),
        ("mistral-7b", 8192, 1, 1632),
        ("mistral-7b", 8192, 16, 120),
    ],
)
def test_visited_pairs_of_real_models_on_256_pes(
    model: str, tokens: int, tiles: int, visited: int
) -> None:
    shape = transformer(model)
    mask = mask_of(Workload(shape, tokens, causal=True, window=shape.window))
    assert mask is not None
    steps = tokens * 4 // 256 // tiles
    assert mask.chunks(steps, steps, 256 * tiles, 256) == visited


def test_query_tiles_are_the_fastest_under_a_mask() -> None:
    """BERT at 4K: the 16 resident tiles skip nothing, two take 0.575 of the latency."""
    bert, dense = Workload(TRANSFORMERS["BERT"], 4096, causal=True), TRANSFORMERS["BERT"]
    plain = evaluate("binding", Workload(dense, 4096))
    assert plain.designs.columns["query_tiles"][0] == 16
    latency_s = plain.metrics["latency_s"][0]
    assert evaluate("binding", bert, query_tiles=16).metrics["latency_s"][0] == latency_s
    best = evaluate("binding", bert)
    assert best.designs.columns["query_tiles"][0] == 2
    assert best.metrics["latency_s"][0] / latency_s == pytest.approx(0.575, abs=5e-4)
    for tiles in (1, 2, 4, 8):
        own = evaluate("binding", bert, query_tiles=tiles).metrics["latency_s"][0]
        assert own >= best.metrics["latency_s"][0]


@given(n=st.integers(0, 60), m=st.integers(1, 40), a=st.integers(0, 90), b=st.integers(0, 90))
def test_floor_sums_are_sums(n: int, m: int, a: int, b: int) -> None:
    expected = sum((a * i + b) // m for i in range(n))
    assert floor_sum(n, m, a, b) == expected
    column = floor_sum(*(np.array([each, each]) for each in (n, m, a, b)))
    assert np.all(column == expected)


masks = st.tuples(
    st.sampled_from([1, 2, 3, 4, 6]),  # rows of a query
    st.sampled_from([2, 3, 4, 6, 8, 12]),  # queries
    st.integers(0, 24),  # keys more
    st.integers(0, 30),  # window
)


def workload(group: int, queries: int, more: int, window: int) -> Workload:
    shape = Transformer("any", 1, 8, 4, 6, group * 2, 8, kv_heads=2)
    return Workload(shape, queries, queries + more, True, window)


def seen(mask: Mask, row: int) -> tuple[int, int]:
    """Return the first and the last key that a row sees."""
    last = row // mask.group + mask.offset
    return (max(0, last - mask.window + 1) if mask.window else 0), last


def divisors(n: int) -> list[int]:
    return [each for each in range(1, n + 1) if n % each == 0]


@settings(max_examples=300)
@given(masks, st.data())
def test_visited_chunks_are_those_between_the_first_and_the_last_key(
    given_mask: tuple[int, int, int, int], data: st.DataObject
) -> None:
    mask = mask_of(workload(*given_mask))
    assert mask is not None
    outer = data.draw(st.sampled_from(divisors(mask.rows)))
    inner = data.draw(st.sampled_from(divisors(mask.rows // outer)))
    chunk = data.draw(st.sampled_from(divisors(mask.keys)))
    rows = np.arange(mask.rows).reshape(outer, inner, -1)

    def visited(steps: Iterator[np.ndarray]) -> int:
        count = 0
        for step in steps:
            keys = [seen(mask, int(row)) for row in step.ravel()]
            first, last = min(key for key, _ in keys), max(key for _, key in keys)
            count += last // chunk - first // chunk + 1
        return count

    stride = mask.rows // (outer * inner)
    both = visited(rows[i, j] for i in range(outer) for j in range(inner))
    assert mask.chunks(outer * inner, outer * inner, stride, chunk) == both
    whole = visited(rows[i] for i in range(outer))
    assert mask.chunks(outer, outer, stride * inner, chunk) == whole
    alone = visited(rows[:, j] for j in range(inner))
    assert mask.chunks(inner, outer * inner, stride, chunk) == alone


FUSEMAX = ("cascade", "architecture", "binding", "one_array")


@pytest.mark.parametrize("name", FUSEMAX)
@settings(max_examples=25, deadline=None)
@given(masks, st.data())
def test_the_fusemax_family_is_the_sum_of_dense_nests_over_the_tiles(
    name: str, given_mask: tuple[int, int, int, int], data: st.DataObject
) -> None:
    work = workload(*given_mask)
    mask = mask_of(work)
    assert mask is not None
    cols = data.draw(st.sampled_from(divisors(mask.rows)))
    tiles = data.draw(st.sampled_from(divisors(mask.rows // cols)))
    rows = data.draw(st.sampled_from(divisors(mask.keys)[:-1]))  # more than one chunk
    lanes = data.draw(st.sampled_from(divisors(tiles * cols)))
    columns = {
        "array_rows": rows,
        "array_cols": cols,
        "vector_lanes": lanes,
        "buffer_bytes": MIB,
        "query_tiles": tiles,
        "pe_registers": 64,
        "lane_registers": 64,
    }
    nests = Nests(described(name), work, columns, CORRECTED)
    size = tiles * cols
    for einsum, (run,) in nests.runs.items():
        mapping = run.row.streamed
        values = {loop.factor: run.factors.product((loop.factor,)) for loop in mapping.loops}
        dense = []
        for start in range(0, mask.rows, size):
            first, last = seen(mask, start)[0], seen(mask, start + size - 1)[1]
            chunks = last // rows - first // rows + 1
            own = values | {"P2": 1} | ({"M1": chunks} if "M1" in values else {})
            dense.append(LoopNest(mapping, Factors(own), wrapped=False))
        assert run.streamed.cycles == sum(each.cycles for each in dense), einsum
        for level in mapping.levels:
            for tensor in level.keep:
                for quantity in ("reads", "fills", "updates"):
                    whole = getattr(run.streamed, quantity)(level.name, tensor)
                    parts = [getattr(each, quantity)(level.name, tensor) for each in dense]
                    assert whole == sum(parts), (einsum, level.name, tensor, quantity)


Filled = dict[tuple[str, str], int]
"""(level, tensor) -> words."""


def walked(
    mapping: Mapping, values: dict[str, int], mask: Mask, rows: int = 0
) -> tuple[int, Filled]:
    """Walk through a nest: its cycles, and the words that enter each level.

    A step takes place where its chunk of keys lies between the first and the last that the rows of
    the query loops' steps need; a level keeps the last tile of a tensor, what was read of it. Where
    the last step is padded, `rows` are those in a step of the query loops, and what is past the
    last row is as that.
    """
    loops = [(level, loop) for level in mapping.levels for loop in level.loops]
    temporal = [loop for _, loop in loops]
    key = next(
        (x for x in temporal if x.rank[0] == "M" and x.rank != "M0" and values[x.factor] > 1), None
    )
    queries = temporal[: temporal.index(key)] if key is not None else []
    queries = [loop for loop in queries if loop.rank == "P"]
    cycles = 0
    fills: Filled = {}
    kept: dict[tuple[str, str], tuple[tuple[int, ...], set[tuple[int, ...]]]] = {}
    for steps in product(*(range(values[loop.factor]) for loop in temporal)):
        at = dict(zip((loop.factor for loop in temporal), steps, strict=True))
        if key is not None:
            inner = rows or mask.rows // prod(values[loop.factor] for loop in queries)
            block = 0
            for loop in queries:
                block = block * values[loop.factor] + at[loop.factor]
            first = seen(mask, min(block * inner, mask.rows - 1))[0]
            last = seen(mask, min((block + 1) * inner, mask.rows) - 1)[1]
            chunk = -(-mask.keys // values[key.factor])
            if not first // chunk <= at[key.factor] <= last // chunk:
                continue
        cycles += 1
        for place, level in enumerate(mapping.levels):
            outside = [loop for outer in mapping.levels[:place] for loop in outer.loops]
            inside = [x for low in mapping.levels[place:] for x in (*low.loops, *low.spatial)]
            for tensor in mapping.einsum.operands:
                if place and tensor.name in level.keep:
                    tile = tuple(at[x.factor] for x in outside if x.rank in tensor.ranks)
                    own = [x for x in inside if x.rank in tensor.ranks]
                    piece = tuple(at[x.factor] for x in own if x.factor in at)
                    size = prod(values[x.factor] for x in own if x.factor not in at)
                    where = level.name, tensor.name
                    held, pieces = kept.get(where, ((-1,), set()))
                    if held != tile:
                        pieces = set()
                    if piece not in pieces:
                        fills[where] = fills.get(where, 0) + size
                    kept[where] = tile, pieces | {piece}
    return cycles, fills


SMALL_DESIGNS = {"array_rows": [1, 2, 4], "array_cols": [1, 2, 4], "vector_lanes": [1, 2, 4]}


@pytest.mark.parametrize("name", ["unfused", "flat", "binding", "tensor_core"])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_nest_takes_the_cycles_of_a_walk_and_no_fewer_words(
    name: str, data: st.DataObject
) -> None:
    group, queries = data.draw(st.sampled_from([(1, 8), (2, 4), (4, 4), (1, 12)]))
    window = data.draw(st.sampled_from([0, 0, 3, 5]))
    more = data.draw(st.sampled_from([0, 4, 8]))
    shape = Transformer("any", 1, 8, 2, 4, group, 8, kv_heads=1)
    work = Workload(shape, queries, queries + more, True, window)
    mask = mask_of(work)
    assert mask is not None
    accelerator = described(name)
    extents = work.extents
    columns: dict[str, int] = {"special_lanes": 2, "buffer_bytes": MIB}
    for each in ("array_rows", "array_cols", "vector_lanes", "pe_registers", "lane_registers"):
        some = SMALL_DESIGNS.get(each, [64])
        fitting = [x for x in some if not extents["M"] % x + extents["P"] % x] or some
        columns[each] = data.draw(st.sampled_from(fitting))
    for parameter, each in accelerator.parameters.items():
        if each.domain is not None and parameter not in columns:
            values = each.domain.at(extents | columns)
            columns[parameter] = int(data.draw(st.sampled_from(values)))
    for einsum, runs in Nests(accelerator, work, columns, CORRECTED).runs.items():
        (run,) = runs
        mapping = run.streamed.mapping
        factors = {loop.factor: int(run.factors.product((loop.factor,))) for loop in mapping.loops}
        if any(
            prod(factors[x.factor] for x in mapping.loops if x.rank == rank) != extents[rank]
            for rank in mapping.einsum.ranks
            if rank in extents
        ):
            continue  # a design that leaves a remainder
        cycles, fills = walked(mapping, factors, mask)
        assert run.streamed.cycles == cycles, einsum
        for (level, tensor), words in fills.items():
            counted = run.streamed.fills(level, tensor)
            above = mapping.levels[0].keep
            if tensor in above:
                assert counted >= words, (einsum, level, tensor)


@pytest.mark.parametrize("name", ["unfused", "flat", "cascade", "architecture", "binding"])
def test_a_decoded_token_has_no_mask(name: str) -> None:
    shape = TRANSFORMERS["BERT"]
    sides = {"array_cols": 1, "array_rows": 16, "vector_lanes": 1, "query_tiles": 1}
    if name in ("unfused", "flat"):
        sides = {"array_cols": 1, "array_rows": 16, "vector_lanes": 16}
    plain = evaluate(name, Workload(shape, 1, 256), **sides)
    assert plain.feasible.all()
    causal = evaluate(name, Workload(shape, 1, 256, True), **sides)
    longer = evaluate(name, Workload(shape, 1, 4096, True, 256), **sides)
    for metric in METRICS:
        assert causal.metrics[metric][0] == plain.metrics[metric][0]
        assert longer.metrics[metric][0] == plain.metrics[metric][0]


@pytest.mark.parametrize("name", ["unfused", "flat", "cascade", "architecture", "binding"])
def test_what_one_tile_does_skips_nothing(name: str) -> None:
    """No query loop lies outside the keys of a FuseMax nest whose queries are all resident."""
    shape = Transformer("small", 2, 64, 16, 16, 4, 64, kv_heads=2)
    tiles = {} if name in ("unfused", "flat") else {"query_tiles": 2 * 128 // 8}
    sides = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8} | tiles
    plain = evaluate(name, Workload(shape, 128), **sides)
    masked = evaluate(name, Workload(shape, 128, causal=True), **sides)
    assert plain.feasible.all()
    for metric in METRICS:
        before, after = plain.metrics[metric][0], masked.metrics[metric][0]
        if metric == "useful_util_2d":  # of 128 x 128 pairs 129 x 64 are seen
            before *= 129 / 256
            assert after == pytest.approx(before, rel=1e-12) if tiles else after >= before
        else:
            assert after == before if tiles else after <= before


def test_a_masked_workload_never_overflows() -> None:
    """Under the published accounting a dense nest of this size loses reads (Q5), a masked none."""
    shape = Transformer("long", 64, 512, 64, 64, 256, 1024)
    designs = Designs.of(**PAPERS)
    for name in ("binding", "architecture"):
        published, exact = (
            ENGINE.evaluate(name, Workload(shape, 2**20, causal=True), designs, accounting)
            for accounting in (PUBLISHED, CORRECTED)
        )
        assert published.metrics["traffic_bytes"] == exact.metrics["traffic_bytes"]
