"""Locks of a study's one driver: of its folder, and of the database that it uses.

A lock ends with the process that holds it. That of a database file is the file's own, on its inode,
so that drivers that spell it differently (a link, another URL) meet: a byte far beyond the file's
end, a different one for each study, is locked by its open file description. SQLite's locks lie
elsewhere in the file, and other files of the process that are closed do not end it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from optuna.storages import BaseStorage, RDBStorage
from sqlalchemy import text

from evaluators.errors import InputError, shown

_BEYOND = 2**62
"""SQLite locks bytes from 2^30 on; no file is as long."""

WRITING = _BEYOND - 1
"""The byte of a journal that whoever writes a record locks."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Own a study's folder while the context lasts; it is made where it is missing.

    What was made is removed again where nothing came of it, so that a study that cannot begin
    leaves nothing.

    Raises:
        InputError: if another driver owns it, or it cannot be written.

    """
    file = folder / ".lock"
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    with _opened(file) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _taken(f"in {shown(folder, 200)}", error) from None
        if not (file.exists() and os.path.samestat(os.fstat(handle), file.stat())):
            raise _taken(f"in {shown(folder, 200)}")  # and has removed its lock meanwhile
        try:
            yield
        finally:
            if made:
                _remove_unused(made, file)


@contextmanager
def file_lock(file: Path, study: str) -> Iterator[None]:
    """Own a study in a database file while the context lasts; the file is made where missing.

    Its folder is not: `InputError` names it, or says that another driver owns the study.
    """
    with _opened(file) as handle:
        try:
            lock_byte(handle, _BEYOND + _number(study, 4), wait=False)
        except OSError as error:
            raise _taken(f"'{study}' in {shown(file, 200)}", error) from None
        yield


def lock_byte(handle: int, byte: int, *, wait: bool) -> None:
    """Lock a byte of an open file until it is closed; `OSError` where another one has it."""
    lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    fcntl.fcntl(handle, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, lock)


@contextmanager
def server_lock(storage: BaseStorage, study: str) -> Iterator[bool]:
    """Own a study in a server's database while the context lasts; yields whether that can be.

    Only PostgreSQL has a lock that ends with its connection. `InputError` if another driver owns
    the study.
    """
    if not isinstance(storage, RDBStorage) or storage.engine.dialect.name != "postgresql":
        yield False
        return
    key = _number(study, 8) - 2**63
    with storage.engine.connect() as connection:
        got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar()
        connection.commit()
        if not got:
            raise _taken(f"'{study}' in this database")
        try:
            yield True
        finally:
            connection.invalidate()  # closes it, which ends the lock


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    try:
        yield handle
    finally:
        os.close(handle)


def _remove_unused(folders: Sequence[Path], lock: Path) -> None:
    """Remove folders, the innermost first, and the lock in it if that is all that it has."""
    with suppress(OSError):  # another has put one to use, or removed it
        if list(lock.parent.iterdir()) == [lock]:
            lock.unlink()
            for folder in folders:
                folder.rmdir()


def _number(name: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:size], "big")


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"cannot write in {shown(folder, 200)}: {error.strerror}; name another place")


def _taken(where: str, error: OSError | None = None) -> InputError:
    if error is not None and error.errno not in (errno.EAGAIN, errno.EACCES):
        return InputError(
            f"the study {where} cannot be locked: {error.strerror}; name another place"
        )
    return InputError(f"another driver is running the study {where}; wait for it or stop it")
