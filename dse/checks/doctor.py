"""`dse doctor`: what is installed, whether it works, and what a missing part would give.

Each part is tried by a process of its own (see `dse.checks.self_tests`) with a time limit, so that
none can stop, crash or hold up the others.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from dse.reports import text
from evaluators.components.cacti import HOW_TO_INSTALL
from evaluators.errors import LONGEST_SENTENCE, shown
from evaluators.timeloop import programs, versions
from evaluators.timeloop.run import telling_line

TIME_LIMIT_S = 30.0
"""For one self-test; each takes about a second on an idle machine."""

_WIDTH = 100
_VERSION_WIDTH = 24
_NOTE_WIDTH = 48
_AT_ONCE = max(2, os.cpu_count() or 1)
_PLUG_INS = Path("share", "accelergy", "estimation_plug_ins")
_PROJECT = "pip install attention-dse"
_GITHUB = "https://github.com/Accelergy-Project"
_TIMELOOP = (
    f"{programs.INSTALLATION}, or 'scons --accelergy' in a clone of "
    f"https://github.com/NVlabs/timeloop at {versions.TIMELOOP}"
)
_FRONT_END = (
    f"the Python that runs dse must be able to import it: {sys.executable} -m pip install "
    f"git+{_GITHUB}/timeloopfe (the accelergy that this brings knows no plug-ins; the one with "
    "plug-ins must come first on PATH)"
)
_ACCELERGY = f"pip install git+{_GITHUB}/accelergy@{versions.AGREEING['accelergy']}"
_PLUG_INS_FROM = "into Accelergy's own Python, 'pip install .' in clones of " + ", ".join(
    f"{_GITHUB}/{name} at {commit}"
    for name, commit in versions.AGREEING.items()
    if name != "accelergy"
)


@dataclass(frozen=True)
class Dependency:
    """Something that the project uses.

    Attributes:
        name: what the table calls it.
        test: its self-test, '' for none.
        gives: what it is for, or would be.
        instructions: how to get it.
        required: whether the project does not work without it.
        modules: it is there where one of these modules is.
        distributions: the packages whose version to show, the first that is installed.
        program: it is there where this program is on the search path.

    """

    name: str
    test: str
    gives: str
    instructions: str = _PROJECT
    required: bool = False
    modules: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    program: str = ""


@dataclass(frozen=True)
class Finding:
    """What was found of a part.

    Attributes:
        part: the part.
        version: its version, its build, or where it is; None if it is missing.
        works: whether its self-test passed; None if there was none.
        note: what the self-test said.

    """

    part: Dependency
    version: str | None
    works: bool | None
    note: str

    @property
    def wanting(self) -> bool:
        """Whether a required part is missing or fails."""
        return self.part.required and (self.version is None or self.works is False)


def _package(name: str, test: str, gives: str, module: str = "", **options: Any) -> Dependency:
    return Dependency(
        name, test, gives, modules=(module or name.lower(),), distributions=(name,), **options
    )


PLUG_INS = Dependency(
    "Accelergy plug-ins", "", "estimates for Accelergy's components", _PLUG_INS_FROM
)

PARTS = (
    Dependency(
        "attention-dse", "engine", "the models", required=True, distributions=("attention-dse",)
    ),
    _package("ray", "ray", "studies on many cores and machines", required=True),
    _package("optuna", "optuna", "the samplers and the store of studies", required=True),
    _package("matplotlib", "matplotlib", "the figures", required=True),
    _package("pandas", "pandas", "tables of results", required=True),
    _package("pyarrow", "pyarrow", "results as Parquet", required=True),
    _package("numpy", "numpy", "the columns of the engine", required=True),
    _package("moocore", "moocore", "fronts and hypervolumes", required=True),
    _package("PyYAML", "yaml", "Timeloop's input for dse model", "yaml", required=True),
    _package(
        "psycopg",
        "psycopg",
        "studies in PostgreSQL, driven from many machines",
        instructions="pip install 'attention-dse[postgres]'",
    ),
    _package(
        "optuna-dashboard",
        "dashboard",
        "dse dashboard: studies in a browser",
        "optuna_dashboard",
        instructions="pip install 'attention-dse[dashboard]'",
    ),
    _package("torch", "torch", "the sampler gp", instructions="https://pytorch.org"),
    Dependency(
        "CACTI",
        "cacti",
        "energy and area of buffers that the shipped table lacks",
        HOW_TO_INSTALL.partition(": ")[2],
        modules=("hwcomponents_cacti",),
        distributions=("hwcomponents-cacti",),
    ),
    Dependency(
        "timeloop-model",
        "timeloop_model",
        "Timeloop's own counts: the evaluator timeloop, dse confirm",
        _TIMELOOP,
        program="timeloop-model",
    ),
    Dependency(
        "timeloop-mapper",
        "timeloop_mapper",
        "Timeloop's own search for mappings",
        _TIMELOOP,
        program="timeloop-mapper",
    ),
    Dependency(
        "Timeloop front end",
        "timeloop_front_end",
        "a check of the input that we print for Timeloop",
        _FRONT_END,
        modules=("pytimeloop", "timeloopfe"),
        distributions=("pytimeloop", "timeloopfe"),
    ),
    Dependency(
        "Accelergy",
        "accelergy",
        "Accelergy's own tables of energy and area for the evaluator timeloop",
        _ACCELERGY,
        distributions=("accelergy",),
        program="accelergy",
    ),
    PLUG_INS,
)


def run(options: argparse.Namespace) -> int:
    """Try every part and print; 1 if a required one is missing or fails."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        findings = [_python(), *pool.map(examine, PARTS)]
    if options.json:
        print(json.dumps(as_json(findings), indent=1))
    else:
        print(report(findings))
    return int(any(each.wanting for each in findings))


