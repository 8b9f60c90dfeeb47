"""Whose word counts: parts over database, the folder that is named, one driver, one machine."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from study_runs import NAME, Place, assert_same_study, files, trial_table

from dse.search.address import own, parse, without_password
from dse.search.locks import file_lock
from evaluators.errors import InputError
from studies.builtin import STUDIES
from studies.objectives import relative_excess
from studies.reference import reference

Run = Callable[..., tuple[int, str, str]]

SMALL = ("--seed", 1, "--sampler", "random", "--batch", 8, "--quiet")


@pytest.fixture
def place(dse: Run, tmp_path: Path) -> Place:
    place = Place(tmp_path / "runs")
    assert dse("study", "run", NAME, "--trials", 16, *SMALL, *place.options())[0] == 0
    return place


def test_resume_continues_the_copy_that_is_named_and_not_the_original(
    dse: Run, place: Place
) -> None:
    shutil.copytree(place.folder, place.out / "backup")
    before = files(place.folder)
    resume = ("study", "resume", "backup", "--trials", 24, "--quiet", "--out", place.out)
    code, out, _ = dse(*resume)
    assert code == 0
    assert "24 trials" in out
    assert str(place.out / "backup") in out
    assert files(place.folder) == before
    _, out, _ = dse("study", "list", "--out", place.out)
    assert [line.split()[0:4:3] for line in out.splitlines()[1:]] == [
        ["backup", "24/24"],
        [NAME, "16/16"],
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trial_values SET value = value + 1 WHERE trial_id = 9",
        "UPDATE trials SET state = 'FAIL' WHERE trial_id = 9",
        "UPDATE trial_params SET param_value = 'two' WHERE param_id = 9",
        "UPDATE trial_user_attributes SET value_json = '[[' WHERE trial_user_attribute_id = 9",
        "UPDATE trials SET state = 'SLEEPING' WHERE trial_id = 9",
        "DELETE FROM trial_values WHERE trial_id = 9",
        "UPDATE trial_params SET distribution_json = '{}' WHERE param_id = 9",
        "UPDATE trials SET number = 99 WHERE trial_id = 9",
        "UPDATE study_user_attributes SET value_json = '1' WHERE key = 'specification'",
        "ALTER TABLE trials RENAME TO t; CREATE VIEW trials AS WITH RECURSIVE e(n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM e) SELECT n AS trial_id FROM e",
    ],
)
def test_a_database_that_contradicts_the_parts_is_called_damaged_and_can_be_rebuilt(
    dse: Run, place: Place, statement: str
) -> None:
    database, whole = place.folder / "study.db", trial_table(place)
    connection = sqlite3.connect(database)
    connection.executescript(statement)
    connection.close()
    resume = ("study", "resume", NAME, "--quiet", "--out", place.out)
    code, out, errors = dse(*resume)
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert str(database) in errors
    database.unlink()
    code, _, errors = dse(*resume)
    assert code == 2
    assert "--rebuild" in errors
    assert dse(*resume, "--rebuild")[0] == 0
    assert trial_table(place) == whole


def test_a_trial_that_a_user_enqueued_is_a_pinned_trial(dse: Run, place: Place) -> None:
    theirs = optuna.load_study(study_name=NAME, storage=f"sqlite:///{place.folder / 'study.db'}")
    theirs.enqueue_trial({"array_rows": 64, "array_cols": 128})
    resume = ("study", "resume", NAME, "--quiet", "--out", place.out, "--trials", 24)
    code, _, errors = dse(*resume)
    assert (code, errors) == (0, "")
    table = trial_table(place)
    assert len(table) == 24
    assert table[16][4]["pin"] == "enqueued/16"
    assert (table[16][2]["array_rows"], table[16][2]["array_cols"]) == (64, 128)
    theirs.enqueue_trial({"array_rows": 63})
    code, _, errors = dse(*resume[:-1], 32)
    assert code == 2
    assert "trial 24 was enqueued by another program with array_rows 63" in errors


def test_another_machine_or_version_is_refused_unless_accepted_and_then_noted(
    dse: Run, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"optuna": "5.0.0", "numpy": "9.9", "python": "3.99", "instructions": "x86_64 X86_V2"}
    monkeypatch.setattr("dse.search.runner.made_with", lambda: other)
    before = files(place.folder)
    resume = ("study", "resume", NAME, "--quiet", "--out", place.out, "--trials", 24)
    code, _, errors = dse(*resume)
    assert code == 2
    assert "numpy was " in errors
    assert "and is 9.9" in errors
    assert "instructions was " in errors
    assert files(place.folder) == before
    assert dse(*resume, "--accept-versions")[0] == 0
    text = (place.folder / "study.toml").read_text()
    assert '"from trial 0" = ' in text
    assert '"from trial 16" = { optuna = "5.0.0", numpy = "9.9"' in text


def test_a_lower_budget_is_told(dse: Run, place: Place) -> None:
    code, _, errors = dse("study", "run", NAME, "--trials", 8, *SMALL, *place.options())
    assert code == 0
    assert errors == f"dse study: {NAME}: its budget was 16 trials and is 8 now\n"


def test_the_difference_of_a_space_names_the_parameter(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    text = (
        'name = "small"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["8K"]\n'
        "[space]\nvector_lanes = [32, 128]\n"
    )
    file.write_text(text)
    run = ("study", "run", file, "--trials", 8, "--quiet", "--out", tmp_path / "runs")
    assert dse(*run)[0] == 0
    file.write_text(text.replace("[32, 128]", "[32, 64, 128]"))
    code, _, errors = dse(*run)
    assert code == 2
    assert "vector_lanes was [32, 128] and is [32, 64, 128]" in errors


def test_strange_files_among_the_parts_are_passed_over(dse: Run, place: Place) -> None:
    for name in ("part-x.parquet", "part-00000008 (1).parquet", ".DS_Store", "part-8.parquet"):
        (place.folder / "evaluations" / name).write_text("?")
    assert dse("study", "show", NAME, "--out", place.out)[0] == 0
    assert dse("study", "resume", NAME, "--quiet", "--out", place.out)[0] == 0


def test_a_part_under_the_name_of_another_is_not_believed(dse: Run, place: Place) -> None:
    parts = place.folder / "evaluations"
    shutil.copy(parts / "part-00000000.parquet", parts / "part-00000008.parquet")
    for command in ("study show", "study resume", "front"):
        code, _, errors = dse(*command.split(), NAME, *place.options())
        assert code == 2
        assert "part-00000008.parquet has the evaluations of trial 0 on, not of 8" in errors


def test_parts_that_are_a_file_are_not_taken_for_none(dse: Run, place: Place) -> None:
    parts = place.folder / "evaluations"
    shutil.rmtree(parts)
    parts.write_text("")
    code, _, errors = dse("study", "show", NAME, *place.options())
    assert (code, errors.count("\n")) == (2, 1)
    assert f"{parts} is no folder" in errors


@pytest.mark.parametrize("own", ["evaluations/part-00000000.parquet", "sweep/front.parquet"])
def test_an_export_overwrites_no_file_of_the_study(dse: Run, place: Place, own: str) -> None:
    (place.out / "link").symlink_to(place.folder)
    before = files(place.folder)
    export = ("study", "export", NAME, place.out / "link" / own, *place.options())
    code, _, errors = dse(*export)
    assert code == 2
    assert "is among the study's own files; name another place" in errors
    assert files(place.folder) == before


def test_a_storage_without_the_study_is_not_made(dse: Run, place: Place) -> None:
    other = place.out / "other.journal"
    storage = ("--storage", f"journal:{other}")
    code, _, errors = dse("study", "resume", NAME, *storage, *place.options())
    assert code == 2
    assert "has evaluations of a study that the storage does not have" in errors
    assert not other.exists()


def test_a_changed_specification_is_not_believed(dse: Run, place: Place) -> None:
    path = place.folder / "study.toml"
    path.write_text(path.read_text().replace("trials = 16", "trials = 99"))
    code, _, errors = dse("study", "resume", NAME, "--quiet", "--out", place.out)
    assert code == 2
    assert f"{path} is damaged, edited" in errors


def test_one_file_has_one_lock_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / "all.db"
    file.touch()
    (tmp_path / "link").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    (tmp_path / "folder" / "far").hardlink_to(file)
    with file_lock(file, "one"):
        for spelling in ("all.db", "link", "hard", "folder/far", "folder/../all.db"):
            with (
                pytest.raises(InputError, match="another driver is running"),
                file_lock(tmp_path / spelling, "one"),
            ):
                pass
        with file_lock(tmp_path / "link", "two"):
            pass
        (tmp_path / "link").read_bytes()  # a file that is closed must not end the lock
        with pytest.raises(InputError), file_lock(file, "one"):
            pass
    with file_lock(file, "one"):
        pass


@pytest.mark.parametrize("name", ["a?b", "c%41d", "e{f}", "g h", "i#j"])
def test_a_database_is_in_the_folder_that_is_named(dse: Run, tmp_path: Path, name: str) -> None:
    run = ("study", "run", NAME, "--trials", 8, *SMALL, "--out", tmp_path / name)
    assert dse(*run)[0] == 0
    assert (tmp_path / name / NAME / "study.db").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_passwords_are_hidden_wherever_they_stand() -> None:
    url = "postgresql+psycopg://me:one@host/name?password=two&connect_timeout=3"
    assert without_password(url) == (
        "postgresql+psycopg://me:***@host/name?connect_timeout=3&password=***"
    )
    assert parse(url).without_secrets("one and two") == "*** and ***"
    assert own(Path("/a/b")).shown == "/a/b/study.db"


def test_what_samplers_are_told_of_a_violation_has_no_unit() -> None:
    design = {"buffer_bytes": 65536, "array_rows": 128}
    assert relative_excess("buffer_short_bytes", 262144, None, design) == 4
    assert relative_excess("array_rows_remainder", 64, None, design) == 0.5
    assert relative_excess("area_um2_over", 1e9, 5e8, design) == 2
    assert relative_excess("no_binding", 1, None, design) == 1


def test_the_hypervolumes_reference_is_the_specifications_alone(dse: Run, place: Place) -> None:
    study = STUDIES[NAME]
    area, latency = reference(study)
    code, _, _ = dse("sweep", NAME, "--out", place.out)
    assert code == 0
    _, text, _ = dse("front", NAME, "--json", "--out", place.out)
    told = json.loads(text)["true_front"]["reference"]
    assert told == {"area_um2": area, "latency_s": latency}


def test_a_study_continued_equals_one_that_ran_at_once(
    dse: Run, place: Place, tmp_path: Path
) -> None:
    whole = Place(tmp_path / "whole")
    assert dse("study", "run", NAME, "--trials", 24, *SMALL, *whole.options())[0] == 0
    assert dse("study", "resume", NAME, "--quiet", "--trials", 24, "--out", place.out)[0] == 0
    assert_same_study(whole, place)
