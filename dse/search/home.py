"""`study.toml` in a study's folder: the specification as run, and what the study was made with.

Its last line is the checksum of the others, so that a change of it is told, not believed.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from dse.search.place import command
from evaluators.errors import InputError, did_you_mean, shown
from evaluators.files import write_atomically
from evaluators.foreign import is_there, read_text
from studies import toml
from studies.differences import another_behaviour
from studies.specification import Specification
from studies.toml_text import to_toml

_NAME = "study.toml"
_CHECKSUM = "# sha256 of the lines above: "


def begun(folder: Path) -> bool:
    """Tell whether a study was begun in a folder."""
    return is_there(folder / _NAME)


def begun_in(out: Path) -> list[str]:
    """Name the studies that were begun in a folder of studies."""
    return sorted(path.parent.name for path in out.glob(f"*/{_NAME}"))


def write(
    study: Specification, folder: Path, makers: Sequence[tuple[int, Mapping[str, str]]]
) -> None:
    """Write a study's specification, with what made it from which trial on."""
    text = to_toml(study, {f"from trial {first}": made for first, made in makers})
    write_atomically(folder / _NAME, f"{text}{_CHECKSUM}{_digest(text)}\n".encode())


def stored(folder: Path) -> Specification:
    """Return the specification of a study that was run in a folder.

    Raises:
        InputError: if there is none, it is not as it was written, or another version of this
            program evaluated the study.

    """
    path = folder / _NAME
    if not begun(folder):
        raise InputError(
            f"there is no study in {shown(folder, 200)}; "
            f"{did_you_mean(folder.name, begun_in(folder.parent))}"
            f"{command(folder.parent, 'study', 'list')} shows those there are, "
            "dse study run starts one"
        )
    text = read_text(path, "the specification of a study")
    lines, _, stated = text.rpartition(_CHECKSUM)
    if stated != f"{_digest(lines)}\n":
        raise InputError(
            f"{shown(path, 200)} is damaged, edited, or of an older version of this program: its "
            "last line is not the checksum of the others; restore it, or have the dse study run "
            "that started the study write it anew"
        )
    study = toml.parse(text, str(path))
    was = tomllib.loads(text)["behaviour"]
    another = another_behaviour(f"the study in {shown(folder, 200)}", was, study.behaviour())
    if another:
        raise InputError(another)
    return study


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
