"""The command line: what every command takes; each command's own module does the work.

Exit codes: 0 good, 1 checked and found wanting, 2 bad input, 130 interrupted. Nothing heavy is
imported until a command needs it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from dse.commands import completion, streams
from dse.execution import interruption
from dse.study.place import RUNS
from evaluators.errors import (
    LONGEST_SENTENCE,
    EvaluationError,
    InputError,
    did_you_mean,
    known_are,
    shown,
)
from evaluators.foreign import integer

if TYPE_CHECKING:
    from evaluators.describe.parameters import Parameter

CONFIGURATION = "binding"
"""What is evaluated where none is named."""

FOUND_WANTING = 1
BAD_INPUT = 2
INTERRUPTED = 130


class _Version(argparse.Action):
    """Print the version that is installed, and end."""

    def __call__(
        self, parser: argparse.ArgumentParser, *values: object, **named: object
    ) -> NoReturn:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

        try:
            print(f"attention-dse {version('attention-dse')}")
        except PackageNotFoundError:
            print("attention-dse, of a source tree that is not installed")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence on standard error, with what may have been meant.

    Attributes:
        has: what else there is to say of an argument that it does not know.

    """

    has = ""

    def parse_known_args(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse here what this parser does not know: it knows its own options."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            meant = did_you_mean(unknown[0].partition("=")[0], self._option_string_actions)
            self.error(f"unknown argument '{shown(unknown[0])}'; {meant}{self.has}".rstrip("; "))
        return options, unknown

    def _check_value(self, action: argparse.Action, value: str) -> None:
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(
                action,
                f"'{shown(value)}' is unknown; {known_are(value, action.choices)}",
            )

    def error(self, message: str) -> NoReturn:
        line = shown(message, LONGEST_SENTENCE)
        end = " " if line.endswith("?") else "; "
        self.exit(BAD_INPUT, f"{self.prog}: {line}{end}see {self.prog} --help\n")


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
    parser = _Parser(
        prog="dse",
        description="Design-space exploration of attention accelerators (FuseMax).",
        epilog='shell completion: eval "$(register-python-argcomplete dse)"',
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _reproduce(commands)
    _verify(commands)
    _evaluate(commands, arguments)
    _accelerator(commands)
    _machine(commands)
    _workload_command(commands)
    _map(commands, arguments)
    _loopnest(commands)
    _model(commands)
    _study(commands)
    _sweep(commands)
    _front(commands)
    _confirm(commands)
    _dashboard(commands)
    _doctor(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    summary: str,
    example: str,
    room: str = "commands",
) -> _Parser:
    """Add a command; `dse.<room>.<name>.run(options)` does its work."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    parser.set_defaults(module=f"dse.{room}.{name}")
    return parser


def _accounting(parser: _Parser) -> None:
    parser.add_argument(
        "--accounting",
        default="published",
        metavar="NAME",
        help="published, corrected, or corrections joined by +, as Q1+Q2 (default: published)",
    )


def _evaluator(parser: _Parser) -> None:
    parser.add_argument(
        "--evaluator",
        default="analytical",
        metavar="NAME",
        help="analytical, or timeloop where it is installed (default: analytical)",
    )
    _mapping(parser)


def _mapping(parser: _Parser) -> None:
    parser.add_argument(
        "--mapping",
        choices=("optimal", "search"),
        help="of Einsums that the paper leaves to Timeloop's mapper: the published or the best "
        "mapping, or what timeloop-mapper finds, for hours perhaps (default: optimal)",
    )


def _named_evaluator(options: argparse.Namespace) -> None:
    """Let `--mapping search` choose the evaluator `timeloop-mapper`."""
    if getattr(options, "mapping", None) is None:
        return
    if options.evaluator not in ("timeloop", "timeloop-mapper"):
        raise InputError("--mapping goes with --evaluator timeloop; others search for the best")
    options.evaluator = "timeloop-mapper" if options.mapping == "search" else "timeloop"


def _workload(parser: _Parser) -> None:
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="BERT, TrXL, T5 or XLM of the paper, one that dse workload list lists, or the path of "
        "a config.json of Hugging Face (default: BERT)",
    )
    parser.add_argument(
        "--shape",
        metavar="B,D,E,F,H,S",
        help="a transformer of your own instead of --model; behind the six sizes perhaps "
        "kv_heads=N, gated=1, experts=N, layers=N, window=N (default: none)",
    )
    _tokens(parser)


def _tokens(parser: _Parser) -> None:
    for name, text in (
        ("seq-len", "queries and keys, as 262144, 256K or 1M (default: 256K)"),
        ("queries", "tokens that attend, the last of the keys (default: as many as keys)"),
        ("keys", "tokens that are attended (default: --seq-len)"),
        ("batch", "sequences at a time (default: the model's)"),
        ("window", "keys of a sliding window, 0 for none (default: the model's)"),
    ):
        parser.add_argument(f"--{name}", metavar="TOKENS" if name != "batch" else "N", help=text)
    parser.add_argument(
        "--mask", metavar="NAME", help="none or causal (default: causal in a window, else none)"
    )
    parser.add_argument(
        "--fit",
        metavar="NAME",
        help="strict or pad: what a side of an array leaves over is infeasible, or padded "
        "(default: strict)",
    )
    parser.add_argument(
        "--causal", dest="mask", action="store_const", const="causal", help="as --mask causal"
    )


def _json(parser: _Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _exact(parser: _Parser) -> None:
    parser.add_argument(
        "--exact", action="store_true", help="true partitions, not Timeloop's modulo 2^64"
    )


def _reproduce(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "reproduce",
        "evaluate every published point of FuseMax, draw figures 6-12, check every number",
        "dse reproduce --out runs/paper",
    )
    _accounting(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/paper"),
        metavar="DIR",
        help="where results and figures go (default: runs/paper)",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="DIR",
        help="also compare with the published tables in this folder, as dse verify does "
        "(default: no)",
    )
    _evaluator(parser)
    _json(parser)


def _verify(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "verify",
        "compare every point with the published tables, row by row and column by column",
        "dse verify --reference artifact/outputs",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the published tables, attn-*.csv, end2end-*.csv and pareto.csv",
    )
    parser.add_argument(
        "--tolerance",
        type=_tolerance,
        default=1e-12,
        metavar="X",
        help="relative error up to which a value agrees (default: 1e-12)",
    )
    _json(parser)


class _Set(argparse.Action):
    """Takes the value of an accelerator's parameter into `parameters`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        namespace.parameters = {**namespace.parameters, self.metavar: values}


def _parameters(parser: _Parser, arguments: Sequence[str]) -> None:
    """Add an option for each parameter that the accelerator declares, its machine's among them."""
    from evaluators.describe.catalogue import described  # noqa: PLC0415

    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--configuration", default=CONFIGURATION)
    try:
        name = finder.parse_known_args(arguments)[0].configuration
    except argparse.ArgumentError:  # it has no value: the parser will say so
        return
    try:
        declared = described(name).all_parameters
    except InputError:
        if completion.typed():  # a name that is being typed
            return
        raise
    parser.has = f"{shown(name)} has {', '.join(declared)}"
    _options(parser, f"parameters of {shown(name)}", declared)


def _options(parser: _Parser, title: str, declared: Mapping[str, Parameter]) -> None:
    """Add an option for each parameter."""
    group = parser.add_argument_group(title)
    parser.set_defaults(parameters={})
    for each in declared.values():
        group.add_argument(
            f"--{each.name.replace('_', '-')}",
            action=_Set,
            dest=f"parameter {each.name}",
            default=argparse.SUPPRESS,
            metavar=each.name,
            help=f"{each.help} ({each.left_open})".replace("%", "%%"),
        )


def _evaluate(commands: argparse._SubParsersAction[_Parser], arguments: Sequence[str]) -> None:
    parser = _command(
        commands,
        "evaluate",
        "evaluate one design on one workload, or a table of designs",
        "dse evaluate --configuration binding --model BERT --seq-len 256K --array-rows 128",
    )
    parser.add_argument(
        "--configuration",
        metavar="NAME",
        help="dse accelerator list names them; or FILE.toml (default: binding)",
    )
    _workload(parser)
    parser.add_argument(
        "--sram",
        metavar="SOURCE",
        help="of the costs of a buffer that the table lacks: exact refuses it, 'next larger' "
        "takes the table's next larger, cacti has live CACTI compute it (default: exact under the "
        "published accounting, else next larger)",
    )
    parser.add_argument(
        "--accounting",
        metavar="NAME",
        help="published, corrected, or corrections joined by +, as Q1+Q2 (default: published)",
    )
    parser.add_argument(
        "--designs",
        type=Path,
        metavar="FILE",
        help="a table of designs (.parquet, .csv or .jsonl) with columns named as the options "
        "(default: one design)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="with --designs, which needs it: where the results go (no default)",
    )
    _evaluator(parser)
    _json(parser)
    if arguments[:1] == ["evaluate"]:
        _parameters(parser, arguments)


def _accelerator(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "accelerator",
        "check, describe, list, show and begin accelerators as files",
        "dse accelerator check mine.toml",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = _action(actions, "check", "check an accelerator, and describe it if nothing is wrong")
    check.add_argument("file", metavar="FILE", help="FILE.toml, or the name of a shipped one")
    _workload(check)
    check.add_argument(
        "--design",
        default="",
        metavar="NAME=VALUE,...",
        help="parameters that are not the file's (default: all the file's)",
    )
    _action(actions, "list", "list the accelerators that ship")
    show = _action(actions, "show", "print an accelerator's file")
    show.add_argument("name", metavar="NAME", help="of a shipped one, or FILE.toml")
    new = _action(actions, "new", "write a file that builds on another, to start from")
    new.add_argument("name", metavar="NAME", help="what the accelerator is called")
    new.add_argument(
        "--base", default="binding", metavar="NAME", help="what it builds on (default: binding)"
    )
    new.add_argument("--file", metavar="FILE", help="where to (default: NAME.toml)")


def _machine(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "machine",
        "list and show machines as files: published chips to build on",
        "dse machine show tpu_v4i",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _action(actions, "list", "list the machines that ship, with their sizes")
    show = _action(actions, "show", "print a machine's file")
    show.add_argument("name", metavar="NAME")


def _map(commands: argparse._SubParsersAction[_Parser], arguments: Sequence[str]) -> None:
    parser = _command(
        commands,
        "map",
        "search all bindings of attention on a machine for the proven best; sequences that are "
        "long for the arrays take tens of seconds, --chunks all and --front longer",
        "dse map --cascade 2-pass --seq-len 1K --array-rows 64 --array-cols 64",
    )
    parser.add_argument(
        "--cascade",
        default="all",
        metavar="NAME,...",
        help="1-pass, 2-pass, 3-pass over the keys, or FILE.toml; the best of those given is found "
        "(default: all)",
    )
    _workload(parser)
    parser.add_argument(
        "--chunks",
        metavar="KEYS,...",
        help="M0, keys in a chunk of 1-pass, as 64,128, or all (default: the rows of the array, or "
        "what of them divides the keys)",
    )
    parser.add_argument(
        "--exp-cycles",
        type=_positive,
        metavar="N",
        help="cycles of an exponential unit in each lane (default: none, six multiply-adds)",
    )
    parser.add_argument(
        "--front", action="store_true", help="the whole front of latency and energy, too"
    )
    _json(parser)
    if arguments[:1] == ["map"]:
        from dse.commands.map import PARAMETERS  # noqa: PLC0415
        from evaluators.describe.machine_reading import machine  # noqa: PLC0415

        declared = machine("fusemax").parameters
        _options(parser, "the machine", {name: declared[name] for name in PARAMETERS})


def _workload_command(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "workload",
        "list transformers, show what a workload asks of any machine and which roof binds",
        "dse workload show llama-3-8b --queries 1 --keys 8K --batch 64",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _json(_action(actions, "list", "list the transformers that ship, with their sources"))
    show = _action(actions, "show", "show shapes, multiply-accumulates, compulsory traffic")
    show.add_argument("name", metavar="NAME", help="a model, or the path of a config.json")
    _tokens(show)
    show.add_argument(
        "--configuration", default="binding", metavar="NAME", help="whose roofs (default: binding)"
    )
    _json(show)


def _loopnest(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "loopnest",
        "count the accesses of loop nests, as Timeloop does",
        "dse loopnest cases.jsonl --json",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON lines, one case a line")
    _exact(parser)
    _json(parser)


def _model(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "model",
        "print the statistics of timeloop-model for Timeloop v4 input, from our engine",
        "dse model problem.yaml architecture.yaml mapping.yaml",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="YAML with problem, architecture and mapping",
    )
    _exact(parser)
    _json(parser)


def _doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "doctor",
        "show what is installed, test each part, and say what a missing part would give",
        "dse doctor",
        room="checks",
    )
    _json(parser)


def _study(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "study",
        "run, resume, list, show and export studies",
        "dse study run binding-bert --trials 300 --seed 1",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    run = _action(actions, "run", "run a built-in study or that of a TOML file, or continue it")
    run.add_argument(
        "study", metavar="STUDY", help="a name, as binding-bert or pareto, or FILE.toml"
    )
    run.add_argument(
        "--name", metavar="NAME", help="what the study is called (default: its own name)"
    )
    for name, kind, text in (
        ("trials", _positive, "designs to try (default: the study's; built-in ones have 300)"),
        ("time-limit-s", _seconds, "start no batch after so many seconds (default: the study's)"),
        ("seed", _seed, "of the sampler (default: the study's; built-in ones have 0)"),
        ("batch", _batch, "designs asked for at a time (default: the study's; else 16)"),
    ):
        run.add_argument(f"--{name}", type=kind, metavar="N", help=text)
    run.add_argument(
        "--sampler",
        metavar="NAME",
        help="tpe, nsga2, nsga3, random, qmc, grid or gp (default: the study's; else tpe)",
    )
    run.add_argument(
        "--evaluator",
        metavar="NAME",
        help="analytical or timeloop (default: the study's; else analytical)",
    )
    _mapping(run)
    run.add_argument(
        "--accounting",
        metavar="NAME",
        help="published, corrected, or corrections joined by + (default: the study's; else "
        "published)",
    )
    _driving(run)

    resume = _action(actions, "resume", "continue a study from its database")
    resume.add_argument("study", metavar="NAME", help="of a study that was run")
    resume.add_argument(
        "--trials", type=_positive, metavar="N", help="designs to try in all (default: as before)"
    )
    _driving(resume)

    _out(_action(actions, "list", "list the studies that were run"))
    show = _action(actions, "show", "show where a study stands")
    show.add_argument("study", metavar="NAME", help="of a study that was run")
    _out(show)
    _json(show)
    export = _action(actions, "export", "write a study's trials as one table")
    export.add_argument("study", metavar="NAME", help="of a study that was run")
    export.add_argument("file", type=Path, metavar="FILE", help=".parquet, .csv or .jsonl")
    _out(export)


def _sweep(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "sweep",
        "evaluate the whole space of a study and find its true front",
        "dse sweep binding-bert",
    )
    parser.add_argument("study", metavar="STUDY", help="a name, as binding-bert, or FILE.toml")
    _workers(parser)
    _out(parser)


def _front(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "front",
        "show studies' fronts, how good they are, and how the paper's points stand",
        "dse front binding-bert",
    )
    parser.add_argument(
        "study", metavar="NAME", nargs="+", help="a study that was run, or a collection"
    )
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="draw the fronts beside figure 12: FILE.pdf, .png or .svg (default: a collection's "
        "alone, in its folder)",
    )
    _out(parser)
    _json(parser)


def _confirm(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "confirm",
        "evaluate the paper's points, a study's front or a table of designs with Timeloop, and "
        "compare",
        "dse confirm paper --limit 3",
    )
    parser.add_argument("study", metavar="NAME", nargs="?", help="a study that was run, or paper")
    parser.add_argument(
        "--designs",
        type=Path,
        metavar="FILE",
        help="instead of NAME: a table as of `dse evaluate --designs` (default: none)",
    )
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help="the first N designs alone (default: all)"
    )
    parser.set_defaults(evaluator="timeloop")
    _mapping(parser)
    _workers(parser)
    _out(parser)
    _json(parser)


def _dashboard(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _command(
        commands,
        "dashboard",
        "show Optuna's dashboard on a snapshot of a study",
        "dse dashboard binding-bert --port 8080",
    )
    parser.add_argument("study", metavar="NAME", help="of a study that was run")
    _out(parser)
    parser.add_argument("--storage", metavar="URL", help="Optuna's database (default: SQLite)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (default: 127.0.0.1, this machine alone)",
    )
    parser.add_argument(
        "--port", type=_port, default=8080, metavar="N", help="of that address (default: 8080)"
    )


def _action(actions: argparse._SubParsersAction[_Parser], name: str, summary: str) -> _Parser:
    return actions.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )


def _out(parser: _Parser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=RUNS,
        metavar="DIR",
        help="where the studies are (default: runs)",
    )


def _workers(parser: _Parser) -> None:
    parser.add_argument(
        "--executor",
        default="serial",
        metavar="NAME",
        help="serial, processes or ray (default: serial)",
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="evaluations at a time, of a parallel executor (default: the usable cores)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="of a Ray cluster to use (default: Ray on this machine)",
    )


def _driving(parser: _Parser) -> None:
    _workers(parser)
    _out(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna's database, as postgresql+psycopg://... or journal:FILE (default: SQLite)",
    )
    parser.add_argument(
        "--accept-versions",
        action="store_true",
        help="continue what other versions of Python or its libraries, or another machine, made",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="make the database anew from the evaluations, where it lacks them",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _number(text: str, least: int, most: int) -> int:
    number = integer(text, least, most)
    if number is None:
        raise argparse.ArgumentTypeError(
            f"'{shown(text)}' is no integer of at least {least} and at most {most}"
        )
    return number


def _positive(text: str) -> int:
    return _number(text, 1, 10**9)


def _port(text: str) -> int:
    return _number(text, 1, 2**16 - 1)


def _seed(text: str) -> int:
    return _number(text, 0, 2**32 - 1)


def _batch(text: str) -> int:
    return _number(text, 1, 2**16)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{shown(text)}' is no number of seconds above 0")
    return value


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(
            f"'{shown(text)}' is no relative error; give a number as 1e-12"
        )
    return value
