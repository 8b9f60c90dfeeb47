"""Where studies are, and commands on them as a shell takes them."""

from __future__ import annotations

import shlex
from pathlib import Path

RUNS = Path("runs")
"""The folder of studies, unless told."""


def command(out: Path, *words: str) -> str:
    """Write a command on studies that are in a folder, with --out where it is not `RUNS`."""
    return shlex.join(["dse", *words, *([] if out == RUNS else ["--out", str(out)])])
