"""Parsers of the commands on studies."""

from __future__ import annotations

import argparse
from pathlib import Path

from dse.commands.options import (
    Parser,
    action,
    add_driving,
    add_json,
    add_mapping,
    add_out,
    add_workers,
    batch,
    command,
    output_file,
    port,
    positive,
    seconds,
    seed,
)

DESIGN = (
    "STUDY/TRIAL, as binding-bert/17, or an accelerator and options of dse evaluate, as "
    "binding,array_rows=128,seq_len=64K"
)
"""How a design is named in one word, see `dse.interface.named_designs`."""


def study(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse study`."""
    parser = command(
        commands,
        "study",
        "run, resume, list, show and export studies",
        "dse study run binding-bert --trials 300 --seed 1",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    run = action(actions, "run", "run a built-in study or that of a TOML file, or continue it")
    run.add_argument(
        "study", metavar="STUDY", help="a name, as binding-bert or pareto, or FILE.toml"
    )
    run.add_argument(
        "--name", metavar="NAME", help="what the study is called (default: its own name)"
    )
    for name, kind, text in (
        ("trials", positive, "designs to try (default: the study's; built-in ones have 300)"),
        ("time-limit-s", seconds, "start no batch after so many seconds (default: the study's)"),
        ("seed", seed, "of the sampler (default: the study's; built-in ones have 0)"),
        ("batch", batch, "designs asked for at a time (default: the study's; else 16)"),
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
        help="analytical, mapper or timeloop (default: the study's; else analytical)",
    )
    add_mapping(run)
    run.add_argument(
        "--accounting",
        metavar="NAME",
        help="published, corrected, or corrections joined by + (default: the study's)",
    )
    add_driving(run)

    resume = action(actions, "resume", "continue a study from its database")
    resume.add_argument("study", metavar="NAME", help="of a study that was run")
    resume.add_argument(
        "--trials", type=positive, metavar="N", help="designs to try in all (default: as before)"
    )
    add_driving(resume)

    listing = action(actions, "list", "list the studies that were run")
    add_out(listing)
    show = action(actions, "show", "show where a study stands")
    show.add_argument("study", metavar="NAME", help="of a study that was run")
    add_out(show)
    add_json(show)
    export = action(actions, "export", "write a study's trials as one table")
    export.add_argument("study", metavar="NAME", help="of a study that was run")
    export.add_argument("file", type=output_file, metavar="FILE", help=".parquet, .csv or .jsonl")
    add_out(export)
    listing.set_defaults(module="dse.commands.study_list")
    for each in (show, export):
        each.set_defaults(module="dse.commands.study_tables")


def sweep(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse sweep`."""
    parser = command(
        commands,
        "sweep",
        "evaluate the whole space of a study and find its true front",
        "dse sweep binding-bert",
    )
    parser.add_argument("study", metavar="STUDY", help="a name, as binding-bert, or FILE.toml")
    parser.add_argument(
        "--table",
        type=output_file,
        metavar="FILE",
        help="write the true front as a table of designs: FILE.csv, .parquet or .jsonl (default: "
        "none, it is sweep/front.parquet in the study's folder)",
    )
    add_workers(parser)
    add_out(parser)


def front(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse front`."""
    parser = command(
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
        type=output_file,
        metavar="FILE",
        help="draw the fronts, beside figure 12 where its points are among them: FILE.pdf, .png or "
        ".svg (default: a collection's alone, in its folder)",
    )
    parser.add_argument(
        "--table",
        type=output_file,
        metavar="FILE",
        action="append",
        default=[],
        help="write the fronts as a table: FILE.csv, .tex, .parquet or .jsonl; may be given again "
        "(default: none)",
    )
    add_out(parser)
    add_json(parser)


def report(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse report`."""
    parser = command(
        commands,
        "report",
        "write all of a study, or of what dse reproduce wrote, into one HTML file",
        "dse report binding-bert",
    )
    parser.add_argument(
        "study", metavar="NAME", help="of a study that was run, or paper for the paper's figures"
    )
    parser.add_argument(
        "--file",
        type=output_file,
        metavar="FILE",
        help="where to write it: FILE.html (default: report.html in the folder of NAME)",
    )
    parser.add_argument(
        "--beside",
        metavar="NAME",
        action="append",
        default=[],
        help="another folder of dse reproduce, to switch to; may be given again (default: none)",
    )
    add_out(parser)


def explain(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse explain`."""
    parser = command(
        commands,
        "explain",
        "say what bounds a design, what each step from it gives, how far it is from a front",
        "dse explain binding,array_rows=128,seq_len=64K",
    )
    parser.add_argument("design", metavar="DESIGN", help=DESIGN)
    parser.add_argument(
        "--against",
        metavar="NAME",
        help="a study that was run, whose front it stands against (default: a trial's own study)",
    )
    add_out(parser)
    add_json(parser)


def compare(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse compare`."""
    parser = command(
        commands,
        "compare",
        "set designs beside each other, or studies' fronts: which wins where, and why",
        "dse compare binding,seq_len=64K flat,seq_len=64K",
    )
    parser.add_argument(
        "what", metavar="NAME", nargs="+", help=f"studies that were run, or designs: {DESIGN}"
    )
    add_out(parser)
    add_json(parser)


def confirm(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse confirm`."""
    parser = command(
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
        "--limit", type=positive, metavar="N", help="the first N designs alone (default: all)"
    )
    parser.set_defaults(evaluator="timeloop")
    add_mapping(parser)
    add_workers(parser)
    add_out(parser)
    add_json(parser)


def dashboard(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the parser of `dse dashboard`."""
    parser = command(
        commands,
        "dashboard",
        "show Optuna's dashboard on a snapshot of a study",
        "dse dashboard binding-bert --port 8080",
    )
    parser.add_argument("study", metavar="NAME", help="of a study that was run")
    add_out(parser)
    parser.add_argument("--storage", metavar="URL", help="Optuna's database (default: SQLite)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (default: 127.0.0.1, this machine alone)",
    )
    parser.add_argument(
        "--port", type=port, default=8080, metavar="N", help="of that address (default: 8080)"
    )
