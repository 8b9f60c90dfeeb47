"""The engine on any design: batches, feasibility, and rules of docs/model/designs.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.evaluator import CHUNK
from evaluators.errors import InputError
from evaluators.protocol import METRICS, Evaluations, evaluator
from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies.paper import paper_design, pinned_binding
from tests.evaluators.shipped_bindings import BOUND

CONFIGURATIONS = BOUND
ENGINE = evaluator("analytical")
SMALL = Workload(Transformer("small", 2, 256, 32, 64, 3, 512), 1024)
BERT_256K = Workload(TRANSFORMERS["BERT"], 2**18)
MIB = 2**20

sides = st.sampled_from([8, 16, 24, 32, 64, 128, 256])
buffers = st.sampled_from(
    [2**k for k in range(16, 24)] + [3 * 2**k for k in range(15, 22)] + [10**6]
)
design_rows = st.lists(st.tuples(sides, sides, sides, buffers), min_size=1, max_size=6)


def evaluate(
    name: str, workload: Workload, accounting: Accounting = PUBLISHED, **parameters: object
) -> Evaluations:
    defaults = {"array_rows": 256, "array_cols": 256, "vector_lanes": 256, "buffer_bytes": 16 * MIB}
    designs = Designs.of(**(defaults | parameters))  # type: ignore[arg-type]
    if not parameters.keys() - defaults.keys():
        designs = designs.only(described(name).all_parameters)
    return ENGINE.evaluate(name, workload, designs, accounting)


def metric(name: str, workload: Workload, quantity: str, **parameters: object) -> float:
    return float(evaluate(name, workload, **parameters).metrics[quantity][0])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=15, deadline=None)
@given(rows=design_rows, corrected=st.booleans())
def test_a_batch_is_its_designs_one_by_one(
    name: str, rows: list[tuple[int, int, int, int]], corrected: bool
) -> None:
    accounting = CORRECTED if corrected else PUBLISHED
    columns = dict(
        zip(
            ("array_rows", "array_cols", "vector_lanes", "buffer_bytes"),
            np.array(rows).T,
            strict=True,
        )
    )
    batch = evaluate(name, SMALL, accounting, **columns)
    for i in range(len(rows)):
        alone = evaluate(name, SMALL, accounting, **{k: int(v[i]) for k, v in columns.items()})
        for quantity in METRICS:
            np.testing.assert_array_equal(batch.metrics[quantity][i], alone.metrics[quantity][0])
        assert batch.feasible[i] == alone.feasible[0]


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=25, deadline=None)
@given(row=st.tuples(sides, sides, sides, buffers))
def test_metrics_are_numbers_where_feasible_and_only_there(
    name: str, row: tuple[int, int, int, int]
) -> None:
    result = evaluate(
        name, SMALL, array_rows=row[0], array_cols=row[1], vector_lanes=row[2], buffer_bytes=row[3]
    )
    for quantity in METRICS:
        assert np.isfinite(result.metrics[quantity][0]) == result.feasible[0]
    if result.feasible[0]:
        longest = max(
            result.metrics[time][0] for time in ("memory_latency_s", "compute_2d_s", "compute_1d_s")
        )
        assert result.metrics["latency_s"][0] >= longest
        assert 0 <= result.metrics["util_2d"][0] <= 1 + 1e-12
        assert result.metrics["area_um2"][0] > result.metrics["array_area_um2"][0] > 0


def test_a_batch_longer_than_a_chunk_keeps_its_order() -> None:
    lanes = np.resize([64, 128, 256, 96], 2 * CHUNK + 3)
    result = evaluate("binding", BERT_256K, vector_lanes=lanes)
    by_lanes = {
        v: metric("binding", BERT_256K, "latency_s", vector_lanes=v) for v in (64, 128, 256)
    }
    assert list(result.feasible[:4]) == [True, True, True, False]
    expected = [by_lanes.get(int(v), np.nan) for v in lanes]
    np.testing.assert_array_equal(result.metrics["latency_s"], expected)


@settings(max_examples=30, deadline=None)
@given(smaller=buffers, larger=buffers)
def test_a_larger_buffer_never_moves_more_words(smaller: int, larger: int) -> None:
    smaller, larger = sorted((smaller, larger))
    for name in ("binding", "cascade", "unfused", "linear_fusemax"):
        small, large = (
            evaluate(name, SMALL, array_rows=32, array_cols=32, vector_lanes=32, buffer_bytes=size)
            for size in (smaller, larger)
        )
        if small.feasible[0] and large.feasible[0]:
            assert large.metrics["traffic_bytes"][0] <= small.metrics["traffic_bytes"][0]


def test_query_tiles_of_the_paper() -> None:
    """P1 of docs/model/mappings.md#query-tiles, for 1K to 1M tokens."""
    expected = {
        ("binding", "BERT"): [4, 16, 64, 128, 128, 128],
        ("binding", "XLM"): [4, 16, 64, 64, 64, 64],
        ("cascade", "BERT"): [4, 16, 32, 32, 32, 32],
        ("cascade", "XLM"): [4, 16, 32, 32, 32, 32],
    }
    for (name, model), tiles in expected.items():
        workloads = [Workload(TRANSFORMERS[model], seq_len) for seq_len in SEQ_LENS]
        ours = [
            int(
                ENGINE.evaluate(name, each, paper_design(name, each), PUBLISHED).designs.columns[
                    "query_tiles"
                ][0]
            )
            for each in workloads
        ]
        assert ours == tiles, (name, model)


