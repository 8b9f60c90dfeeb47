"""Evaluations that fail: the trial fails with its reason, and the others go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from dse.search.storage import load
from evaluators.engine.costs import prices
from evaluators.engine.evaluator import AnalyticalEvaluator, nests_of
from evaluators.errors import EvaluationError
from evaluators.protocol import EVALUATORS, Evaluations, Runs
from evaluators.timeloop import audit

Run = Callable[..., tuple[int, str, str]]

NAME = "binding-bert"
TIMELOOP = EVALUATORS["timeloop"]
SMALL = ("--seed", 1, "--sampler", "random", "--batch", 5, "--quiet", "--evaluator", "timeloop")


class Unreliable(AnalyticalEvaluator):
    """Fails for every design with fewer than 64 rows, one by one."""

    name = "timeloop"
    one_by_one = True
    sizes: list[int]

    def evaluate(self, configuration, workload, designs, accounting, *, breakdown=False):  # type: ignore[no-untyped-def]
        Unreliable.sizes.append(len(designs))
        result = super().evaluate(configuration, workload, designs, accounting, breakdown=breakdown)
        return fail(result) if designs.columns["array_rows"][0] < 64 else result


class UnreliableAudit(Unreliable):
    """The same with the columns of an audit that finds our own prices."""

    def evaluate(self, configuration, workload, designs, accounting, *, breakdown=False):  # type: ignore[no-untyped-def]
        result = super().evaluate(configuration, workload, designs, accounting, breakdown=breakdown)
        energy_pj = float(result.metrics["energy_pj"][0])
        own = audit.prices(prices(nests_of(configuration, workload, result.designs, accounting)))
        audited = own | {audit.ESTIMATED_PJ: energy_pj, audit.EXACT_PJ: energy_pj}
        columns = {name: np.array([value]) for name, value in audited.items()}
        return replace(result, metrics=dict(result.metrics) | columns)


def fail(result: Evaluations) -> Evaluations:
    nothing = {name: column * float("nan") for name, column in result.metrics.items()}
    error = EvaluationError("timeloop-model exited with status 1, see /folder")
    return replace(result, metrics=nothing, failures={0: error}, runs=Runs(made=1))


@pytest.fixture(autouse=True)
def unreliable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EVALUATORS, "timeloop", f"{__name__}:Unreliable")
    monkeypatch.setitem(EVALUATORS, "timeloop-audit", f"{__name__}:UnreliableAudit")
    Unreliable.sizes = []


def rows(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("evaluations/*"))])


def test_a_trial_whose_run_fails_fails_with_its_reason(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", NAME, *SMALL, "--trials", 20, "--out", tmp_path)
    code, out, errors = dse(*run)
    assert (code, errors) == (1, "")
    assert set(Unreliable.sizes) == {1}
    table = rows(tmp_path / NAME)
    wrong = table["array_rows"] < 64
    assert 0 < wrong.sum() < 20
    assert table["failed"].equals(wrong)
    assert not table["feasible"][wrong].any()
    assert table["latency_s"][wrong].isna().all()
    said = out.splitlines()
    assert said[0].endswith(f" repeated, {wrong.sum()} failed")
    assert said[1] == f"timeloop: {wrong.sum()} runs, 0 results from the cache"
    first = table["trial"][wrong].min()
    assert said[2] == f"trial {first} failed: timeloop-model exited with status 1, see /folder"

    states = {each.number: each for each in load(tmp_path / NAME, NAME, None).get_trials()}
    for trial, failed in zip(table["trial"], wrong, strict=True):
        state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
        assert states[trial].state == state
        assert ("failure" in states[trial].user_attrs) == failed


def test_a_study_without_the_programs_begins_nothing(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EVALUATORS, "timeloop", TIMELOOP)
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "runs"
    code, said, errors = dse("study", "run", NAME, *SMALL, "--trials", 5, "--out", out)
    assert (code, said, errors.count("\n")) == (2, "", 1)
    assert "timeloop.csail.mit.edu" in errors
    assert not out.exists()


def test_a_failed_trial_is_not_run_twice_and_the_rest_is_as_without_a_stop(
    dse: Run, tmp_path: Path
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    dse("study", "run", NAME, *SMALL, "--trials", 20, "--out", whole)
    evaluated = len(Unreliable.sizes)
    dse("study", "run", NAME, *SMALL, "--trials", 10, "--out", halves)
    assert dse("study", "resume", NAME, "--trials", 20, "--quiet", "--out", halves)[0] == 1
    assert len(Unreliable.sizes) == 2 * evaluated
    pd.testing.assert_frame_equal(rows(whole / NAME), rows(halves / NAME))
    _, shown, _ = dse("study", "show", NAME, "--out", halves, "--json")
    assert json.loads(shown)["failed"] == rows(halves / NAME)["failed"].sum()
    assert dse("front", NAME, "--out", halves)[0] == 0


def test_a_table_of_designs_tells_which_failed(dse: Run, tmp_path: Path) -> None:
    designs, results = tmp_path / "designs.csv", tmp_path / "results.csv"
    designs.write_text("array_rows\n256\n")
    command = ("evaluate", "--designs", designs, "--out", results, "--evaluator", "timeloop")
    assert dse(*command)[0] == 0
    designs.write_text("array_rows\n32\n")
    code, out, _ = dse(*command)
    assert (code, out.split(";")[0]) == (
        1,
        "1 designs evaluated (pad, corrected), 0 of them feasible, 1 failed",
    )
    (row,) = pd.read_csv(results).to_dict("records")
    assert row["failed"]
    assert not row["feasible"]
    assert row["reason"] == "timeloop-model exited with status 1, see /folder"


def test_one_design_that_fails_ends_with_its_reason(dse: Run) -> None:
    code, out, errors = dse("evaluate", "--array-rows", 32, "--evaluator", "timeloop")
    assert (code, out) == (1, "")
    assert errors == "dse evaluate: timeloop-model exited with status 1, see /folder\n"


def test_what_fails_is_not_confirmed(dse: Run, tmp_path: Path) -> None:
    dse("study", "run", NAME, "--trials", 8, "--quiet", "--out", tmp_path)
    code, out, _ = dse("confirm", NAME, "--out", tmp_path)
    assert code == 1
    code, said, _ = dse("confirm", NAME, "--out", tmp_path, "--json")
    failures = json.loads(said)["failures"]
    assert code == 1
    assert out.count(" failed: ") == len(failures) > 1
    assert f"agree, {len(failures)} failed;" in out
    assert "failed: timeloop-model exited with status 1" in out
    assert "timeloop and analytical agree, " in out
