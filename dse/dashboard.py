"""`dse dashboard`: Optuna's dashboard on a snapshot of a study, never on its live database."""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from datetime import datetime
from pathlib import Path

import optuna

from dse.home import stored
from dse.storage import load
from evaluators.errors import InputError


def run(options: argparse.Namespace) -> int:
    """Copy the study and serve the copy until interrupted."""
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise InputError("the dashboard is not installed: pip install 'attention-dse[dashboard]'")
    study = stored(options.out / options.study)
    with tempfile.TemporaryDirectory() as folder:
        copy = snapshot(load(options.out / options.study, study.name, options.storage), folder)
        taken = datetime.now().astimezone().strftime("%H:%M:%S")
        print(
            f"{study.name} as of {taken} at http://{options.host}:{options.port}; "
            "start anew for a later state, stop with Ctrl-C",
            flush=True,
        )
        _serve(copy, options.host, options.port)
    return 0


def snapshot(study: optuna.Study, folder: str) -> str:
    """Copy a study into a database of its own and return that database's URL."""
    url = f"sqlite:///{Path(folder, 'snapshot.db')}"
    optuna.copy_study(from_study_name=study.study_name, from_storage=study._storage, to_storage=url)
    return url


def _serve(url: str, host: str, port: int) -> None:
    import optuna_dashboard  # noqa: PLC0415

    try:
        optuna_dashboard.run_server(optuna.storages.RDBStorage(url), host=host, port=port)
    except OSError as error:
        raise InputError(
            f"cannot serve at {host}:{port}: {error.strerror}; --port names another port"
        ) from error
