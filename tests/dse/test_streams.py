"""What becomes of what a command prints is no matter of what it does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from study_runs import Place, assert_same_study

DSE = f"{sys.executable} -m dse"
SMALL = """
name = "small"
configuration = "binding"
models = ["BERT"]
seq_lens = ["4K"]
trials = 4
"""
STUDY = "study run binding-bert --trials 40 --batch 4 --sampler random"


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )


def piped(command: str) -> str:
    """Let nobody read a command's output and errors; return the command's own exit code."""
    return f"{command} 2>&1 | true; exit ${{PIPESTATUS[0]}}"


@pytest.mark.parametrize(
    "streams", ["| true; exit ${PIPESTATUS[0]}", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]
)
def test_a_study_ends_well_whoever_reads_what_it_says(tmp_path: Path, streams: str) -> None:
    place, whole = Place(tmp_path / "place"), Place(tmp_path / "whole")
    assert shell(f"{DSE} {STUDY} --out {whole.out}").returncode == 0
    command = f"{DSE} {STUDY} --out {place.out}"
    done = shell(f"{command} 2>&1 {streams}" if "|" in streams else f"{command} {streams}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert_same_study(whole, place)


def test_errors_on_a_full_disk_do_not_stop_a_study(tmp_path: Path) -> None:
    place = Place(tmp_path)
    done = shell(f"{DSE} {STUDY} --out {place.out} 2>/dev/full")
    assert (done.returncode, done.stderr) == (0, "")
    assert "binding-bert (strict, published accounting): 40 trials" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "evaluate",
        "evaluate --json",
        "study list",
        "sweep {small}",
        "study run {small} --quiet",
        "reproduce",
    ],
)
def test_a_full_disk_behind_the_output_is_one_sentence(tmp_path: Path, command: str) -> None:
    small = tmp_path / "small.toml"
    small.write_text(SMALL)
    text = command.format(small=small)
    where = "" if text.startswith("evaluate") else f"--out {tmp_path / 'out'}"
    done = shell(f"{DSE} {text} {where} >/dev/full 2>{tmp_path / 'errors'}")
    assert done.returncode == 1
    sentence = (tmp_path / "errors").read_text().splitlines()[-1]
    name = command.split(maxsplit=1)[0]
    assert sentence == f"dse {name}: the output could not be written: No space left on device"


@pytest.mark.parametrize(
    "command", ["evaluate", "--help", "evaluate --help", "study list", "doctor", "evaluate --no"]
)
def test_nobody_reads_it_and_nothing_is_said(command: str) -> None:
    code = shell(f"{DSE} {command}").returncode
    done = shell(piped(f"{DSE} {command}"))
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    done = shell(f"{DSE} {command} >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_file_does_not_get_what_is_printed(tmp_path: Path) -> None:
    """A closed stream's number is free for the next file that is opened, as the database."""
    done = shell(f"{DSE} {STUDY} --out {tmp_path} 0<&- >&- 2>&-")
    assert done.returncode == 0
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"trial/s" not in path.read_bytes()
            assert b"results are in" not in path.read_bytes()


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0"}])
def test_what_the_encoding_lacks_is_written_as_an_escape(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    variables |= {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}
    done = shell(f"{DSE} evaluate --model é日", **variables)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("dse evaluate: unknown model ")
    folder = tmp_path / "é日"
    done = shell(f"{DSE} study run binding-bert --trials 4 --quiet --out {folder}", **variables)
    assert done.returncode == 0, done.stderr
    assert "results are in" in done.stdout
    assert (folder / "binding-bert" / "study.toml").exists()
