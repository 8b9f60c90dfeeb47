"""`dse confirm`: what differs is found, and named."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from dse.cli import main
from dse.confirm import TOLERANCE, compare
from dse.executors import Job, run_job
from evaluators.accounting import PUBLISHED
from evaluators.workload import TRANSFORMERS, Workload
from studies.paper import paper_design

INSTALLED = shutil.which("timeloop-model") and shutil.which("accelergy")
BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)
JOBS = [
    Job("analytical", name, BERT_1K, paper_design(name, BERT_1K), PUBLISHED, breakdown=True)
    for name in ("binding", "flat")
]


def test_equal_evaluations_do_not_deviate() -> None:
    results = [run_job(job) for job in JOBS]
    assert {each.relative for each in compare(JOBS, results, results)} == {0.0}


@pytest.mark.parametrize("metric", ["energy_pj", "traffic_bytes"])
def test_one_word_of_difference_is_found_and_placed(metric: str) -> None:
    results = [run_job(job) for job in JOBS]
    value = results[1].metrics[metric]
    other = replace(results[1], metrics=dict(results[1].metrics) | {metric: value * (1 + 1e-9)})
    deviations = {each.metric: each for each in compare(JOBS, results, [results[0], other])}
    assert deviations[metric].relative == pytest.approx(1e-9, rel=1e-3)
    assert deviations[metric].relative > TOLERANCE
    assert deviations[metric].where == "flat on BERT at 1K"
    assert sum(each.relative > TOLERANCE for each in deviations.values()) == 1


def test_a_missing_value_is_a_difference() -> None:
    results = [run_job(job) for job in JOBS]
    nothing = dict(results[0].metrics) | {"latency_s": np.array([np.nan])}
    other = replace(results[0], metrics=nothing)
    deviations = {each.metric: each for each in compare(JOBS, results, [other, results[1]])}
    assert deviations["latency_s"].relative == float("inf")


@pytest.mark.skipif(bool(INSTALLED), reason="Timeloop and Accelergy are installed")
def test_without_timeloop_one_sentence_says_where_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["confirm", "paper", "--limit", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "timeloop.csail.mit.edu" in captured.err


@pytest.mark.skipif(not INSTALLED, reason="Timeloop and Accelergy are not installed")
def test_timeloop_confirms_the_first_points_of_the_paper(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["confirm", "paper", "--limit", "2"]) == 0
    assert "2 designs: timeloop and analytical agree" in capsys.readouterr().out
