"""A study's home: its folder, its specification, its Optuna database, and the lock of its driver.

    runs/<study>/study.toml      the specification as run
    runs/<study>/study.db        Optuna's database, unless --storage names another
    runs/<study>/evaluations/    Parquet parts
    runs/<study>/.lock           held by the one driver

One driver at a time owns a study; a second is refused, also one that uses the same database from
another folder: see `dse.search.locks`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage

from dse.results.parts import Parts
from dse.search import address, sqlite_file
from dse.search.address import Address
from dse.search.database import (
    REBUILD,
    Database,
    connected,
    directions,
    has_study,
    open_study,
    readable_errors,
)
from dse.search.locks import file_lock, folder_lock, server_lock
from dse.search.place import command
from evaluators.errors import InputError, shown
from evaluators.files import remove_if_present, unfinished_name
from studies.differences import ANEW, another_behaviour, differences
from studies.objectives import UNITS
from studies.specification import Specification

_IDENTITY = "specification"
_VERSION = "optuna version"
_BUSY_S = 20


@contextmanager
def driver(
    folder: Path, study: Specification, url: str | None, *, rebuild: bool = False
) -> Iterator[Database]:
    """Own a study while the context lasts: create it, or continue the one that is there.

    Args:
        folder: the study's folder; made where it is missing.
        study: its specification.
        url: an Optuna storage URL, 'journal:FILE', or None for SQLite in the folder.
        rebuild: a database that lacks a study with evaluations is made anew.

    Raises:
        InputError: if another driver owns it, the specification differs from the stored one, or the
            folder or database cannot be used.

    """
    where = _where(folder, url)
    with ExitStack() as stack:
        stack.enter_context(folder_lock(folder))
        _remove_unfinished(folder)
        if where.file is not None and not rebuild and not where.file.exists():
            _refuse_orphans(folder, where)
        if where.file is not None:
            stack.enter_context(file_lock(where.file, study.name))
        storage = stack.enter_context(_storage(where))
        with readable_errors(where):
            locked = stack.enter_context(server_lock(storage, study.name))
        if where.file is None and not locked:
            print(
                f"dse study: {shown(where.shown, 200)} cannot be locked; "
                f"see that no other driver runs '{study.name}' there",
                file=sys.stderr,
            )
        yield Database(_open(storage, where, study, folder, rebuild=rebuild), where)


def load(folder: Path, name: str, url: str | None) -> optuna.Study:
    """Open a study for reading; `InputError` if it is not there."""
    where = _where(folder, url)
    if where.file is not None and not where.file.exists():
        raise InputError(
            f"there is no study in {shown(folder if url is None else where.file, 200)}; "
            f"{command(folder.parent, 'study', 'list')} shows those there are"
        )
    storage = _opened(where)
    if not has_study(storage, where, name):
        raise InputError(f"the storage has no study '{name}'")
    with readable_errors(where):
        return optuna.load_study(study_name=name, storage=storage)


def _where(folder: Path, url: str | None) -> Address:
    """Return a study's database; `InputError` where its file is a folder or a device."""
    where = address.own(folder) if url is None else address.parse(url)
    if where.file is not None:
        try:
            regular = S_ISREG(where.file.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return where
        except OSError as error:
            raise InputError(
                f"the database {shown(where.file, 200)} cannot be used: {error.strerror}; "
                "name another file"
            ) from None
        if not regular:
            raise InputError(f"the database {shown(where.file, 200)} is no regular file; name one")
    return where


@contextmanager
def _storage(where: Address) -> Iterator[BaseStorage]:
    """Connect to a database while the context lasts."""
    storage = _opened(where)
    try:
        yield storage
    finally:
        if isinstance(storage, RDBStorage):
            storage.engine.dispose()


def _opened(where: Address) -> BaseStorage:
    if where.url is not None and where.file is not None and where.file.exists():
        sqlite_file.check(where.file, _BUSY_S)
    return connected(where, _BUSY_S)


def _open(
    storage: BaseStorage, where: Address, study: Specification, folder: Path, *, rebuild: bool
) -> optuna.Study:
    ways = directions(study.objectives)
    metrics = dict(zip((UNITS[name] for name in study.objectives), ways, strict=True))
    attrs = {_VERSION: optuna.__version__, _IDENTITY: study.identity()}
    if not rebuild and not has_study(storage, where, study.name):
        _refuse_orphans(folder, where)
    opened = open_study(storage, where, study.name, metrics, attrs)
    with readable_errors(where):
        stored = opened.user_attrs.get(_IDENTITY)
        found = list(opened.directions)
    _check_same(stored, study, where, folder)
    if found != ways:
        wanted = ", ".join(f"{way.name.lower()} {metric}" for metric, way in metrics.items())
        raise InputError(
            f"the database {shown(where.shown, 200)} is damaged: it does not {wanted}; restore it, "
            f"or {REBUILD}"
        )
    return opened


def _remove_unfinished(folder: Path) -> None:
    """Remove the files that a killed driver had not finished."""
    for name in ("study.toml", "evaluations/part-*.parquet"):
        file = folder / name
        for path in file.parent.glob(unfinished_name(file.name)):
            remove_if_present(path)


def _refuse_orphans(folder: Path, where: Address) -> None:
    if list((folder / "evaluations").glob("part-*.parquet")):
        raise InputError(
            f"{shown(folder, 200)} has evaluations of a study that the storage does not have, "
            f"{shown(where.shown, 200)}; name the one they belong to with --storage, "
            "or have it made anew from them: resume with --rebuild"
        )


def _check_same(
    stored: dict[str, Any] | None, study: Specification, where: Address, folder: Path
) -> None:
    """Refuse to continue a study with another specification, and say what differs."""
    ours = json.loads(json.dumps(study.identity()))
    if stored == ours:
        return
    if _has_parts_of(study, folder):
        raise InputError(
            f"the database {shown(where.shown, 200)} is damaged: its specification is not that of "
            f"the evaluations; restore it, or {REBUILD}"
        )
    if not isinstance(stored, dict):
        raise InputError(
            f"the storage has a study '{study.name}' that this program did not make; "
            "choose another name or storage"
        )
    was, now = stored.get("behaviour", {}), ours["behaviour"]
    details = differences(stored | {"behaviour": now}, ours)
    if not details or was.keys() == now.keys():
        another = another_behaviour(f"the study '{study.name}'", was, now)
        if another:
            raise InputError(another)
    raise InputError(
        f"the study '{study.name}' was started with another specification: {'; '.join(details)}; "
        f"{ANEW}"
    )


def _has_parts_of(study: Specification, folder: Path) -> bool:
    """Tell whether a folder's first evaluations are those of the study as it is specified."""
    parts = Parts(study, folder)
    try:
        return bool(parts.first_trials()) and bool(parts.read(0, []))
    except InputError:
        return False
