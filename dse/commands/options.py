"""What parsers of commands share: options, and values with their bounds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dse.search.place import RUNS
from dse.search.release import release
from evaluators.errors import (
    LONGEST_SENTENCE,
    InputError,
    did_you_mean,
    known_are,
    shown,
)
from evaluators.files import check_writable
from evaluators.foreign import integer

if TYPE_CHECKING:
    from evaluators.describe.parameters import Parameter


CONFIGURATION = "binding"
"""What is evaluated where none is named."""

FOUND_WANTING = 1
BAD_INPUT = 2
INTERRUPTED = 130
"""Exit codes, beside 0."""


class Version(argparse.Action):
    """Print the version that is installed, and end."""

    def __call__(
        self, parser: argparse.ArgumentParser, *values: object, **named: object
    ) -> NoReturn:
        """See `argparse.Action`."""
        print(f"attention-dse {release()}")
        parser.exit()


class Parser(argparse.ArgumentParser):
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
        """Print what is wrong, in one line, and end."""
        line = shown(message, LONGEST_SENTENCE)
        end = " " if line.endswith("?") else "; "
        self.exit(BAD_INPUT, f"{self.prog}: {line}{end}see {self.prog} --help\n")


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


def command(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    summary: str,
    example: str,
    room: str = "commands",
) -> Parser:
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


def action(actions: argparse._SubParsersAction[Parser], name: str, summary: str) -> Parser:
    """Add an action of a command."""
    return actions.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )


def add_accounting(parser: Parser) -> None:
    """Add the accounting."""
    parser.add_argument(
        "--accounting",
        default="published",
        metavar="NAME",
        help="published, corrected, or corrections joined by +, as Q1+Q2 (default: published)",
    )


def add_evaluator(parser: Parser, default: str | None = "analytical") -> None:
    """Add the evaluator, and who maps; without a default it follows from the configuration."""
    told = default or "analytical, mapper where a configuration leaves its binding open"
    parser.add_argument(
        "--evaluator",
        default=default,
        metavar="NAME",
        help="analytical; mapper, a machine under the best of all bindings; or timeloop where it "
        f"is installed (default: {told})",
    )
    add_mapping(parser)


def add_mapping(parser: Parser) -> None:
    """Add who finds the mappings that the paper leaves to Timeloop's mapper."""
    parser.add_argument(
        "--mapping",
        choices=("optimal", "search"),
        help="of Einsums that the paper leaves to Timeloop's mapper: the published or the best "
        "mapping, or what timeloop-mapper finds, for hours perhaps (default: optimal)",
    )


def add_workload(parser: Parser, *, masks: bool = True) -> None:
    """Add the transformer and its tokens; `masks` with masks and padding."""
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
    add_tokens(parser)
    if masks:
        add_masks(parser)


def add_tokens(parser: Parser) -> None:
    """Add queries and keys."""
    for name, text in (
        ("seq-len", "queries and keys, as 262144, 256K or 1M (default: 256K)"),
        ("queries", "tokens that attend, the last of the keys (default: as many as keys)"),
        ("keys", "tokens that are attended (default: --seq-len)"),
        ("batch", "sequences at a time (default: the model's)"),
        ("window", "keys of a sliding window, 0 for none (default: the model's)"),
    ):
        parser.add_argument(f"--{name}", metavar="TOKENS" if name != "batch" else "N", help=text)


def add_masks(parser: Parser) -> None:
    """Add mask and padding."""
    masks = parser.add_mutually_exclusive_group()
    masks.add_argument(
        "--mask", metavar="NAME", help="none or causal (default: causal in a window, else none)"
    )
    parser.add_argument(
        "--fit",
        metavar="NAME",
        help="strict or pad: what a side of an array leaves over is infeasible, or padded "
        "(default: strict for the paper's own designs, else pad)",
    )
    masks.add_argument(
        "--causal", dest="mask", action="store_const", const="causal", help="as --mask causal"
    )


def add_json(parser: Parser) -> None:
    """Add printing for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_exact(parser: Parser) -> None:
    """Add counting without Timeloop's overflow."""
    parser.add_argument(
        "--exact", action="store_true", help="true partitions, not Timeloop's modulo 2^64"
    )


def add_parameters(parser: Parser, title: str, declared: Mapping[str, Parameter]) -> None:
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


def add_out(parser: Parser) -> None:
    """Add the folder of studies."""
    parser.add_argument(
        "--out",
        type=Path,
        default=RUNS,
        metavar="DIR",
        help="where the studies are (default: runs)",
    )


def add_workers(parser: Parser) -> None:
    """Add where evaluations run."""
    parser.add_argument(
        "--executor",
        default="serial",
        metavar="NAME",
        help="serial, processes or ray (default: serial)",
    )
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="evaluations at a time, of a parallel executor (default: the usable cores)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="of a Ray cluster to use (default: Ray on this machine)",
    )


def add_driving(parser: Parser) -> None:
    """Add what the one driver of a study is told."""
    add_workers(parser)
    add_out(parser)
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


def output_file(text: str) -> Path:
    """Read where a command is to write a file."""
    path = Path(text)
    try:
        check_writable(path)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    return _number(text, 1, 10**9)


def port(text: str) -> int:
    """Read a port of TCP."""
    return _number(text, 1, 2**16 - 1)


def seed(text: str) -> int:
    """Read a seed."""
    return _number(text, 0, 2**32 - 1)


def batch(text: str) -> int:
    """Read the size of a batch."""
    return _number(text, 1, 2**16)


def share(text: str) -> float:
    """Read a share of 0 to 1, also as 1%."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{shown(text)}' is no share; give 0 to 1, or as 1%")
    return value


def seconds(text: str) -> float:
    """Read a time above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{shown(text)}' is no number of seconds above 0")
    return value


def tolerance(text: str) -> float:
    """Read a relative error."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(
            f"'{shown(text)}' is no relative error; give a number as 1e-12"
        )
    return value