def test_query_tiles_of_cascade_for_the_buffer_it_pays_for() -> None:
    """docs/model/mappings.md#query-tiles, under Q7: 4, 16, 64, 64, 64, 64 for all models."""
    for shape in TRANSFORMERS.values():
        workloads = [Workload(shape, seq_len) for seq_len in SEQ_LENS]
        tiles = [
            int(
                ENGINE.evaluate(
                    "cascade", each, paper_design("cascade", each), Accounting.parse("Q7")
                ).designs.columns["query_tiles"][0]
            )
            for each in workloads
        ]
        assert tiles == [4, 16, 64, 64, 64, 64]


def test_too_many_query_tiles_miss_the_buffer_by_their_bytes() -> None:
    """256*256*260 + 65536 - 16 MiB bytes: docs/model/mappings.md#query-tiles."""
    result = evaluate("binding", BERT_256K, query_tiles=256)
    assert result.violations["buffer_short_bytes"][0] == 256 * 256 * 260 + 65536 - 16 * MIB
    assert not result.feasible[0]


def test_fewer_query_tiles_move_more_words() -> None:
    """QK's keys pass once for every P2 = L/(P1*C) tiles: 2*B*H*L*(E + F)*P2 + Q + AV bytes."""
    for tiles in (1, 8, 64):
        passes = 2**18 // (tiles * 256)
        expected = 2 * 64 * 12 * 2**18 * (128 * passes + 128)
        assert metric("binding", BERT_256K, "traffic_bytes", query_tiles=tiles) == expected


def test_register_files_follow_the_array_away_from_the_paper() -> None:
    """T = 2*max(1, W//E): depths 2*T and 8*T; 12 and 32 on the paper's machine."""
    assert registers("binding", array_rows=256) == (12, 32)
    assert registers("binding", array_rows=128) == (16, 64)
    assert registers("binding", array_rows=64, array_cols=64) == (4, 16)
    assert registers("binding", array_rows=64, array_cols=512) == (32, 128)
    assert registers("cascade", array_rows=128, buffer_bytes=32 * MIB) == (16, 64)
    assert registers("cascade", buffer_bytes=32 * MIB) == (4, 16)
    assert registers("flat", array_rows=128) == (4, 16)
    assert registers("linear_fusemax", array_rows=128) == (16, 32)
    assert registers("binding", array_rows=128, pe_registers=6) == (6, 64)


def registers(name: str, **parameters: int) -> tuple[int, int]:
    designs = evaluate(name, BERT_256K, **parameters).designs
    pe, lane = (int(designs.columns[f"{each}_registers"][0]) for each in ("pe", "lane"))
    return pe, lane


