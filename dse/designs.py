"""Designs from outside: options of the command line and rows of tables, checked and evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.analytical.configurations import configuration
from evaluators.design import AUTOMATIC, AUTOMATIC_ALLOWED, PARAMETERS, Designs
from evaluators.errors import InputError
from evaluators.protocol import Evaluations, Evaluator
from evaluators.workload import Workload, parse_seq_len, parse_shape, transformer
from search_spaces.domains import PARAMETERS_OF
from search_spaces.feasibility import registers_short
from search_spaces.space import space
from studies.paper import pinned, pinned_binding

LABEL_DEFAULTS = {
    "configuration": "binding",
    "model": "BERT",
    "shape": "",
    "seq_len": "256K",
    "accounting": "published",
    "sram": "table",
}
"""What a design runs as and on, and the default of each, as text."""


@dataclass(frozen=True)
class Setting:
    """A configuration on a workload under an accounting: what the designs of a batch share."""

    configuration: str
    workload: Workload
    accounting: Accounting

    @classmethod
    def parse(cls, labels: Mapping[str, str]) -> Setting:
        """Read one label for each of `LABEL_DEFAULTS`; a shape, where given, replaces the model."""
        configuration(labels["configuration"])
        shape = parse_shape(labels["shape"]) if labels["shape"] else transformer(labels["model"])
        return cls(
            labels["configuration"],
            Workload(shape, parse_seq_len(labels["seq_len"])),
            Accounting.parse(labels["accounting"], labels["sram"]),
        )

    def labels(self, engine: Evaluator) -> dict[str, Any]:
        """Return the first columns of an evaluation's row."""
        return {
            "study": "evaluate",
            "configuration": self.configuration,
            "model": self.workload.transformer.name,
            "seq_len": self.workload.seq_len,
            "accounting": self.accounting.name,
            "evaluator": engine.name,
            "sram": self.accounting.sram,
        }

    def defaults(self) -> dict[str, Any]:
        """Return the paper's value of every parameter."""
        machine = configuration(self.configuration).architecture.paper_design()
        return {name: int(column[0]) for name, column in machine.columns().items()}


def evaluate_pinned(
    setting: Setting, designs: Designs, engine: Evaluator, *, breakdown: bool = False
) -> Iterator[tuple[NDArray[np.intp], Evaluations]]:
    """Evaluate a batch in up to two parts, see `with_paper_binding`.

    Yields the rows of each part and their evaluations. The corrected accounting has registers short
    among its violations.
    """
    for rows, bound in with_paper_binding(setting.configuration, setting.workload, designs):
        evaluations = engine.evaluate(
            setting.configuration,
            setting.workload,
            bound,
            setting.accounting,
            breakdown=breakdown,
        )
        if setting.accounting.is_corrected:
            short = registers_short(setting.configuration, setting.workload, evaluations.designs)
            evaluations = replace(evaluations, violations={**evaluations.violations, **short})
        yield rows, evaluations


def warnings(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> list[str]:
    """Say of the first design where its register files are short, which is charged all the same."""
    short = registers_short(setting.configuration, setting.workload, evaluations.designs)
    return [
        engine.reason(
            setting.configuration,
            constraint,
            int(magnitude[0]),
            setting.workload,
            evaluations.designs,
        )
        for constraint, magnitude in short.items()
        if magnitude[0] > 0
    ]


def with_paper_binding(
    name: str, workload: Workload, designs: Designs
) -> Iterator[tuple[NDArray[np.intp], Designs]]:
    """Give the paper's own machine the paper's binding where the designs leave it open.

    Yields up to two parts of a configuration's n designs, each with its rows: those that are the
    paper's machine, and the rest. Designs with a binding stay as they are, in one part.
    """
    if designs.binding:
        yield np.arange(len(designs)), designs
        return
    own = pinned(name, workload, designs)
    for mask, binding in ((own, pinned_binding(name, workload)), (~own, {})):
        rows = np.flatnonzero(mask)
        if len(rows):
            repeated = {choice: np.repeat(value, len(rows)) for choice, value in binding.items()}
            yield rows, designs.take(rows).with_columns(binding=repeated)


def reasons(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> list[str]:
    """Say of every design why it has no metrics; '' where it has.

    That is the first constraint that it violates, or what stopped its evaluation.
    """
    sentences = [str(evaluations.failures.get(row, "")) for row in range(len(evaluations.designs))]
    for row in np.flatnonzero(~evaluations.feasible):
        constraint, magnitude = next(
            (name, int(magnitudes[row]))
            for name, magnitudes in evaluations.violations.items()
            if magnitudes[row] > 0
        )
        sentences[row] = engine.reason(
            setting.configuration,
            constraint,
            magnitude,
            setting.workload,
            evaluations.designs.take([row]),
        )
    return sentences


def parse_parameter(name: str, value: str) -> int:
    """Read a parameter as text; `InputError` unless it is a whole number in range."""
    least = AUTOMATIC if name in AUTOMATIC_ALLOWED else 1
    if not value.isdecimal() or int(value) < least or int(value) >= 2**62:
        right = f"{'0 for automatic or ' if least == AUTOMATIC else ''}a positive integer"
        raise InputError(f"{name} '{value}': give {right}")
    return int(value)


def parse_binding(text: str, setting: Setting) -> dict[str, int]:
    """Read every binding choice of a configuration from 'NAME=VALUE,...'.

    `InputError` names a configuration without choices, a choice that is missing, given twice or
    unknown, or a value outside its domain.
    """
    choices = [each for each in PARAMETERS_OF[setting.configuration] if each not in PARAMETERS]
    if not choices:
        raise InputError(f"binding: {setting.configuration} has no binding choices")
    names, _, values = zip(*(entry.partition("=") for entry in text.split(",")), strict=True)
    if sorted(names) != sorted(choices):
        raise InputError(
            f"binding '{text}': give each of {', '.join(choices)} once, as {choices[0]}=VALUE"
        )
    entries = [int(value) if value.isdecimal() else value for value in values]
    chosen = space(setting.configuration, [setting.workload.seq_len]).override(
        dict(zip(names, entries, strict=True))
    )
    return {each.name: each.values[0] for each in chosen.parameters if each.name in choices}
