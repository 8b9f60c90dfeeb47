"""Small habits: version, completion, names that were meant, defaults, one line at the end."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from dse.commands.cli import _parser
from dse.search.place import command

Run = Callable[..., tuple[int, str, str]]
NAME = "binding-bert"
SMALL = ("--sampler", "random", "--seed", 1, "--trials", 20)


def test_the_version_is_that_of_the_package(dse: Run) -> None:
    assert dse("--version") == (0, f"attention-dse {version('attention-dse')}\n", "")


def options() -> Iterator[tuple[str, argparse.Action]]:
    """Every option that takes a value, with its command."""

    def below(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for each in action.choices.values():
                    yield from below(each)
            elif action.option_strings and action.nargs != 0 and not action.required:
                yield parser.prog, action

    yield from below(_parser(["evaluate"]))
    yield from below(_parser(["map"]))


def test_every_help_tells_the_default() -> None:
    told = [(prog, each.option_strings[0], each.help or "") for prog, each in options()]
    assert len(told) > 60
    assert [each[:2] for each in told if "default" not in each[2]] == []


def test_a_default_in_a_help_is_the_parsers() -> None:
    checked = 0
    for prog, each in options():
        stated = re.search(r"\(default: ([^,;()]+)", each.help or "")
        if each.default not in (None, "", argparse.SUPPRESS):
            assert stated is not None, (prog, each.option_strings)
            default = "none" if each.default == [] else str(each.default)
            assert stated[1] == default, (prog, each.option_strings)
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("evaluate", "--configuration", "bindin"), "binding"),
        (("evaluate", "--configuration", "tensor-core"), "tensor_core"),
        (("evaluate", "--model", "bert"), "BERT"),
        (("evaluate", "--evaluator", "analitical"), "analytical"),
        (("evaluate", "--accounting", "corected"), "corrected"),
        (("study", "run", "bindng-bert"), NAME),
        (("study", "run", NAME, "--sampler", "nsga"), "nsga3"),
        (("sweep", NAME, "--executor", "process"), "processes"),
        (("accelerator", "show", "one-array"), "one_array"),
        (("accelerator", "check", "binding", "--design", "array_row=8"), "array_rows"),
        (("evalute",), "evaluate"),
        (("study", "lst"), "list"),
        (("evaluate", "--aray-rows", "8"), "--array-rows"),
        (("study", "run", NAME, "--trial=5"), "--trials"),
    ],
)
def test_a_name_that_is_nearly_right_is_offered(
    dse: Run, arguments: tuple[str, ...], meant: str
) -> None:
    code, out, errors = dse(*arguments)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert f"did you mean {meant}? " in errors


def test_a_name_that_is_like_none_is_not_guessed(dse: Run) -> None:
    _, _, errors = dse("evaluate", "--configuration", "zzz")
    assert "did you mean" not in errors
    assert "known are architecture" in errors


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("[space]\narray_row = [8]\n", "array_rows"),
        ("[constraints]\narea_um = 1e9\n", "area_um2"),
        ("[spaces]\n", "space"),
    ],
)
def test_a_study_file_too_is_told_what_was_meant(
    dse: Run, tmp_path: Path, content: str, meant: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        f'name = "mine"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n{content}'
    )
    code, _, errors = dse("study", "run", file, "--out", tmp_path)
    assert code == 2
    assert f"did you mean {meant}? " in errors


def completions(line: str, folder: Path) -> list[str]:
    """What a real bash completes at the end of a line, sorted."""
    bin_folder = Path(sys.executable).parent
    script = (
        f'eval "$({bin_folder}/register-python-argcomplete dse)"\n'
        f"COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_KEY=9\n"
        'read -ra COMP_WORDS <<< "$COMP_LINE"\n'
        "[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')\n"
        "COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))\n"
        '_python_argcomplete dse "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = folder / "bin" / "dse"  # as the installed script: this source tree's command
    command.parent.mkdir(exist_ok=True)
    command.write_text(
        f"#!{sys.executable}\nfrom dse.commands.entry import main\nraise SystemExit(main())\n"
    )
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(word.strip() for word in done.stdout.split("\n") if word.strip())


def test_a_shell_completes_commands_options_and_names(dse: Run, tmp_path: Path) -> None:
    assert dse("study", "run", NAME, *SMALL, "--quiet", "--out", tmp_path / "runs")[0] == 0
    (tmp_path / "mine.toml").write_text("")
    assert completions("dse ev", tmp_path) == ["evaluate"]
    assert completions("dse evaluate --array-", tmp_path) == ["--array-cols", "--array-rows"]
    assert completions("dse evaluate --configuration linear", tmp_path) == [
        "linear_flat",
        "linear_fusemax",
    ]
    assert completions("dse evaluate --configuration m", tmp_path) == ["mine.toml"]
    assert completions("dse evaluate --model T", tmp_path) == ["T5", "TrXL"]
    assert completions("dse evaluate --fit ", tmp_path) == ["pad", "strict"]
    assert completions("dse workload show vit-b", tmp_path) == ["vit-b-16"]
    assert completions("dse machine show tpu", tmp_path) == ["tpu_v4i"]
    assert completions("dse map --machine tpu", tmp_path) == ["tpu_v4i"]
    assert "--vector-lanes" in completions("dse map --machine tpu_v4i --vec", tmp_path)
    assert completions("dse study run --sampler ns", tmp_path) == ["nsga2", "nsga3"]
    assert completions("dse study run pa", tmp_path) == ["pareto"]
    assert completions("dse study resume ", tmp_path)[-1] == NAME
    assert completions("dse front b", tmp_path) == [NAME]


def test_no_terminal_gets_one_line_at_the_end(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", NAME, *SMALL, "--batch", 4, "--out", tmp_path)
    _, out, errors = dse(*run)
    assert errors.count("\n") == 1
    assert "\r" not in errors
    told = re.fullmatch(
        r"binding-bert: 20/20 trials after \d+\.\d s, feasible (\d+)%, front (\d+), "
        r"hypervolume \d\.\d+\n",
        errors,
    )
    assert told is not None
    feasible = re.search(r"20 trials, (\d+) feasible", out)
    assert feasible is not None
    assert told[1] == f"{int(feasible[1]) / 20:.0%}"[:-1]
    assert f"front of {told[2]} designs" in out
    assert dse("sweep", NAME, "--out", tmp_path)[2] == ""


def test_a_search_of_the_mapper_shows_on_a_terminal_that_it_runs() -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    words = ("map", "--seq-len", "1K", "--scheduled")
    command = [sys.executable, "-m", "dse", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(partial(_read, ours), b"")).decode()
        assert process.stdout is not None
        assert b"shortest schedule found" in process.stdout.read()
    os.close(ours)
    steps = [int(each) for each in re.findall(r"dse map: (\d+) steps", shown)]
    assert steps == sorted(steps)
    assert len(steps) > 1
    assert shown.endswith("\r")
    assert shown.split("\r")[-2].strip() == ""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1024)
    except OSError:  # nobody writes there any more
        return b""


def test_quiet_is_quiet(dse: Run, tmp_path: Path) -> None:
    run = ("study", "run", NAME, *SMALL, "--quiet", "--out", tmp_path)
    assert dse(*run)[2] == ""


def test_a_hint_names_the_folder_unless_it_is_the_usual_one(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out, more in ((("--out", "a b"), " --out 'a b'"), ((), "")):
        _, said, _ = dse("study", "run", NAME, *SMALL, "--quiet", *out)
        assert f"; dse front {NAME}{more} shows the front" in said
        assert f"dse sweep {NAME}{more} would tell" in dse("front", NAME, *out)[1]
        assert f"; dse study list{more} shows" in dse("study", "show", "x", *out)[2]
        _, _, errors = dse("study", "show", "binding-brt", *out)
        assert f"did you mean {NAME}? dse study list{more} shows" in errors
    assert command(Path("runs"), "front", "x") == "dse front x"


def test_a_specification_is_shown_as_plain_json(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nconfiguration = "flat"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n'
        'trials = 4\nsampler = "random"\n'
    )
    dse("study", "run", file, "--quiet", "--out", tmp_path / "runs")
    code, out, _ = dse("study", "show", "mine", "--json", "--out", tmp_path / "runs")
    assert code == 0
    shown = json.loads(out)["specification"]
    assert shown["workloads"] == [
        {
            "model": "BERT",
            "shape": "64,768,64,64,12,3072",
            "seq_len": 1024,
            "queries": 1024,
            "mask": "none",
            "window": 0,
            "fit": "pad",
        }
    ]
    assert shown["space"]["configuration"] == ["flat"]
    assert shown["space"]["qk_stationarity"] == ["output", "weight", "input"]
    assert shown["space"]["array_rows"][:2] == [8, 16]
    assert "{'" not in out


@pytest.mark.parametrize(
    "words",
    [
        ("front", "{}"),
        ("report", "{}"),
        ("explain", "{}/1"),
        ("compare", "{}/1", "flat"),
        ("accelerator", "new", "own", "--file", "{}.toml"),
        ("accelerator", "new", "own", "--file", "{}/own.toml"),
    ],
)
def test_a_name_longer_than_a_file_may_have_is_refused_in_one_line(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, errors = dse(*(word.format("x" * 300) for word in words))
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert "there is no study in" in errors or "File name too long" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        # What is found only later is wrong, too: nothing fits, nothing is there.
        "map --seq-len 1K --buffer-bytes 256 --out PLACE/best.toml",
        "evaluate --designs no.csv --out PLACE/results.csv",
        "sweep no-study --table PLACE/front.csv",
        "front no-study --table PLACE/front.csv",
        "front no-study --figure PLACE/front.svg",
        "report no-study --file PLACE/report.html",
        "study export no-study PLACE/trials.csv",
        "schedule --seq-len 1K --buffer-bytes 256 --figure PLACE/waterfall.svg",
        "reproduce --reference no-folder --out PLACE",
        "sweep binding-bert --out PLACE",
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    code, out, errors = dse(*words.replace("PLACE", "file/below").split())
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert re.search(r"cannot write file/below.*: Not a directory; name a place", errors)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
