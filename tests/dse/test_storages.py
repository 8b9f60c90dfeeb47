"""One contract for every storage: SQLite in the folder or by URL, a journal, PostgreSQL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pyarrow.parquet as pq
import pytest
from study_runs import (
    NAME,
    Place,
    assert_pins_evaluated_once,
    assert_same_study,
    files,
    interrupted,
    kill_session,
    start,
    trial_table,
    uninterrupted,
    wait_for,
)

from dse.search.journal import Journal
from dse.search.storage import load
from studies import toml
from studies.specification import Specification

Run = Callable[..., tuple[int, str, str]]

SMALL = ("--seed", 1, "--sampler", "random", "--batch", 8, "--quiet")


@pytest.fixture(params=["sqlite", "sqlite by URL", "journal", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request, tmp_path)


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    urls = {
        "sqlite": lambda: None,
        "sqlite by URL": lambda: f"sqlite:///{tmp_path / 'all.db'}",
        "journal": lambda: f"journal:{tmp_path / 'all.journal'}",
        "postgresql": lambda: request.getfixturevalue("postgres_url"),
    }
    return Place(tmp_path / "runs", urls[request.param]())


def opened(place: Place) -> optuna.storages.BaseStorage:
    """The place's storage as another program opens it."""
    if place.url is None:
        place.folder.mkdir(parents=True)
        return optuna.storages.RDBStorage(f"sqlite:///{place.folder / 'study.db'}")
    if place.url.startswith("journal:"):
        return optuna.storages.JournalStorage(Journal(place.url.removeprefix("journal:")))
    return optuna.storages.RDBStorage(place.url)


def test_a_study_is_created_with_all_that_a_reader_needs(dse: Run, place: Place) -> None:
    code, out, _ = dse("study", "run", NAME, "--trials", 10, *SMALL, *place.options())
    assert code == 0
    assert out.startswith(f"{NAME} (strict, published accounting): 10 trials, ")
    study = load(place.folder, NAME, place.url)
    assert [each.name for each in study.directions] == ["MINIMIZE", "MINIMIZE"]
    assert study.metric_names == ["area_um2", "latency_s"]
    assert study.user_attrs["optuna version"] == optuna.__version__
    assert study.user_attrs["specification"]["seed"] == 1
    assert [each[:2] for each in trial_table(place)] == [(n, "COMPLETE") for n in range(10)]
    assert_pins_evaluated_once(place)


def test_optuna_reads_designs_objectives_and_violations_in_their_units(
    dse: Run, place: Place
) -> None:
    run = ("study", "run", NAME, "--trials", 40, *SMALL, *place.options())
    assert dse(*run)[0] == 0
    study = load(place.folder, NAME, place.url)
    rows = pq.read_table(place.folder / "evaluations").sort_by("trial").to_pylist()
    for trial, row in zip(study.trials, rows, strict=True):
        sizes = {name: trial.params[name] for name in ("array_rows", "array_cols", "vector_lanes")}
        assert sizes == {name: row[name] for name in sizes}
        assert trial.params["buffer_bytes"] == row["buffer_bytes"]
        assert trial.constraints == dict(row["violations"])
        if row["feasible"]:
            assert trial.values == [row["area_um2"], row["latency_s"]]
        else:
            assert trial.values == [float("inf")] * 2
            assert min(trial.constraints.values()) > 0
    told = json.loads(dse("front", NAME, "--out", place.out, "--json")[1])["front"]
    names = sorted(study.trials[0].params)
    assert {
        (*(each.params[name] for name in names), *each.values) for each in study.best_trials
    } == {
        (*(row["parameters"][name] for name in names), row["area_um2"], row["latency_s"])
        for row in told
    }


def test_a_study_that_is_continued_equals_one_that_ran_at_once(
    dse: Run, place: Place, tmp_path: Path
) -> None:
    whole = Place(tmp_path / "whole")
    assert dse("study", "run", NAME, "--trials", 24, *SMALL, *whole.options())[0] == 0
    assert dse("study", "run", NAME, "--trials", 8, *SMALL, *place.options())[0] == 0
    assert len(trial_table(place)) == 8
    resume = ("study", "resume", NAME, "--quiet", *place.options())
    assert dse(*resume, "--trials", 24)[0] == 0
    assert_same_study(whole, place)
    assert dse(*resume)[0] == 0
    assert_same_study(whole, place)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (("--seed", 2), "seed was 1 and is 2"),
        (("--sampler", "nsga2"), 'sampler was "random" and is "nsga2"'),
        (("--batch", 4), "batch was 8 and is 4"),
        (
            ("--accounting", "Q1"),
            'constraints: registers was false and is true; accounting was "published" and is "Q1"',
        ),
    ],
)
def test_another_specification_is_refused_and_changes_nothing(
    dse: Run, place: Place, options: tuple[object, ...], difference: str
) -> None:
    run = ("study", "run", NAME, "--trials", 8, *SMALL)
    assert dse(*run, *place.options())[0] == 0
    before = files(place.folder), trial_table(place)
    code, out, errors = dse(*run, *options, *place.options())
    assert (code, out) == (2, "")
    assert errors == (
        f"dse study: the study '{NAME}' was started with another specification: {difference}; "
        "start it anew under another name, with --name\n"
    )
    assert (files(place.folder), trial_table(place)) == before


