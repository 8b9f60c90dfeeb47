"""What a search with the mapper tells of the bindings found, and that it gives the same again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dse as interface
from evaluators.describe.catalogue import described
from evaluators.protocol import ENERGIES

Run = Callable[..., tuple[int, str, str]]

OPEN = ("two_pass", "three_pass")
STUDY = """
name = "machines"
configuration = ["two_pass", "three_pass"]
models = ["tiny"]
seq_lens = [16]
objectives = ["area", "latency", "energy"]
trials = 8
batch = 8
sampler = "grid"
[space]
array_rows = [8, 16]
array_cols = 8
vector_lanes = 8
buffer_bytes = 65536
gm_on = ["1d", "2d"]
[transformers.tiny]
batch = 1
model_width = 8
query_width = 4
value_width = 4
heads = 1
ffn_width = 8
"""
SIZE = 2 * 2 * 2
"""Two accelerators, two machines, two places of GM."""

TOKENS = 16
MACHINE = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": 65536}
SHAPE = {"shape": "1,8,4,4,1,8", "seq_len": TOKENS}
CLOSE = 1e-12
METRICS = ["area_um2", "latency_s", "energy_pj"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _study(folder: Path) -> Path:
    path = folder / "machines.toml"
    path.write_text(STUDY)
    return path


def _assert_whole(found: pd.DataFrame) -> None:
    """Every row tells each choice of its accelerator, none of another's, and the sentence."""
    every = {name for each in OPEN for name in described(each).open_parameters}
    for _, row in found.iterrows():
        own = described(row["configuration"]).open_parameters
        told = {name for name in every & {*found.columns} if not pd.isna(row[name])}
        assert told == {*own}
        assert not any(row[name] == "auto" for name in own)
        assert row["binding_gap"] > -CLOSE
        assert re.match(r"[123] pass", row["binding"])


def _assert_same(again: pd.DataFrame, found: pd.DataFrame) -> None:
    for name in METRICS:
        assert again[name].to_numpy() == pytest.approx(found[name].to_numpy(), rel=CLOSE), name
    assert again["binding"].tolist() == found["binding"].tolist()
    assert set(again["evaluator"]) == {"mapper"}


def test_each_point_of_a_sweeps_front_has_its_binding(dse: Run, tmp_path: Path) -> None:
    """As a table it is evaluated anew, without a word of the evaluator, to the same numbers."""
    table, again = tmp_path / "front.csv", tmp_path / "again.parquet"
    code, said, _ = dse("sweep", _study(tmp_path), "--table", table)
    assert code == 0
    found = pd.read_csv(table)
    _assert_whole(found)
    assert set(found["array_rows"]) == {8, 16}
    told = " ".join(said.split())
    for sentence in found.drop_duplicates(METRICS)["binding"]:
        assert sentence in told

    assert dse("evaluate", "--designs", table, "--out", again)[0] == 0
    _assert_same(pd.read_parquet(again), found)
    front = interface.study(_study(tmp_path)).true_front
    assert front is not None
    rest = {name: value for name, value in MACHINE.items() if name not in front}
    _assert_same(interface.evaluate(front, **SHAPE, **rest), found)


