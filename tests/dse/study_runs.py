"""Studies as processes: started, killed, and compared."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from dse.search.storage import load

NAME = "binding-bert"
PINS = 7
PATIENCE_S = 120


@dataclass(frozen=True)
class Place:
    """Where a study lies: the folder of studies, and the storage if it is not the default."""

    out: Path
    url: str | None = None

    @property
    def folder(self) -> Path:
        return self.out / NAME

    def options(self) -> list[str]:
        return ["--out", str(self.out)] + (["--storage", self.url] if self.url else [])


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start `dse study` as a process, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dse", "study", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments: object) -> None:
    """Run `dse study` as a process that must do well."""
    process = start(*arguments)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process has made a file, or ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists() and process.poll() is None:
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.005)


@dataclass(frozen=True)
class Course:
    """How a study went that nothing interrupted: its parts, and the seconds a batch took."""

    parts: list[Path]
    batch_s: float


def uninterrupted(place: Place, *arguments: object) -> Course:
    """Run a study to its end."""
    process = start("run", NAME, *arguments, *place.options(), "--quiet")
    wait_for(place.folder / ".lock", process)
    began = time.monotonic()
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    parts = sorted(path.relative_to(place.folder) for path in place.folder.glob("*/part-*"))
    return Course(parts, (time.monotonic() - began) / len(parts))


@dataclass(frozen=True)
class End:
    """How a run ended that was stopped: exit code, standard error, the parts there were then."""

    code: int
    errors: str
    parts: int


def interrupted(
    place: Place,
    course: Course,
    number: signal.Signals,
    instants: int,
    seed: int,
    *arguments: object,
) -> list[End]:
    """Run a study, stop it at random instants spread over its course, then let it end.

    An instant is up to one and a half batches after the driver's lock, or after a part that lies
    further on from one instant to the next, up to three quarters of the course.
    """
    rng = random.Random(seed)
    ends: list[End] = []
    while True:
        (place.folder / ".lock").unlink(missing_ok=True)
        process = start("run", NAME, *arguments, *place.options(), "--quiet")
        if len(ends) < instants:
            wait_for(place.folder / ".lock", process)
            behind = 3 * len(course.parts) * len(ends) // (4 * instants)
            if behind:
                wait_for(place.folder / course.parts[behind - 1], process)
            time.sleep(rng.uniform(0, 1.5 * course.batch_s))
            if process.poll() is None:
                process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE_S)
        if process.returncode == 0:
            return ends
        ends.append(End(process.returncode, errors, len(list(place.folder.glob("*/part-*")))))
        assert process.returncode in (-signal.SIGKILL, 130), errors


def trial_table(place: Place) -> list[tuple[Any, ...]]:
    """Return all that the database says of the trials, but for times and its own keys."""
    return [
        (t.number, t.state.name, t.params, t.values, t.user_attrs, t.constraints)
        for t in load(place.folder, NAME, place.url).get_trials(deepcopy=False)
    ]


def files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_same_study(one: Place, other: Place) -> None:
    """Equal to the last bit: the table of trials, and the evaluations with no other file."""
    assert trial_table(one) == trial_table(other)
    assert files(one.folder / "evaluations") == files(other.folder / "evaluations")


def assert_pins_evaluated_once(place: Place) -> None:
    table = [attrs["pin"] for *_, attrs, _ in trial_table(place) if "pin" in attrs]
    rows = pq.read_table(place.folder / "evaluations").to_pandas()
    pinned = rows[rows["pin"].notna()]
    assert len(set(table)) == PINS
    assert Counter(pinned["pin"]) == Counter(table) == dict.fromkeys(table, 1)
    assert not pinned["repeated"].any()


def kill_session(process: subprocess.Popen[str]) -> None:
    """Kill a process that `start` started, and its children."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
