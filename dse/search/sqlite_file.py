"""An SQLite file is looked at before Optuna opens it: whole, of tables alone.

A view or a trigger runs its author's query whenever a table is read or written, without end if it
says so; Optuna's databases have none.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from dse.search.database import REBUILD
from evaluators.errors import InputError, shown


def check(file: Path, busy_s: float) -> None:
    """Refuse a file that is no whole SQLite database of plain tables.

    Args:
        file: it is there; an empty one is a database without a table.
        busy_s: how long another process may lock it.

    Raises:
        InputError: names the file and what is wrong.

    """
    try:
        address = f"{file.resolve().as_uri()}?mode=rw"  # what a kill left is rolled back
        with closing(sqlite3.connect(address, uri=True, timeout=busy_s)) as connection:
            strange = connection.execute(
                "SELECT type || ' ' || name FROM sqlite_master WHERE type IN ('view', 'trigger') "
                "OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1"
            ).fetchone()
            if strange is not None:
                raise InputError(
                    f"the database {shown(file, 200)} is not Optuna's: it has the "
                    f"{shown(strange[0])}; name another one"
                )
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise unusable(file, error) from None
    except (sqlite3.Error, ValueError, OSError) as error:
        raise unusable(file, error, f"; restore it, or {REBUILD}") from None
    if found != "ok":
        raise unusable(file, f"it is damaged: {found}", f"; restore it, or {REBUILD}")


def unusable(file: Path, reason: object, remedy: str = "") -> InputError:
    """Return the error of a file that cannot be read."""
    return InputError(
        f"the database {shown(file, 200)} cannot be used: {shown(reason, 200)}{remedy}"
    )
