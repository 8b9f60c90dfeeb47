"""Files that appear under their name only once they are whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from evaluators.errors import InputError

_LONGEST_NAME_BYTES = 200


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, see `written_atomically`."""
    with written_atomically(path) as file:
        file.write(content)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is there once the block has ended without an error, and not before.

    Its folder is made where it is missing. Until it is whole it has a name that nobody can guess,
    and that no other file has.

    Raises `InputError` where the file cannot be written; what was there before then stays.
    """
    name = os.fsdecode(os.fsencode(path.name)[:_LONGEST_NAME_BYTES])
    unfinished = path.with_name(unfinished_name(name, secrets.token_hex(8)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(handle)
            unfinished.replace(path)
        except BaseException:
            remove_if_present(unfinished)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; name a place that can be written"
        ) from error


def unfinished_name(name: str, mark: str = "*") -> str:
    """Name what a file is until it is whole; without a mark, the pattern of all such names."""
    return f".{name}.{mark}.unfinished"


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
