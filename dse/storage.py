"""A study's home: its folder, its specification, its Optuna database, and the lock of its driver.

    runs/<study>/study.toml      the specification as run
    runs/<study>/study.db        Optuna's database, unless --storage names another
    runs/<study>/evaluations/    Parquet parts
    runs/<study>/.lock           held by the one driver

One driver at a time owns a study; a second is refused. Where the database is PostgreSQL, drivers on
other machines are refused as well, by an advisory lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from evaluators.errors import InputError
from studies.objectives import UNITS
from studies.specification import Specification

_IDENTITY = "specification"
_VERSION = "optuna version"
_BUSY_S = 20


@contextmanager
def driver(folder: Path, study: Specification, url: str | None) -> Iterator[optuna.Study]:
    """Own a study while the context lasts: create it, or continue the one that is there.

    Args:
        folder: the study's folder; made where it is missing.
        study: its specification.
        url: an Optuna storage URL, 'journal:FILE', or None for SQLite in the folder.

    Raises:
        InputError: if another driver owns it, the specification differs from the stored one, or the
            folder or database cannot be used.

    """
    with ExitStack() as stack:
        stack.enter_context(_folder_lock(folder))
        with _readable_errors(url or str(folder / "study.db")):
            storage = _storage(folder, url)
            stack.enter_context(_database_lock(storage, study.name))
            opened = _open(storage, study, folder)
        with _readable_errors(url or str(folder / "study.db")):
            yield opened


def load(folder: Path, name: str, url: str | None) -> optuna.Study:
    """Open a study for reading; `InputError` if it is not there."""
    if url is None and not (folder / "study.db").exists():
        raise InputError(f"there is no study in {folder}; dse study list shows those there are")
    with _readable_errors(url or str(folder / "study.db")):
        try:
            return optuna.load_study(study_name=name, storage=_storage(folder, url))
        except KeyError:
            raise InputError(f"the storage has no study '{name}'") from None


def _storage(folder: Path, url: str | None) -> BaseStorage:
    if url is None:
        path = (folder / "study.db").absolute()
        return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": _BUSY_S}})
    if url.startswith("journal:"):
        return JournalStorage(JournalFileBackend(url.removeprefix("journal:")))
    if "://" not in url:
        raise InputError(
            f"storage '{url}': give a database URL, as postgresql+psycopg://user@host/name, "
            "or journal:FILE"
        )
    try:
        return RDBStorage(url)
    except ImportError as error:
        raise InputError(
            f"storage '{url}': its driver is missing ({error}); for PostgreSQL, "
            "pip install 'attention-dse[postgres]'"
        ) from None


def _open(storage: BaseStorage, study: Specification, folder: Path) -> optuna.Study:
    known = {each.study_name for each in optuna.get_all_study_summaries(storage)}
    if study.name in known:
        opened = optuna.load_study(study_name=study.name, storage=storage)
        _check_same(opened, study)
        return opened
    if list((folder / "evaluations").glob("part-*.parquet")):
        raise InputError(
            f"{folder} has evaluations of a study that the storage does not have; "
            "move them away, or name the storage they belong to with --storage"
        )
    created = optuna.create_study(
        study_name=study.name, storage=storage, directions=["minimize"] * len(study.objectives)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        created.set_metric_names([f"log10 {UNITS[name]}" for name in study.objectives])
    created.set_user_attr(_VERSION, optuna.__version__)
    created.set_user_attr(_IDENTITY, study.identity())
    return created


def _check_same(opened: optuna.Study, study: Specification) -> None:
    """Refuse to continue a study with another specification, and say what differs."""
    stored: dict[str, Any] | None = opened.user_attrs.get(_IDENTITY)
    if stored is None:
        raise InputError(
            f"the storage has a study '{study.name}' that this program did not make; "
            "choose another name or storage"
        )
    ours = json.loads(json.dumps(study.identity()))
    differing = [key for key in ours if stored.get(key) != ours[key]]
    if differing:
        details = "; ".join(
            f"{key} was {_short(stored.get(key))} and is {_short(ours[key])}" for key in differing
        )
        raise InputError(
            f"the study '{study.name}' was started with another specification: {details}"
        )


def _short(value: Any) -> str:
    words = json.dumps(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}; --out names another place"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another driver is running the study in {folder}; wait for it or stop it"
            ) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def _database_lock(storage: BaseStorage, name: str) -> Iterator[None]:
    """Hold an advisory lock of PostgreSQL for the study's name; other storages need none."""
    if not isinstance(storage, RDBStorage) or storage.engine.dialect.name != "postgresql":
        yield
        return
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with storage.engine.connect() as connection:
        got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar()
        connection.commit()
        if not got:
            raise InputError(f"another driver is running the study '{name}' in this database")
        yield


@contextmanager
def _readable_errors(where: str) -> Iterator[None]:
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        raise InputError(f"the database {where} cannot be used: {_cause(error)}") from error
    except SQLAlchemyError as error:
        raise InputError(f"the database {where} cannot be used: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "orig", None) or error).splitlines()[0]
