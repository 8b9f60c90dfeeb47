"""`dse front`: what it says of fronts and of the paper's points, checked by evaluating it anew."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dse.commands.cli import main
from dse.reports.misses import misses
from dse.results.study_tables import trials
from studies.builtin import STUDIES

Run = Callable[..., tuple[int, str, str]]

MODELS = ("bert", "trxl", "t5", "xlm")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four studies of figure 12, swept, and one that was not, under both accountings."""
    out = tmp_path_factory.mktemp("runs")
    common = ["--quiet", "--seed", "1", "--out", str(out)]
    assert main(["study", "run", "pareto", "--trials", "60", *common]) == 0
    assert main(["sweep", "pareto", "--out", str(out)]) == 0
    corrected = ["--trials", "20", "--accounting", "corrected", "--name", "corrected", *common]
    assert main(["study", "run", "binding-bert", *corrected]) == 0
    assert main(["sweep", "corrected", "--out", str(out)]) == 0
    unswept = ["--trials", "20", "--name", "unswept", *common]
    assert main(["study", "run", "binding-bert", *unswept]) == 0
    return out


def _front(dse: Run, study: str, out: Path) -> dict[str, Any]:
    code, text, errors = dse("front", study, "--out", out, "--json")
    assert code == 0, errors
    report: dict[str, Any] = json.loads(text)
    return report


def _evaluate(dse: Run, command: str) -> dict[str, Any]:
    program, *arguments = shlex.split(command)
    assert program == "dse"
    code, text, errors = dse(*arguments, "--json")
    assert code == 0, errors
    result: dict[str, Any] = json.loads(text)
    return result


def _paper_point(dse: Run, point: str, accounting: str) -> dict[str, Any]:
    """Evaluate a point of the paper from its id: docs/model/accounting.md#area-latency-sweep."""
    study, configuration, model, seq_len, side = point.split("/")
    width = 128 if model == "XLM" else 64
    buffer = 16 * int(side) * width * (2 if side == "512" else 1)
    if study == "attention":
        buffer = 16 * 2**20
    return _evaluate(
        dse,
        f"dse evaluate --configuration {configuration} --model {model} --seq-len {seq_len} "
        f"--array-rows {side} --array-cols {side} --vector-lanes {side} --buffer-bytes {buffer} "
        f"--accounting {accounting}",
    )


@pytest.mark.parametrize("study", ["binding-bert", "binding-xlm", "corrected", "unswept"])
def test_the_dominators_dominate_by_the_factors_told(dse: Run, searched: Path, study: str) -> None:
    report = _front(dse, study, searched)
    shown = 0
    for point in report["paper_points"]:
        paper = _paper_point(dse, point["point"], report["accounting"])
        assert [point[name] for name in report["objectives"]] == [
            paper[name] for name in report["objectives"]
        ]
        products = []
        for best in point["best"]:
            ours = _evaluate(dse, best["command"])
            assert ours["accounting"] == report["accounting"]
            factors = [ours[name] / paper[name] for name in report["objectives"]]
            assert max(factors) <= 1
            assert min(factors) < 1
            assert list(best["factors"].values()) == factors
            products.append(np.prod(factors))
            shown += 1
        assert products == sorted(products)
        assert len(products) == min(3, point["dominators"])
        assert point["on_front"] == (not products)
    assert shown > 0


@pytest.mark.parametrize("study", ["binding-bert", "binding-xlm", "corrected"])
def test_a_point_is_on_the_true_front_if_no_swept_design_dominates_it(
    dse: Run, searched: Path, study: str
) -> None:
    report = _front(dse, study, searched)
    parts = sorted((searched / study / "sweep").glob("part-*.parquet"))
    swept = pd.concat([pd.read_parquet(part) for part in parts])
    designs = swept[["area_um2", "latency_s"]].to_numpy()
    assert report["paper_points_against"] == "true front"
    for point in report["paper_points"]:
        own = np.array([point["area_um2"], point["latency_s"]])
        dominated = ((designs <= own).all(axis=1) & (designs < own).any(axis=1)).any()
        assert point["on_front"] == (not dominated)
    assert {point["on_front"] for point in report["paper_points"]} == {True, False}


