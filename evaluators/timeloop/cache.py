"""Results of runs on disk: keyed by content, written whole, shared by workers and by studies."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from evaluators.files import write_atomically
from evaluators.protocol import Runs

FOLDER_VARIABLE = "DSE_TIMELOOP_CACHE"
"""The environment variable that names another folder."""


def default_folder() -> Path:
    """Return the folder of results: `$DSE_TIMELOOP_CACHE`, or one among the user's caches."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "attention-dse" / "timeloop"


class Cache:
    """Output files by the content that they were made of.

    Args:
        folder: where the entries are; made when the first is written.

    Attributes:
        runs: the results that it gave: how many were there, and how many had to be made.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = Runs()

    def get(
        self, version: str, inputs: Mapping[str, str], make: Callable[[], dict[str, str]]
    ) -> dict[str, str]:
        """Return the output files, name -> text, of a program on its input files.

        Args:
            version: the program and its build.
            inputs: file name -> text.
            make: runs the program; called where no whole entry is there.

        Raises:
            InputError: the entry cannot be written.

        """
        entry = self._entry(version, inputs)
        known = _read(entry)
        if known is not None:
            self.runs += Runs(cached=1)
            return known
        outputs = make()
        self.runs += Runs(made=1)
        text = json.dumps(outputs)
        write_atomically(entry, f"{_digest(text)}\n{text}".encode())
        return outputs

    def _entry(self, version: str, inputs: Mapping[str, str]) -> Path:
        key = _digest(json.dumps([version, dict(inputs)], sort_keys=True))
        return self.folder / key[:2] / f"{key}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(entry: Path) -> dict[str, str] | None:
    """Return an entry's files; None where it is not there, or is not what was written."""
    try:
        digest, text = entry.read_text(encoding="utf-8").split("\n", 1)
    except (OSError, ValueError):
        return None
    if digest != _digest(text):
        return None
    files: dict[str, str] = json.loads(text)
    return files
