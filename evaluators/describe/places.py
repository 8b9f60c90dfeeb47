"""Where in its files an accelerator says something: what the sentences of checks begin with."""

from __future__ import annotations

import re

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.errors import shown
from evaluators.foreign_toml import Lines

_LONGEST = 200


class Places:
    """The lines of an accelerator's files, its own first, then those that it builds on."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._files = tuple(zip(accelerator.files, accelerator.texts, strict=True))

    def key(self, *path: str) -> str:
        """Return where a key stands, or the nearest table that it would stand in."""
        for end in range(len(path), 0, -1):
            for place, (_, text) in enumerate(self._files):
                number = Lines(text, "").line_of(path[:end])
                if number is not None:
                    return self._at(place, number)
        return self._at(0, None)

    def einsum(self, name: str) -> str:
        """Return where the cascade writes an Einsum."""
        return self._matching(rf"\s*{re.escape(name)}\s*\[", ("cascade", "einsums"))

    def row(self, einsum: str) -> str:
        """Return where an Einsum is mapped, or where the cascade writes it."""
        return self._matching(rf"\s*{re.escape(einsum)}\s*\|", ()) or self.einsum(einsum)

    def factor(self, name: str, expression: Expression) -> str:
        """Return where a factor of a table of mappings is defined."""
        given = rf"[\"']?{re.escape(expression.text)}[\"']?"
        return self._matching(rf".*\b{re.escape(name)}\s*=\s*{given}\s*[,}}#\n]", ("mapping",))

    def _matching(self, pattern: str, otherwise: tuple[str, ...]) -> str:
        for place, (_, text) in enumerate(self._files):
            for number, line in enumerate(text.split("\n"), 1):
                if re.match(pattern, f"{line}\n"):
                    return self._at(place, number)
        return self.key(*otherwise) if otherwise else ""

    def _at(self, place: int, number: int | None) -> str:
        """Name a line, of a file that is built on beside the file itself."""
        own = shown(self._files[0][0], _LONGEST)
        line = "" if number is None else f" line {number}"
        return f"{own}{line}" if not place else f"{own}, by {self._files[place][0].name}{line}"
