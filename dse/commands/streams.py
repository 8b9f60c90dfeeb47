"""Standard streams of a command that works on, whatever becomes of what it prints.

A pipe that nobody reads, a full disk or a closed terminal must not end a study half-way: what
cannot be written is dropped, and the command's end tells of it. What a stream's encoding lacks is
written as an escape.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

_STANDARD = (0, 1, 2)


class _Sink(io.BufferedIOBase):
    """Writes to a file descriptor until that fails; from then on takes everything and drops it.

    It keeps nothing back: what an interrupt comes amid is not written again.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def write(self, content: Any, /) -> int:
        left = memoryview(content)
        while left and self.failure is None:
            try:
                left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                self.failure = error
        return len(content)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)


def make_lasting() -> None:
    """Replace standard output and standard error by streams that never fail.

    Closed descriptors are opened on nothing: a file opened later must not get the number of a
    standard stream, and with it what is printed.
    """
    for descriptor in _STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
    sys.stdout = _lasting(sys.stdout, 1)
    sys.stderr = _lasting(sys.stderr, 2)


def output_failure() -> str | None:
    """Flush standard output; say why it was not written, None where it was or nobody reads it."""
    sys.stdout.flush()
    sink = getattr(sys.stdout, "buffer", None)
    failure = sink.failure if isinstance(sink, _Sink) else None
    if failure is None or failure.errno == errno.EPIPE:
        return None
    return failure.strerror or str(failure)


def _lasting(stream: TextIO | None, descriptor: int) -> TextIO:
    sink = _Sink(descriptor)
    return io.TextIOWrapper(
        sink,  # type: ignore[type-var]  # it has all that a text stream needs
        encoding=stream.encoding if stream is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=descriptor == 2 or sink.isatty(),
    )
