"""The command line: what every command takes; each command's own module does the work.

Exit codes: 0 good, 1 checked and found wanting, 2 bad input, 130 interrupted. Nothing heavy is
imported until a command needs it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from dse.commands import completion, design_parsers, streams, study_parsers
from dse.commands.options import BAD_INPUT, FOUND_WANTING, INTERRUPTED, Parser, Version
from dse.execution import interruption
from evaluators.errors import (
    EvaluationError,
    InputError,
    shown,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Without arguments it takes those of this process, and its streams and signals with them.
    """
    if arguments is not None:
        return _run(arguments)
    streams.make_lasting()
    interruption.take()
    try:
        return _run(sys.argv[1:])
    finally:
        interruption.ignore()


def _run(arguments: Sequence[str]) -> int:
    try:
        parser = _parser(completion.typed() or arguments)
        completion.offer(parser)
        options = parser.parse_args(arguments)
        return _carry_out(options)
    except InputError as error:
        print(f"dse {arguments[0]}: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("dse: stopped", file=sys.stderr)
        return INTERRUPTED


def _carry_out(options: argparse.Namespace) -> int:
    try:
        _named_evaluator(options)
        command = _loaded(options.module)
        code: int = command.run(options)
        failure = streams.output_failure()
        if failure and code == 0:
            raise EvaluationError(f"the output could not be written: {failure}")
    except EvaluationError as error:
        print(f"dse {options.command}: {error}", file=sys.stderr)
        return FOUND_WANTING
    except Exception:
        interruption.stop_if_asked()  # what an interrupt became
        raise
    return code


def _loaded(module: str) -> ModuleType:
    """Import a command's module; `InputError` where it or a library cannot be imported here."""
    try:
        Path.cwd()
    except OSError:
        raise InputError("the working folder is not there any more; change to another") from None
    try:
        with interruption.held():  # amid an import an interrupt becomes another error
            loaded = import_module(module)
    except Exception as error:
        raise InputError(
            f"a library cannot be loaded: {type(error).__name__}: {shown(error, 300)}; set right "
            "the environment variable that it reads (MPLBACKEND, TQDM_...), or install it anew"
        ) from error
    interruption.stop_if_asked()
    return loaded


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser; what `evaluate` takes follows from the accelerator that is named."""
    parser = Parser(
        prog="dse",
        description="Design-space exploration of attention accelerators (FuseMax).",
        epilog='shell completion: eval "$(register-python-argcomplete dse)"',
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    design_parsers.reproduce(commands)
    design_parsers.verify(commands)
    design_parsers.evaluate(commands, arguments)
    design_parsers.schedule(commands, arguments)
    design_parsers.accelerator(commands)
    design_parsers.machine(commands)
    design_parsers.workload(commands)
    design_parsers.map_(commands, arguments)
    design_parsers.instead(commands)
    design_parsers.loopnest(commands)
    design_parsers.model(commands)
    study_parsers.study(commands)
    study_parsers.sweep(commands)
    study_parsers.front(commands)
    study_parsers.report(commands)
    study_parsers.explain(commands)
    study_parsers.compare(commands)
    study_parsers.confirm(commands)
    study_parsers.dashboard(commands)
    design_parsers.doctor(commands)
    return parser


def _named_evaluator(options: argparse.Namespace) -> None:
    """Let `--mapping search` choose the evaluator `timeloop-mapper`."""
    if getattr(options, "mapping", None) is None:
        return
    if options.evaluator not in ("timeloop", "timeloop-mapper"):
        raise InputError("--mapping goes with --evaluator timeloop; others search for the best")
    options.evaluator = "timeloop-mapper" if options.mapping == "search" else "timeloop"
