"""The files of a description, each over its base: what a nearer one says stands before the rest.

Nothing in a file is executed, and no other file is read than the shipped ones and those that it
names.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from evaluators.describe.cascade import LineError
from evaluators.describe.expressions import Expression, expression
from evaluators.errors import InputError, known_are, shown
from evaluators.foreign import read_text
from evaluators.foreign_toml import Lines
from evaluators.foreign_toml import Table as Section

_FOLDER = Path(__file__).parents[1]

ACCELERATORS = _FOLDER / "accelerators"

MACHINES = _FOLDER / "machines"

_LARGEST_BYTES = 2**18

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_DEEPEST = 8
"""How many files may build on one another."""

T = TypeVar("T")


class Misread(InputError):
    """A file that cannot be read: what is wrong in its form, a sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__(problems[0])
        self.problems = problems


def shipped(folder: Path = ACCELERATORS) -> tuple[str, ...]:
    """Return the names of the accelerators (or machines) that ship."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def is_path(name: str) -> bool:
    """Tell whether a name means a user's file."""
    return name.lower().endswith(".toml") or "/" in name


def located(name: str, folder: Path, what: str, beside: Path | None = None) -> Path:
    """Return where a shipped file, or a user's, is: `beside` a file that names it.

    `InputError` names the shipped ones where there is none of that name.
    """
    if is_path(name):
        return beside / name if beside is not None else Path(name)
    if name not in shipped(folder):
        called = "configuration" if folder is ACCELERATORS else what
        raise InputError(
            f"unknown {called} '{shown(name)}'; {known_are(name, shipped(folder))}, "
            f"and FILE.toml describes one of your own"
        )
    return folder / f"{name}.toml"


def text_of(path: Path, what: str) -> str:
    """Return the text of an accelerator's or machine's file."""
    return read_text(path, f"a file of {what}, TOML", largest_bytes=_LARGEST_BYTES)


@dataclass(frozen=True)
class File:
    """A file and its text."""

    path: Path
    text: str
    top: Section

    def section(self, *path: str) -> Section:
        """Return a table of it, an empty one where it is not there."""
        table = self.top
        for key in path:
            table = table.table(key, "a table")
        return table

    def text_error(self, path: tuple[str, ...], error: LineError) -> InputError:
        """Return the error of a line of a text that is the value of a key."""
        return self.top.lines.error_within(path, error.line, str(error))


def file_of(path: Path, text: str) -> File:
    """Read the text of a file; `InputError` where it is no TOML."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path, 200)}: no TOML: {error}") from None
    return File(path, text, Section(values, (), Lines(text, str(path))))


def files_of(path: Path, folder: Path, what: str) -> tuple[File, ...]:
    """Read a file and those that it builds on, the nearest first."""
    files: list[File] = []
    while True:
        text = text_of(path, f"an {what}" if what[0] in "aeiou" else f"a {what}")
        file = file_of(path, text)
        files.append(file)
        base = file.top.get("base", str, f"the name or the file of an {what}")
        if base is None:
            return tuple(files)
        if len(files) == _DEEPEST:
            raise file.top.error("base", f"more than {_DEEPEST} files build on one another")
        beside = path.parent
        path = file.top.checked("base", partial(located, base, folder, what, beside))


def check_name(name: str) -> str:
    """Return a name; `InputError` says that it is none."""
    if not _NAME.fullmatch(name):
        raise InputError(f"'{shown(name)}' is no name; use letters, digits, '.', '_', '-'")
    return name


def own_name(file: File) -> str:
    """Return the name that a file gives what it describes; its base's is another's."""
    name: str = file.top.get("name", str, "a name", required=True)
    file.top.checked("name", partial(check_name, name))
    return name


class Layers:
    """The files of one description as one: what a nearer file says stands before its base's."""

    def __init__(self, files: tuple[File, ...]) -> None:
        self.files = files
        self.problems: list[str] = []

    def tried(self, read: Callable[[], T], otherwise: T) -> T:
        """Return what `read` returns; where it cannot, keep the problem and go on."""
        try:
            return read()
        except InputError as error:
            self.problems.append(str(error))
            return otherwise

    def holding(self, *path: str) -> File:
        """Return the nearest file that has a key, the nearest of all where none has."""
        for file in self.files:
            values: Any = file.top.values
            for key in path:
                values = values.get(key) if isinstance(values, Mapping) else None
            if values is not None:
                return file
        return self.files[0]

    def get(self, path: tuple[str, ...], kind: type, wanted: str, **how: Any) -> Any:
        """Return the value of a key of the nearest file that has it, see `Section.get`."""
        return self.holding(*path).section(*path[:-1]).get(path[-1], kind, wanted, **how)

    def names(self, *path: str) -> dict[str, File]:
        """Return the keys of a table over all files, the base's first, each with its file."""
        found: dict[str, File] = {}
        for file in reversed(self.files):
            found |= dict.fromkeys(file.section(*path).values, file)
        return found


def entries_of(file: File, key: str) -> list[Section]:
    """Return the tables of an array of tables, [[key]]."""
    entries = file.top.get(key, list, f"tables [[{key}]]", default=[])
    if not all(isinstance(each, dict) for each in entries):
        raise file.top.error(key, f"write it as tables [[{key}]]")
    return [Section(each, (key,), file.top.lines) for each in entries]


def words_at(section: Section, key: str, default: str | None = None) -> tuple[str, ...]:
    """Return the names in a text, needed where it has no default."""
    text = section.get(key, str, "names, as 'QK AV'", default=default, required=default is None)
    return tuple(text.split())


def expression_at(section: Section, key: str, *, real: bool = False) -> Expression:
    """Return the expression that is the value of a key."""
    given = section.get(key, (str, int, float), "an expression, as 'M / M0'", required=True)
    return section.checked(key, lambda: expression(str(given), real=real))


def expressions_at(layers: Layers, *path: str) -> dict[str, Expression]:
    """Return the expressions of a table over all files, by their keys."""
    return {
        name: expression_at(file.section(*path), name) for name, file in layers.names(*path).items()
    }
