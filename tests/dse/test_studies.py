"""`dse study` as a user types it: run, resume, list, show, export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dse.execution.executors import EvaluationError, Serial
from dse.results.parts import part_schema
from studies import toml

Run = Callable[..., tuple[int, str, str]]

NAME = "binding-bert"
SMALL = ("--seed", 1, "--sampler", "random", "--quiet")

OWN = """\
name = "mine"
configuration = "binding"
models = ["tiny", "BERT"]
seq_lens = ["4K"]
objectives = ["area", "energy_delay", "traffic"]
sampler = "random"
trials = 20

[constraints]
area_um2 = 5e8

[space]
vector_lanes = [128, 256]
buffer_bytes = { min = 1048576 }
query_tiles = 0

[transformers.tiny]
batch = 8
model_width = 256
query_width = 32
value_width = 32
heads = 8
ffn_width = 1024
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(OWN)
    return file


def rows(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("evaluations/*"))])


def test_run_says_what_came_of_the_study(dse: Run, tmp_path: Path) -> None:
    code, out, errors = dse("study", "run", NAME, *SMALL, "--trials", 20, "--out", tmp_path)
    assert (code, errors) == (0, "")
    table = rows(tmp_path / NAME)
    feasible = table[table["feasible"]]
    points = feasible[["area_um2", "latency_s"]].drop_duplicates().to_numpy()
    front = [
        each
        for each in points
        if not any((other <= each).all() and (other < each).any() for other in points)
    ]
    assert out.splitlines() == [
        f"{NAME} (strict, published accounting): 20 trials, {len(feasible)} feasible, 0 repeated",
        f"front of {len(front)} designs in area, latency",
        f"results are in {tmp_path / NAME}; dse front {NAME} --out {tmp_path} shows the front",
    ]