def test_a_resumed_sweep_has_them_too(dse: Run, tmp_path: Path) -> None:
    """Parts of before and parts of after the stop make the front of a sweep in one go."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert dse("sweep", _study(tmp_path), "--table", first)[0] == 0
    parts = sorted(Path("runs/machines/sweep").glob("part-*"))
    assert len(parts) == SIZE
    kept = {part: part.stat().st_mtime_ns for part in parts}
    for part in parts[1::2]:
        part.unlink()
        del kept[part]
    assert dse("sweep", "machines.toml", "--table", second)[0] == 0
    assert {part: part.stat().st_mtime_ns for part in kept} == kept
    assert second.read_text() == first.read_text()


def test_several_workloads_have_a_binding_each(dse: Run, tmp_path: Path) -> None:
    """Parts tell them, a row a workload; the front has the choices that the space gives."""
    path = _study(tmp_path)
    path.write_text(STUDY.replace("seq_lens = [16]", "seq_lens = [8, 16]"))
    assert dse("sweep", path, "--table", "front.csv")[0] == 0
    front = pd.read_csv("front.csv")
    assert "binding" not in front
    assert set(front["gm_on"]) <= {"1d", "2d"}
    for part in Path("runs/machines/sweep").glob("part-*"):
        rows = pd.read_parquet(part)
        assert rows["seq_len"].tolist() == [8, 16]
        _assert_whole(rows)
        for length, row in zip((8, 16), rows.to_dict("records"), strict=True):
            assert f" x {length} M;" in row["binding"]


def test_each_trial_on_a_front_has_its_binding(dse: Run, tmp_path: Path) -> None:
    """In the front's table, in JSON and as text; an export gives the same numbers again."""
    assert dse("study", "run", _study(tmp_path))[0] == 0
    assert dse("front", "machines", "--table", "front.csv", "--table", "front.tex")[0] == 0
    front = pd.read_csv("front.csv")
    _assert_whole(front)
    assert "pass" not in Path("front.tex").read_text().replace("_pass", "").replace("\\_pass", "")
    reported = json.loads(dse("front", "machines", "--json")[1])["front"]
    told = " ".join(dse("front", "machines")[1].split())
    for row, (_, own) in zip(reported, front.iterrows(), strict=True):
        assert row["found"]["binding"] == own["binding"]
        assert f"trial {row['trial']}: {own['binding']}" in told

    assert dse("study", "export", "machines", "trials.csv")[0] == 0
    trials = pd.read_csv("trials.csv")
    assert len(trials) == 8
    again = interface.evaluate(trials[trials["feasible"]])
    _assert_same(again, trials[trials["feasible"]])


def test_the_sentence_says_what_the_choices_say() -> None:
    """Who runs where, what is cut and tiled; what stays on chip causes no traffic."""
    whole = interface.evaluate(configuration="two_pass", **SHAPE, **MACHINE).iloc[0]
    groups, arrays_2d, arrays_1d, on_chip = whole["binding"].split("; ")[1:]
    names = ["QK", "GM", "SN", "SD", "SNV", "AV"]
    tiles = f"{whole['qk_p_tile']} P x {whole['qk_m_tile']} M"
    assert groups == f"{' '.join(names)} in tiles of {tiles}"
    for text, array in ((arrays_2d, "2d"), (arrays_1d, "1d")):
        runs = [name for name in names if whole[f"{name.lower()}_on"].startswith(array)]
        assert text == f"{array.upper()} array {' '.join(runs)}"
    assert on_chip == "on chip QK GM SN SD SNV"
    heads, tokens, width, word = 1, TOKENS, 4, 2
    assert whole["traffic_bytes"] == word * heads * tokens * width * 4  # Q, K, V and AV, once

    cut = interface.evaluate(
        configuration="two_pass", gm_cut="yes", sn_cut="no", **SHAPE, **MACHINE
    ).iloc[0]
    assert "; QK in tiles of" in cut["binding"]
    assert ", then GM SN" in cut["binding"]
    assert "on chip GM" in cut["binding"]
    scores = word * heads * tokens * tokens
    assert cut["traffic_bytes"] >= whole["traffic_bytes"] + 2 * scores  # written, and read


