"""Studies by the name that a user gives: a TOML file, or what is built in."""

from __future__ import annotations

from pathlib import Path

from studies import toml
from studies.builtin import builtin
from studies.specification import Specification


def is_file(name: str) -> bool:
    """Tell whether a study is called by the path of its file."""
    return name.lower().endswith(".toml") or "/" in name


def find(name: str) -> tuple[Specification, ...]:
    """Return the study of a TOML file, or the built-in ones of that name."""
    if is_file(name):
        return (toml.load(Path(name)),)
    return builtin(name)
