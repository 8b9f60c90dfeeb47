"""The cascades that ship, by name: attention in one, two and three passes over the keys."""

from __future__ import annotations

from pathlib import Path

from evaluators.describe.layers import is_path, shipped
from evaluators.describe.reading import cascade
from evaluators.errors import InputError, shown
from evaluators.mapper.structure import Structure

FOLDER = Path(__file__).with_name("cascades")

NAMES = shipped(FOLDER)


def structure(name: str) -> Structure:
    """Return a cascade that ships, or that of a user's file; `InputError` where there is none."""
    if name not in NAMES and not is_path(name):
        raise InputError(
            f"no cascade '{shown(name)}'; known are {', '.join(NAMES)}, or give a file.toml"
        )
    return Structure.of(cascade(Path(name) if is_path(name) else FOLDER / f"{name}.toml"))
