"""What a study was made with: the versions and the instruction set that its draws depend on.

NumPy takes other instructions on other machines, and sums then differ in their last bits; a
sampler that compares such sums draws other designs. So a study goes on, bit for bit, only where
these are the same.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import numpy as np

LIBRARIES = ("optuna", "numpy", "scipy")
"""The libraries that draw."""


def made_with() -> dict[str, str]:
    """Return the versions of the libraries that draw, of Python, and NumPy's instruction set."""
    return {name: version(name) for name in LIBRARIES} | {
        "python": platform.python_version(),
        "instructions": _instructions(),
    }


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say what differs, '' for nothing."""
    return ", ".join(
        f"{name} was {before.get(name, 'not recorded')} and is {now.get(name, 'not recorded')}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    )


def _instructions() -> str:
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    used = [*extensions["baseline"], *extensions["found"]]
    return " ".join([platform.machine(), *used])
