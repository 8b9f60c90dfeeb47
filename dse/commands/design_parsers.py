"""Parsers of the commands on designs, accelerators, machines, workloads and loop nests."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dse.commands import completion
from dse.commands.options import (
    CONFIGURATION,
    Parser,
    action,
    add_accounting,
    add_evaluator,
    add_exact,
    add_json,
    add_masks,
    add_parameters,
    add_tokens,
    add_workload,
    command,
    output_file,
    positive,
    seconds,
    share,
    tolerance,
)
from evaluators.errors import InputError, shown

_MASKS = {"--mask", "--fit", "--causal"}


def reproduce(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse reproduce`."""
    parser = command(
        commands,
        "reproduce",
        "evaluate every published point of FuseMax, draw figures 6-12, check every number",
        "dse reproduce --out runs/paper",
    )
    add_accounting(parser)
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
    add_evaluator(parser)
    add_json(parser)


def verify(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse verify`."""
    parser = command(
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
        type=tolerance,
        default=1e-12,
        metavar="X",
        help="relative error up to which a value agrees (default: 1e-12)",
    )
    add_json(parser)


def _parameters(parser: Parser, arguments: Sequence[str]) -> None:
    """Add an option for each parameter that the accelerator declares, its machine's among them."""
    from evaluators.describe.catalogue import described  # noqa: PLC0415

    name = _named("--configuration", arguments, CONFIGURATION)
    with _being_typed():
        declared = described(name).all_parameters
        parser.has = f"{shown(name)} has {', '.join(declared)}"
        add_parameters(parser, f"parameters of {shown(name)}", declared)


def _sizes(parser: Parser, arguments: Sequence[str]) -> None:
    """Add an option for each size of the machine that is mapped to."""
    from evaluators.mapper.machines import known_machine  # noqa: PLC0415
    from evaluators.mapper.resources import MACHINE, PARAMETERS  # noqa: PLC0415

    name = _named("--machine", arguments, MACHINE)
    with _being_typed():
        declared = known_machine(name).parameters
        sizes = {each: declared[each] for each in PARAMETERS}
        add_parameters(parser, f"sizes of {shown(name)}", sizes)


def _named(option: str, arguments: Sequence[str], default: str) -> str:
    """Return what an option names, whose parameters are options, too."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument(option, dest="name", default=default)
    try:
        return str(finder.parse_known_args(arguments)[0].name)
    except argparse.ArgumentError:  # it has no value: the parser will say so
        return default


@contextmanager
def _being_typed() -> Iterator[None]:
    """Let a wrong name pass while it is being typed."""
    try:
        yield
    except InputError:
        if not completion.typed():
            raise


def _setting(parser: Parser) -> None:
    """Add what a design runs as and on."""
    parser.add_argument(
        "--configuration",
        metavar="NAME",
        help="dse accelerator list names them; or FILE.toml (default: binding)",
    )
    add_workload(parser)
    _sram(parser, "exact under the published accounting, else next larger")
    parser.add_argument(
        "--accounting",
        metavar="NAME",
        help="published, corrected, or corrections joined by +, as Q1+Q2 (default: published for "
        "the paper's own designs, else corrected)",
    )


def _sram(parser: Parser, default: str) -> None:
    parser.add_argument(
        "--sram",
        metavar="SOURCE",
        help="of the costs of a buffer that the table lacks: exact refuses it, 'next larger' "
        f"takes the table's next larger, cacti has live CACTI compute it (default: {default})",
    )


def schedule(commands: argparse._SubParsersAction[Parser], arguments: Sequence[str]) -> None:
    """Add the parser of `dse schedule`."""
    parser = command(
        commands,
        "schedule",
        "schedule a design's Einsums so that arrays and memory overlap, and say what that takes",
        "dse schedule --configuration flat --seq-len 4K --figure waterfall.svg",
    )
    _setting(parser)
    parser.add_argument(
        "--figure",
        type=output_file,
        action="append",
        metavar="FILE",
        help="draw the waterfall, as .pdf, .png or .svg; may be repeated (default: none)",
    )
    add_json(parser)
    if arguments[:1] == ["schedule"]:
        _parameters(parser, arguments)


def evaluate(commands: argparse._SubParsersAction[Parser], arguments: Sequence[str]) -> None:
    """Add the parser of `dse evaluate`."""
    parser = command(
        commands,
        "evaluate",
        "evaluate one design on one workload, or a table of designs",
        "dse evaluate --configuration binding --model BERT --seq-len 256K --array-rows 128",
    )
    _setting(parser)
    parser.add_argument(
        "--designs",
        type=Path,
        metavar="FILE",
        help="a table of designs (.parquet, .csv or .jsonl) with columns named as the options "
        "(default: one design)",
    )
    parser.add_argument(
        "--out",
        type=output_file,
        metavar="FILE",
        help="with --designs, which needs it: where the results go (no default)",
    )
    add_evaluator(parser, None)
    add_json(parser)
    if arguments[:1] == ["evaluate"]:
        _parameters(parser, arguments)


def accelerator(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse accelerator`."""
    parser = command(
        commands,
        "accelerator",
        "check, describe, list, show and begin accelerators as files",
        "dse accelerator check mine.toml",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = action(actions, "check", "check an accelerator, and describe it if nothing is wrong")
    check.add_argument("file", metavar="FILE", help="FILE.toml, or the name of a shipped one")
    add_workload(check)
    check.add_argument(
        "--design",
        default="",
        metavar="NAME=VALUE,...",
        help="parameters that are not the file's (default: all the file's)",
    )
    action(actions, "list", "list the accelerators that ship")
    show = action(actions, "show", "print an accelerator's file")
    show.add_argument("name", metavar="NAME", help="of a shipped one, or FILE.toml")
    new = action(actions, "new", "write a file that builds on another, to start from")
    new.add_argument("name", metavar="NAME", help="what the accelerator is called")
    new.add_argument(
        "--base", default="binding", metavar="NAME", help="what it builds on (default: binding)"
    )
    new.add_argument("--file", metavar="FILE", help="where to (default: NAME.toml)")


def machine(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse machine`."""
    parser = command(
        commands,
        "machine",
        "list and show machines as files: published chips to build on",
        "dse machine show tpu_v4i",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    action(actions, "list", "list the machines that ship, with their sizes")
    show = action(actions, "show", "print a machine's file")
    show.add_argument("name", metavar="NAME")


def map_(commands: argparse._SubParsersAction[Parser], arguments: Sequence[str]) -> None:
    """Add the parser of `dse map`."""
    parser = command(
        commands,
        "map",
        "search all bindings of attention on a machine for the proven best, in seconds; --front "
        "and --scheduled may take a minute",
        "dse map --cascade 2-pass --seq-len 1K --array-rows 64 --array-cols 64",
    )
    parser.add_argument(
        "--cascade",
        default="all",
        metavar="NAME,...",
        help="1-pass, 2-pass, 3-pass over the keys, or FILE.toml; the best of those given is found "
        "(default: all)",
    )
    add_workload(parser, masks=False)
    parser.add_argument(
        "--machine",
        default="fusemax",
        metavar="NAME",
        help="dse machine list names them; or FILE.toml (default: fusemax)",
    )
    _sram(parser, "exact")
    if _MASKS & {each.partition("=")[0] for each in arguments}:
        parser.has = "what is masked or padded is not mapped"
    parser.add_argument(
        "--chunks",
        metavar="KEYS,...",
        help="M0, keys in a chunk of 1-pass, as 64,128, or all (default: the rows of the array, or "
        "what of them divides the keys)",
    )
    parser.add_argument(
        "--exp-cycles",
        type=positive,
        metavar="N",
        help="cycles of an exponential unit in each lane (default: none, six multiply-adds)",
    )
    parser.add_argument(
        "--front", action="store_true", help="the whole front of latency and energy, too"
    )
    parser.add_argument(
        "--freedoms",
        action="store_true",
        help="the optimum with each freedom taken away in turn, too (default: no)",
    )
    parser.add_argument(
        "--tolerance",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="take the least energy of what is slower than the fastest by no more, as 1%% "
        "(default: 0.0)",
    )
    parser.add_argument(
        "--scheduled",
        action="store_true",
        help="take what is fastest by a schedule that fits the machine, not if all overlaps "
        "wholly (default: no)",
    )
    parser.add_argument(
        "--time-limit",
        type=seconds,
        metavar="SECONDS",
        help="end the search after so much CPU time, and tell the gap (default: none)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE.toml",
        help="write the optimum as an accelerator file, to be evaluated as any other "
        "(default: no file)",
    )
    add_json(parser)
    if arguments[:1] == ["map"]:
        _sizes(parser, arguments)


def instead(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse instead`."""
    parser = command(
        commands,
        "instead",
        "say what one would build instead of FuseMax: for least latency, least area, short "
        "sequences, decoding",
        "dse instead --freedoms",
    )
    parser.add_argument(
        "--freedoms",
        action="store_true",
        help="what each freedom gives, too, which takes minutes (default: no)",
    )
    add_json(parser)


def workload(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse workload`."""
    parser = command(
        commands,
        "workload",
        "list transformers, show what a workload asks of any machine and which roof binds",
        "dse workload show llama-3-8b --queries 1 --keys 8K --batch 64",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_json(action(actions, "list", "list the transformers that ship, with their sources"))
    show = action(actions, "show", "show shapes, multiply-accumulates, compulsory traffic")
    show.add_argument("name", metavar="NAME", help="a model, or the path of a config.json")
    add_tokens(show)
    add_masks(show)
    show.add_argument(
        "--configuration", default="binding", metavar="NAME", help="whose roofs (default: binding)"
    )
    add_json(show)


def loopnest(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse loopnest`."""
    parser = command(
        commands,
        "loopnest",
        "count the accesses of loop nests, as Timeloop does",
        "dse loopnest cases.jsonl --json",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON lines, one case a line")
    add_exact(parser)
    add_json(parser)


def model(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse model`."""
    parser = command(
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
    add_exact(parser)
    add_json(parser)


def doctor(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse doctor`."""
    parser = command(
        commands,
        "doctor",
        "show what is installed, test each part, and say what a missing part would give",
        "dse doctor",
        room="checks",
    )
    add_json(parser)