def test_the_papers_points_are_the_six_sizes_and_the_machine(dse: Run, searched: Path) -> None:
    points = [each["point"] for each in _front(dse, "binding-t5", searched)["paper_points"]]
    assert points == ["attention/binding/T5/262144/256"] + [
        f"pareto/binding/T5/262144/{side}" for side in (16, 32, 64, 128, 256, 512)
    ]


def test_the_front_has_the_trials_that_no_trial_dominates(
    dse: Run, searched: Path, tmp_path: Path
) -> None:
    dse("study", "export", "binding-bert", tmp_path / "trials.csv", "--out", searched)
    trials = pd.read_csv(tmp_path / "trials.csv")
    feasible = trials[trials["feasible"]].drop_duplicates("design")
    points = feasible[["area_um2", "latency_s"]].to_numpy()
    best = [
        not any((other <= one).all() and (other < one).any() for other in points) for one in points
    ]
    expected = feasible[best].sort_values("area_um2")
    front = _front(dse, "binding-bert", searched)["front"]
    assert [row["trial"] for row in front] == expected["trial"].tolist()
    assert [row["latency_s"] for row in front] == expected["latency_s"].tolist()
    for name in ("array_rows", "array_cols", "vector_lanes", "buffer_bytes", "query_tiles"):
        assert [row["parameters"][name] for row in front] == expected[name].tolist()
    pins = expected["pin"].fillna("").tolist()
    assert [row["pin"] or "" for row in front] == pins


def test_the_text_fits_and_says_what_the_json_says(dse: Run, searched: Path) -> None:
    report = _front(dse, "binding-bert", searched)
    code, text, _ = dse("front", "binding-bert", "--out", searched)
    assert code == 0
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("dse evaluate")]
    assert max(map(len, lines)) <= 100
    ratio = report["true_front"]["hypervolume_ratio"]
    assert 0 < ratio < 1
    assert f"hypervolume {ratio:.4f} of the true front's" in text
    assert "up to area_um2" in text
    for point in report["paper_points"]:
        verdict = "on it" if point["on_front"] else f"dominated by {point['dominators']} of it"
        assert f"{point['point']} is {verdict}" in text
        assert all(best["command"] in text for best in point["best"])


def test_without_a_sweep_the_studys_own_front_is_what_points_are_held_against(
    dse: Run, searched: Path
) -> None:
    report = _front(dse, "unswept", searched)
    assert report["true_front"] is None
    assert report["paper_points_against"] == "study's front"
    _, text, _ = dse("front", "unswept", "--out", searched)
    assert f"dse sweep unswept --out {searched} would tell how much of the true front" in text


def test_a_sweep_of_another_study_is_not_the_true_front(
    dse: Run, searched: Path, tmp_path: Path
) -> None:
    common = ["--trials", "20", "--quiet", "--out", tmp_path, "--name", "other"]
    dse("study", "run", "binding-bert", "--accounting", "corrected", *common)
    sweep = tmp_path / "other" / "sweep"
    sweep.mkdir()
    swept = (searched / "binding-bert" / "sweep" / "front.parquet").read_bytes()
    (sweep / "front.parquet").write_bytes(swept)
    assert _front(dse, "other", tmp_path)["true_front"] is None
    (sweep / "front.parquet").write_bytes(swept[:-9])
    code, _, errors = dse("front", "other", "--out", tmp_path)
    assert code == 2
    assert "front.parquet is damaged" in errors


