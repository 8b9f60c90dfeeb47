"""A journal file of Optuna that a kill or a full disk at any instant leaves readable.

Optuna's own backend guards its writes by a link on disk. A process killed while it holds it makes
the next one wait for half a minute, and for ever where the journal's path is relative. Here the
kernel's lock of a byte guards them, which ends with the process. What a kill or a full disk left
of a record that was never whole is cut off before the next one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend

from dse.search.locks import WRITING, lock_byte

_FIRST = b'{"op_code":'
"""How every record starts."""


class Journal(JournalFileBackend):
    """A journal file; made where it is missing.

    Raises:
        StorageInternalError: where the file cannot be read or written, or is no journal.

    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        try:
            super().__init__(path)
        except OSError as error:
            raise _failure(error) from None

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield the whole records from one on."""
        try:
            if log_number_from == 0:
                self._check_start()
            for record in super().read_logs(log_number_from):
                if not isinstance(record, dict) or "op_code" not in record:
                    raise ValueError("no record")
                yield record
        except OSError as error:
            raise _failure(error) from None
        except ValueError:
            raise StorageInternalError("it is damaged, or no journal of Optuna") from None

    def _check_start(self) -> None:
        """Refuse what is no journal before a line of any length is read."""
        with self._path.open("rb") as file:
            start = file.read(len(_FIRST))
        if not _FIRST.startswith(start):
            raise ValueError("no record")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, and have them on disk."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        try:
            with self._path.open("a+b", buffering=0) as file:
                lock_byte(file.fileno(), WRITING, wait=True)
                _cut_torn_record(file)
                content = lines.encode()
                while content:
                    content = content[file.write(content) :]
                os.fsync(file.fileno())
        except OSError as error:
            raise _failure(error) from None


def _cut_torn_record(file: BinaryIO) -> None:
    """Cut off the last record if it has no end; refuse a file that does not start with a record."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return
    file.seek(0)
    if file.read(len(_FIRST)) != _FIRST:
        raise StorageInternalError("it is no journal of Optuna")
    file.seek(size - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read(size).rfind(b"\n") + 1)


def _failure(error: OSError) -> StorageInternalError:
    return StorageInternalError(error.strerror or str(error))
