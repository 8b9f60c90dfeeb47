"""`dse schedule`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dse
from dse.commands.cli import main

FLAT = ["schedule", "--configuration", "flat", "--seq-len", "4K"]


def test_json_has_every_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FLAT, "--json"]) == 0
    (stage,) = json.loads(capsys.readouterr().out)
    einsums = {name for task in stage["tasks"] for name in task["einsums"]}
    assert einsums == {"QK", "M", "SN", "SD", "A", "AV"}
    # The authors' binding takes a row of 4096 scores at a time, four times through 256 lanes.
    assert stage["interval_cycles"] == stage["ideal_interval_cycles"] == 4 * 4096 / 256
    assert stage["fits"]


def test_short_registers_are_wanting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schedule", "--configuration", "cascade", "--seq-len", "4K"]) == 1
    assert "of 16 words of a register file: too few" in capsys.readouterr().out


def test_the_function_gives_what_the_command_prints_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dse.schedule(configuration="flat", seq_len=4096)
    file = tmp_path / "waterfall.png"
    assert main([*FLAT, "--figure", str(file)]) == 0
    assert capsys.readouterr().out == f"{found}\n"
    assert found.figure()._repr_png_() == file.read_bytes()  # as a notebook shows it
    (axes,) = found.figure().axes
    # The step begins anew every interval; two steps more than are in flight are drawn.
    (stage,) = found.pipelines
    assert len(axes.patches) == len(stage.schedule.tasks) * (stage.schedule.in_flight + 2)
    # 64 cycles a row of queries, of 64 sequences with 12 heads, at 940 MHz.
    assert found.ideal_s == pytest.approx(64 * 64 * 12 * 4096 / 940e6, rel=1e-12)
    assert found.fits
    assert not dse.schedule(configuration="cascade", seq_len="4K").fits


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"configuration": "binding", "mine": 1}, "'mine' is unknown"),
        ({"configuration": "flat", "seq_len": ""}, "seq_len is empty"),
        ({"configuration": "flat", "seq_len": "4K", "mask": "causal"}, "without a mask"),
        ({"configuration": "binding", "seq_len": "4K"}, "a schedule of its own"),
        ({"configuration": "flat", "seq_len": "4K", "array_rows": -8}, "positive integer"),
        ({"configuration": 3}, "configuration: give a text or a path, not int '3'"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_in_one_line(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(dse.Error, match=sentence) as refusal:
        dse.schedule(**values)
    assert "\n" not in str(refusal.value)


def test_figures_are_written_whole_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / f"waterfall.{suffix}" for suffix in ("pdf", "png", "svg")]
    assert main([*FLAT, *(word for file in files for word in ("--figure", str(file)))]) == 0
    first = [file.read_bytes() for file in files]
    assert main([*FLAT, *(word for file in files for word in ("--figure", str(file)))]) == 0
    assert [file.read_bytes() for file in files] == first
    capsys.readouterr()
    assert main([*FLAT, "--figure", str(tmp_path / "waterfall.gif")]) == 2
    assert capsys.readouterr().err.endswith("waterfall.gif: figures are .pdf, .png, .svg\n")
    assert not (tmp_path / "waterfall.gif").exists()
