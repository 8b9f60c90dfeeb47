"""Signals stop a command once, where nothing is lost, and are never swallowed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from study_runs import NAME, Place, assert_same_study, run, start, wait_for

PRELUDE = """
import os, signal, weakref
from dse.execution import interruption
class Thing: pass
def ask(*ignored): os.kill(os.getpid(), signal.SIGTERM)
def callback():
    thing = Thing()
    reference = weakref.ref(thing, ask)  # an exception in such a callback is swallowed
    del thing
interruption.take()
"""


def script(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + text], capture_output=True, text=True, check=False
    )


def test_where_it_is_held_it_waits() -> None:
    done = script(
        "with interruption.held():\n"
        "    ask(); print('whole')\n"
        "    try:\n"
        "        interruption.stop_if_asked()\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped')\n"
    )
    assert done.stdout == "whole\nstopped\n"


def test_where_it_is_allowed_it_comes_at_once_and_once() -> None:
    done = script(
        "with interruption.held():\n"
        "    try:\n"
        "        with interruption.allowed():\n"
        "            ask(); print('never')\n"
        "    except KeyboardInterrupt:\n"
        "        ask(); print('cleaned up')\n"
        "ask(); print('not again')\n"
    )
    assert done.stdout == "cleaned up\nnot again\n"


@pytest.mark.parametrize("place", ["held", "allowed"])
def test_a_callback_swallows_none(place: str) -> None:
    done = script(
        "with interruption.held():\n"
        f"    with interruption.{place}():\n"
        "        callback(); print('went on')\n"
        "    try:\n"
        "        interruption.stop_if_asked()\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopped')\n"
    )
    if place == "held":
        assert done.stdout == "went on\nstopped\n"
        assert done.stderr == ""
    else:
        assert done.stdout == "went on\n"
        assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_one_that_was_swallowed_can_be_asked_for_again() -> None:
    done = script(
        "interruption._STOPPING_S = 0.0\n"
        "callback(); print('went on')\n"
        "try:\n"
        "    ask(); print('never')\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    assert done.stdout == "went on\nstopped\n"


def test_an_interrupt_asked_for_before_comes_where_it_is_allowed() -> None:
    done = script(
        "try:\n"
        "    with interruption.held():\n"
        "        ask()\n"
        "        with interruption.allowed():\n"
        "            print('never')\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    assert done.stdout == "stopped\n"


def test_what_the_parent_has_it_ignore_it_ignores() -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from dse.execution import interruption\n"
        "interruption.take()\n"
        "os.kill(os.getpid(), signal.SIGINT); print('at work')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "at work\n"


EARLY = """
import os, signal, sys
class Asks:
    def find_spec(self, name, *ignored):
        if name == "dse.commands.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Asks())
sys.argv = ["dse", "study", "list", "--out", sys.argv[1]]
"""


@pytest.mark.parametrize(
    "way", ["from dse.commands.entry import main; main()", "import dse.__main__"]
)
def test_an_interrupt_amid_the_first_imports_ends_it_without_a_traceback(
    tmp_path: Path, way: str
) -> None:
    command = [sys.executable, "-c", EARLY + way, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert (done.stdout, done.stderr) == ("", "")


def test_an_interrupt_that_the_parent_has_it_ignore_is_ignored_amid_the_imports(
    tmp_path: Path,
) -> None:
    code = EARLY + "signal.signal(signal.SIGINT, signal.SIG_IGN); import dse.__main__"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def begun_study(process: subprocess.Popen[str], folder: Path) -> None:
    wait_for(folder / NAME / "evaluations" / "part-00000000.parquet", process)


def begun_sweep(process: subprocess.Popen[str], folder: Path) -> None:
    wait_for(folder / "big" / "sweep" / "part-000000000000.parquet", process)


SWEEP = """
name = "big"
configuration = "binding"
models = ["BERT"]
seq_lens = ["256K"]
[space]
query_tiles = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
pe_registers = [0, 8, 16, 32]
lane_registers = [0, 32]
"""


@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize("command", ["study", "sweep"])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_twice_gets_one_sentence(
    tmp_path: Path, executor: str, command: str, first: signal.Signals
) -> None:
    (tmp_path / "big.toml").write_text(SWEEP)
    study = f"study run {NAME} --trials 20000 --sampler random --quiet --storage"
    arguments = {
        "study": [*study.split(), f"journal:{tmp_path / 'journal'}"],
        "sweep": ["sweep", str(tmp_path / "big.toml")],
    }[command]
    begun: Callable[[subprocess.Popen[str], Path], None] = {
        "study": begun_study,
        "sweep": begun_sweep,
    }[command]
    process = subprocess.Popen(
        [sys.executable, "-m", "dse", *arguments, "--out", tmp_path, "--executor", executor],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun(process, tmp_path)
    workers = psutil.Process(process.pid).children(recursive=True)
    for number in (first, signal.SIGINT, signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(number)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert out == ""
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    assert errors.splitlines()[-1].startswith(f"dse {command}: ")
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    assert not list(tmp_path.rglob("*.unfinished"))


def test_a_study_interrupted_amid_its_processes_goes_on(tmp_path: Path) -> None:
    whole, place = Place(tmp_path / "whole"), Place(tmp_path / "place")
    arguments = ("--trials", 320, "--seed", 1, "--sampler", "random", "--quiet")
    run("run", NAME, *arguments, *whole.options())
    process = start("run", NAME, *arguments, *place.options(), "--executor", "processes")
    begun_study(process, place.out)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    run("resume", NAME, *place.options(), "--executor", "processes", "--quiet")
    assert_same_study(whole, place)
