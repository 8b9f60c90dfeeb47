"""The command line that evaluates a design of a study again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.describe.catalogue import described
from evaluators.design import AUTOMATIC
from evaluators.protocol import evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.reading import options_of
from evaluators.workloads.sizes import seq_len_label
from evaluators.workloads.transformer import shape_label
from evaluators.workloads.workload import Workload
from studies.end_to_end import on_one_chip
from studies.specification import Specification


@dataclass(frozen=True)
class Commands:
    """The commands of n designs of one configuration, which differ in their options alone.

    Attributes:
        rows: which designs they are, shape (n,).
        starts: how the command of each workload starts.
        options: option -> its n values as they are written, '' where it is not given.
        end: how all commands end.

    """

    rows: NDArray[np.intp]
    starts: tuple[str, ...]
    options: dict[str, list[str]]
    end: str

    def line(self, workload: int, place: int) -> str:
        """Return one command."""
        given = [f"{name} {texts[place]}" for name, texts in self.options.items() if texts[place]]
        return " ".join([self.starts[workload], *given, self.end])


def commands(study: Specification, designs: NDArray[np.int64]) -> Iterator[Commands]:
    """Yield the commands of designs by their numbers, ascending, configuration by configuration."""
    parts = study.space.split(study.space.numbered(designs))
    for configuration, (rows, found) in parts.items():
        runs = study.evaluated[configuration]
        several = len(study.rows) > 1
        own = on_one_chip(runs, study.workloads, found)[0] if several else found
        declared = described(configuration).all_parameters
        options = {}
        for name, column in own.columns.items():
            each = declared[name]
            fixed = each.domain is None and each.rule is None
            written = {
                value: shlex.quote(each.written(value))
                if (value != AUTOMATIC or each.switch) and not (fixed and value == each.default)
                else ""
                for value in np.unique(column).tolist()
            }
            options[f"--{name.replace('_', '-')}"] = [written[value] for value in column.tolist()]
        starts = tuple(_start(configuration, workload) for workload in study.workloads)
        yield Commands(rows, starts, options, _end(study))


def command(study: Specification, workload: Workload, design: int) -> str:
    """Return the command of a design, given by its number."""
    (found,) = commands(study, np.array([design]))
    return found.line(study.workloads.index(workload), 0)


def _start(configuration: str, workload: Workload) -> str:
    shape = workload.transformer
    own = TRANSFORMERS.get(shape.name) == shape
    model = ["--model", shape.name] if own else ["--shape", shape_label(shape)]
    words = ["dse", "evaluate", "--configuration", configuration, *model]
    for name, value in options_of(workload).items():
        text = value if isinstance(value, str) else seq_len_label(value)
        words += [f"--{name.replace('_', '-')}", text]
    return shlex.join(words)


def _end(study: Specification) -> str:
    accounting = study.accounting
    words = ["--accounting", accounting.name]
    if accounting != Accounting.parse(accounting.name, ""):
        words += ["--sram", accounting.sram]
    if not evaluator(study.evaluator).own_binding:
        words += ["--evaluator", study.evaluator]
    return shlex.join(words)
