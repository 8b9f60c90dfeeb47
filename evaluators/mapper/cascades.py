"""The cascades that ship, by name: attention in one, two and three passes over the keys."""

from __future__ import annotations

from pathlib import Path

from evaluators.describe.layers import ACCELERATORS, is_path
from evaluators.describe.reading import cascade
from evaluators.errors import InputError, shown
from evaluators.mapper.structure import Structure

NAMES = {"1-pass": "one_pass", "2-pass": "two_pass", "3-pass": "three_pass"}
"""Name -> the accelerator whose cascade it is, and that leaves its binding open."""


def structure(name: str) -> Structure:
    """Return a cascade that ships, or that of a user's file; `InputError` where there is none."""
    if name not in NAMES and not is_path(name):
        raise InputError(
            f"no cascade '{shown(name)}'; known are {', '.join(NAMES)}, or give a file.toml"
        )
    path = Path(name) if is_path(name) else ACCELERATORS / f"{NAMES[name]}.toml"
    return Structure.of(cascade(path))
