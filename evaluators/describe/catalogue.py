"""The accelerators that designs are of: the shipped ones by name, a user's by the path of its file.

A file is read and checked once, and again when it, or a file that it names, has changed.
"""

from __future__ import annotations

from pathlib import Path

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.checks import problems
from evaluators.describe.layers import Misread, is_path
from evaluators.describe.reading import accelerator
from evaluators.errors import InputError, shown

_Stamp = tuple[tuple[int, int], ...]
_KNOWN: dict[str, tuple[_Stamp, Accelerator]] = {}


def described(name: str) -> Accelerator:
    """Return an accelerator.

    Args:
        name: of one that ships, as 'binding', or the path of a user's file.

    Returns:
        It has its `machine`, `cascade` of Einsums, mappings (`tables`), `stages`, and
        `all_parameters`, each with its `help`, `default` and `domain`.

    Raises:
        InputError: where there is none, or for the first thing that is wrong with a user's.

    Examples:
        >>> import dse
        >>> binding = dse.accelerator("binding")
        >>> binding.title, binding.machine.title
        ('+Binding', "FuseMax's chip")
        >>> binding.all_parameters["array_rows"].default
        256

    """
    if not isinstance(name, str):
        raise InputError(f"an accelerator is named by a text, not by '{shown(name)}'")
    if name in _KNOWN:
        stamp, known = _KNOWN[name]
        if not stamp or stamp == _stamp(known.files):
            return known
    if not is_path(name):
        _KNOWN[name] = (), accelerator(name)
        return _KNOWN[name][1]
    try:
        read = accelerator(name)
        found = problems(read)
    except Misread as error:
        found = list(error.problems)
    if found:
        where = shown(name, 200)
        more = f" (the first of {len(found)} problems)" if len(found) > 1 else ""
        raise InputError(f"{found[0]}{more}; dse accelerator check {where} shows all")
    _KNOWN[name] = _stamp(read.files), read
    return read


def canonical(name: str, folder: Path | None = None) -> str:
    """Return a name as it is, and a path of a user's file as an absolute one.

    Args:
        name: of a configuration.
        folder: what a relative path starts from, the working directory by default.

    """
    return str(((folder or Path()) / name).absolute()) if is_path(name) else name


def _stamp(files: tuple[Path, ...]) -> _Stamp:
    """Tell files apart from what they were; a file that is gone differs from any."""
    try:
        return tuple((each.stat().st_mtime_ns, each.stat().st_size) for each in files)
    except OSError:
        return ((-1, -1),)
