"""Where foreign content enters: files that a user names, and numbers that a user writes.

Everything is bounded before it is held, and typed before it is used. What is wrong ends in one
sentence, an `InputError` that shows foreign text with `evaluators.errors.shown` alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from evaluators.errors import InputError, shown

LARGEST_TEXT_BYTES = 16 * 2**20
"""A text file that is read whole: a study, a YAML document."""

_INTEGER = re.compile(r"[0-9]+")


def read_text(path: Path, what: str, *, largest_bytes: int = LARGEST_TEXT_BYTES) -> str:
    """Read a text file whole: UTF-8, with or without a byte-order mark.

    Args:
        path: what the user named.
        what: what it is to be, for errors: 'a study', 'a YAML file'.
        largest_bytes: a larger file is not read.

    Raises:
        InputError: for what is no regular file (a folder, a pipe, a device), cannot be read, is
            too large, or is not UTF-8.

    """
    content = read_bytes(path, what, largest_bytes=largest_bytes)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown(path, 200)}: byte {error.start} is not UTF-8 text; name {what} in UTF-8"
        ) from None


def read_bytes(path: Path, what: str, *, largest_bytes: int) -> bytes:
    """Read a file whole, see `read_text`."""
    with opened(path, what) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest_bytes:
            raise InputError(
                f"{shown(path, 200)} has {size} bytes; {what} may have {largest_bytes} at most"
            )
        return file.read(largest_bytes)


@contextmanager
def opened(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open a regular file to be read; `InputError`, see `read_text`, also where reading fails."""
    try:
        # A pipe that nobody writes to is opened without waiting, and then found to be no file.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError(f"{shown(path, 200)} is no regular file; name {what}")
            yield file
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise InputError(f"cannot read {shown(path, 200)}: {reason}; name {what}") from None


def is_there(path: Path) -> bool:
    """Tell whether something is at a path; a name too long, or with a zero byte, has nothing."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def integer(text: str, least: int, most: int) -> int | None:
    """Read a whole number in plain digits from `least` >= 0 to `most`; None for anything else.

    However many digits there are, no more are converted than `most` has.
    """
    digits = text.lstrip("0") or "0"
    if not _INTEGER.fullmatch(text) or len(digits) > len(str(most)):
        return None
    return number if least <= (number := int(digits)) <= most else None