def test_area_adds_up_from_its_parts() -> None:
    """Formula: docs/model/accounting.md#area; parts: docs/model/components.md."""
    mac, maximum, divide, exponential = 1545, 49.28944, 23740.9375, 8240
    buffer_16, buffer_32 = 84201374.5226, 175717186.15744
    file_4, file_12, file_16, file_32 = 16814.30968, 16837.57936, 16837.57936, 16849.2142
    pes, lanes, placeholders = 256 * 256, 256, 256 + 2
    expected = {
        "flat": pes * (file_4 + mac)
        + lanes * (file_16 + maximum + mac + divide + exponential)
        + buffer_32
        + placeholders,
        "binding": pes * (file_12 + mac + maximum)
        + lanes * (file_32 + maximum + mac + divide)
        + buffer_16
        + placeholders,
        "linear_fusemax": pes * (file_16 + mac + maximum)
        + lanes * (file_32 + maximum + mac + divide)
        + buffer_16
        + placeholders,
    }
    expected |= {"unfused": expected["flat"], "cascade": expected["flat"]}
    expected |= {"architecture": expected["binding"], "linear_flat": expected["flat"]}
    for name, area_um2 in expected.items():
        result = ENGINE.evaluate(name, BERT_256K, paper_design(name, BERT_256K), PUBLISHED)
        assert result.metrics["area_um2"][0] == pytest.approx(area_um2, rel=1e-12), name


def test_the_value_width_may_differ_from_the_query_width() -> None:
    """V projection N = H*F, deprojection K = H*F (decision 10): macs of all six layers."""
    shape = SMALL.transformer
    tokens = shape.batch * SMALL.keys
    heads = shape.heads * (2 * shape.query_width + 2 * shape.value_width)
    macs = tokens * shape.model_width * (heads + 2 * shape.ffn_width)
    seconds = metric("linear_fusemax", SMALL, "compute_2d_s", array_rows=32, array_cols=32)
    assert seconds == pytest.approx(macs / 32**2 / 940e6, rel=1e-12)


def test_flat_best_binding_is_never_worse_than_the_papers() -> None:
    for shape in TRANSFORMERS.values():
        for seq_len in SEQ_LENS:
            workload = Workload(shape, seq_len)
            choices = pinned_binding("flat", workload, PUBLISHED)
            pinned = evaluate("flat", workload, buffer_bytes=32 * MIB, **choices)
            best = evaluate("flat", workload, buffer_bytes=32 * MIB)
            latencies = [each.metrics["latency_s"][0] for each in (best, pinned)]
            traffic = [each.metrics["traffic_bytes"][0] for each in (best, pinned)]
            assert latencies[0] <= latencies[1] * (1 + 1e-12)
            assert latencies[0] < latencies[1] * (1 - 1e-12) or traffic[0] <= traffic[1]


def test_a_workload_beyond_exact_counts_is_refused() -> None:
    giant = Workload(Transformer("giant", 2**20, 768, 64, 64, 12, 3072), 2**20)
    for name in ("unfused", "flat", "cascade", "binding"):
        with pytest.raises(InputError, match=r"exceed 2\^63 - 1, the largest count that is exact"):
            evaluate(name, giant, buffer_bytes=32 * MIB)


def test_an_unknown_configuration_is_named() -> None:
    with pytest.raises(
        InputError, match="unknown configuration 'fusemax'; did you mean linear_fusemax"
    ):
        evaluate("fusemax", BERT_256K)


def test_an_unknown_evaluator_is_named() -> None:
    with pytest.raises(InputError, match="unknown evaluator 'timeloops'"):
        evaluator("timeloops")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"array_rows": -1}, "array_rows -1: it must be a positive integer, 65536 at most"),
        (
            {"array_row": 8},
            "array_row: binding has no array row to set; it has array_rows",
        ),
        ({"clock_hz": -1.0}, "clock_hz -1.0: it must be a positive number"),
        ({"query_tiles": -1}, "query_tiles -1: it must be a positive integer, or 0 for automatic"),
        ({"buffer_bytes": 1.5}, "buffer_bytes: integers are wanted, not float64"),
    ],
)
def test_designs_refuse_what_is_no_size(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate("binding", BERT_256K, **parameters)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_designs_are_evaluated_to_no_metrics(name: str) -> None:
    result = evaluate(name, SMALL, array_rows=np.array([], dtype=np.int64))
    assert len(result.designs) == 0
    assert result.metrics["latency_s"].shape == (0,)
