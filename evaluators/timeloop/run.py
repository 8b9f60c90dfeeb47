"""One run of a program in a folder of its own: watched, bounded in time, nothing left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evaluators.errors import EvaluationError, shown

TIME_LIMIT_S = 600.0
"""`timeloop-model` takes about a second, Accelergy with CACTI up to minutes."""

LOG = "log.txt"
_LAST_LINES = 20
_LAST_BYTES = 1 << 16
_ERROR = re.compile(r"\b\w*(Error|Exception): |\bERROR:|(?i:\berror: )")

_PR_SET_PDEATHSIG = 1
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)


class TimeloopFailure(EvaluationError):
    """A run that failed: one sentence with the command, the cause, the folder, and what it said.

    Attributes:
        command: the program and its arguments.
        cause: what went wrong, in a few words.
        log: the last lines that it wrote.
        folder: where its input, its log and what it made are kept.

    """

    def __init__(self, command: tuple[str, ...], cause: str, log: str, folder: Path) -> None:
        self.command = command
        self.cause = cause
        self.log = log
        self.folder = folder
        said = telling_line(log)
        last = f"; it said: {shown(said, 300)}" if said else ""
        super().__init__(f"{' '.join(command)} {cause}, see {folder}{last}")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.command, self.cause, self.log, self.folder)


def telling_line(log: str) -> str:
    """Return the line of a log that says best what went wrong: its last error, or its last line."""
    lines = [line.strip() for line in log.splitlines() if re.search(r"\w", line)]
    named = [line for line in lines if _ERROR.search(line)]
    return next(reversed(named or lines), "")


def run(
    command: Sequence[str],
    inputs: Mapping[str, str],
    outputs: Sequence[str],
    *,
    check: Callable[[dict[str, str]], object] = len,
    environment: Mapping[str, str] | None = None,
    time_limit_s: float = TIME_LIMIT_S,
) -> dict[str, str]:
    """Run a program on some files and return what it made of them.

    The program works in a temporary folder of its own, in a process group of its own, and no shell
    is involved. The folder is removed after success or an interruption, and kept after a failure.

    Args:
        command: the program and its arguments; its working folder is where the files are.
        inputs: file name, perhaps in a folder, -> text that it finds there.
        outputs: names of the files it must make; returned by name with their text.
        check: reads these; an `EvaluationError` of it fails the run. By default all will do.
        environment: variables that it finds beside those of this process.
        time_limit_s: seconds after which it is killed.

    Raises:
        TimeloopFailure: it does not start, exceeds its time, exits with a status other than 0, logs
            an error, makes no such file, or one that does not pass the check.

    """
    folder = Path(tempfile.mkdtemp(prefix="timeloop-"))
    kept = False
    try:
        for name, text in inputs.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        variables = os.environ | (environment or {})
        cause = _watch(command, folder, variables, time_limit_s) or _complaint(folder, outputs)
        if cause:
            raise TimeloopFailure(tuple(command), cause, _last_lines(folder), folder)
        made = {name: (folder / name).read_text(encoding="utf-8") for name in outputs}
        try:
            check(made)
        except EvaluationError as error:
            cause = f"made what cannot be read ({error})"
            raise TimeloopFailure(tuple(command), cause, "", folder) from error
        return made
    except TimeloopFailure:
        kept = True
        raise
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


def _watch(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], time_limit_s: float
) -> str | None:
    """Run the command to its end; say what was wrong with it, if anything."""
    with (folder / LOG).open("wb") as log:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, no lock
            )
        except OSError as error:
            return f"does not start ({error.strerror})"
        try:
            status = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            return f"took longer than {time_limit_s:g} s and was killed"
        finally:
            _end(process)
    if status < 0:
        return f"was ended by signal {-status}"
    return f"exited with status {status}" if status else None


def _die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it is killed (Linux)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process and of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group may have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _complaint(folder: Path, outputs: Sequence[str]) -> str | None:
    """Say what a run that exited with status 0 nevertheless lacks."""
    for line in _last_lines(folder).splitlines():
        if line.startswith("ERROR"):
            return "logged an error"
    missing = [name for name in outputs if not (folder / name).is_file()]
    return f"made no {missing[0]}" if missing else None


def _last_lines(folder: Path) -> str:
    with (folder / LOG).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
        text = log.read().decode("utf-8", errors="replace")
    return "\n".join(text.splitlines()[-_LAST_LINES:])