def test_the_bar_shows_the_progress(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", NAME, *SMALL[:-1], "--trials", 20, "--out", tmp_path)
    _, _, errors = dse(*run)
    assert "20/20" in errors
    for word in ("feasible", "front", "hypervolume"):
        assert word in errors


def test_the_specification_is_stored_as_run(dse: Run, tmp_path: Path, own: Path) -> None:
    run = ("study", "run", own, "--trials", 8, "--seed", 5, "--quiet", "--out", tmp_path / "runs")
    assert dse(*run)[0] == 0
    given, stored = toml.load(own), toml.load(tmp_path / "runs" / "mine" / "study.toml")
    assert (stored.trials, stored.seed) == (8, 5)
    assert stored.identity() == given.identity() | {"seed": 5}
    text = (tmp_path / "runs" / "mine" / "study.toml").read_text()
    assert "[made_with]" in text
    assert "optuna = " in text


def test_a_study_of_ones_own_transformer(dse: Run, tmp_path: Path, own: Path) -> None:
    code, out, errors = dse("study", "run", own, "--quiet", "--out", tmp_path / "runs")
    assert code == 0, errors
    table = rows(tmp_path / "runs" / "mine")
    assert table.columns.tolist() == part_schema(toml.load(own)).names
    assert table.groupby("trial")["model"].apply(list).tolist() == [["tiny", "BERT"]] * 20
    assert set(table["seq_len"]) == {4096}
    searched = table[table["pin"].isna()]
    assert set(searched["vector_lanes"]) <= {128, 256}
    assert searched["buffer_bytes"].min() >= 1 << 20
    assert "front of" in out
    assert "in area, energy_delay, traffic" in out


def test_a_design_that_comes_again_is_not_evaluated_again(
    dse: Run, tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text(OWN.replace("[space]", "[space]\narray_rows = 64\narray_cols = [64, 128]"))
    evaluated = []
    honest = Serial.evaluate

    def counting(self: Serial, jobs: list) -> list:
        evaluated.extend(
            row for job in jobs for row in zip(*job.designs.columns.values(), strict=True)
        )
        return honest(self, jobs)

    monkeypatch.setattr(Serial, "evaluate", counting)
    run = ("study", "run", own, "--trials", 200, "--quiet", "--out", tmp_path / "runs")
    code, out, _ = dse(*run)
    table = rows(tmp_path / "runs" / "mine")
    different = table["design"].nunique()
    assert code == 0
    assert different < 200
    assert len(evaluated) == 2 * different
    assert f"{200 - different} repeated" in out
    assert (~table["repeated"]).sum() == 2 * different
    measured = table.drop(columns=["trial", "pin", "repeated", "violations", "breakdown"])
    again = measured.astype(str).drop_duplicates()
    assert len(again) == 2 * different


def test_a_study_nobody_can_meet_exits_1_and_shows_no_front(
    dse: Run, tmp_path: Path, own: Path
) -> None:
    own.write_text(OWN.replace("area_um2 = 5e8", "area_um2 = 1.0"))
    run = ("study", "run", own, "--quiet", "--out", tmp_path)
    code, out, errors = dse(*run)
    assert (code, errors) == (1, "")
    first, second, header, *misses, last = out.splitlines()
    assert first == "mine (padded, corrected accounting): 20 trials, 0 feasible, 0 repeated"
    assert second == "no design is feasible; widen the space or the constraints"
    assert header.split()[0] == "constraint"
    assert "area_um2_over" in {each.split()[0] for each in misses}
    assert last == f"results are in {tmp_path / 'mine'}"
    assert dse("study", "resume", "mine", "--quiet", "--out", tmp_path)[:2] == (1, out)
    _, out, _ = dse("study", "show", "mine", "--json", "--out", tmp_path)
    assert json.loads(out)["front"] == 0
    assert json.loads(out)["feasible"] == 0


def test_a_bound_makes_a_design_infeasible_by_its_excess(
    dse: Run, tmp_path: Path, own: Path
) -> None:
    run = ("study", "run", own, "--trials", 60, "--quiet", "--out", tmp_path)
    assert dse(*run)[0] == 0
    export = tmp_path / "all.csv"
    assert dse("study", "export", "mine", export, "--out", tmp_path)[0] == 0
    table = pd.read_csv(export)
    over = table[table["area_um2"] > 5e8]
    _, out, _ = dse("study", "show", "mine", "--json", "--out", tmp_path)
    assert len(over)
    assert not over["feasible"].any()
    assert json.loads(out)["feasible"] == table.groupby("trial")["feasible"].all().sum()


def test_a_space_of_one_design_is_a_study(dse: Run, tmp_path: Path, own: Path) -> None:
    fixed = "[space]\narray_rows = 64\narray_cols = 64\n"
    text = OWN.replace("[space]\n", fixed).replace("[128, 256]", "128")
    own.write_text(text.replace("{ min = 1048576 }", "1048576").replace("5e8", "1e12"))
    for sampler in ("tpe", "nsga2", "nsga3", "random", "qmc", "grid"):
        run = ("study", "run", own, "--sampler", sampler, "--name", sampler, "--quiet")
        code, out, errors = dse(*run, "--out", tmp_path)
        assert (code, errors) == (0, "")
        assert "front of 1 designs" in out


def test_grid_ends_with_the_space(dse: Run, tmp_path: Path, own: Path) -> None:
    fixed = "[space]\narray_rows = [64, 128]\narray_cols = 64\n"
    text = OWN.replace("[space]\n", fixed).replace("{ min = 1048576 }", "1048576")
    own.write_text(text.replace('models = ["tiny", "BERT"]', 'models = ["tiny"]'))
    code, out, _ = dse("study", "run", own, "--sampler", "grid", "--quiet", "--out", tmp_path)
    assert code == 0
    assert out.startswith("mine (padded, corrected accounting): 4 trials, ")
    assert rows(tmp_path / "mine")["design"].tolist() == [0, 1, 2, 3]


def test_a_time_limit_starts_no_further_batch(dse: Run, tmp_path: Path, own: Path) -> None:
    own.write_text(OWN.replace("trials = 20", "time_limit_s = 1e-9"))
    code, out, _ = dse("study", "run", own, "--quiet", "--out", tmp_path)
    assert code == 1
    assert out.startswith("mine (padded, corrected accounting): 0 trials, ")
    assert out.splitlines()[1] == "the time limit let no batch start; give it a longer one"


def test_list_shows_every_study(dse: Run, tmp_path: Path, own: Path) -> None:
    assert dse("study", "list", "--out", tmp_path) == (
        0,
        f"there are no studies in {tmp_path}\n",
        "",
    )
    assert dse("study", "run", own, "--quiet", "--out", tmp_path)[0] == 0
    assert dse("study", "run", NAME, *SMALL, "--trials", 10, "--out", tmp_path)[0] == 0
    code, out, _ = dse("study", "list", "--out", tmp_path)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert lines[0] == ["study", "configuration", "sampler", "trials", "feasible", "front"]
    assert [line[:4] for line in lines[1:]] == [
        [NAME, "binding", "random", "10/10"],
        ["mine", "binding", "random", "20/20"],
    ]
    file = tmp_path / "file"
    file.touch()
    assert dse("study", "list", "--out", file) == (
        2,
        "",
        f"dse study: --out {file} is a file; name a folder of studies\n",
    )


def test_show_tells_where_a_study_stands(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", NAME, *SMALL, "--batch", 4, "--out", tmp_path)
    assert dse(*run, "--trials", 4)[0] == 0
    code, out, _ = dse("study", "show", NAME, "--json", "--out", tmp_path)
    shown = json.loads(out)
    assert code == 0
    assert (shown["study"], shown["trials"], shown["budget"]) == (NAME, 4, 4)
    assert list(shown["pinned"].values()) == [True] * 4 + [False] * 3
    assert shown["specification"]["seed"] == 1
    _, out, _ = dse("study", "show", NAME, "--out", tmp_path)
    words = [line.split() for line in out.splitlines()]
    assert ["trials", "4"] in words
    assert sum(line[-1] == "evaluated" for line in words) == 4
    assert sum(line[-1] == "waiting" for line in words) == 3


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_export_writes_every_evaluation(dse: Run, tmp_path: Path, own: Path, suffix: str) -> None:
    assert dse("study", "run", own, "--quiet", "--out", tmp_path)[0] == 0
    file = tmp_path / f"all.{suffix}"
    code, out, errors = dse("study", "export", "mine", file, "--out", tmp_path)
    assert (code, errors) == (0, "")
    assert out == f"40 evaluations of mine are in {file}\n"
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}.get(
        suffix, lambda path: pd.read_json(path, lines=True)
    )
    table = read(file)
    expected = rows(tmp_path / "mine")
    assert table["trial"].tolist() == expected["trial"].tolist()
    np.testing.assert_allclose(table["area_um2"], expected["area_um2"], rtol=1e-9)
    assert [
        json.loads(each) if isinstance(each, str) else each for each in table["violations"]
    ] == [dict(each) for each in expected["violations"]]


def test_export_to_an_unknown_kind_of_file_is_refused(dse: Run, tmp_path: Path, own: Path) -> None:
    assert dse("study", "run", own, "--quiet", "--out", tmp_path)[0] == 0
    code, out, errors = dse("study", "export", "mine", tmp_path / "all.xls", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert ".csv" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("action", ["resume", "show", "export"])
def test_an_unknown_study_is_refused(dse: Run, tmp_path: Path, action: str) -> None:
    more = [tmp_path / "all.csv"] if action == "export" else []
    code, out, errors = dse("study", action, "nothing", *more, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert errors == (
        f"dse study: there is no study in {tmp_path / 'nothing'}; dse study list --out {tmp_path} "
        "shows those there are, dse study run starts one\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing",), "unknown study 'nothing'"),
        (("nowhere.toml",), "cannot read nowhere.toml: No such file or directory"),
        ((NAME, "--sampler", "best"), "sampler: 'best' is unknown; known are tpe, nsga2"),
        ((NAME, "--evaluator", "guess"), "unknown evaluator 'guess'"),
        ((NAME, "--accounting", "Q99"), "accounting: 'Q99' is unknown"),
        ((NAME, "--executor", "abacus"), "unknown executor 'abacus'"),
        ((NAME, "--name", "../other"), "'../other' is no name"),
        ((NAME, "--name", ""), "'' is no name"),
        (("pareto", "--name", "mine"), "pareto is a collection; --name names one study"),
        ((NAME, "--trials", "0"), "--trials"),
        ((NAME, "--seed", "-1"), "--seed"),
        ((NAME, "--time-limit-s", "nan"), "--time-limit-s"),
    ],
)
def test_a_wrong_run_is_one_sentence_and_makes_no_study(
    dse: Run, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    code, out, errors = dse("study", "run", *arguments, "--out", tmp_path / "runs", "--quiet")
    assert (code, out) == (2, "")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_an_evaluation_that_fails_stops_the_study_and_says_how_to_resume(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Serial, jobs: object) -> None:
        raise EvaluationError("16 designs of binding: the worker died")

    monkeypatch.setattr(Serial, "evaluate", failing)
    run = ("study", "run", NAME, *SMALL, "--trials", 8, "--out", tmp_path)
    assert dse(*run) == (
        1,
        "",
        "dse study: 16 designs of binding: the worker died; "
        f"continue with: dse study resume {NAME} --out {tmp_path}\n",
    )
    monkeypatch.undo()
    assert dse(*run)[0] == 0
