"""A table of a TOML file that is read key by key, every error with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeVar

from evaluators.errors import InputError, known_are, shown

T = TypeVar("T")

_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]")
_ENTRY = re.compile(r"\s*([^=#\[\]{}]+?)\s*=")
_KEY = re.compile(r"\"[^\"]*\"|'[^']*'|[^.\s]+")

_DEEPEST = 8
_LONGEST = 1000

Path = tuple[str, ...]


class Lines:
    """Where the keys of a file stand.

    Args:
        text: the file's.
        where: what errors call it.

    """

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._places: list[tuple[int, Path]] = []
        self._lines = text.split("\n")
        table: Path = ()
        for number, line in enumerate(self._lines, 1):
            if header := _HEADER.match(line):
                table = _keys(header[1])
                self._places.append((number, table))
            elif entry := _ENTRY.match(line):
                self._places.append((number, (*table, *_keys(entry[1]))))

    def line_of(self, path: Path) -> int | None:
        """Return the line of a key or of a table; None where it is not there."""
        return next((number for number, place in self._places if place == path), None)

    def error(self, path: Path, sentence: str) -> InputError:
        """Return the error of a key, with the line of it or of the table that it belongs to."""
        common = [
            (len(place) if place == path[: len(place)] else len(path), -number)
            for number, place in self._places
            if place == path[: len(place)] or place[: len(path)] == path
        ]
        line = f" line {-max(common)[1]}" if common else ""
        return InputError(f"{self._where}{line}: {shown(path[-1])}: {sentence}")

    def error_within(self, path: Path, line: int, sentence: str, occurrence: int = 0) -> InputError:
        """Return the error of a line, from 0, of the text that is the value of a key.

        Args:
            path: the key.
            line: in the text.
            sentence: what is wrong.
            occurrence: which of the keys of that path is meant, where there are several.

        """
        found = [number for number, place in self._places if place == path]
        at = ""
        if occurrence < len(found):
            number = found[occurrence]
            below = self._lines[number - 1].rstrip().endswith(('"""', "'''"))
            at = f" line {number + line + below}"
        return InputError(f"{self._where}{at}: {path[-1]}: {sentence}")

    def missing(self, path: Path, wanted: str) -> InputError:
        """Return the error of a key that is not there."""
        return InputError(f"{self._where}: the key {'.'.join(path)} is missing; give {wanted}")


def _keys(text: str) -> Path:
    return tuple(each.strip("\"'") for each in _KEY.findall(text))


@dataclass(frozen=True)
class Table:
    """One table of a file.

    Attributes:
        values: key -> value.
        path: its name, empty for the file itself.
        lines: of the file.

    """

    values: Mapping[str, Any]
    path: Path
    lines: Lines

    def error(self, key: str, sentence: str) -> InputError:
        """Return the error of a key of this table."""
        return self.lines.error((*self.path, key), sentence)

    def only(self, keys: Sequence[str], what: str) -> None:
        """Refuse keys that are not known."""
        for key in self.values:
            if key not in keys:
                raise self.error(
                    key,
                    f"{what} has no such key; {known_are(key, keys)}",
                )

    def get(
        self,
        key: str,
        kind: type | tuple[type, ...],
        wanted: str,
        *,
        default: Any = None,
        required: bool = False,
    ) -> Any:
        """Return the value of a key, or its default; refuse a value of another kind."""
        if key not in self.values:
            if required:
                raise self.lines.missing((*self.path, key), wanted)
            return default
        value = self.values[key]
        if not _is(value, kind):
            raise self.error(key, f"{shown(repr(value))} is not {wanted}")
        return value

    def table(self, key: str, wanted: str) -> Table:
        """Return a table in this one, empty where it is not there."""
        return Table(self.get(key, dict, wanted, default={}), (*self.path, key), self.lines)

    def list(
        self,
        key: str,
        kind: type | tuple[type, ...],
        wanted: str,
        *,
        default: Sequence[str] | None = None,
    ) -> list[Any]:
        """Return a list of different values, at least one."""
        values: list[Any] = self.get(
            key, list, f"a list of {wanted}", default=default, required=default is None
        )
        if not values or not all(_is(each, kind) for each in values):
            raise self.error(key, f"{shown(repr(values))} is not a list of {wanted}")
        if len(set(values)) < len(values):
            raise self.error(key, "give each one once")
        return list(values)

    def count(self, key: str, *, least: int, most: int, default: int | None = None) -> Any:
        """Return an integer from `least` to `most`."""
        wanted = f"an integer from {least} to {most}"
        value = self.get(key, int, wanted, default=default)
        if value is not None and not least <= value <= most:
            raise self.error(key, f"{value} is not {wanted}")
        return value

    def positive(self, key: str, wanted: str) -> float | None:
        """Return a finite number above 0, None where it is not there."""
        value: int | float | None = self.get(key, (int, float), wanted)
        if value is None:
            return None
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if not (isfinite(number) and number > 0):
            raise self.error(key, f"{value} is not {wanted}, above 0 and finite")
        return number

    def one_of(self, key: str, value: str, known: Sequence[str]) -> None:
        """Refuse a value that is not known."""
        if value not in known:
            raise self.error(
                key,
                f"'{shown(value)}' is unknown; {known_are(value, known)}",
            )

    def checked(self, key: str, read: Callable[[], T]) -> T:
        """Return what `read` returns; its `InputError` becomes the key's, named once."""
        try:
            return read()
        except InputError as error:
            sentence = str(error).removeprefix(f"{key}: ").removeprefix(f"{key} ")
            raise self.error(key, sentence) from None


def check_sizes(values: Mapping[str, Any], lines: Lines) -> None:
    """Refuse what is deeper, longer or larger than anything in a study; `InputError` names it."""
    waiting: list[tuple[Path, Any]] = [((key,), value) for key, value in values.items()]
    while waiting:
        path, value = waiting.pop()
        if len(path) > _DEEPEST:
            raise lines.error(path[:1], f"it is nested more than {_DEEPEST} deep")
        if isinstance(value, Mapping):
            waiting += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, path[-1]), each) for each in value]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise lines.error(path, "an integer of more than 64 bits")
        elif isinstance(value, str) and len(value) > _LONGEST:
            raise lines.error(path, f"a text of more than {_LONGEST} characters")


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
