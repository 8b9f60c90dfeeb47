"""The packages beside `dse` are found there, whatever else in Python's path has their names.

A user's folder is looked in first, and may have an `analysis.py` or a folder `evaluators`. So these
names are looked up here before anywhere else, in every process that imports `dse`. A module of the
user that was imported before keeps working where it is in use, and loses its name to ours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

NAMES = ("analysis", "evaluators", "search_spaces", "studies")
ROOT = Path(__file__).resolve().parents[1]


class _Beside(MetaPathFinder):
    """Finds `NAMES` in the folder that `dse` is in."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        return PathFinder.find_spec(fullname, [str(ROOT)], target) if fullname in NAMES else None


def put_first() -> None:
    """From now on find our packages first, and forget others' modules of their names."""
    sys.meta_path.insert(0, _Beside())
    others = [name for name in NAMES if name in sys.modules and not _ours(sys.modules[name])]
    for name in list(sys.modules):
        if name.partition(".")[0] in others:
            del sys.modules[name]


def _ours(module: ModuleType) -> bool:
    return any(Path(each).resolve().parent == ROOT for each in getattr(module, "__path__", ()))
