"""Whatever the design: an evaluation is whole, within its bounds, and the same alone.

Odd sides, tiny and huge buffers, short sequences, heads of two widths, given register files.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting, Correction
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.errors import InputError
from evaluators.protocol import METRICS, Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import LONGEST
from evaluators.workloads.transformer import LARGEST, Transformer
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS
from tests.evaluators.shipped_bindings import BOUND

CONFIGURATIONS = BOUND
ENGINE = AnalyticalEvaluator()
WORDS = (8, 16, 32, 48, 64, 96, 128, 192, 256)
"""Words of a buffer row that the component table knows."""

ACCOUNTINGS = (PUBLISHED, CORRECTED, *(Accounting(frozenset({each})) for each in Correction))


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    few = st.integers(1, 3)
    width = st.sampled_from([1, 2, 3, 8, 12, 16, 24, 61, 64, 96])
    shape = Transformer(
        "odd",
        draw(few),
        8 * draw(st.integers(1, 48)),
        draw(width),
        draw(width),
        draw(few),
        8 * draw(st.integers(1, 48)),
    )
    return Workload(shape, draw(st.sampled_from([1, 7, 16, 24, 48, 64, 96, 192, 256, 384, 1024])))


@st.composite
def designs(draw: st.DrawFn, workload: Workload) -> Designs:
    """A batch; most sides divide the sequence, most buffers are in the component table."""
    dividing = [n for n in range(1, 257) if workload.keys % n == 0]
    side = st.sampled_from(dividing) | st.integers(1, 256)
    columns: dict[str, list[int]] = {}
    for _ in range(draw(st.integers(1, 5))):
        words = draw(st.sampled_from([n for n in WORDS if workload.keys % n == 0] or WORDS))
        shorter = draw(side)
        rows, cols = draw(st.permutations([words, min(words, shorter)]))
        depth = draw(st.integers(1, 64) | st.sampled_from([2**k for k in range(6, 18)]))
        row = {
            "array_rows": rows,
            "array_cols": cols,
            "vector_lanes": draw(side),
            "buffer_bytes": 2 * words * depth + draw(st.sampled_from([0, 0, 0, 2])),
            "query_tiles": draw(st.sampled_from([0, 0, 1, 2, 3])),
            "pe_registers": draw(st.sampled_from([0, 1, 3, 100])),
            "lane_registers": draw(st.sampled_from([0, 1, 3, 1000])),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return Designs.of(**columns)  # type: ignore[arg-type]


def assert_whole(results: Evaluations) -> None:
    """Numbers where feasible and only there; each within its bounds, to the last bit."""
    feasible = results.feasible
    for name in METRICS:
        assert (np.isfinite(results.metrics[name]) == feasible).all(), name
    metrics = {name: column[feasible] for name, column in results.metrics.items()}
    for name in ("util_1d", "util_2d"):
        assert ((metrics[name] >= 0) & (metrics[name] <= 1)).all(), name
    for name in ("compute_1d_s", "compute_2d_s"):
        assert (metrics["latency_s"] >= metrics[name]).all(), name
    for name in ("energy_pj", "traffic_bytes", "latency_s", "array_area_um2"):
        assert (metrics[name] > 0).all(), name
    assert (metrics["area_um2"] > metrics["array_area_um2"]).all()
    for array in results.busy_s:
        assert ((results.util[array][feasible] >= 0) & (results.util[array][feasible] <= 1)).all()
    for array, total in (("1d", "compute_1d_s"), ("2d", "compute_2d_s")):
        busy = sum(
            (part.busy_s[feasible] for part in results.einsums.values() if part.array == array),
            start=np.zeros(feasible.sum()),
        )
        np.testing.assert_allclose(busy, metrics[total], rtol=1e-14)
    for field, total in (
        ("energy_pj", "energy_pj"),
        ("traffic_bytes", "traffic_bytes"),
        ("active_fraction", "util_2d"),
    ):
        parts = [getattr(part, field)[feasible] for part in results.einsums.values()]
        np.testing.assert_allclose(np.sum(parts, axis=0), metrics[total], rtol=1e-13)
        assert (np.array(parts) >= 0).all()


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), accounting=st.sampled_from(ACCOUNTINGS))
def test_an_evaluation_is_whole_within_bounds_and_the_same_alone(
    name: str, data: st.DataObject, accounting: Accounting
) -> None:
    workload = data.draw(workloads())
    batch = data.draw(designs(workload)).only(described(name).all_parameters)
    results = ENGINE.evaluate(name, workload, batch, accounting, breakdown=True)
    assert_whole(results)
    for row in range(len(batch)):
        alone = ENGINE.evaluate(name, workload, batch.take([row]), accounting)
        assert alone.feasible[0] == results.feasible[row]
        for metric in METRICS:
            np.testing.assert_array_equal(
                alone.metrics[metric][0], results.metrics[metric][row], err_msg=metric
            )
        for constraint, magnitudes in results.violations.items():
            assert alone.violations[constraint][0] == magnitudes[row]
            if magnitudes[row] > 0:
                sentence = ENGINE.reason(
                    name, constraint, int(magnitudes[row]), workload, alone.designs
                )
                assert sentence.isprintable()


def unchecked(name: str, **sizes: int) -> Designs:
    """One design of any sizes, past the bounds that a user's are held to."""
    return Designs.of(**sizes).only(described(name).all_parameters)


