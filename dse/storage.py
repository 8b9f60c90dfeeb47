"""A study's home: its folder, its specification, its Optuna database, and the lock of its driver.

    runs/<study>/study.toml      the specification as run
    runs/<study>/study.db        Optuna's database, unless --storage names another
    runs/<study>/evaluations/    Parquet parts
    runs/<study>/.lock           held by the one driver

One driver at a time owns a study; a second is refused, also one that uses the same database from
another folder: by a lock beside a database that is a file, by an advisory lock in PostgreSQL.
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
from optuna.study import StudyDirection
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from dse.journal import Journal
from evaluators.errors import InputError
from evaluators.files import remove_if_present, unfinished_name
from studies.objectives import UNITS
from studies.specification import Specification

_IDENTITY = "specification"
_VERSION = "optuna version"
_JOURNAL = "journal:"
_SQLITE = "sqlite:///"
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
    where = _checked(url or _own_database(folder))
    with ExitStack() as stack:
        stack.enter_context(_file_lock(folder / ".lock", f"in {folder}"))
        if url is not None and (file := _file(url)) is not None:
            beside = file.with_name(f".{file.name}.{study.name}.lock")
            stack.enter_context(_file_lock(beside, f"'{study.name}' in {file}"))
        _remove_unfinished(folder)
        stack.enter_context(_readable_errors(where))
        if url is None and not (folder / "study.db").exists():
            _refuse_orphans(folder)
        storage = stack.enter_context(_storage(where))
        stack.enter_context(_database_lock(storage, study.name))
        yield _open(storage, study, folder)


def load(folder: Path, name: str, url: str | None) -> optuna.Study:
    """Open a study for reading; `InputError` if it is not there."""
    where = _checked(url or _own_database(folder))
    file = _file(where)
    if file is not None and not file.exists():
        raise InputError(
            f"there is no study in {folder if url is None else file}; "
            "dse study list shows those there are"
        )
    with _readable_errors(where):
        try:
            return optuna.load_study(study_name=name, storage=_connected(where))
        except KeyError:
            raise InputError(f"the storage has no study '{name}'") from None


def without_password(url: str) -> str:
    """Return a storage URL as it may be shown."""
    return url if url.startswith(_JOURNAL) else make_url(url).render_as_string(hide_password=True)


def _shown(url: str) -> str:
    return str(_file(url) or without_password(url))


def _own_database(folder: Path) -> str:
    return f"{_SQLITE}{(folder / 'study.db').absolute()}"


def _checked(url: str) -> str:
    if url.removeprefix(_JOURNAL) and (url.startswith(_JOURNAL) or "://" in url):
        return url
    raise InputError(
        f"storage '{url}': give a database URL, as postgresql+psycopg://user@host/name, "
        "or journal:FILE"
    )


def _file(url: str) -> Path | None:
    """Return the file of a database that is one, None for a server's."""
    if url.startswith(_JOURNAL):
        return Path(url.removeprefix(_JOURNAL))
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE))
    return None


@contextmanager
def _storage(url: str) -> Iterator[BaseStorage]:
    """Connect to a database while the context lasts."""
    storage = _connected(url)
    try:
        yield storage
    finally:
        if isinstance(storage, RDBStorage):
            storage.engine.dispose()


def _connected(url: str) -> BaseStorage:
    if url.startswith(_JOURNAL):
        return JournalStorage(Journal(url.removeprefix(_JOURNAL)))
    options = {"connect_args": {"timeout": _BUSY_S}} if url.startswith(_SQLITE) else {}
    try:
        return RDBStorage(url, engine_kwargs=options)
    except ImportError as error:
        raise InputError(
            f"storage '{_shown(url)}': its driver is missing ({error}); for PostgreSQL, "
            "pip install 'attention-dse[postgres]'"
        ) from None
    except RuntimeError as error:
        raise _unusable(url, error) from None


def _open(storage: BaseStorage, study: Specification, folder: Path) -> optuna.Study:
    directions = [StudyDirection.MINIMIZE] * len(study.objectives)
    try:
        opened = optuna.load_study(study_name=study.name, storage=storage)
    except KeyError:
        _refuse_orphans(folder)
        opened = optuna.create_study(study_name=study.name, storage=storage, directions=directions)
    if _is_blank(opened, directions):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            opened.set_metric_names([f"log10 {UNITS[name]}" for name in study.objectives])
        opened.set_user_attr(_VERSION, optuna.__version__)
        opened.set_user_attr(_IDENTITY, study.identity())
    _check_same(opened, study)
    return opened


def _is_blank(opened: optuna.Study, directions: list[StudyDirection]) -> bool:
    """Tell whether a study is new, or was when its driver was killed before it could name it."""
    return (
        opened.user_attrs.keys() <= {_VERSION}
        and opened.directions == directions
        and not opened.get_trials(deepcopy=False)
    )


def _remove_unfinished(folder: Path) -> None:
    """Remove the files that a killed driver had not finished."""
    for name in ("study.toml", "evaluations/part-*.parquet"):
        file = folder / name
        for path in file.parent.glob(unfinished_name(file.name)):
            remove_if_present(path)


def _refuse_orphans(folder: Path) -> None:
    if list((folder / "evaluations").glob("part-*.parquet")):
        raise InputError(
            f"{folder} has evaluations of a study that the storage does not have; "
            "move them away, or name the storage they belong to with --storage"
        )


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
def _file_lock(path: Path, what: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InputError(
            f"cannot write in {path.parent}: {error.strerror}; name another place"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another driver is running the study {what}; wait for it or stop it"
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
            raise InputError(
                f"another driver is running the study '{name}' in this database; "
                "wait for it or stop it"
            )
        try:
            yield
        finally:
            connection.invalidate()  # closes it, which ends the lock


@contextmanager
def _readable_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (optuna.exceptions.StorageInternalError, SQLAlchemyError) as error:
        raise _unusable(url, error) from error


def _unusable(url: str, error: BaseException) -> InputError:
    while error.__cause__ is not None:
        error = error.__cause__
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return InputError(f"the database {_shown(url)} cannot be used: {cause}")
