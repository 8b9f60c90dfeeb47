"""Files that appear under their name only once they are whole."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evaluators.errors import InputError, shown

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
    check_writable(path)
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
        raise _refused(path, error) from error


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before what goes into it takes its time.

    `InputError` for a name that is too long or a folder's, a place below a file or one without
    permission. Nothing is made.
    """
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()
        places = (path.parent, *path.parent.parents)
        place = next((each for each in places if each.exists()), path.parent)
        if max(len(os.fsencode(each)) for each in path.parts or ("",)) > _longest_name(place):
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        if path.is_dir():
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not place.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(place, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise _refused(path, error) from error


def _longest_name(place: Path) -> int:
    """Return the most bytes of a name in a folder."""
    return os.pathconf(place, "PC_NAME_MAX") if place.is_dir() else 255


def _refused(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(
        f"cannot write {shown(path, 200)}: {reason}; name a place that can be written"
    )


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
