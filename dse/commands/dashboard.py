"""`dse dashboard`: Optuna's dashboard on a snapshot of a study, never on its live database.

It answers its own pages alone. A page of another site that a browser has open could otherwise read
the study and delete it: under the name of its own site, made to mean this machine (the header Host
tells), or by a request from that site's page (the header Origin tells).
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import socket
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna

from dse.search.home import stored
from dse.search.storage import load
from evaluators.errors import InputError, shown

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

optuna.logging.set_verbosity(optuna.logging.ERROR)

_HERE = {"localhost", "127.0.0.1", "[::1]"}
_ANYWHERE = {"0.0.0.0", "::", ""}


def run(options: argparse.Namespace) -> int:
    """Copy the study and serve the copy until interrupted."""
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise InputError("the dashboard is not installed: pip install 'attention-dse[dashboard]'")
    study = stored(options.out / options.study)
    with tempfile.TemporaryDirectory(prefix="dse-dashboard-") as folder:
        copy = snapshot(load(options.out / options.study, study.name, options.storage), folder)
        taken = datetime.now().astimezone().strftime("%H:%M:%S")
        with _server(copy, options.host, options.port) as server, suppress(KeyboardInterrupt):
            print(
                f"{study.name} as of {taken} at http://{_url_name(options.host)}:{options.port}; "
                "start anew for a later state, stop with Ctrl-C",
                flush=True,
            )
            server.serve_forever()
    return 0


def snapshot(study: optuna.Study, folder: str) -> str:
    """Copy a study into a database of its own and return that database's URL.

    The dashboard shows no constraints: they stand among the user attributes of the copy, too.
    """
    url = f"sqlite:///{Path(folder, 'snapshot.db')}"
    copy = optuna.create_study(
        study_name=study.study_name, storage=url, directions=study.directions
    )
    for key, value in study._storage.get_study_system_attrs(study._study_id).items():
        copy._storage.set_study_system_attr(copy._study_id, key, value)
    for key, value in study.user_attrs.items():
        copy.set_user_attr(key, value)
    for trial in study.get_trials():
        told = {f"violates {name}": each for name, each in trial.constraints.items()}
        trial.user_attrs = trial.user_attrs | told
        copy._storage.create_new_trial(copy._study_id, template_trial=trial)
    return url


def guarded(application: Application, host: str) -> Application:
    """Have an application answer requests to this server from its own pages, and refuse others."""

    def guard(environment: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
        asked = environment.get("HTTP_HOST", "")
        origin = environment.get("HTTP_ORIGIN")
        if _is_own(asked, host) and origin in (None, f"http://{asked}"):
            return application(environment, respond)
        respond("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"this server answers its own pages alone\n"]

    return guard


def _is_own(asked: str, host: str) -> bool:
    """Tell whether a request's Host names this server; its port may be that of a tunnel."""
    name = asked.rpartition(":")[0] if not asked.endswith("]") and ":" in asked else asked
    name = name.lower()
    if name in _HERE or name == _url_name(host).lower():
        return True
    # Listening everywhere, this machine has many addresses; a page's trick needs a name of its own.
    return host in _ANYWHERE and (_is_address(name) or name == socket.gethostname().lower())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _url_name(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _server(url: str, host: str, port: int) -> WSGIServer:
    import optuna_dashboard  # noqa: PLC0415

    class Server(WSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    application = optuna_dashboard.wsgi(optuna.storages.RDBStorage(url))
    try:
        return make_server(host, port, guarded(application, host), Server, _QuietHandler)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot serve at {shown(host)}:{port}: {reason}; --host and --port name another place"
        ) from error


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Log no request."""