def test_a_search_of_every_design_has_all_of_the_hypervolume(dse: Run, tmp_path: Path) -> None:
    study = tmp_path / "grid.toml"
    study.write_text(
        'name = "grid"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["4K"]\n'
        'sampler = "grid"\nobjectives = ["latency", "energy", "area"]\n[space]\n'
        "array_rows = [64, 128]\narray_cols = [64, 128]\nvector_lanes = [64, 128]\n"
        "buffer_bytes = [262144, 1048576]\n"
    )
    assert dse("study", "run", study, "--out", tmp_path, "--quiet")[0] == 0
    assert dse("sweep", "grid", "--out", tmp_path)[0] == 0
    report = _front(dse, "grid", tmp_path)
    assert report["true_front"]["hypervolume_ratio"] == 1
    assert len(report["front"]) == report["true_front"]["designs"]


def test_importances_are_shares_and_the_same_each_time(dse: Run, searched: Path) -> None:
    report = _front(dse, "binding-t5", searched)
    assert report["feasible"] < 50
    assert report["importances"] == {}
    again = ["--trials", "150", "--seed", "1", "--quiet", "--out", searched, "--name", "longer"]
    dse("study", "run", "binding-t5", *again)
    first, second = (_front(dse, "longer", searched)["importances"] for _ in range(2))
    assert first == second
    assert list(first) == ["area_um2", "latency_s"]
    for shares in first.values():
        assert set(shares) == {"array_rows", "array_cols", "vector_lanes", "buffer_bytes"}
        assert sum(shares.values()) == pytest.approx(1)


def test_commands_reproduce_flats_bindings(dse: Run, tmp_path: Path) -> None:
    study = tmp_path / "flat.toml"
    study.write_text(
        'name = "flat"\nconfiguration = "flat"\nmodels = ["BERT"]\nseq_lens = ["256K"]\n'
        "trials = 30\n[space]\narray_rows = [128, 256]\narray_cols = 256\nvector_lanes = 256\n"
        "buffer_bytes = [4194304, 8388608, 33554432]\nquery_rows = [256, 512, 1024]\n"
    )
    dse("study", "run", study, "--out", tmp_path, "--quiet")
    dse("sweep", "flat", "--out", tmp_path)
    (point,) = _front(dse, "flat", tmp_path)["paper_points"]
    assert point["point"] == "attention/flat/BERT/262144/256"
    assert point["latency_s"] == _evaluate(dse, "dse evaluate --configuration flat")["latency_s"]
    assert point["best"]
    for best in point["best"]:
        assert "--query-rows " in best["command"]
        ours = _evaluate(dse, best["command"])
        assert best["factors"]["latency_s"] == ours["latency_s"] / point["latency_s"] <= 1
        assert best["factors"]["area_um2"] == ours["area_um2"] / point["area_um2"] <= 1


