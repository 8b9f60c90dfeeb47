"""What a Ray worker does: answer a call in the driver's own versions, with the driver's modules.

Ray gets `answer` by value, as code: a worker's path begins with the folder that the driver was
started in, and there a user's module may have the name of ours. So `answer` puts the path right
before it imports anything.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

STARTED = "started"
UNFIT = "unfit"
DONE = "done"

_PACKAGES = ("analysis", "dse", "evaluators", "search_spaces", "studies")


def answer(
    first: Sequence[str], without: Sequence[str], expected: Mapping[str, str], call: bytes
) -> Iterator[bytes]:
    """Tell that a call has started; then its outcome, or why this worker is unfit for it.

    All is pickled here, because arrays that Ray unpickles are read-only and in its memory.

    Args:
        first: where modules are looked for first.
        without: where no module is looked for.
        expected: the driver's `versions`.
        call: the pickled function and its item, see `dse.execution.executors.Executor.completed`.

    """
    import pickle  # noqa: PLC0415
    import sys  # noqa: PLC0415

    others = [each for each in sys.path if each not in first and each not in without]
    sys.path[:] = [*first, *others]
    yield pickle.dumps(("started", None))
    try:
        from dse.execution.executors import outcome  # noqa: PLC0415
        from dse.execution.ray_worker import differing  # noqa: PLC0415
    except ImportError as error:
        yield pickle.dumps(("unfit", f"it cannot import attention-dse ({error})"))
        return
    if wrong := differing(expected):
        yield pickle.dumps(("unfit", wrong))
        return
    yield pickle.dumps((DONE, outcome(*pickle.loads(call))))


@cache
def versions() -> dict[str, str]:
    """Return what results depend on, by name: that of this project is a digest of its sources."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for package in _PACKAGES:
        for file in sorted((root / package).rglob("*")):
            if file.suffix in {".py", ".csv", ".toml"}:
                digest.update(file.relative_to(root).as_posix().encode())
                digest.update(file.read_bytes())
    return {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "attention-dse": digest.hexdigest()[:12],
    }


def differing(expected: Mapping[str, str]) -> str:
    """Say where this process has other versions than the driver, '' where it has the same."""
    return ", ".join(
        f"it has {name} {ours}, the driver {expected.get(name)}"
        for name, ours in versions().items()
        if ours != expected.get(name)
    )
