"""Shell completion: what a name on the command line may be, by argcomplete.

`eval "$(register-python-argcomplete dse)"` in a shell's start-up file turns it on. The shell then
runs the command with `_ARGCOMPLETE` set; nothing here is imported or done otherwise.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_ON_DISK = ("resume", "show", "export", "front", "confirm", "dashboard")
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
    """Yield every action below a parser, with the name of its command or its command's action."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _actions(below, name)


def _completer(command: str, dest: str) -> Callable[..., Iterable[str]] | None:
    if dest == "study":
        return _studies_on_disk if command in _ON_DISK else _studies
    if dest == "file" and command == "check":
        return _accelerators
    if dest == "name" and command == "show":
        return _accelerators
    return _COMPLETERS.get(dest)


def _files(prefix: str) -> list[str]:
    from argcomplete.completers import FilesCompleter  # noqa: PLC0415

    return list(FilesCompleter(("toml",))(prefix))


def _accelerators(prefix: str, **_: Any) -> list[str]:
    from evaluators.describe.reading import shipped  # noqa: PLC0415

    return [*shipped(), *_files(prefix)]


def _studies(prefix: str, **_: Any) -> list[str]:
    from studies.builtin import COLLECTIONS, STUDIES  # noqa: PLC0415

    return [*COLLECTIONS, *STUDIES, *_files(prefix)]


def _studies_on_disk(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from dse.study.home import begun_in  # noqa: PLC0415
    from studies.builtin import COLLECTIONS  # noqa: PLC0415

    more = {"front": list(COLLECTIONS), "confirm": ["paper"]}
    return begun_in(parsed_args.out) + more.get(parsed_args.command, [])


def _cascades(prefix: str, **_: Any) -> list[str]:
    from evaluators.mapper.cascades import NAMES  # noqa: PLC0415

    return [*NAMES, *_files(prefix)]


def _models(**_: Any) -> list[str]:
    from evaluators.workload import TRANSFORMERS  # noqa: PLC0415

    return list(TRANSFORMERS)


def _seq_lens(**_: Any) -> list[str]:
    from evaluators.workload import SEQ_LENS, seq_len_label  # noqa: PLC0415

    return [seq_len_label(each) for each in SEQ_LENS]


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
    "model": _models,
    "seq_len": _seq_lens,
    "evaluator": _evaluators,
    "sampler": _samplers,
    "executor": _executors,
    "accounting": _accountings,
    "sram": _sram_sources,
}
"""What an option's value may be, by where the parser puts it."""
