"""Shell completion: what a name on the command line may be, by argcomplete.

`eval "$(register-python-argcomplete dse)"` in a shell's start-up file turns it on. The shell then
runs the command with `_ARGCOMPLETE` set; nothing here is imported or done otherwise.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_ON_DISK = ("study resume", "study show", "study export", "front", "confirm", "dashboard")
"""Commands and actions on studies that were run."""


def typed() -> list[str]:
    """Return the words after `dse` that a shell asks completions for; none where it does not."""
    return os.environ.get("COMP_LINE", "").split()[1:] if "_ARGCOMPLETE" in os.environ else []


def offer(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks for completions, print them and end the process."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete  # noqa: PLC0415

    for command, action in _actions(parser, ""):
        named = _completer(command, action.dest)
        if named is not None and action.choices is None:
            action.completer = named  # type: ignore[attr-defined]  # where argcomplete looks
    argcomplete.autocomplete(parser)


def _actions(
    parser: argparse.ArgumentParser, command: str
) -> Iterator[tuple[str, argparse.Action]]:
    """Yield every action below a parser, with its command, as 'front' or 'study run'."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _actions(below, f"{command} {name}".strip())


def _completer(command: str, dest: str) -> Callable[..., Iterable[str]] | None:
    if dest == "against" or (command == "compare" and dest == "what"):
        return _studies_on_disk
    if dest == "study":
        return _studies_on_disk if command in _ON_DISK else _studies
    return _NAMED.get((command, dest)) or _COMPLETERS.get(dest)


def _files(prefix: str, suffix: str = "toml") -> list[str]:
    from argcomplete.completers import FilesCompleter  # noqa: PLC0415

    return list(FilesCompleter((suffix,))(prefix))


def _accelerators(prefix: str, **_: Any) -> list[str]:
    from evaluators.describe.layers import shipped  # noqa: PLC0415

    return [*shipped(), *_files(prefix)]


def _machines(prefix: str, **_: Any) -> list[str]:
    from evaluators.describe.layers import MACHINES, shipped  # noqa: PLC0415

    return [*shipped(MACHINES), *_files(prefix)]


def _studies(prefix: str, **_: Any) -> list[str]:
    from studies.builtin import COLLECTIONS, OPEN, STUDIES  # noqa: PLC0415

    return [*COLLECTIONS, *STUDIES, *OPEN, *_files(prefix)]


def _studies_on_disk(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from dse.search.home import begun_in  # noqa: PLC0415
    from studies.builtin import COLLECTIONS  # noqa: PLC0415

    more = {"front": list(COLLECTIONS), "confirm": ["paper"]}
    return begun_in(parsed_args.out) + more.get(parsed_args.command, [])


def _cascades(prefix: str, **_: Any) -> list[str]:
    from evaluators.mapper.cascades import NAMES  # noqa: PLC0415

    return [*NAMES, *_files(prefix)]


def _models(prefix: str, **_: Any) -> list[str]:
    from evaluators.workloads.catalogue import names  # noqa: PLC0415

    return [*names(), *_files(prefix, "json")]


def _seq_lens(**_: Any) -> list[str]:
    from evaluators.workloads.paper import SEQ_LENS  # noqa: PLC0415
    from evaluators.workloads.sizes import seq_len_label  # noqa: PLC0415

    return [seq_len_label(each) for each in SEQ_LENS]


def _masks(**_: Any) -> list[str]:
    from evaluators.workloads.reading import MASKS  # noqa: PLC0415

    return list(MASKS)


def _fits(**_: Any) -> list[str]:
    from evaluators.workloads.reading import FITS  # noqa: PLC0415

    return list(FITS)


def _evaluators(**_: Any) -> list[str]:
    from evaluators.protocol import EVALUATORS  # noqa: PLC0415

    return list(EVALUATORS)


def _samplers(**_: Any) -> list[str]:
    from studies.specification import SAMPLERS  # noqa: PLC0415

    return list(SAMPLERS)


def _executors(**_: Any) -> list[str]:
    from dse.execution.executors import NAMES  # noqa: PLC0415

    return list(NAMES)


def _accountings(**_: Any) -> list[str]:
    from evaluators.accounting import Correction  # noqa: PLC0415

    return ["published", "corrected", *Correction.__members__]


def _sram_sources(**_: Any) -> list[str]:
    from evaluators.accounting import SRAM_SOURCES  # noqa: PLC0415

    return list(SRAM_SOURCES)


_COMPLETERS: dict[str, Callable[..., Iterable[str]]] = {
    "configuration": _accelerators,
    "base": _accelerators,
    "cascade": _cascades,
    "machine": _machines,
    "model": _models,
    "seq_len": _seq_lens,
    "queries": _seq_lens,
    "keys": _seq_lens,
    "mask": _masks,
    "fit": _fits,
    "evaluator": _evaluators,
    "sampler": _samplers,
    "executor": _executors,
    "accounting": _accountings,
    "sram": _sram_sources,
}
"""What an option's value may be, by where the parser puts it."""

_NAMED: dict[tuple[str, str], Callable[..., Iterable[str]]] = {
    ("accelerator check", "file"): _accelerators,
    ("accelerator show", "name"): _accelerators,
    ("machine show", "name"): _machines,
    ("workload show", "name"): _models,
}
"""What a name that a command takes may be."""
