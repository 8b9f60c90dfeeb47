"""A study that is killed or interrupted at any instant loses nothing and repeats nothing."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from study_runs import (
    NAME,
    Place,
    assert_pins_evaluated_once,
    assert_same_study,
    files,
    interrupted,
    kill_session,
    run,
    start,
    uninterrupted,
    wait_for,
)

Run = Callable[..., tuple[int, str, str]]

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


def journal(folder: Path) -> Place:
    """A place on the faster storage; `test_storages.py` kills studies on the others."""
    folder.mkdir()
    return Place(folder, f"journal:{folder / 'journal'}")


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    whole, place = Place(tmp_path / "whole"), Place(tmp_path / "runs")
    arguments = ("--trials", 128, "--seed", 1, "--batch", 8)
    course = uninterrupted(whole, *arguments)
    ends = interrupted(place, course, signal.SIGKILL, 20, 2024, *arguments)
    assert [end.code for end in ends] == [-signal.SIGKILL] * 20
    assert len({end.parts for end in ends}) >= 6, "the kills must hit different batches"
    assert_same_study(whole, place)
    assert_pins_evaluated_once(place)


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3", "random", "qmc", "grid"])
def test_kills_change_nothing_whatever_the_sampler(tmp_path: Path, sampler: str) -> None:
    whole, place = journal(tmp_path / "whole"), journal(tmp_path / "runs")
    arguments = ("--trials", 240, "--seed", 1, "--sampler", sampler)
    course = uninterrupted(whole, *arguments)
    ends = interrupted(place, course, signal.SIGKILL, 2, 7, *arguments)
    assert [end.code for end in ends] == [-signal.SIGKILL] * 2
    assert 5 <= ends[1].parts < len(course.parts)
    assert_same_study(whole, place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_resume_and_changes_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    whole, place = journal(tmp_path / "whole"), journal(tmp_path / "runs")
    arguments = ("--trials", 96, "--seed", 1)
    course = uninterrupted(whole, *arguments)
    ends = interrupted(place, course, number, 3, 11, *arguments)
    advice = f"dse study resume {NAME} --storage {place.url} --out {place.out}"
    assert len(ends) == 3
    for end in ends:
        assert end.code == 130
        assert end.errors in (
            f"dse study: {NAME} stopped; continue with: {advice}\n",
            f"dse study: {NAME} stopped; it had not begun\n",
        )
    assert_same_study(whole, place)
    assert_pins_evaluated_once(place)


def test_an_interrupt_amid_what_is_told_of_a_finished_study_says_so_too(tmp_path: Path) -> None:
    place = journal(tmp_path / "runs")
    run("run", NAME, "--trials", 2000, "--sampler", "random", *place.options(), "--quiet")
    advice = f"dse study resume {NAME} --storage {place.url} --out {place.out}"
    codes = set()
    for tenth in range(8):
        (place.folder / ".lock").unlink(missing_ok=True)
        process = start("resume", NAME, *place.options(), "--quiet")
        wait_for(place.folder / ".lock", process)
        time.sleep(tenth / 10)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        codes.add(process.returncode)
        told = {0: "", 130: f"dse study: {NAME} stopped; continue with: {advice}\n"}
        assert errors == told[process.returncode]
    assert 130 in codes


@pytest.mark.parametrize("where", [(), ("--executor", "processes", "--workers", "2")])
def test_the_advice_of_an_interrupt_is_a_command_that_works(
    tmp_path: Path, where: tuple[str, ...]
) -> None:
    whole, place = Place(tmp_path / "whole"), Place(tmp_path / "a folder")
    arguments = ("--trials", 64, "--seed", 1, "--batch", 8, "--sampler", "random")
    run("run", NAME, *arguments, *whole.options())
    process = start("run", NAME, *arguments, *place.options(), *where, "--quiet")
    wait_for(place.folder / "evaluations" / "part-00000000.parquet", process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    _, _, advice = errors.strip().partition("continue with: dse study resume ")
    assert advice == " ".join([NAME, *where, f"--out '{place.out}'"])
    run("resume", *shlex.split(advice))
    assert_same_study(whole, place)


def test_an_interrupt_ends_a_collection_and_not_one_of_its_studies(tmp_path: Path) -> None:
    process = start("run", "pareto", "--out", tmp_path, "--sampler", "random", "--quiet")
    wait_for(tmp_path / NAME / "evaluations" / "part-00000000.parquet", process)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert errors.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_what_a_kill_left_of_an_unfinished_file_is_removed(dse: Run, tmp_path: Path) -> None:
    whole, place = Place(tmp_path / "whole"), Place(tmp_path / "runs")
    run = ("study", "run", NAME, "--trials", 8, "--seed", 1, "--quiet")
    assert dse(*run, *whole.options())[0] == 0
    (place.folder / "evaluations").mkdir(parents=True)
    (place.folder / "evaluations" / ".part-00000000.parquet.4711.unfinished").write_bytes(b"PAR1")
    (place.folder / ".study.toml.4711.unfinished").write_bytes(b"name")
    assert dse(*run, *place.options())[0] == 0
    assert_same_study(whole, place)
    assert files(place.folder).keys() == files(whole.folder).keys()


@pytest.mark.parametrize("executor", ["processes", pytest.param("ray", marks=needs_ray)])
def test_a_killed_worker_changes_nothing(dse: Run, tmp_path: Path, executor: str) -> None:
    whole, place = journal(tmp_path / "whole"), journal(tmp_path / "runs")
    arguments = ("--trials", 400, "--seed", 1, "--sampler", "random", "--quiet")
    assert dse("study", "run", NAME, *arguments, *whole.options())[0] == 0
    process = start(
        "run", NAME, *arguments, *place.options(), "--executor", executor, "--workers", 2
    )
    try:
        wait_for(place.folder / "evaluations" / "part-00000000.parquet", process)
        killed = kill_workers(process.pid)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    finally:
        kill_session(process)
    assert killed
    assert_same_study(whole, place)


def test_a_driver_of_processes_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    place = journal(tmp_path / "runs")
    arguments = ("--trials", 100_000, "--sampler", "random", "--executor", "processes", "--quiet")
    process = start("run", NAME, *arguments, *place.options())
    try:
        wait_for(place.folder / "evaluations" / "part-00000000.parquet", process)
        workers = psutil.Process(process.pid).children(recursive=True)
        assert workers
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive
    finally:
        kill_session(process)


def kill_workers(driver: int) -> list[int]:
    """Kill every worker process that a driver has, as soon as it has one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(driver).children(recursive=True)
        workers = [each for each in children if _is_worker(each)]
        for each in workers:
            each.kill()
        if workers:
            return [each.pid for each in workers]
    return []


def _is_worker(process: psutil.Process) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return line.startswith("ray::answer") or "spawn_main" in line