def examine(part: Dependency) -> Finding:
    """Find a part and run its self-test."""
    if part == PLUG_INS:
        return _plug_ins()
    version = _version(part)
    if version is None or not part.test:
        return Finding(part, version, None, "")
    works, note = try_out((sys.executable, "-m", "dse.checks.self_tests", part.test), TIME_LIMIT_S)
    return Finding(part, version, works, note)


def try_out(command: tuple[str, ...], time_limit_s: float) -> tuple[bool, str]:
    """Run a self-test: whether it exits with 0 in time, and what it said.

    That is the last line that it printed, or else what tells most of its errors.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            printed, errors = process.communicate(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            return False, f"not done after {time_limit_s:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    last = printed.strip().rpartition("\n")[2] or telling_line(errors)
    said = shown(last, LONGEST_SENTENCE)
    if process.returncode < 0:
        return False, f"ended by {signal.Signals(-process.returncode).name}"
    return process.returncode == 0, said or f"ended with exit code {process.returncode}"


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings: a record for each part, and whether all that is required works."""
    return {
        "works": not any(each.wanting for each in findings),
        "parts": [
            {
                "name": each.part.name,
                "required": each.part.required,
                "version": each.version,
                "works": each.works,
                "note": each.note,
                "gives": each.part.gives,
                "instructions": each.part.instructions,
            }
            for each in findings
        ],
    }


def report(findings: list[Finding]) -> str:
    """Write the findings as a table, then what each missing part would give."""
    rows = [
        [each.part.name, (each.version or "missing")[-_VERSION_WIDTH:], _verdict(each)]
        for each in findings
    ]
    table = text.table(["part", "version", "self-test"], rows, left=3)
    failed = [
        f"{x.part.name}: {x.note}; {x.part.instructions}" for x in findings if x.works is False
    ]
    missing = [
        f"{x.part.name}: {x.part.gives}; {x.part.instructions}"
        for x in findings
        if x.version is None
    ]
    wanting = ", ".join(each.part.name for each in findings if each.wanting)
    return "\n".join(
        [
            table,
            *_section("Failed:", failed),
            *_section("Missing, and what each would give:", missing),
            "",
            f"Required and wanting: {wanting}." if wanting else "All required parts work.",
        ]
    )


def _section(title: str, entries: list[str]) -> list[str]:
    lines = ["", title] if entries else []
    for entry in entries:
        lines += textwrap.wrap(
            entry, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    return lines


def _verdict(finding: Finding) -> str:
    if finding.works is None:
        return finding.note or "-"
    return f"ok: {textwrap.shorten(finding.note, _NOTE_WIDTH)}" if finding.works else "FAILED"


def _python() -> Finding:
    part = Dependency("Python", "", "runs all of this", required=True)
    version = ".".join(str(number) for number in sys.version_info[:3])
    return Finding(part, version, True, "runs this")


def _version(part: Dependency) -> str | None:
    """Return a part's version, its build, or where it is; None if it is missing."""
    path = shutil.which(part.program) if part.program else None
    if part.program and path is None:
        return None  # a package of its name alone, as a front end brings it, is no program
    there = path or any(util.find_spec(module) for module in part.modules)
    for distribution in part.distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    if path and part.program == programs.ACCELERGY:
        return programs.packages(Path(path)).get(part.program, path)
    return (programs.version(Path(path)) if path else "of unknown version") if there else None


def _plug_ins() -> Finding:
    """Find Accelergy's plug-ins below this Python and Accelergy's own; its test tries them."""
    program = shutil.which("accelergy")
    prefixes = {Path(sys.prefix), *([Path(program).resolve().parents[1]] if program else [])}
    folders = [folder for prefix in prefixes for folder in (prefix / _PLUG_INS).glob("*")]
    names = sorted({folder.name for folder in folders if folder.is_dir()} - {"dummy_tables"})
    short = [re.sub("^accelergy-|-plug-?in$", "", name) for name in names]
    return Finding(PLUG_INS, f"{len(names)} found" if names else None, None, ", ".join(short))
