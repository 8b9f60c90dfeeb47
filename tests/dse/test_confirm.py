"""`dse confirm`: what differs is found, and named."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dse.commands.cli import main
from dse.execution.executors import Job, run_job
from dse.interface.confirmable import jobs_of
from dse.interface.confirming import compare, confirmation
from dse.reports.confirmation import TOLERANCE
from dse.results.design_tables import DesignTable
from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.design import Designs
from evaluators.engine.costs import prices as own_prices
from evaluators.engine.evaluator import AnalyticalEvaluator, Batch, nests_of
from evaluators.engine.nests import Nests
from evaluators.errors import InputError
from evaluators.protocol import Evaluations
from evaluators.timeloop import audit, tiles, versions
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
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
    assert deviations[metric].where == "flat on BERT at 1K tokens"
    assert sum(each.relative > TOLERANCE for each in deviations.values()) == 1


def test_a_missing_value_is_a_difference() -> None:
    results = [run_job(job) for job in JOBS]
    nothing = dict(results[0].metrics) | {"latency_s": np.array([np.nan])}
    other = replace(results[0], metrics=nothing)
    deviations = {each.metric: each for each in compare(JOBS, results, [other, results[1]])}
    assert deviations["latency_s"].relative == float("inf")


NEWEST = {
    "pe read_pj": 2.76709,
    "pe write_pj": 2.402701,
    "pe area_um2": 29237.1165907692,
    "vector read_pj": 2.77111,
    "vector write_pj": 2.40672,
    "vector area_um2": 29248.7514307692,
    "max energy_pj": 0.031944,
    "max area_um2": 75.5048246153846,
    "add energy_pj": 5.513,
    "add area_um2": 1505.0,
    "mac energy_pj": 12.938,
    "mac area_um2": 2257.5,
}
"""What Accelergy 6911d15 (May 2025) with the plug-ins of February 2026 prints of +Binding's chip,
where it differs from the paper's; energies rounded to six decimals."""


def nests(job: Job) -> Nests:
    return nests_of(job.configuration, job.workload, run_job(job).designs, job.accounting)


def audited(job: Job, prices: dict[str, float]) -> tuple[Evaluations, Evaluations]:
    """Our evaluation of a job, and one at other prices with the columns of an audit."""
    ours = run_job(job)
    parts = own_prices(nests(job))
    own = {name: price for name, price in audit.prices(parts).items() if "exponential" not in name}
    given = own | {name: price for name, price in prices.items() if name in own}
    engine = AnalyticalEvaluator(lambda nests: Batch(nests, audit.priced(parts, given)))
    theirs = engine.evaluate(
        job.configuration, job.workload, ours.designs, job.accounting, breakdown=True
    )
    energy_pj = float(theirs.metrics["energy_pj"][0])
    audited = given | {audit.ESTIMATED_PJ: energy_pj, audit.EXACT_PJ: energy_pj}
    columns = {name: np.array([value]) for name, value in audited.items()}
    return ours, replace(theirs, metrics=dict(theirs.metrics) | columns)


def test_our_own_prices_leave_nothing_to_say() -> None:
    ours, theirs = audited(JOBS[0], {})
    found = confirmation(JOBS[:1], [ours], [theirs])
    assert found.agree
    assert found.prices == {}
    assert found.changes == ()


def test_the_newest_prices_are_recognised_and_the_counts_agree() -> None:
    ours, theirs = audited(JOBS[0], NEWEST)
    found = confirmation(JOBS[:1], [ours], [theirs])
    assert found.prices.keys() == NEWEST.keys()
    assert found.prices["pe area_um2"] == pytest.approx(29237.1165907692 / 16837.57936, rel=1e-9)
    assert found.changes == versions.CHANGES
    assert found.counts_agree
    assert found.agree
    energy = next(each for each in found.deviations if each.metric == "energy_pj")
    assert 0.2 < energy.relative < 0.4


@pytest.mark.parametrize("change", versions.CHANGES, ids=lambda change: change.since)
def test_each_change_is_recognised_alone(change: versions.Change) -> None:
    of_binding = nests(JOBS[0])
    prices = change.apply(audit.prices(own_prices(of_binding)), audit.register_rows(of_binding))
    found = confirmation(JOBS[:1], *([each] for each in audited(JOBS[0], prices)))
    assert found.changes == (change,)


def test_prices_of_no_known_version_do_not_agree_though_the_counts_do() -> None:
    ours, theirs = audited(JOBS[0], {"dram read_pj": 1.0})
    found = confirmation(JOBS[:1], [ours], [theirs])
    assert list(found.prices) == ["dram read_pj"]
    assert found.changes is None
    assert found.counts_agree
    assert not found.agree


@pytest.mark.parametrize("prices", [{}, NEWEST], ids=["the paper's", "the newest"])
def test_a_count_that_differs_is_found_at_any_prices(prices: dict[str, float]) -> None:
    ours, theirs = audited(JOBS[0], prices)
    traffic = theirs.metrics["traffic_bytes"] + 1
    theirs = replace(theirs, metrics=dict(theirs.metrics) | {"traffic_bytes": traffic})
    found = confirmation(JOBS[:1], [ours], [theirs])
    assert not found.counts_agree
    assert not found.agree


