"""The README, the pages of docs and the examples: their commands run and print what they show.

A page is read from top to bottom in an empty folder. A block behind "`NAME`:" is that file's
content; `console` blocks are run, and what stands below a command is what it prints, `...` for
anything; `python` blocks are run; of `sh` blocks, for other machines, each `dse` line must parse.
What a sampler draws depends on the processor: of studies and fronts the numbers are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dse.commands.cli import _parser, main
from evaluators.describe import cascade, machine, mapping, reading
from evaluators.describe.accelerator import WORKLOAD_RANKS
from evaluators.errors import InputError
from studies import toml, workload_toml
from studies.objectives import BOUNDABLE, OBJECTIVES, OVER_WORKLOADS
from studies.specification import SAMPLERS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("how-to/*.md"))]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"
BLOCK = re.compile(r"^```(\w+)( timeloop)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?(e[-+]\d+)?")
DRAWN = ("study run", "study resume", "study list", "study show", "front")
"""Commands that print what a sampler drew."""


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[tuple[str, str, bool, str]]:
    """Yield language, file name or '', whether Timeloop is needed, and content of each block."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        before = re.search(r"`(\w[\w-]*\.\w+)`:\n\n$", text[: match.start()])
        yield match[1], before[1] if before else "", bool(match[2]), match[3]


def commands(content: str) -> list[tuple[str, str]]:
    """Split a console block into commands and what they are to print."""
    parts = re.split(r"^\$ (.*)\n", content, flags=re.MULTILINE)
    assert not parts[0], f"{parts[0]!r} stands above the first command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def masked(text: str, command: str) -> str:
    """Blank out times, and numbers and columns' widths that follow from what a sampler drew."""
    text = re.sub(r"after \d+\.\d s", "after 0.0 s", text)
    if command.removeprefix("dse ").startswith(DRAWN):
        text = re.sub(r"(?<=[^\n]) +", " ", NUMBER.sub("0", text))
    return re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)


def agrees(shown: str, printed: str, command: str) -> bool:
    """Tell whether a command printed what a page shows, `...` being any lines or part of one."""
    if ("[exit code " in printed) != ("[exit code " in shown):
        return False
    pattern = re.escape(masked(shown, command))
    pattern = re.sub(r"^\\\.\\\.\\\.\n", r"(?:.*\\n)*?", pattern.replace("\\\n", "\n"), flags=re.M)
    pattern = pattern.replace(r"\.\.\.", r".*?")
    return re.fullmatch(pattern, masked(printed, command)) is not None


def carried_out(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command line and return what it prints; a code that is not 0 is printed last."""
    program, *arguments = shlex.split(command)
    if program == "dse":
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        printed = captured.out + (captured.err if code else "")
    elif program == "pytest":
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        code, printed = done.returncode, done.stdout + done.stderr
    else:
        assert program in ("cat", "rm", "ls"), command
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        code, printed = done.returncode, done.stdout + done.stderr
    return printed + (f"[exit code {code}]\n" if code else "")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_runs_as_it_is_written(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if page.name == "README.md":
        shutil.copytree(ROOT / "examples", "examples")
    for language, file, timeloop, content in blocks(page):
        if file:
            Path(file).write_text(content, encoding="utf-8")
        elif language == "console" and not (timeloop and shutil.which("timeloop-model") is None):
            for command, shown in commands(content):
                printed = carried_out(command, capsys)
                assert agrees(shown or "...\n", printed, command), f"{command}\n{printed}"
        elif language == "python":
            subprocess.run([sys.executable, "-c", content], check=True, capture_output=True)
        elif language == "sh":
            for line in content.splitlines():
                if line.startswith("dse "):
                    words = shlex.split(line)[1:]
                    _parser(words).parse_args(words)


def test_what_a_page_shows_is_compared() -> None:
    assert agrees("a\n...\nb 1\n", "a\nx\ny\nb 1\n", "dse evaluate")
    assert agrees("...\n[exit code 2]\n", "a\n[exit code 2]\n", "dse evaluate")
    assert not agrees("...\n", "a\n[exit code 2]\n", "dse evaluate")
    assert agrees("a ... c\n", "a b c\n", "dse evaluate")
    assert not agrees("a 1\n", "a 2\n", "dse evaluate")
    assert agrees("a 1\n", "a  2.5e-3\n", "dse front x")
    assert not agrees("a 1\n", "b 1\n", "dse front x")
    assert not agrees("a\n", "a\nb\n", "dse front x")


def test_the_readme_has_two_commands_that_need_no_set_up() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^    (.*?)  +#", text, re.MULTILINE) == ["make reproduce", "make test"]


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_make_target_that_is_named_is_there(page: Path) -> None:
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:`|^    )make ([\w-]+)", page.read_text(), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if "://" not in target:
            place = page.parent / file if file else page
            assert place.exists(), f"{page.name} links {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.M)
                names = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
                assert anchor in names, f"{page.name} links {target}"


def test_every_page_is_in_the_contents_and_the_index() -> None:
    contents = (ROOT / "mkdocs.yml").read_text()
    index = (DOCS / "index.md").read_text()
    for page in DOCS.rglob("*.md"):
        name = str(page.relative_to(DOCS))
        assert f"- {name}\n" in contents, name
        if "model" not in name and name != "index.md":
            assert f"]({name})" in index, name


def test_the_docs_are_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed (dependency group docs)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "site" / "how-to" / "own-study.html").is_file()


# The reference pages.


def table(page: str, header: str) -> list[tuple[str, ...]]:
    """Return the rows of the table of a page that has this header, cell by cell."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    (start,) = (i for i, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append(tuple(line.strip("| ").split(" | ")))
    return rows


def words(cell: str) -> tuple[str, ...]:
    """Return the names that a cell sets as code."""
    return tuple(re.findall(r"`([^`]+)`", cell))


def keys(page: str, header: str) -> set[str]:
    """Return the names in the first column of a table."""
    return {name for first, *_ in table(page, header) for name in words(first)}


def refused(content: str, folder: Path) -> set[str]:
    """Return the keys that an accelerator's file may have where it has a wrong one."""
    file = folder / "x.toml"
    file.write_text(f'name = "x"\nbase = "binding"\n{content}')
    with pytest.raises(InputError, match="has no such key; ") as error:
        reading.accelerator(str(file))
    return set(str(error.value).partition("known are ")[2].split(", "))


ACCELERATORS = "accelerator-files.md"


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("key of an accelerator", "x = 1\n"),
        ("key of `cascade`", "[cascade]\nx = 1\n"),
        ("key of a parameter", "[parameters]\np = { x = 1 }\n"),
        ("key of `mapping`", "[[mapping]]\nx = 1\n"),
        ("key of `schedule`", "[schedule]\nx = 1\n"),
        ("key of `footprint`", "[footprint]\nx = 1\n"),
        ("key of `spill`", "[[spill]]\nx = 1\n"),
        ("key of `choose`", "[[choose]]\nx = 1\n"),
    ],
)
def test_every_key_of_an_accelerator_is_in_the_reference(
    tmp_path: Path, header: str, wrong: str
) -> None:
    assert keys(ACCELERATORS, header) == refused(wrong, tmp_path)


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ("key of a machine", "x = 1\n"),
        ("key of a store", '[stores.DRAM]\nkind = "DRAM"\nx = 1\n'),
        ("key of an array", "[arrays.pe]\nx = 1\n"),
    ],
)
def test_every_key_of_a_machine_is_in_the_reference(
    tmp_path: Path, header: str, wrong: str
) -> None:
    (tmp_path / "m.toml").write_text(f'name = "m"\nbase = "fusemax"\n{wrong}')
    assert keys(ACCELERATORS, header) == refused('machine = "m.toml"\n', tmp_path)


