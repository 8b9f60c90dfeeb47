"""Files that appear under their name only once they are whole."""

from __future__ import annotations

import os
from pathlib import Path

from evaluators.errors import InputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder where it is missing.

    Raises `InputError` where the file cannot be written; what was there before then stays.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; name a place that can be written"
        ) from error
    finally:
        remove_if_present(unfinished)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_if_present(path: Path) -> None:
    """Remove a file; that it is not there, or nowhere, is fine."""
    try:
        path.unlink()
    except OSError:
        return
