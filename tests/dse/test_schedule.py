"""`dse schedule`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