def test_a_study_that_another_behaviour_evaluated_is_refused(
    dse: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edited model must not continue what another one began, nor serve its results."""
    run = ("study", "run", NAME, "--trials", 8, *SMALL, *place.options())
    assert dse(*run)[0] == 0
    behaviour = toml.load(place.folder / "study.toml").behaviour()
    monkeypatch.setattr(Specification, "behaviour", lambda self: behaviour | {"binding": "edited"})
    for command in (
        run,
        ("study", "show", NAME, "--out", place.out),
        ("front", NAME, "--out", place.out),
    ):
        code, out, errors = dse(*command)
        assert (code, out) == (2, "")
        assert "was evaluated by another version of this program" in errors
        assert "evaluations of binding differ; start it anew under another name" in errors


def test_another_configuration_is_no_other_version(dse: Run, place: Place) -> None:
    run = ("--trials", 8, *SMALL, *place.options())
    assert dse("study", "run", NAME, *run)[0] == 0
    code, _, errors = dse("study", "run", "flat-t5", "--name", NAME, *run)
    assert code == 2
    assert 'configuration was "binding" and is "flat"' in errors
    assert "behaviour" not in errors
    assert "another version" not in errors


def test_a_study_of_another_program_is_refused_and_left_alone(dse: Run, place: Place) -> None:
    theirs = optuna.create_study(study_name=NAME, storage=opened(place))
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    before = trial_table(place)
    code, _, errors = dse("study", "run", NAME, "--trials", 8, *SMALL, *place.options())
    assert code == 2
    assert f"a study '{NAME}' that this program did not make" in errors
    assert trial_table(place) == before


def test_a_driver_killed_before_it_could_name_its_study_is_continued(
    dse: Run, place: Place, tmp_path: Path
) -> None:
    optuna.create_study(study_name=NAME, storage=opened(place), directions=["minimize", "minimize"])
    whole = Place(tmp_path / "whole")
    for each in (whole, place):
        assert dse("study", "run", NAME, "--trials", 8, *SMALL, *each.options())[0] == 0
    assert_same_study(whole, place)


def test_a_second_driver_is_refused_while_the_first_one_runs(dse: Run, place: Place) -> None:
    many = ("run", NAME, "--trials", 100_000, *SMALL)
    elsewhere = place if place.url is None else replace(place, out=place.out.with_name("other"))
    first = start(*many, *place.options())
    try:
        wait_for(place.folder / "evaluations" / "part-00000000.parquet", first)
        assert first.poll() is None, first.communicate()[1]
        for second in (place, elsewhere):
            code, out, errors = dse("study", *many, *second.options())
            assert (code, out) == (2, "")
            assert "another driver is running the study" in errors
            assert errors.count("\n") == 1
        assert first.poll() is None
    finally:
        kill_session(first)
    parts = len(files(place.folder / "evaluations"))
    again = ("study", "run", NAME, "--trials", 8 * parts + 8, *SMALL, *place.options())
    assert dse(*again)[0] == 0, "the dead driver's lock must end with it"


def test_several_studies_share_a_storage(dse: Run, place: Place) -> None:
    if place.url is None:
        pytest.skip("the default storage holds one study")
    for model in ("bert", "t5"):
        code, _, errors = dse(
            "study", "run", f"binding-{model}", "--trials", 8, *SMALL, *place.options()
        )
        assert (code, errors) == (0, "")
    for model in ("bert", "t5"):
        study = load(place.out / f"binding-{model}", f"binding-{model}", place.url)
        assert len(study.trials) == 8


@pytest.mark.parametrize("place", ["sqlite", "journal", "postgresql"], indirect=True)
def test_a_study_killed_at_random_instants_equals_the_uninterrupted_one(
    place: Place, tmp_path: Path
) -> None:
    arguments = ("--trials", 64, "--seed", 1, "--batch", 8)
    whole = Place(tmp_path / "whole", place.url and _sibling(place.url))
    course = uninterrupted(whole, *arguments)
    ends = interrupted(place, course, signal.SIGKILL, 3, 20, *arguments)
    assert len(ends) == 3
    assert {end.code for end in ends} == {-signal.SIGKILL}
    assert_same_study(whole, place)
    assert_pins_evaluated_once(place)


def _sibling(url: str) -> str | None:
    """A second journal; None for PostgreSQL, whose study is compared with SQLite's."""
    return f"{url}2" if url.startswith("journal:") else None


def test_a_reader_finds_no_study_where_there_is_none(dse: Run, place: Place) -> None:
    for action in ("resume", "show"):
        code, out, errors = dse("study", action, "nothing", "--out", place.out)
        assert (code, out) == (2, "")
        assert errors.startswith(f"dse study: there is no study in {place.out / 'nothing'}; ")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nowhere", "storage 'nowhere': give a database URL"),
        ("journal:", "storage 'journal:': give a database URL"),
        ("oracle+nothing://host/name", "cannot be used: Can't load plugin"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/name", "//me:***@127.0.0.1:1/name cannot"),
        ("sqlite:////dev/null/study.db", "cannot write in /dev/null"),
        ("journal:/absent/folder/journal", "cannot write in /absent/folder: No such file"),
        ("sqlite:////absent/folder/study.db", "cannot write in /absent/folder: No such file"),
        ("sqlite://", "is no file that outlasts the study"),
        ("sqlite:///:memory:", "is no file that outlasts the study"),
        ("sqlite:///study.db?x=y", "give sqlite:///FILE, a plain path"),
        ("postgresql+psycopg://host:port/name", "+psycopg://...' is no URL of a database"),
        ("postgresql+psycopg://127.0.0.1:1/name?password=secret", "password=*** cannot be used"),
        ("journal:/dev/null/study", "cannot write in /dev/null"),
        ("journal:/dev/full", "the database /dev/full is no regular file; name one"),
        ("journal:/tmp", "the database /tmp is no regular file; name one"),
        (f"sqlite:////tmp/{'x' * 300}", "cannot be used: File name too long; name another file"),
        ("sqlite:////dev/zero", "the database /dev/zero is no regular file; name one"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_sentence_without_the_password(
    dse: Run, tmp_path: Path, url: str, sentence: str
) -> None:
    out = tmp_path / "some" / "runs"
    run = ("study", "run", NAME, "--trials", 8, *SMALL, "--out", out, "--storage", url)
    code, printed, errors = dse(*run)
    assert (code, printed) == (2, "")
    assert sentence in errors
    assert errors.count("\n") == 1
    assert "secret" not in errors
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_journal_is_not_read_into_memory(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with notes.open("wb") as file:
        file.truncate(2**36)  # sparse
    limited = ["sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh", sys.executable, "-m", "dse"]
    options = ["--trials", "8", "--quiet", "--storage", f"journal:{notes}"]
    command = [*limited, "study", "run", NAME, *options, "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("cannot be used: it is damaged, or no journal of Optuna\n")


def test_a_torn_record_of_a_journal_is_cut_off(dse: Run, tmp_path: Path) -> None:
    """What a kill or a full disk amid a write leaves: the last record lacks its end."""
    journal = tmp_path / "all.journal"
    whole, place = Place(tmp_path / "whole"), Place(tmp_path / "runs", f"journal:{journal}")
    run = ("study", "run", NAME, "--trials", 16, *SMALL)
    assert dse(*run, *whole.options())[0] == 0
    assert dse(*run, *place.options())[0] == 0
    records = journal.read_bytes()
    journal.write_bytes(records[: records.rstrip(b"\n").rfind(b"\n") + 20])
    assert dse(*run, *place.options())[0] == 0
    assert_same_study(whole, place)


@pytest.mark.parametrize("text", ["remember the milk", "remember the milk\n", '{"a": 1}\n{"b"'])
def test_a_file_that_is_no_journal_is_left_alone(dse: Run, tmp_path: Path, text: str) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text(text)
    place = Place(tmp_path / "runs", f"journal:{notes}")
    code, _, errors = dse("study", "run", NAME, "--trials", 8, *SMALL, *place.options())
    assert code == 2
    assert f"the database {notes} cannot be used" in errors
    assert notes.read_text() == text
