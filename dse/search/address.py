"""Where a study's database is: a file or a server, as Optuna takes it and as it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from evaluators.errors import InputError, shown

_JOURNAL = "journal:"
_SECRET = re.compile(r"pass|secret|token|pwd|key", re.IGNORECASE)
_RIGHT = "give a database URL, as postgresql+psycopg://user@host/name, or journal:FILE"


@dataclass(frozen=True)
class Address:
    """A database.

    Attributes:
        shown: what it is called in sentences and commands, without secrets.
        url: what Optuna connects to; None for a journal.
        file: the file behind it, which is opened by its name; None for a server's database.
        secrets: what no sentence may show.

    """

    shown: str
    url: URL | None
    file: Path | None
    secrets: tuple[str, ...] = ()

    @property
    def template(self) -> str:
        """The URL as a template, which Optuna takes it for: braces are doubled."""
        assert self.url is not None
        text = self.url.render_as_string(hide_password=False)
        return text.replace("{", "{{").replace("}", "}}")

    def without_secrets(self, text: str) -> str:
        """Return a text with every secret hidden."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def own(folder: Path) -> Address:
    """Return the address of the database in a study's folder."""
    return _sqlite_file(folder / "study.db")


def parse(text: str) -> Address:
    """Read what a user calls a database; `InputError` says what is wrong with it."""
    if text.startswith(_JOURNAL) and len(text) > len(_JOURNAL):
        file = Path(text.removeprefix(_JOURNAL))
        return Address(str(file), None, file)
    if "://" not in text:
        raise InputError(f"storage '{shown(text)}': {_RIGHT}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port of letters
        scheme = shown(text.partition("://")[0])  # the rest may hold a password
        raise InputError(f"storage '{scheme}://...' is no URL of a database; {_RIGHT}") from None
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    secrets = [str(url.password)] if url.password else []
    hidden = {}
    for name, value in url.query.items():
        if _SECRET.search(name):
            secrets += [value] if isinstance(value, str) else value
            hidden[name] = "***"
    visible = url.update_query_dict(hidden).render_as_string(hide_password=True)
    return Address(visible.replace("%2A", "*"), url, None, tuple(filter(None, secrets)))


def without_password(text: str) -> str:
    """Return what a user calls a database as it may be shown."""
    address = parse(text)
    return address.shown if address.file is None else text


def _sqlite(url: URL) -> Address:
    """Take the file of an SQLite URL as it stands; SQLite's own URIs and memory are refused."""
    name = url.database or ""
    if url.drivername not in ("sqlite", "sqlite+pysqlite") or url.host or url.query:
        raise InputError(f"storage '{shown(url)}': give sqlite:///FILE, a plain path")
    if name in ("", ":memory:") or name.startswith("file:"):
        raise InputError(
            f"storage '{shown(url)}' is no file that outlasts the study; give sqlite:///FILE"
        )
    return _sqlite_file(Path(name))


def _sqlite_file(file: Path) -> Address:
    return Address(str(file), URL.create("sqlite", database="file"), file)