def test_a_collection_is_told_study_by_study_with_its_figure(dse: Run, searched: Path) -> None:
    report = _front(dse, "pareto", searched)
    assert [each["study"] for each in report["studies"]] == [f"binding-{m}" for m in MODELS]
    assert report["studies"][0] == _front(dse, "binding-bert", searched)
    folder = searched / "pareto" / "figures"
    assert report["figures"] == [str(folder / "fig12.pdf"), str(folder / "fig12.png")]
    assert (folder / "fig12.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "fig12.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_without_a_feasible_trial_has_no_front(dse: Run, tmp_path: Path) -> None:
    study = tmp_path / "tight.toml"
    study.write_text(
        'name = "tight"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["256K"]\n'
        "trials = 10\n[constraints]\narea_um2 = 1\n"
    )
    dse("study", "run", study, "--out", tmp_path, "--quiet")
    for form in ([], ["--json"]):
        code, text, errors = dse("front", "tight", "--out", tmp_path, *form)
        assert (code, text) == (1, "")
        assert "no trial of tight is feasible" in errors


def test_a_study_that_stopped_before_its_first_trial_has_no_table_of_misses(
    dse: Run, tmp_path: Path
) -> None:
    dse("study", "run", "binding-bert", "--time-limit-s", 1e-9, "--out", tmp_path, "--quiet")
    said = "dse front: no trial of binding-bert is feasible\n"
    assert dse("front", "binding-bert", "--out", tmp_path) == (1, "", said)


def test_a_study_that_was_not_run_is_named(dse: Run, tmp_path: Path) -> None:
    code, _, errors = dse("front", "binding-bert", "--out", tmp_path)
    assert code == 2
    assert f"there is no study in {tmp_path / 'binding-bert'}" in errors


PAPERS_BINDING = (
    "--query-rows 1024 --qk-stationarity weight --av-stationarity weight "
    "--keeps-q 1 --keeps-k 0 --keeps-qk 0 --keeps-v 0 --keeps-av 1"
)
"""What FLAT's authors chose for BERT at 256K (tests/data/flat_bindings.csv)."""


def test_the_papers_binding_given_is_the_papers_point(dse: Run) -> None:
    flat = "dse evaluate --configuration flat --seq-len 256K --accounting published --fit strict"
    given = _evaluate(dse, f"{flat} {PAPERS_BINDING}")
    assert given == _evaluate(dse, flat)
    other = PAPERS_BINDING.replace("keeps-av 1", "keeps-av 0")
    assert _evaluate(dse, f"{flat} {other}")["traffic_bytes"] > given["traffic_bytes"]


def test_what_is_given_of_a_binding_is_kept_and_the_rest_is_the_best(dse: Run) -> None:
    """No other way to complete it is faster."""
    own = "dse evaluate --configuration flat --model T5 --seq-len 1K --array-rows 64 --query-rows"
    completed = _evaluate(dse, f"{own} 256 --keeps-qk 1")
    assert (completed["query_rows"], completed["keeps_qk"]) == (256, 1)
    options = [
        {"qk": qk, "av": av, **dict(zip(("q", "k", "v", "av_"), kept, strict=True))}
        for qk in ("output", "weight", "input")
        for av in ("output", "weight")
        for kept in product((0, 1), repeat=4)
    ]
    ways = [
        _evaluate(
            dse,
            f"{own} 256 --keeps-qk 1 --qk-stationarity {each['qk']} --av-stationarity {each['av']}"
            f" --keeps-q {each['q']} --keeps-k {each['k']} --keeps-v {each['v']}"
            f" --keeps-av {each['av_']}",
        )
        for each in options
    ]
    assert completed["latency_s"] <= min(each["latency_s"] for each in ways) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("configuration", "binding", "says"),
    [
        ("binding", PAPERS_BINDING, "unknown argument '--query-rows'"),
        ("flat", PAPERS_BINDING.replace("1024", "1000"), "query_rows 1000 leaves a remainder"),
        ("flat", PAPERS_BINDING.replace("weight", "light"), "qk_stationarity 'light'"),
        ("flat", PAPERS_BINDING.replace("keeps-q 1", "keeps-q="), "keeps_q ''"),
        (
            "flat",
            PAPERS_BINDING.replace("weight", "output").replace("1024", "64"),
            "leaves a remainder of",
        ),
    ],
)
def test_a_wrong_binding_is_refused_in_one_sentence(
    dse: Run, configuration: str, binding: str, says: str
) -> None:
    options = ("--configuration", configuration, "--fit", "strict", *binding.split())
    code, text, errors = dse("evaluate", *options)
    assert (code, text) == (2, "")
    assert says in errors
    assert errors.count("\n") == 1


def test_a_binding_does_not_go_with_a_table_of_designs(dse: Run, tmp_path: Path) -> None:
    table = ["--designs", tmp_path / "a.csv", "--out", tmp_path / "b.csv"]
    code, _, errors = dse("evaluate", *table, "--array-rows", "64")
    assert code == 2
    assert "go together and take no other option" in errors


def test_a_study_without_trials_misses_nothing(tmp_path: Path) -> None:
    study = STUDIES["binding-bert"]
    assert misses(study, trials(study, tmp_path)).empty
