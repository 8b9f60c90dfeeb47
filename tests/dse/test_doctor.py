"""`dse doctor`: what it finds, what fails, and that nothing can stop it."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from dse.checks import doctor, self_tests
from dse.checks.doctor import PARTS, Dependency, Finding
from dse.commands.cli import main
from evaluators.timeloop import programs, versions

REQUIRED = {
    "Python",
    "attention-dse",
    "ray",
    "optuna",
    "matplotlib",
    "pandas",
    "pyarrow",
    "numpy",
    "moocore",
    "PyYAML",
}


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """Make the doctor find these parts alone, some with a command for a self-test."""

    def install(parts: tuple[Dependency, ...]) -> None:
        monkeypatch.setattr(doctor, "PARTS", parts)

    return install


def test_everything_required_works_here(capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    parts = {part["name"]: part for part in record["parts"]}
    assert record["works"] is True
    assert set(parts) == {"Python", *(part.name for part in PARTS)}
    assert {name for name, part in parts.items() if part["required"]} == REQUIRED
    for name, part in parts.items():
        assert part["gives"]
        assert part["instructions"]
        assert (part["version"] is None) <= (part["works"] is None), name
        assert part["required"] <= (part["works"] is True), part
    assert "118.279 s, as published" in parts["attention-dse"]["note"]


def test_a_table_of_100_columns_then_what_is_missing(found, capsys: pytest.CaptureFixture[str]):
    absent = Dependency(
        "speed", "numpy", "gives " + "much " * 30, "https://x.org", modules=("absent_",)
    )
    found((PARTS[0], absent))
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["part", "version", "self-test"]
    assert [line.split()[0] for line in lines[1:4]] == ["Python", "attention-dse", "speed"]
    assert lines[3].split() == ["speed", "missing", "-"]
    assert lines[5] == "Missing, and what each would give:"
    assert "https://x.org" in " ".join(lines[6:])
    assert lines[-1] == "All required parts work."


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            Dependency("gone", "numpy", "much", "get it", required=True, modules=("absent_",)),
            "gone: much",
        ),
        (
            Dependency("broken", "absent", "much", "get it", required=True, modules=("json",)),
            "broken: ",
        ),
    ],
)
def test_a_required_part_that_is_wanting_is_exit_code_1(
    found, capsys: pytest.CaptureFixture[str], part: Dependency, said: str
):
    found((part,))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert said in printed
    assert "get it" in printed
    assert printed.endswith(f"Required and wanting: {part.name}.\n")


def test_an_optional_part_that_fails_is_exit_code_0(found, capsys: pytest.CaptureFixture[str]):
    found((Dependency("broken", "absent", "much", "get it", modules=("json",)),))
    assert main(["doctor"]) == 0
    assert "Failed:\n  broken: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('more'); print('as it must'); exit(0)", (True, "as it must")),
        ("print('it is wrong'); exit(1)", (False, "it is wrong")),
        ("exit(3)", (False, "ended with exit code 3")),
        ("1 / 0", (False, "ZeroDivisionError: division by zero")),
        ("import absent_", (False, "ModuleNotFoundError: No module named 'absent_'")),
        ("import os; os.kill(os.getpid(), 11)", (False, "ended by SIGSEGV")),
        ("input()", (False, "EOFError: EOF when reading a line")),
        ("print('\\x00\\x1b[2J wrong'); exit(1)", (False, "\\x00\\x1b[2J wrong")),
    ],
)
def test_a_self_test_can_end_as_it_likes(code: str, said: tuple[bool, str]):
    assert doctor.try_out(python(code), 20) == said


def test_a_self_test_that_hangs_is_ended_with_its_children(tmp_path: Path):
    child = tmp_path / "child"
    code = (
        "import pathlib, subprocess, time\n"
        "process = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(process.pid))\n"
        "time.sleep(60)"
    )
    start = time.monotonic()
    assert doctor.try_out(python(code), 2) == (False, "not done after 2 s")
    assert time.monotonic() - start < 10
    for _ in range(100):
        if not alive(int(child.read_text())):
            return
        time.sleep(0.05)
    pytest.fail("the child of the self-test is still there")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def test_every_part_has_a_self_test_that_exists():
    assert {part.test for part in PARTS} - {""} == set(self_tests.TESTS)


def test_a_program_is_found_on_the_path_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "timeloop-model"
    program.write_text("#!/bin/sh\necho 'no such chip' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (part,) = (part for part in PARTS if part.name == "timeloop-model")
    finding = doctor.examine(part)
    assert finding == Finding(
        part,
        programs.version(program),
        False,
        "Wrong: timeloop-model ended with 3 and said: no such chip",
    )


def test_plug_ins_of_accelergy_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("bin", "share/accelergy/estimation_plug_ins/accelergy-example-plug-in"):
        (tmp_path / name).mkdir(parents=True)
    program = tmp_path / "bin" / "accelergy"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    plug_ins = doctor.examine(doctor.PLUG_INS)
    assert "example" in plug_ins.note.split(", ")
    (part,) = (part for part in PARTS if part.name == "Accelergy")
    finding = doctor.examine(part)
    assert finding.works is False
    assert "made no ERT.yaml" in finding.note


@pytest.mark.parametrize(
    "name", ["timeloop_model", "timeloop_mapper", "timeloop_front_end", "accelergy"]
)
def test_the_real_programs_of_timeloop_pass(name: str):
    (part,) = (part for part in PARTS if part.test == name)
    finding = doctor.examine(part)
    if finding.version is None:
        pytest.skip(f"{part.name} is not installed")
    another = any(change.since in finding.note for change in versions.CHANGES)
    assert finding.works or another, finding.note


def test_a_program_that_lacks_a_python_module_is_told_with_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "accelergy"
    program.write_text(f"#!{sys.executable}\nprint('Starting')\nimport absent_module\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (part,) = (part for part in PARTS if part.name == "Accelergy")
    finding = doctor.examine(part)
    assert finding.works is False
    assert "exited with status 1" in finding.note
    assert finding.note.endswith("ModuleNotFoundError: No module named 'absent_module'")


def test_every_part_has_its_own_source_and_accelergys_name_the_commits():
    sources = {part.name: part.instructions for part in (*PARTS, doctor.PLUG_INS)}
    assert "github.com/NVlabs/timeloop" in sources["timeloop-model"]
    assert "Accelergy-Project/accelergy@c7e26d2" in sources["Accelergy"]
    assert "Accelergy-Project/timeloopfe" in sources["Timeloop front end"]
    assert sys.executable in sources["Timeloop front end"]
    for commit in ("b07bec5", "662afb4", "ab4123a", "bf874bc"):
        assert commit in sources["Accelergy plug-ins"]


def test_a_package_of_accelergy_without_its_program_is_no_accelergy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.4")
    monkeypatch.setenv("PATH", str(tmp_path))
    (part,) = (part for part in PARTS if part.name == "Accelergy")
    assert doctor.examine(part) == Finding(part, None, None, "")
