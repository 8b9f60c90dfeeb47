"""Running programs: what they make, how they fail, and that nothing of them is left."""

import pickle
import re
import subprocess
import sys
import threading
import time
from _thread import interrupt_main
from pathlib import Path

import psutil
import pytest

from evaluators.errors import EvaluationError, InputError
from evaluators.timeloop import programs
from evaluators.timeloop.programs import TimeloopMissing
from evaluators.timeloop.run import TimeloopFailure, run, telling_line


def script(tmp_path, *lines):
    file = tmp_path / "program"
    file.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="ascii")
    file.chmod(0o755)
    return str(file)


def ended(pid):
    """A process that has ended may wait to be collected."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(holds):
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def pids(file):
    return [int(pid) for pid in file.read_text(encoding="ascii").split()]


def test_a_program_gets_its_files_and_gives_its_own_and_the_folder_goes(tmp_path, scratch):
    program = script(tmp_path, 'cat in.txt > out.txt; echo "$1" >> out.txt')
    made = run([program, "$HOME; ls"], {"in.txt": "given\n"}, ["out.txt"])
    assert made == {"out.txt": "given\n$HOME; ls\n"}
    assert list(scratch.iterdir()) == []


def test_a_program_finds_folders_and_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("GIVEN", "by the process")
    program = script(tmp_path, 'cat $OWN/table.csv > out.txt; echo "$GIVEN" >> out.txt')
    files = {"library/table.csv": "1\n"}
    made = run([program], files, ["out.txt"], environment={"OWN": "library"})
    assert made == {"out.txt": "1\nby the process\n"}


def test_a_failure_keeps_its_folder_and_tells_command_log_and_status(tmp_path, scratch):
    program = script(tmp_path, "echo begun", "echo broken >&2", "exit 3")
    with pytest.raises(TimeloopFailure, match="exited with status 3") as failed:
        run([program, "x"], {"in.txt": "given"}, ["out.txt"])
    failure = failed.value
    assert isinstance(failure, EvaluationError)
    assert failure.command == (program, "x")
    assert failure.log == "begun\nbroken"
    assert [failure.folder] == list(scratch.iterdir())
    assert (failure.folder / "in.txt").read_text(encoding="ascii") == "given"
    for told in (program, "broken", str(failure.folder)):
        assert told in str(failure)


def test_output_that_cannot_be_read_fails_the_run_and_keeps_it(tmp_path, scratch):
    def check(made):
        raise EvaluationError(f"no count in {made['out.txt'].strip()}")

    with pytest.raises(TimeloopFailure, match=r"cannot be read \(no count in rubbish") as failed:
        run([script(tmp_path, "echo rubbish > out.txt")], {}, ["out.txt"], check=check)
    assert (failed.value.folder / "out.txt").read_text(encoding="ascii") == "rubbish\n"


def test_a_failure_survives_the_way_from_a_worker():
    failure = TimeloopFailure(("timeloop-model", "a"), "failed", "log", Path("/folder"))
    copy = pickle.loads(pickle.dumps(failure))
    assert str(copy) == str(failure)
    assert vars(copy) == vars(failure)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["exit 0"], "made no out.txt"),
        (["echo ERROR: no such level; echo x > out.txt"], "logged an error"),
        (["kill -9 $$"], "was ended by signal 9"),
    ],
)
def test_a_status_of_0_alone_is_no_success(tmp_path, lines, cause):
    with pytest.raises(TimeloopFailure, match=cause):
        run([script(tmp_path, *lines)], {}, ["out.txt"])


def test_a_program_that_does_not_start_fails():
    with pytest.raises(TimeloopFailure, match="does not start"):
        run(["/nowhere/timeloop-model"], {}, [])


def test_only_the_last_lines_of_the_log_are_told(tmp_path):
    with pytest.raises(TimeloopFailure) as failed:
        run([script(tmp_path, "seq 100000; exit 1")], {}, [])
    assert failed.value.log.splitlines() == [str(i) for i in range(99981, 100001)]


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("input file: a\n\n  ....\n", "input file: a"),
        ("ERROR: no such level\nsee the manual\n", "ERROR: no such level"),
        (
            'Traceback (most recent call last):\n  File "x", line 1\n'
            "ModuleNotFoundError: No module named 'yaml'\n",
            "ModuleNotFoundError: No module named 'yaml'",
        ),
        (
            "10:00 INFO | table estimating value: KeyError: 'arguments'\n10:00 ERROR  ======\n"
            "10:00 ERROR  To see a list of models, run accelergy -h.\n",
            "10:00 INFO | table estimating value: KeyError: 'arguments'",
        ),
    ],
)
def test_of_a_log_the_line_that_says_what_went_wrong_is_told(log, line):
    assert telling_line(log) == line


def test_the_time_limit_kills_the_program_and_what_it_started(tmp_path):
    started = tmp_path / "pids"
    program = script(tmp_path, f"sleep 600 & echo $$ $! > {started}", "wait")
    with pytest.raises(TimeloopFailure, match=r"longer than 0\.5 s"):
        run([program], {}, [], time_limit_s=0.5)
    assert all(eventually(lambda pid=pid: ended(pid)) for pid in pids(started))


def test_an_interruption_leaves_no_process_and_no_folder(tmp_path, scratch):
    started = tmp_path / "pids"
    program = script(
        tmp_path, f"sleep 600 & echo $$ $! > {started}.new", f"mv {started}.new {started}", "wait"
    )

    def interrupt():
        if eventually(started.exists):
            interrupt_main()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        run([program], {}, [], time_limit_s=60)
    watcher.join()
    assert all(eventually(lambda pid=pid: ended(pid)) for pid in pids(started))
    assert list(scratch.iterdir()) == []


def test_a_worker_that_is_told_to_end_leaves_no_folder(tmp_path, scratch):
    started = tmp_path / "pid"
    program = script(
        tmp_path, f"echo $$ > {started}.new", f"mv {started}.new {started}", "sleep 600"
    )
    own = (
        "import signal, sys, tempfile\n"
        "from evaluators.timeloop.run import run\n"
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))\n"
        f"tempfile.tempdir = {str(scratch)!r}\n"
        f"run([{program!r}], {{}}, [])\n"
    )
    with subprocess.Popen([sys.executable, "-c", own]) as worker:
        assert eventually(started.exists)
        worker.terminate()
    assert worker.returncode == 143
    assert list(scratch.iterdir()) == []
    (pid,) = pids(started)
    assert eventually(lambda: ended(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends it on Linux alone")
def test_a_killed_evaluation_leaves_no_program_running(tmp_path):
    started = tmp_path / "pid"
    program = script(
        tmp_path, f"echo $$ > {started}.new", f"mv {started}.new {started}", "sleep 600"
    )
    own = f"from evaluators.timeloop.run import run; run([{program!r}], {{}}, [])"
    with subprocess.Popen([sys.executable, "-c", own]) as evaluation:
        assert eventually(started.exists)
        evaluation.kill()
    (pid,) = pids(started)
    assert eventually(lambda: ended(pid))


def test_what_a_program_leaves_running_is_ended(tmp_path):
    started = tmp_path / "pids"
    run([script(tmp_path, f"sleep 600 & echo $! > {started}")], {}, [])
    assert all(eventually(lambda pid=pid: ended(pid)) for pid in pids(started))


def test_a_program_that_is_missing_is_named_with_where_its_instructions_are(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TimeloopMissing, match=r"timeloop-model.*timeloop\.csail\.mit\.edu"):
        programs.find("timeloop-model")
    assert issubclass(TimeloopMissing, InputError)


def test_accelergys_version_names_its_packages(tmp_path):
    program = tmp_path / "accelergy"
    program.write_text(f"#!{sys.executable}\n", encoding="ascii")
    assert re.fullmatch(r"(\S+ \S+, )*build \w{12}", programs.version(program))


def test_another_table_of_a_plug_in_is_another_version_of_accelergy(tmp_path):
    program = tmp_path / "bin" / "accelergy"
    table = tmp_path / "share" / "accelergy" / "estimation_plug_ins" / "library" / "custom.csv"
    for file in (program, table):
        file.parent.mkdir(parents=True)
        file.write_text("energy\n1\n", encoding="ascii")
    before = programs.version(program)
    table.write_text("energy\n2\n", encoding="ascii")
    programs.version.cache_clear()
    assert programs.version(program) != before


def test_what_a_run_leaves_beside_a_plug_in_is_no_other_version(tmp_path):
    program = tmp_path / "bin" / "accelergy"
    plug_in = tmp_path / "share" / "accelergy" / "estimation_plug_ins" / "cacti"
    for folder in (program.parent, plug_in / "cacti_inputs_outputs"):
        folder.mkdir(parents=True)
    program.write_text("one", encoding="ascii")
    before = programs.version(program)
    (plug_in / "cacti_inputs_outputs" / "tmp1234.out").write_text("energy", encoding="ascii")
    programs.version.cache_clear()
    assert programs.version(program) == before


def test_another_build_has_another_version(tmp_path):
    versions = set()
    for name, content in (("a", "one"), ("b", "two"), ("c", "one")):
        (tmp_path / name / "bin").mkdir(parents=True)
        program = tmp_path / name / "bin" / "timeloop-model"
        program.write_text(content, encoding="ascii")
        versions.add(programs.version(program))
    assert len(versions) == 2
    library = tmp_path / "c" / "lib" / "libtimeloop-model.so"
    library.parent.mkdir()
    library.write_text("another", encoding="ascii")
    programs.version.cache_clear()
    assert programs.version(program) not in versions
