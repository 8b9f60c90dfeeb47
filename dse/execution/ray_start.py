"""Starting Ray on this machine for this program alone, or finding a cluster at an address.

On this machine Ray listens at the loopback only, and its files lie in a folder of their own that
ends with it: neither another user's folder nor a long name of the place for temporary files stops
it, nor does a user without a home.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from evaluators.errors import EvaluationError, InputError, shown

FOLDER_VARIABLE = "RAY_TMPDIR"
"""The environment variable that names the place for Ray's files."""

_LONGEST_PLACE = 30
"""Bytes: Ray's sockets lie 77 deeper, and the name of a socket has 107 at most."""

_PLACES = ("/tmp", "/var/tmp", "/dev/shm")

_ANSWER_S = 60.0
_CONNECT_S = 10.0

_PROBE = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"


def own_folder() -> Path:
    """Make a folder for Ray's files; `EvaluationError` says what to do where there is no place."""
    named = os.environ.get(FOLDER_VARIABLE)
    places = [named] if named else [tempfile.gettempdir(), *_PLACES]
    reason = f"{shown(places[0])} has more than {_LONGEST_PLACE} bytes"
    for place in places:
        if len(os.fsencode(place)) > _LONGEST_PLACE:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="dse-", dir=place))
        except OSError as error:
            reason = f"{shown(place)}: {error.strerror}"
    raise EvaluationError(
        f"Ray has no place for its files ({reason}); name a short folder of your own with "
        f"{FOLDER_VARIABLE}=FOLDER"
    )


def remove(folder: Path) -> None:
    """Remove a folder of Ray's files, and end what a start that failed left at work in it."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(folder) in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def prepare_environment() -> None:
    """Have Ray, which is yet to be imported, start on the loopback, and need no home."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Of Ray's own making, for machines whose firewall asks: the node's address is the loopback.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    given = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    wanted = os.environ.get("RAY_AUTH_MODE", "token") == "token"
    if wanted and not any(name in os.environ for name in given) and not _home_takes_a_token():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def check_cluster(address: str) -> None:
    """Raise `InputError` where no Ray cluster answers, for which Ray would wait for ever.

    Ray itself is asked in a process of its own, which can be ended.
    """
    host, _, port = address.rpartition(":")
    nothing = f"no Ray cluster answers at {address}"
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(f"{nothing}: {error}") from None
    try:
        probe = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE, address],
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"nothing that is Ray's within {_ANSWER_S:g} s"
    else:
        if probe.returncode == 0:
            return
        said = (probe.stderr.strip().splitlines() or ["nothing"])[-1]
    raise InputError(
        f"{nothing} ({shown(said, 200)}); give the port of the head's GCS, 6379 unless it was "
        "started with another --port"
    )


def _home_takes_a_token() -> bool:
    """Tell whether Ray can keep its token where it does so."""
    folder = Path(os.path.expanduser("~"), ".ray")  # noqa: PTH111  # says '~' where there is none
    if not folder.is_absolute():
        return False
    token = folder / "auth_token"
    if token.exists():
        return os.access(token, os.R_OK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
