"""What breaks around a study: one clear sentence, exit code 2, and nothing destroyed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_runs import NAME, Place, assert_same_study, files, trial_table

from dse.results.parts import Parts
from dse.search.home import stored
from evaluators.errors import InputError

Run = Callable[..., tuple[int, str, str]]

TRIALS = 24
_JOURNAL_BYTES = 27_000
SMALL = ("--trials", TRIALS, "--seed", 1, "--sampler", "random", "--batch", 8, "--quiet")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A study that ended well: trials 0 to 23 in three parts. Tests damage a copy of it."""
    place = Place(tmp_path_factory.mktemp("finished") / "runs")
    arguments = [sys.executable, "-m", "dse", "study", "run", NAME, *SMALL, *place.options()]
    subprocess.run([str(each) for each in arguments], check=True, capture_output=True)
    return place


@pytest.fixture
def place(finished: Place, tmp_path: Path) -> Place:
    shutil.copytree(finished.out, tmp_path / "runs")
    return Place(tmp_path / "runs")


def database(place: Place) -> Path:
    return place.folder / "study.db"


def part(place: Place, first: int) -> Path:
    return place.folder / "evaluations" / f"part-{first:08d}.parquet"


def refused(dse: Run, place: Place, *sentences: str, more: int = 0) -> None:
    """The study is refused with those words, in one line, and no file of it changes."""
    before = files(place.out)
    run = ("study", "run", NAME, *SMALL[2:], "--trials", TRIALS + more, *place.options())
    code, out, errors = dse(*run)
    assert (code, out) == (2, "")
    assert errors.startswith("dse study: ")
    assert errors.count("\n") == 1
    for sentence in sentences:
        assert sentence in errors
    assert files(place.out) == before


