"""The cascades that ship, by name: attention in one, two and three passes over the keys."""

from __future__ import annotations

from pathlib import Path

from evaluators.describe.cascade import Cascade
from evaluators.describe.layers import ACCELERATORS, is_path
from evaluators.describe.numbers import not_attention
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
    if not is_path(name):
        return Structure.of(cascade(ACCELERATORS / f"{NAMES[name]}.toml"))
    own = cascade(Path(name))
    if own.computes == "attention":
        _check_attention(name, own)
    return Structure.of(own)


def _check_attention(name: str, own: Cascade) -> None:
    written = {*own.einsums, *own.previous, *own.inputs}
    read = [operand.name for each in own.einsums.values() for operand in each.operands]
    if unknown := next((each for each in read if each not in written), None):
        raise InputError(
            f"cascade {shown(name)}: nothing writes {unknown}; name what is Q, K and V under "
            'cascade.inputs, or say computes = "own"'
        )
    for said in not_attention(own):
        raise InputError(f"cascade {shown(name)}: {said}")