SIZES = (
    "array_rows",
    "array_cols",
    "vector_lanes",
    "buffer_bytes",
    "query_tiles",
    "pe_registers",
    "lane_registers",
)
sizes = st.integers(1, 300) | st.integers(0, 62).map(lambda bits: 2**bits) | st.integers(1, 2**62)
extents = st.sampled_from([1, 2, 64]) | st.integers(1, LARGEST)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[extents] * 6),
    seq_len=st.sampled_from([1, 64, 1024, 2**20, LONGEST]) | st.integers(1, LONGEST),
    sides=st.tuples(*[sizes] * 4),
    automatic=st.tuples(*[st.just(0) | sizes] * 3),
)
def test_no_size_overflows_or_breaks_the_engine(
    name: str,
    shape: tuple[int, ...],
    seq_len: int,
    sides: tuple[int, ...],
    automatic: tuple[int, ...],
) -> None:
    workload = Workload(Transformer("huge", *shape), seq_len)
    batch = unchecked(name, **dict(zip(SIZES, (*sides, *automatic), strict=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            results = ENGINE.evaluate(name, workload, batch, PUBLISHED, breakdown=True)
        except InputError:
            return  # the workload is too large to count, and no traceback
        assert_whole(results)
    for constraint, (magnitude,) in results.violations.items():
        if magnitude > 0:
            assert ENGINE.reason(name, constraint, int(magnitude), workload, results.designs)


def test_a_need_past_64_bits_is_short_and_does_not_wrap_around() -> None:
    """Tiles * columns * bytes per query = 2^40 * 2^20 * 260 would wrap to less than the buffer."""
    bert = Workload(TRANSFORMERS["BERT"], 2**20)
    batch = unchecked(
        "binding",
        array_rows=8,
        array_cols=2**20,
        vector_lanes=8,
        buffer_bytes=2**40,
        query_tiles=2**40,
    )
    results = ENGINE.evaluate("binding", bert, batch, PUBLISHED)
    assert results.violations["buffer_short_bytes"][0] > 2**61


@pytest.mark.parametrize("name", PAPERS)
def test_a_register_file_deeper_than_any_address_generator_is_infeasible(name: str) -> None:
    bert = Workload(TRANSFORMERS["BERT"], 1024)
    deep = Designs.of(pe_registers=[100_000_000, 2**32, 2**32 + 1], lane_registers=[0, 0, 2**40])
    results = ENGINE.evaluate(name, bert, deep, PUBLISHED)
    assert results.feasible.tolist() == [True, True, False]
    assert results.violations["pe_registers_over"].tolist() == [100_000_000 - 2**32, 0, 1]
    assert results.violations["lane_registers_over"][2] == 2**40 - 2**32
    sentence = ENGINE.reason(name, "pe_registers_over", 1, bert, deep.take([2]))
    assert "pe_registers 4294967297 is 1 more than" in sentence
    assert "give 4294967296 or fewer" in sentence


def test_a_buffer_that_no_table_has_is_infeasible_however_large() -> None:
    bert = Workload(TRANSFORMERS["BERT"], 1024)
    for buffer_bytes in (2**30, 2**36 + 2**20, 2**61):
        batch = unchecked(
            "binding",
            array_rows=8,
            array_cols=8,
            vector_lanes=8,
            buffer_bytes=buffer_bytes,
            query_tiles=1,
        )
        results = ENGINE.evaluate("binding", bert, batch, PUBLISHED)
        assert [name for name, (each,) in results.violations.items() if each > 0] == [
            "sram_unknown"
        ]
