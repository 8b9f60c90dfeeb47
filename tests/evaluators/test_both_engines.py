"""The engine of descriptions against the one whose loop nests Timeloop counts: the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.analytical.configurations import CONFIGURATIONS
from evaluators.analytical.engine import AnalyticalEvaluator as Written
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator as Described
from evaluators.protocol import EINSUM_METRICS, METRICS, Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

SIDES = (8, 16, 32, 64, 96, 100, 128, 256, 512)
SUM = 1e-14
"""The order of a floating-point sum differs for energies and traffic."""


def assert_alike(written: Evaluations, described: Evaluations) -> None:
    np.testing.assert_array_equal(written.feasible, described.feasible)
    feasible = written.feasible
    for name in ("query_tiles", "pe_registers", "lane_registers"):
        own, other = (getattr(each.designs, name)[feasible] for each in (written, described))
        np.testing.assert_array_equal(own, other, err_msg=name)
    for name in METRICS:
        np.testing.assert_allclose(
            described.metrics[name], written.metrics[name], rtol=SUM, err_msg=name
        )
    assert list(written.einsums) == list(described.einsums)
    for einsum, part in written.einsums.items():
        assert described.einsums[einsum].array == part.array
        for field in EINSUM_METRICS:
            np.testing.assert_allclose(
                getattr(described.einsums[einsum], field), getattr(part, field), rtol=SUM
            )


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=lambda each: each.name[:9])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_papers_points_are_alike(name: str, accounting: object) -> None:
    for shape in TRANSFORMERS.values():
        for seq_len in (1024, 2**18):
            workload = Workload(shape, seq_len)
            given_design = (name, workload, paper_design(name, workload), accounting)
            written, described = (
                each.evaluate(*given_design, breakdown=True)  # type: ignore[arg-type]
                for each in (Written(), Described())
            )
            assert written.feasible.all()
            assert_alike(written, described)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            *[st.sampled_from(SIDES)] * 3,
            st.integers(14, 27).map(lambda bits: 2**bits) | st.integers(1, 2**20),
        ),
        min_size=1,
        max_size=4,
    ),
    widths=st.tuples(*[st.sampled_from([8, 24, 61, 64])] * 2),
    seq_len=st.sampled_from([64, 96, 768, 1024, 4096]),
    corrected=st.booleans(),
)
def test_odd_designs_are_alike(
    name: str,
    rows: list[tuple[int, ...]],
    widths: tuple[int, int],
    seq_len: int,
    corrected: bool,
) -> None:
    array_rows, array_cols, vector_lanes, buffer_bytes = np.array(rows).T
    designs = Designs.of(
        array_rows=array_rows,
        array_cols=array_cols,
        vector_lanes=vector_lanes,
        buffer_bytes=buffer_bytes,
    )
    workload = Workload(Transformer("odd", 2, 192, *widths, 3, 384), seq_len)
    accounting = CORRECTED if corrected else PUBLISHED
    written, described = (
        each.evaluate(name, workload, designs, accounting, breakdown=True)
        for each in (Written(), Described())
    )
    assert_alike(written, described)
