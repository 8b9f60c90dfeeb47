"""The evaluator itself: with the real programs where they are, and what it says where not."""

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.protocol import EINSUM_METRICS, METRICS, Runs, evaluator
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.timeloop.programs import TimeloopMissing
from evaluators.timeloop.run import TimeloopFailure
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
from studies.paper import paper_design

ANALYTICAL = evaluator("analytical")
BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)
SMALL = Workload(Transformer("small", 2, 256, 32, 64, 4, 512), 1024)


def agree(theirs, ours):
    for name in METRICS:
        np.testing.assert_allclose(theirs.metrics[name], ours.metrics[name], rtol=1e-12)
    for name, part in ours.einsums.items():
        for column in EINSUM_METRICS:
            np.testing.assert_allclose(
                getattr(theirs.einsums[name], column), getattr(part, column), rtol=1e-12
            )


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=lambda each: each.name)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_papers_design_has_the_analytical_metrics(tools, cache, name, accounting):
    arguments = (name, BERT_1K, paper_design(name, BERT_1K, accounting), accounting)
    ours = ANALYTICAL.evaluate(*arguments, breakdown=True)
    agree(TimeloopEvaluator(cache).evaluate(*arguments, breakdown=True), ours)
    again = TimeloopEvaluator(Cache(cache.folder))
    agree(again.evaluate(*arguments, breakdown=True), ours)
    assert again.cache.runs.made == 0


@pytest.mark.parametrize("name", [*CONFIGURATIONS, "tensor_core", "one_array"])
def test_any_design_has_the_analytical_metrics(tools, cache, name):
    designs = Designs.of(
        array_rows=[64, 128, 24],
        array_cols=[128, 32, 32],
        vector_lanes=[32, 64, 32],
        buffer_bytes=2**20,
        pe_registers=[1, 3, 5],
        lane_registers=[1, 7, 9],
    )
    designs = designs.only(described(name).all_parameters)
    arguments = (name, SMALL, designs, PUBLISHED)
    ours = ANALYTICAL.evaluate(*arguments)
    assert ours.feasible.tolist() == [True, True, False]
    agree(TimeloopEvaluator(cache).evaluate(*arguments), ours)


def test_words_of_any_width_have_the_analytical_metrics(tools, cache):
    designs = Designs.of(
        array_rows=64,
        array_cols=128,
        vector_lanes=32,
        buffer_bytes=2**20,
        word_bits=[8, 32],
    )
    arguments = ("binding", SMALL, designs, PUBLISHED)
    ours = ANALYTICAL.evaluate(*arguments)
    assert ours.feasible.all()
    theirs = TimeloopEvaluator(cache).evaluate(*arguments)
    for name in METRICS:
        np.testing.assert_array_equal(theirs.metrics[name], ours.metrics[name])


def test_without_the_programs_one_sentence_says_where_they_are(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TimeloopMissing, match=r"timeloop\.csail\.mit\.edu"):
        evaluator("timeloop").evaluate(
            "binding", BERT_1K, paper_design("binding", BERT_1K), PUBLISHED
        )


def test_a_run_that_fails_is_the_evaluations_failure(monkeypatch, tmp_path):
    for program in ("timeloop-model", "accelergy"):
        file = tmp_path / program
        file.write_text("#!/bin/sh\necho out of luck\nexit 1\n", encoding="ascii")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    failing = TimeloopEvaluator(Cache(tmp_path / "cache"))
    design = paper_design("binding", BERT_1K)
    tight = design.with_columns({"buffer_bytes": np.array([2**16])})
    both = Designs.of(
        **{
            name: np.concatenate([tight.columns[name], column])
            for name, column in design.columns.items()
        }
    )
    result = failing.evaluate("binding", BERT_1K, both, PUBLISHED)
    assert result.feasible.tolist() == [False, True]
    assert np.isnan(result.metrics["latency_s"]).all()
    assert list(result.failures) == [1]
    assert isinstance(result.failures[1], TimeloopFailure)
    assert result.failures[1].log == "out of luck"
    assert result.runs == Runs()
    with pytest.raises(TimeloopFailure, match="out of luck"):
        result.whole()


def test_a_design_that_does_not_fit_is_infeasible_without_a_run(monkeypatch, tmp_path):
    for program in ("timeloop-model", "accelergy"):
        file = tmp_path / program
        file.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tight = paper_design("binding", BERT_1K).with_columns({"buffer_bytes": np.array([2**16])})
    timeloop = TimeloopEvaluator(Cache(tmp_path / "cache"))
    result = timeloop.evaluate("binding", BERT_1K, tight, PUBLISHED)
    assert not result.feasible[0]
    assert np.isnan(result.metrics["latency_s"][0])
    assert result.failures == {}
    assert timeloop.cache.runs == Runs()
    short = int(result.violations["buffer_short_bytes"][0])
    assert timeloop.reason("binding", "buffer_short_bytes", short, BERT_1K, tight)
