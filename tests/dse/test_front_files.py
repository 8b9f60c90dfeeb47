"""`dse front --table` and `--figure`: what is in the files is what `--json` prints."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.objectives_figure import Fronts, objectives_figure
from dse.commands.cli import main

Run = Callable[..., tuple[int, str, str]]

STUDY = """
name = "{name}"
configuration = ["flat", "binding"]
models = ["BERT"]
seq_lens = ["16K"]
objectives = {objectives}
trials = 40
seed = 1
sampler = "random"
batch = 40
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    for name, objectives in (
        ("three_of", '["area", "latency", "energy"]'),
        ("other", '["area", "latency", "energy"]'),
        ("two", '["latency", "energy"]'),
        ("one", '["energy"]'),
    ):
        (out / f"{name}.toml").write_text(STUDY.format(name=name, objectives=objectives))
        assert main(["study", "run", str(out / f"{name}.toml"), "--quiet", "--out", str(out)]) == 0
    return out


def told(dse: Run, runs: Path, *names: str) -> list[dict[str, Any]]:
    code, text, errors = dse("front", *names, "--out", runs, "--json")
    assert code == 0, errors
    report = json.loads(text)
    studies: list[dict[str, Any]] = report["studies"] if len(names) > 1 else [report]
    return studies


@pytest.mark.parametrize("names", [("three_of",), ("two", "three_of")])
def test_tables_have_what_is_printed(
    dse: Run, runs: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = [tmp_path / f"front{end}" for end in (".csv", ".parquet", ".jsonl", ".tex")]
    options = [word for file in files for word in ("--table", file)]
    code, out, _ = dse("front", *names, "--out", runs, *options)
    assert code == 0
    assert re.findall("the table is in (.*)", out) == [str(file) for file in files]
    wanted = [
        {"study": study["study"], "trial": row["trial"], "pin": row["pin"]}
        | row["parameters"]
        | {name: row[name] for name in study["objectives"]}
        for study in told(dse, runs, *names)
        for row in study["front"]
    ]
    parquet = [
        {name: value for name, value in row.items() if not pd.isna(value)}
        for row in pd.read_parquet(files[1]).to_dict("records")
    ]
    assert parquet == [{k: v for k, v in row.items() if v is not None} for row in wanted]
    lines = [json.loads(line) for line in files[2].read_text().splitlines()]
    assert [{k: v for k, v in row.items() if v is not None} for row in lines] == parquet
    with files[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [{k: v for k, v in row.items() if v} for row in rows] == [
        {
            name: rows[place][name] if isinstance(value, float) else str(value)
            for name, value in row.items()
        }
        for place, row in enumerate(parquet)
    ]
    assert [float(row["energy_pj"]) for row in rows] == [row["energy_pj"] for row in parquet]


def test_latex_has_a_line_a_design_with_units_for_people(
    dse: Run, runs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "front.tex"
    assert dse("front", "three_of", "two", "--out", runs, "--table", file)[0] == 0
    first, second = told(dse, runs, "three_of", "two")
    lines = file.read_text().splitlines()
    assert lines[0].startswith(r"\begin{tabular}{")
    assert lines[-1] == r"\end{tabular}"
    head, *rows = (
        [cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]
        for line in lines
        if line.endswith(r"\\")
    )
    assert len(rows) == len(first["front"]) + len(second["front"])
    assert {len(row) for row in rows} == {len(head)}
    assert rows[0][head.index("study")] == r"three\_of"
    assert rows[-1][head.index("Area (cm$^2$)")] == "--"
    area, energy = (head.index(each) for each in ("Area (cm$^2$)", "Energy (J)"))
    for row, design in zip(rows, first["front"], strict=False):
        assert float(row[area]) == pytest.approx(design["area_um2"] / 1e8, rel=1e-4)
        number = re.sub(r"\$?\\times10\^\{(-?\d+)\}\$", r"e\1", row[energy]).removeprefix("$")
        assert float(number) == pytest.approx(design["energy_pj"] / 1e12, rel=1e-4)


def test_figures_of_other_objectives_are_drawn_in_every_format(
    dse: Run, runs: Path, tmp_path: Path
) -> None:
    starts = {".pdf": b"%PDF", ".png": b"\x89PNG", ".svg": b"<?xml"}
    for end, start in starts.items():
        for names in (["two"], ["three_of", "other"]):
            file = tmp_path / f"front{end}"
            code, out, _ = dse("front", *names, "--out", runs, "--figure", file)
            assert code == 0
            assert out.endswith(f"the figure is in {file}\n")
            content = file.read_bytes()
            assert content.startswith(start)
            assert dse("front", *names, "--out", runs, "--figure", file)[0] == 0
            assert file.read_bytes() == content


def test_a_panel_for_each_two_objectives_has_every_design_of_the_front() -> None:
    front = pd.DataFrame(
        {"area_um2": [1e8, 2e8, 4e8], "latency_s": [3.0, 2.0, 1.0], "energy_pj": [2e12, 3e12, 1e12]}
    )
    figure = objectives_figure({"own": Fronts(front, front, front[:1])}, list(front))
    labels = [(panel.get_xlabel(), panel.get_ylabel()) for panel in figure.axes]
    area, latency, energy = "Area (cm$^2$)", "Latency (s)", "Energy (J)"
    assert labels == [(area, latency), (area, energy), (latency, energy)]
    for panel, (x, y) in zip(
        figure.axes,
        (((1, 2, 4), (3, 2, 1)), ((1, 2, 4), (2, 3, 1)), ((1, 2, 3), (1, 3, 2))),
        strict=True,
    ):
        true, own, paper = panel.lines
        for line in (true, own):
            assert list(line.get_xdata()) == pytest.approx(x)  # type: ignore[arg-type]
            assert list(line.get_ydata()) == pytest.approx(y)  # type: ignore[arg-type]
        assert len(paper.get_xdata()) == 1  # type: ignore[arg-type]
        assert len([each for each in panel.get_yticks() if y and min(y) <= each <= max(y)]) >= 2


def test_what_cannot_be_written_is_refused_in_one_line(
    dse: Run, runs: Path, tmp_path: Path
) -> None:
    for names, option, file in (
        (["two"], "--table", "front.xlsx"),
        (["two"], "--figure", "front.gif"),
        (["one"], "--figure", "front.pdf"),
        (["two", "other"], "--figure", "front.pdf"),
    ):
        code, out, errors = dse("front", *names, "--out", runs, option, tmp_path / file)
        assert (code, out, errors.count("\n")) == (2, "", 1)
        assert not (tmp_path / file).exists()