def test_a_folder_below_a_file_cannot_be_written(dse: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, out, errors = dse("study", "run", NAME, *SMALL, "--out", tmp_path / "file")
    assert (code, out) == (2, "")
    assert errors == (
        f"dse study: cannot write in {tmp_path / 'file' / NAME}: Not a directory; "
        "name another place\n"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_permission_cannot_be_written(dse: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        code, out, errors = dse("study", "run", NAME, *SMALL, "--out", tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert (code, out) == (2, "")
    assert f"cannot write in {tmp_path / NAME}: Permission denied" in errors


def limited(place: Place, size: int) -> subprocess.CompletedProcess[str]:
    """Run the study in a process whose files cannot grow beyond a size."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "dse", "study", "run", NAME, *SMALL, *place.options()]
    return subprocess.run(
        [str(each) for each in command],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
@pytest.mark.parametrize("share", [0.05, 0.4, 0.95])
def test_a_database_that_cannot_grow_stops_the_study_and_loses_nothing(
    dse: Run, finished: Place, tmp_path: Path, storage: str, share: float
) -> None:
    journal = tmp_path / "journal"
    place = Place(tmp_path / "runs", f"journal:{journal}" if storage == "journal" else None)
    size = database(finished).stat().st_size if storage == "sqlite" else _JOURNAL_BYTES
    done = limited(place, int(share * size))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert str(tmp_path) in done.stderr
    assert dse("study", "run", NAME, *SMALL, *place.options())[0] == 0
    assert_same_study(finished, place)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    if shutil.which("mount") is None or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(ballast: Path, free_kib: int) -> None:
    """Leave so much of a disk free."""
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - free_kib * 1024)


@pytest.mark.parametrize("free_kib", [0, 8, 120, 150, 170])
def test_a_full_disk_stops_the_study_and_loses_nothing(
    dse: Run, finished: Place, small_disk: Path, free_kib: int
) -> None:
    place = Place(small_disk / "runs")
    fill(small_disk / "ballast", free_kib)
    code, out, errors = dse("study", "run", NAME, *SMALL, *place.options())
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert "full" in errors or "No space left" in errors
    (small_disk / "ballast").unlink()
    code, _, errors = dse("study", "run", NAME, *SMALL, *place.options())
    assert code == 0, errors
    assert_same_study(finished, place)


def test_a_database_that_another_process_locks_is_waited_for_and_then_refused(
    dse: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dse.search.storage._BUSY_S", 0.2)
    holder = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(database(place))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        refused(dse, place, f"the database {database(place)} cannot be used: database is locked")
        process.communicate()
    assert dse("study", "run", NAME, *SMALL, *place.options())[0] == 0


def overwritten(path: Path, start: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[start : start + len(content)] = content
    path.write_bytes(whole)


def test_a_database_that_is_none_is_refused(dse: Run, place: Place) -> None:
    database(place).write_bytes(b"remember the milk" * 100)
    refused(dse, place, str(database(place)), "file is not a database; restore it, or move")


@pytest.mark.parametrize("page", range(1, 12))
def test_a_damaged_page_of_the_database_is_refused_or_makes_no_difference(
    dse: Run, finished: Place, place: Place, page: int
) -> None:
    overwritten(database(place), page * 4096, b"\xa5" * 4096)
    before = files(place.folder / "evaluations")
    code, _, errors = dse("study", "run", NAME, *SMALL, *place.options())
    assert files(place.folder / "evaluations") == before
    if code:
        assert code == 2
        assert errors.startswith("dse study: ")
        assert errors.count("\n") == 1
    else:
        assert trial_table(place) == trial_table(finished)


def test_a_database_cut_short_is_refused(dse: Run, place: Place) -> None:
    content = database(place).read_bytes()
    database(place).write_bytes(content[: len(content) // 2])
    refused(
        dse,
        place,
        f"the database {database(place)} cannot be used",
        "malformed; restore it, or move",
    )


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trial_values SET value = NULL WHERE trial_id = 3",
        "UPDATE trials SET state = 'WEIRD' WHERE trial_id = 3",
        """UPDATE trial_params SET distribution_json = '{"name": "Foo", "attributes": {}}'""",
        "UPDATE trial_params SET distribution_json = printf('%.*c', 99999, '[')",
        "UPDATE study_user_attributes SET value_json = 'no JSON'",
        "DELETE FROM trials WHERE trial_id = 3",
    ],
)
def test_content_that_no_study_has_is_called_damage_of_the_database_with_its_remedy(
    dse: Run, place: Place, damage: str
) -> None:
    with sqlite3.connect(database(place)) as connection:
        connection.execute(damage)
    connection.close()
    refused(dse, place, f"the database {database(place)} is damaged", "--rebuild")


def test_a_database_of_another_version_of_optuna_is_refused(dse: Run, place: Place) -> None:
    with sqlite3.connect(database(place)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    connection.close()
    refused(dse, place, f"the database {database(place)} cannot be used", "optuna version")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_part_cut_short_is_refused(dse: Run, place: Place, share: float) -> None:
    content = part(place, 8).read_bytes()
    part(place, 8).write_bytes(content[: int(share * len(content))])
    refused(dse, place, f"{part(place, 8)} is damaged", "restore it")


def test_a_part_of_another_study_is_refused(dse: Run, place: Place) -> None:
    other = ("study", "run", NAME, *SMALL, "--seed", 2, "--name", "other", *place.options())
    assert dse(*other)[0] == 0
    shutil.copy(place.out / "other" / "evaluations" / part(place, 8).name, part(place, 8))
    refused(dse, place, f"{part(place, 8)} is of another study or version")


def test_a_part_of_another_schema_is_refused(dse: Run, place: Place) -> None:
    table = pq.read_table(part(place, 8))
    metadata = table.schema.metadata | {b"schema_version": b"0"}
    pq.write_table(table.replace_schema_metadata(metadata), part(place, 8))
    refused(dse, place, f"{part(place, 8)} is damaged, or of another version of this program")


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ([0], "does not follow the parts before it; a part is missing"),
        ([8], "does not follow the parts before it; a part is missing"),
        ([16], "is finished but its evaluations are missing"),
        ([0, 8, 16], "is finished but its evaluations are missing"),
    ],
)
def test_a_missing_part_is_refused(dse: Run, place: Place, lost: list[int], sentence: str) -> None:
    for first in lost:
        part(place, first).unlink()
    refused(dse, place, sentence, more=8)


def test_a_deleted_folder_of_evaluations_is_refused(dse: Run, place: Place) -> None:
    shutil.rmtree(place.folder / "evaluations")
    refused(dse, place, "trial 0 of the database", "is finished but its evaluations are missing")


def test_a_deleted_database_is_refused_and_not_made_anew(dse: Run, place: Place) -> None:
    database(place).unlink()
    refused(dse, place, f"{place.folder} has evaluations of a study that the storage does not")
    assert not database(place).exists()


def test_a_database_with_fewer_trials_than_evaluations_is_refused(
    dse: Run, place: Place, tmp_path: Path
) -> None:
    fewer = Place(tmp_path / "fewer")
    assert dse("study", "run", NAME, *SMALL, "--trials", 8, *fewer.options())[0] == 0
    shutil.copy(database(fewer), database(place))
    refused(dse, place, f"the database {database(place)} lacks trial 8, whose evaluations are in")


def test_a_database_whose_trials_are_not_those_of_the_parts_is_refused(
    dse: Run, place: Place
) -> None:
    with sqlite3.connect(database(place)) as connection:
        connection.execute(
            "UPDATE trial_params SET param_value = 1 - param_value "
            "WHERE param_name = 'array_rows' AND trial_id = 10"
        )
    connection.close()
    refused(dse, place, "trial 9")


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_byte_of_a_part_is_refused_or_makes_no_difference(
    finished: Place, tmp_path: Path, data: st.DataObject
) -> None:
    content = part(finished, 8).read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    study = stored(finished.folder)
    copy = tmp_path / "evaluations" / part(finished, 8).name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
    try:
        damaged = Parts(study, tmp_path).read(8)
    except InputError:
        return
    whole = Parts(study, finished.folder).read(8)
    assert repr(damaged) == repr(whole)  # NaN is not equal to itself