def test_the_words_of_accelerator_files_are_those_that_are_read() -> None:
    known = {first: words(cell) for first, cell in table(ACCELERATORS, "in a formula")}
    assert known["reductions"] == cascade.REDUCTIONS
    assert known["functions"] == tuple(cascade.FUNCTIONS)
    (workload, *_) = table(ACCELERATORS, "names")
    assert words(workload[0]) == WORKLOAD_RANKS
    columns = {"DRAM loops", "L3 loops", "DRAM keep", "L3 keep", *mapping._COLUMNS}
    assert keys(ACCELERATORS, "column") == columns
    arrays = {
        words(first)[0]: words(cell) for first, cell in table(ACCELERATORS, "key of an array")
    }
    assert arrays["units"] == machine.UNITS
    choices = {
        words(first)[0]: words(cell) for first, cell in table(ACCELERATORS, "key of `choose`")
    }
    assert choices["order"] == reading.ORDERS


def test_the_reference_of_study_files_is_complete() -> None:
    page = "study-files.md"
    assert keys(page, "key of a study") == set(toml._KEYS)
    known = {words(first)[0]: words(cell) for first, cell in table(page, "of")}
    assert known == {"sampler": SAMPLERS, "over_workloads": OVER_WORKLOADS}
    objectives = {words(row[0])[0]: row for row in table(page, "objective")}
    assert list(objectives) == list(OBJECTIVES)
    for name, each in OBJECTIVES.items():
        _, column, _, better = objectives[name]
        assert words(column) == (each.column,)
        assert better == ("more" if each.maximised else "less")
    assert keys(page, "key of `constraints`") == {*BOUNDABLE, "registers"}
    assert keys(page, "key of a workload") == set(workload_toml.ENTRY)
    assert keys(page, "key of a transformer") == set(workload_toml.TRANSFORMER)


@pytest.mark.parametrize("key", ["seed", "trials", "batch", "evaluator", "accounting", "sampler"])
def test_a_default_of_a_study_is_the_one_that_is_stated(key: str) -> None:
    study = toml.parse(
        'name = "x"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["1K"]', "x"
    )
    stated = {words(row[0])[0]: row[-1] for row in table("study-files.md", "key of a study")}
    value = getattr(study, key)
    assert stated[key].partition(",")[0] == str(getattr(value, "name", value))


# The rest of the project.


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"] == "MIT"
    released = re.findall(r"^## (\d[\d.]*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == project["version"]


def test_what_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    tree = re.findall(r"^    ((?:  )?)(\w+)/ ", text, re.MULTILINE)
    assert {name for indent, name in tree if not indent} >= {
        path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "benchmarks"
    }
    for package in ("dse", "evaluators"):
        rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert rooms <= {name for indent, name in tree if indent}, package
    named = re.findall(r"`((?:evaluators|studies|dse|tests)/[\w/-]+\.\w+)`", text)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).is_file()] == [
        "evaluators/accelerators/NAME.toml"
    ]
    defined = re.findall(r"`([A-Z]+)`\s(?:in|of)\s`([\w/]+\.py)`", text)
    assert len(defined) > 2
    for name, path in defined:
        assert re.search(rf"^{name}\b", (ROOT / path).read_text(), re.MULTILINE), (name, path)
