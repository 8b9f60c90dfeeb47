"""The dashboard shows a copy, to its own pages alone, and leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest

from dse.commands.dashboard import guarded, snapshot
from dse.search.storage import load

pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")

Run = Callable[..., tuple[int, str, str]]


class Served(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    temporary: Path


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    arguments = ["study", "run", "binding-bert", "--trials", "16", "--sampler", "random", "--quiet"]
    subprocess.run([sys.executable, "-m", "dse", *arguments, "--out", out], check=True)
    return out


def test_the_snapshot_tells_what_is_infeasible_and_by_how_much(
    studies: Path, tmp_path: Path
) -> None:
    study = load(studies / "binding-bert", "binding-bert", None)
    copy = optuna.load_study(study_name=None, storage=snapshot(study, str(tmp_path)))
    assert copy.metric_names == ["area_um2", "latency_s"]
    infeasible = 0
    for own, shown in zip(study.trials, copy.trials, strict=True):
        assert (shown.params, shown.values, shown.state) == (own.params, own.values, own.state)
        assert shown.constraints == own.constraints
        marks = {f"violates {name}": value for name, value in own.constraints.items()}
        assert shown.user_attrs == own.user_attrs | marks
        infeasible += bool(marks)
    assert 0 < infeasible < len(study.trials)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def served(studies: Path, tmp_path: Path) -> Iterator[Served]:
    port = free_port()
    command = ["dashboard", "binding-bert", "--out", str(studies), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "dse", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    yield Served(process, port, tmp_path)
    process.kill()
    process.communicate()


def status(served: Served, method: str, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request(method, path, headers={"Content-Type": "application/json"} | headers)
    code = connection.getresponse().status
    connection.close()
    return code


def test_its_own_pages_alone_are_answered(served: Served) -> None:
    own = f"127.0.0.1:{served.port}"
    for host in (own, f"localhost:{served.port}", "localhost:9999"):
        assert status(served, "GET", "/api/studies", {"Host": host}) == 200
    for host in ("attacker.example", f"attacker.example:{served.port}", "127.0.0.1.example", ""):
        assert status(served, "GET", "/api/studies", {"Host": host}) == 403
    for origin in ("http://attacker.example", "null", f"https://{own}", "http://localhost:3000"):
        headers = {"Host": own, "Origin": origin}
        assert status(served, "DELETE", "/api/studies/1", headers) == 403
    assert status(served, "GET", "/api/studies/1", {"Host": own}) == 200
    headers = {"Host": own, "Origin": f"http://{own}"}
    assert status(served, "DELETE", "/api/studies/1", headers) == 204
    assert status(served, "GET", "/api/studies/1", {"Host": own}) == 404


def test_what_is_deleted_is_the_copy(dse: Run, served: Served, studies: Path) -> None:
    assert status(served, "DELETE", "/api/studies/1", {}) == 204
    code, out, _ = dse("study", "show", "binding-bert", "--out", studies)
    assert code == 0
    assert "trials    16" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_removes_the_copy(served: Served, number: signal.Signals) -> None:
    assert [each.name[:14] for each in served.temporary.iterdir()] == ["dse-dashboard-"]
    served.process.send_signal(number)
    out, errors = served.process.communicate(timeout=60)
    assert (served.process.returncode, out, errors) == (0, "", "")
    assert list(served.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--port", 99999],
            "argument --port: '99999' is no integer of at least 1 and at most 65535",
        ),
        (
            ["--port", 2**64],
            f"argument --port: '{2**64}' is no integer of at least 1 and at most 65535",
        ),
        (["--host", "no such host"], "cannot serve at no such host:"),
        (["--host", "x" * 80], "cannot serve at xxx"),
    ],
)
def test_a_wrong_place_is_one_sentence(
    dse: Run, studies: Path, options: list[object], sentence: str
) -> None:
    code, out, errors = dse("dashboard", "binding-bert", "--out", studies, *options)
    assert (code, out) == (2, "")
    assert errors.startswith(f"dse dashboard: {sentence}")
    assert errors.count("\n") == 1


def test_a_port_in_use_is_one_sentence(dse: Run, studies: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, errors = dse("dashboard", "binding-bert", "--out", studies, "--port", port)
    assert (code, out) == (2, "")
    assert errors.startswith(f"dse dashboard: cannot serve at 127.0.0.1:{port}: Address already")


@pytest.mark.parametrize(
    ("host", "asked", "own"),
    [
        ("0.0.0.0", "192.168.1.7:8080", True),
        ("0.0.0.0", "attacker.example:8080", False),
        ("0.0.0.0", f"{socket.gethostname()}:8080", True),
        ("::", "[fe80::1]:8080", True),
        ("::1", "[::1]:8080", True),
        ("192.168.1.7", "192.168.1.7:8080", True),
        ("192.168.1.7", "192.168.1.8:8080", False),
        ("machine", "MACHINE:8080", True),
    ],
)
def test_the_names_that_are_its_own(host: str, asked: str, own: bool) -> None:
    answers: list[str] = []
    application = guarded(lambda environment, respond: respond("200 OK", []) or [], host)
    application({"HTTP_HOST": asked}, lambda code, headers: answers.append(code))
    assert answers == ["200 OK" if own else "403 Forbidden"]
