from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from dse.commands.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dse(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; return its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of this session's own; its URL up to the database's name.

    It runs as an unprivileged user, which the server demands, on a free port.
    """
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed (pip install 'attention-dse[postgres]')")
    with tempfile.TemporaryDirectory(prefix="postgres") as folder:
        account = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = Path(folder, "data")
        initdb = [programs / "initdb", "-D", data, "-U", "dse", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "fsync=off"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **account,
        )
        try:
            _wait_until_it_answers(server, port)
            yield f"postgresql+psycopg://dse:secret@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=60)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """The URL of an empty database."""
    import psycopg  # noqa: PLC0415

    address = postgres_server.replace("+psycopg", "")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM pg_database").fetchone() or (0,)
        connection.execute(f"CREATE DATABASE test_{count}")
    return f"{postgres_server}/test_{count}"


def _postgres_programs() -> Path | None:
    """Return the folder of the server's programs; Debian keeps them off the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int) -> None:
    import psycopg  # noqa: PLC0415

    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"postgresql://dse@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)