def test_an_estimate_that_differs_is_found() -> None:
    ours, theirs = audited(JOBS[0], {})
    estimate = theirs.metrics[audit.ESTIMATED_PJ] * (1 + 1e-9)
    theirs = replace(theirs, metrics=dict(theirs.metrics) | {audit.ESTIMATED_PJ: estimate})
    found = confirmation(JOBS[:1], [ours], [theirs])
    assert not found.agree
    assert found.deviations[-1].metric == "energy by Accelergy"


def test_where_every_run_fails_there_is_no_table_of_deviations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("timeloop-model", "accelergy"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'ERROR: out of luck'\nexit 1\n", encoding="ascii")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DSE_TIMELOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["confirm", "paper", "--limit", "2"]) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    for line in (first, second):
        assert " failed: " in line
        assert line.endswith("it said: ERROR: out of luck")
    assert last.startswith("0 designs, 2 failed; timeloop took ")


def test_without_timeloop_one_sentence_says_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["confirm", "paper", "--limit", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "timeloop.csail.mit.edu" in captured.err


@pytest.mark.skipif(not INSTALLED, reason="Timeloop and Accelergy are not installed")
def test_timeloop_confirms_the_first_points_of_the_paper(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["confirm", "paper", "--limit", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts_agree"]
    if not found["prices"]:
        assert max(each["relative"] for each in found["deviations"]) < TOLERANCE
    else:  # a newer Accelergy
        assert set(found["changes"]) <= {change.since for change in versions.CHANGES}


MINE = """
name = "mine"
base = "binding"
[schedule]
stages = ["QK LM RM PRM SPD SPNV SLN SLD SLNV RD RNV AV"]
memory = "whole"
"""
"""+Binding whose stages overlap perfectly."""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    designs = tmp_path / "designs.csv"
    designs.write_text(
        "configuration,seq_len,fit,array_rows,array_cols,vector_lanes,buffer_bytes\n"
        f"{tmp_path / 'mine.toml'},1K,,64,64,64,1048576\n"
        "binding,1K,strict,100,64,64,1048576\n"
        "tensor_core,1K,,,,,\n"
        "one_array,1K,,64,64,,1048576\n",
        encoding="utf-8",
    )
    return designs


def test_a_table_of_designs_is_confirmed_row_for_row(table: Path) -> None:
    jobs, left_out = jobs_of(DesignTable.in_file(table), None)
    assert [Path(job.configuration).stem for job in jobs] == ["mine", "tensor_core", "one_array"]
    assert all(len(job.designs) == 1 and job.breakdown for job in jobs)
    assert left_out == [
        "row 2 is left out: array_rows 100 leaves a remainder of 24 in the 1024 keys; it must "
        "divide them"
    ]
    results = [run_job(job) for job in jobs]
    assert all(each.feasible.all() for each in results)
    assert [len(each.busy_s) for each in results] == [2, 3, 1]
    assert jobs_of(DesignTable.in_file(table), 1) == (jobs[:1], [])


def test_a_table_without_a_feasible_design_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    designs = tmp_path / "designs.csv"
    designs.write_text("array_rows,seq_len,fit\n100,1K,strict\n", encoding="utf-8")
    assert main(["confirm", "--designs", str(designs)]) == 2
    said = capsys.readouterr().err
    assert "has no feasible design to confirm; the first: row 1 is left out: array_rows 100" in said


@pytest.mark.parametrize("options", [[], ["paper", "--designs", "designs.csv"]])
def test_a_name_or_a_table_is_confirmed(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["confirm", *options]) == 2
    assert "give one of NAME" in capsys.readouterr().err


@pytest.mark.skipif(not INSTALLED, reason="Timeloop and Accelergy are not installed")
def test_timeloop_confirms_accelerators_that_are_files(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["confirm", "--designs", str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["designs"], found["failures"]) == (3, [])
    assert found["counts_agree"]
    assert len(found["left_out"]) == 1


MASKED = (
    "configuration,shape,seq_len,mask,fit,array_rows,array_cols,vector_lanes,query_tiles\n"
    'binding,"1,32,8,8,2,64,kv_heads=1",24,causal,pad,16,16,8,1\n'
)
"""Two heads of queries share keys: 2 x 24 rows are 3 tiles of 16, 24 keys 2 chunks of 12."""


@pytest.mark.skipif(not INSTALLED, reason="Timeloop and Accelergy are not installed")
def test_timeloop_confirms_shared_keys_padding_and_a_mask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    designs = tmp_path / "designs.csv"
    designs.write_text(MASKED, encoding="utf-8")
    assert main(["confirm", "--designs", str(designs), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["designs"], found["failures"]) == (1, [])
    assert found["counts_agree"]


def test_a_masked_nest_that_is_no_sum_over_tiles_is_refused() -> None:
    """FLAT keeps keys over tiles of queries."""
    shape = Transformer("small", 1, 32, 8, 8, 2, 64)
    sides = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "query_rows": 8}
    labels = {"qk_stationarity": 1, "av_stationarity": 1}
    labels |= {f"keeps_{tensor}": 1 for tensor in ("q", "k", "qk", "v", "av")}
    nests = nests_of(
        "flat", Workload(shape, 64, causal=True), Designs.of(**sides, **labels), CORRECTED
    )
    with pytest.raises(InputError, match="without a mask, and QK of flat is no sum of them"):
        tiles.of(nests, nests.runs["QK"][0])
