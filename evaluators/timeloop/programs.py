"""The programs that the evaluator runs: where they are, and which build of them it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from evaluators.errors import InputError

MODEL = "timeloop-model"
MAPPER = "timeloop-mapper"
ACCELERGY = "accelergy"
INSTALLATION = "https://timeloop.csail.mit.edu/installation"

_SCRATCH = "cacti_inputs_outputs"
"""Where Accelergy's plug-in runs CACTI, beside its own files; a killed run leaves some there."""

_VERSIONS = """
import json
from importlib.metadata import distributions
print(json.dumps({d.name: d.version for d in distributions() if "accelergy" in d.name.lower()}))
"""


class TimeloopMissing(InputError):
    """A program that is not installed: one sentence with where its instructions are."""


def find(name: str) -> Path:
    """Return the path of a program on the search path; `TimeloopMissing` where it is not."""
    found = shutil.which(name)
    if found is None:
        raise TimeloopMissing(
            f"the evaluator 'timeloop' needs the program {name}, which is not installed here; "
            f"install Timeloop and Accelergy as {INSTALLATION} says, or take the evaluator "
            "'analytical'"
        )
    return Path(found)


@cache
def version(program: Path) -> str:
    """Identify the build of a program, for the key of its results and for people.

    Timeloop's programs print no version: their content, and that of their libraries beside them,
    stands for it. Accelergy is a Python package; its plug-ins with their tables are part of it.
    """
    digest = hashlib.sha256()
    for file in [program.resolve(), *sorted(_belongings(program.resolve()))]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    known = packages(program) if program.name == ACCELERGY else {}
    each = [f"{name} {number}" for name, number in sorted(known.items())]
    return ", ".join([*each, f"build {digest.hexdigest()[:12]}"])


def _belongings(program: Path) -> Iterator[Path]:
    """Yield the files beside a program that its results depend on, none that its runs write."""
    prefix = program.parent.parent
    if program.name == ACCELERGY:
        files = (prefix / "share" / "accelergy").rglob("*")
    else:
        files = (prefix / "lib").glob("*timeloop*")
    for file in files:
        if file.suffix != ".pyc" and _SCRATCH not in file.parts and file.is_file():
            yield file


def packages(program: Path) -> dict[str, str]:
    """Return the versions of Accelergy and its plug-ins in the Python that runs the program.

    Empty where it is no Python script.
    """
    with program.open("rb") as script:
        first = script.readline().decode("utf-8", errors="replace").strip()
    interpreter = first.removeprefix("#!").split()
    if not first.startswith("#!") or "python" not in Path(interpreter[-1]).name:
        return {}
    try:
        answer = subprocess.run(
            [*interpreter, "-c", _VERSIONS],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        known: dict[str, str] = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return known
