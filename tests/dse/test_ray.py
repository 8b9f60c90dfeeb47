"""Ray wherever it is started: among modules of the same names, without a home, at wrong ports."""

from __future__ import annotations

import ipaddress
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from study_runs import NAME, Place, assert_same_study, kill_session, run, start, wait_for

from dse.execution import ray_start, ray_worker
from dse.execution.executors import executor
from evaluators.errors import EvaluationError

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

STUDY = ("run", NAME, "--trials", 16, "--sampler", "random", "--quiet")
RAY = ("--executor", "ray", "--workers", 1)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("serial"))
    run(*STUDY, *place.options())
    return place


def in_folder(
    folder: Path, out: Path, *interpreter: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *interpreter, "study", *map(str, (*STUDY, *RAY)), "--out", str(out)]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )


def shadow(folder: Path) -> None:
    """Fill a folder with modules of a user that have the names of ours."""
    for name in ("evaluators", "studies", "search_spaces"):
        (folder / f"{name}.py").write_text("raise RuntimeError('a module of the user')")
    for name in ("dse", "analysis"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise RuntimeError('a module of the user')")


def test_a_users_modules_do_not_take_the_place_of_ours(tmp_path: Path, serial: Place) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    shadow(folder)
    place = Place(tmp_path / "out")
    code = "import sys; from dse.commands.cli import main; sys.exit(main())"
    root = str(Path(__file__).parents[2])
    done = in_folder(folder, place.out, "-P", "-c", code, PYTHONPATH=root)
    assert done.returncode == 0, done.stderr
    assert_same_study(place, serial)


def test_the_module_dse_is_ours_too(tmp_path: Path) -> None:
    shadow(tmp_path)
    for name in ("dse", "analysis"):
        (tmp_path / name / "__init__.py").unlink()
        (tmp_path / name).rmdir()
    (tmp_path / "analysis.py").write_text("raise RuntimeError('a module of the user')")
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "dse", "study", *map(str, STUDY), "--out", tmp_path / "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variables", [{}, {"RAY_AUTH_MODE": "token"}])
def test_no_home_and_a_long_place_for_temporary_files_are_no_hindrance(
    tmp_path: Path, serial: Place, variables: dict[str, str]
) -> None:
    place = Place(tmp_path / "out")
    long = tmp_path / ("x" * 110)
    long.mkdir()
    given = {"HOME": "/proc/nobody", "TMPDIR": str(long), **variables}
    done = in_folder(tmp_path, place.out, "-m", "dse", **given)
    assert (done.returncode, done.stderr) == (0, "")
    assert_same_study(place, serial)
    assert list(long.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "reason"),
    [("/tmp/" + "x" * 30, "has more than 30 bytes"), ("/proc/none", "No such file or directory")],
)
def test_a_wrong_place_for_rays_files_is_one_sentence(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, reason: str
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", named)
    code, out, errors = dse("study", *STUDY, *RAY, "--out", tmp_path)
    assert (code, out) == (1, "")
    assert errors.count("\n") == 1
    assert named in errors
    assert reason in errors
    assert "RAY_TMPDIR=FOLDER; it had not begun" in errors
    assert list(tmp_path.iterdir()) == []


class _Silent(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(params=["says nothing", "speaks another protocol"])
def wrong_port(request: pytest.FixtureRequest) -> Iterator[int]:
    if request.param == "says nothing":
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server.getsockname()[1]
        return
    with HTTPServer(("127.0.0.1", 0), _Silent) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_port_that_is_not_rays_is_one_sentence(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong_port: int
) -> None:
    monkeypatch.setattr(ray_start, "_ANSWER_S", 5.0)
    address = f"127.0.0.1:{wrong_port}"
    code, out, errors = dse(
        "study", *STUDY, "--executor", "ray", "--ray-address", address, "--out", tmp_path
    )
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert errors.startswith(f"dse study: no Ray cluster answers at {address} (")
    assert "6379" in errors
    assert list(tmp_path.iterdir()) == []


def test_on_one_machine_it_listens_to_this_machine_alone(tmp_path: Path) -> None:
    arguments = ("run", NAME, "--trials", 100_000, "--sampler", "random", "--quiet", *RAY)
    process = start(*arguments, "--out", tmp_path, "--storage", f"journal:{tmp_path / 'journal'}")
    try:
        wait_for(tmp_path / NAME / "evaluations" / "part-00000000.parquet", process)
        driver = psutil.Process(process.pid)
        listening = [
            connection.laddr.ip
            for each in (driver, *driver.children(recursive=True))
            for connection in each.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert len(listening) >= 4
        for each in listening:
            address = ipaddress.ip_address(each)
            mapped = getattr(address, "ipv4_mapped", None) or address
            assert mapped.is_loopback, listening
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.count("\n") == 1
    finally:
        kill_session(process)


def told(
    monkeypatch: pytest.MonkeyPatch, expected: dict[str, str]
) -> tuple[tuple[str, object], tuple[str, object]]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    call = pickle.dumps((abs, -3))
    first, last = ray_worker.answer([], [], expected, call)
    return pickle.loads(first), pickle.loads(last)


def test_a_worker_of_other_versions_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ray_worker.versions()
    assert told(monkeypatch, ours) == ((ray_worker.STARTED, None), (ray_worker.DONE, 3))
    for name, version in ours.items():
        _, (kind, sentence) = told(monkeypatch, ours | {name: "0.0"})
        assert kind == ray_worker.UNFIT
        assert sentence == f"it has {name} {version}, the driver 0.0"


def test_a_driver_of_other_versions_than_its_workers_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_worker, "versions", lambda: {"NumPy": "0.0"})
    with (
        executor("ray", 1, None) as ray,
        pytest.raises(EvaluationError, match=r"not as the driver: .*, the driver 0\.0.*install"),
    ):
        list(ray.completed(abs, [-3]))