def test_tables_have_rows_of_any_accelerator(dse: Run, tmp_path: Path) -> None:
    """Each row is evaluated as it is alone; a choice is read as its own accelerator calls it."""
    rows = [
        {"configuration": "one_pass", "av_on": "1d P"},
        {"configuration": "binding"},
        {"configuration": "three_pass", "av_on": "2d M/P"},
    ]
    common = {**SHAPE, **MACHINE}
    table, out = tmp_path / "designs.csv", tmp_path / "results.csv"
    pd.DataFrame([{**each, **common} for each in rows]).to_csv(table, index=False)
    assert dse("evaluate", "--designs", table, "--out", out)[0] == 0
    found = pd.read_csv(out)
    assert found["evaluator"].tolist() == ["mapper", "analytical", "mapper"]
    assert found["av_on"].fillna("").tolist() == ["1d P", "", "2d M/P"]
    for row, each in zip(rows, found.to_dict("records"), strict=True):
        alone = interface.evaluate(**{**row, **common}).iloc[0]
        assert each["energy_pj"] == pytest.approx(alone["energy_pj"], rel=CLOSE)
        assert each["latency_s"] == pytest.approx(alone["latency_s"], rel=CLOSE)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"configuration": "one_pass", "av_on": "2d M/P"}, "row 2: av_on '2d M/P': give one of"),
        ({"configuration": "binding", "av_on": "1d P"}, "row 2: av_on: binding has no"),
    ],
)
def test_a_choice_that_an_accelerator_lacks_is_refused(
    dse: Run, tmp_path: Path, row: dict[str, str], sentence: str
) -> None:
    good = {"configuration": "three_pass", "av_on": "2d M/P"}
    table = tmp_path / "designs.csv"
    pd.DataFrame([{**each, **SHAPE, **MACHINE} for each in (good, row)]).to_csv(table, index=False)
    code, _, said = dse("evaluate", "--designs", table, "--out", tmp_path / "results.csv")
    assert code == 2
    assert sentence in said
    assert not (tmp_path / "results.csv").exists()


def test_the_front_of_several_studies_is_no_table_of_one(dse: Run, tmp_path: Path) -> None:
    code, _, said = dse("sweep", "pareto", "--table", tmp_path / "front.csv")
    assert code == 2
    assert said.count("\n") == 1
    assert "pareto has 4" in said
    assert not (tmp_path / "front.csv").exists()


def test_what_the_mapper_binds_is_strict_and_corrected_where_nothing_is_said(
    dse: Run, tmp_path: Path
) -> None:
    said = {"accounting": "corrected", "fit": "strict"}
    sides = {"array_rows": [256, 64]}  # the paper's machine, and another
    found = interface.evaluate(evaluator="mapper", seq_len="1K", **sides)
    told = interface.evaluate(evaluator="mapper", seq_len="1K", **sides, **said)
    assert found[["accounting", "fit"]].drop_duplicates().to_dict("records") == [said]
    pd.testing.assert_frame_equal(found, told[found.columns], check_exact=True)
    code, out, _ = dse("evaluate", "--evaluator", "mapper", "--seq-len", "1K", "--json")
    assert code == 0
    assert json.loads(out)["latency_s"] == found["latency_s"].iloc[0]
    specification = interface.study(
        name="a", configuration="binding", models=["BERT"], seq_lens=["1K"], evaluator="mapper"
    ).specification
    assert specification.told == "strict, corrected accounting"


@pytest.mark.parametrize(
    "options",
    [
        {"seq_len": "1K"},
        {"shape": "2,8,4,4,2,8", "seq_len": 32, "array_rows": 8, "array_cols": 8}
        | {"vector_lanes": 8, "buffer_bytes": 4096},
        {"shape": "1,8,4,4,1,8", "seq_len": 40, "array_rows": 8, "array_cols": 8}
        | {"vector_lanes": 16, "buffer_bytes": 65536},
    ],
)
def test_the_energy_of_a_binding_is_told_by_component_as_the_engine_does(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    words = [str(word).replace("_", "-") for word in words]
    assert dse("map", *words, "--out", "best.toml")[0] == 0
    (found,) = interface.evaluate(evaluator="mapper", **options).to_dict("records")
    (written,) = interface.evaluate(
        configuration="best.toml", accounting="corrected", **options
    ).to_dict("records")
    for name in ENERGIES:
        assert found[name] == pytest.approx(written[name], rel=1e-12)
    added = sum(found[name] for name in ENERGIES)
    assert added == pytest.approx(found["energy_pj"], rel=1e-12)
    assert found["energy_dram_pj"] == pytest.approx(3.9 * 8 * found["traffic_bytes"], rel=1e-12)
