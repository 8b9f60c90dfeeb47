"""Designs from outside: options of the command line and rows of tables, checked and evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.describe.catalogue import canonical, described
from evaluators.design import AUTOMATIC, LACKED, PARAMETERS, SIZES, Designs
from evaluators.engine.needs import registers_short
from evaluators.errors import InputError, shown
from evaluators.foreign import integer
from evaluators.protocol import Evaluations, Evaluator
from evaluators.workloads.catalogue import named, transformer
from evaluators.workloads.reading import TOKENS, labels_of, workload_of
from evaluators.workloads.transformer import Transformer, parse_shape, shape_label
from evaluators.workloads.workload import Workload
from search_spaces.domains import parameters_of, tokens_of
from search_spaces.space import space
from studies.paper import pinned, pinned_binding

LABEL_DEFAULTS = {
    "configuration": "binding",
    "model": "BERT",
    "shape": "",
    **dict.fromkeys(TOKENS, ""),
    "mask": "",
    "fit": "",
    "accounting": "published",
    "sram": "table",
}
"""What a design runs as and on, and the default of each, as text."""


def choices_of(name: str) -> tuple[str, ...]:
    """Return what a design of a configuration sets beside the columns of sizes."""
    return tuple(each for each in parameters_of(name) if each not in PARAMETERS)


CHOICES = choices_of("flat")
"""The choices of FLAT's binding."""

OWN_NAME = "custom"
"""The model of a shape without a name."""

STUDY = "evaluate"
"""What evaluations that belong to no study are labelled with."""

_LARGEST_READ = 2**63 - 1
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Setting:
    """A configuration on a workload under an accounting: what the designs of a batch share."""

    configuration: str
    workload: Workload
    accounting: Accounting

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Setting:
        """Read labels of `LABEL_DEFAULTS`; those that are not given have their default.

        A shape may have a name, its model. `InputError` says which label is wrong, `TooLarge` that
        the workload is.
        """
        labels = {**LABEL_DEFAULTS, **given}
        name = canonical(labels["configuration"])
        described(name)
        accounting = Accounting.parse(labels["accounting"], labels["sram"])
        shape = (
            _named_shape(labels["shape"], given.get("model", OWN_NAME))
            if "shape" in given
            else transformer(labels["model"])
        )
        return cls(name, workload_of(shape, labels), accounting)

    def labels(self, engine: Evaluator) -> dict[str, Any]:
        """Return the first columns of an evaluation's row."""
        return {
            "study": STUDY,
            "configuration": self.configuration,
            **labels_of(self.workload),
            "accounting": self.accounting.name,
            "evaluator": engine.name,
            "sram": self.accounting.sram,
        }

    def defaults(self) -> dict[str, Any]:
        """Return the paper's value of every parameter."""
        return defaults(self.configuration)


def defaults(name: str) -> dict[str, int]:
    """Return the paper's value of every parameter of a configuration."""
    own = described(name).all_parameters
    return {
        each: AUTOMATIC
        if SIZES[each].automatic
        else int(own[each].default or LACKED[each])
        if each in own
        else LACKED[each]
        for each in PARAMETERS
    }


def _named_shape(text: str, name: str) -> Transformer:
    if len(name) > _LONGEST_NAME:
        raise InputError(f"model '{shown(name)}': a name has {_LONGEST_NAME} characters at most")
    shape = parse_shape(text, name)
    same = named(name)
    if same is not None and replace(same, batch=shape.batch) != shape:
        raise InputError(
            f"model {name} and shape '{shown(text)}' are not the same transformer, which has "
            f"{shape_label(same)}; give one of them"
        )
    return shape


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


def check_has(name: str, parameter: str) -> None:
    """Raise `InputError` where a configuration has no such parameter to set."""
    if parameter not in parameters_of(name):
        own = [each for each in parameters_of(name) if each in PARAMETERS]
        raise InputError(
            f"{parameter}: {name} has no {parameter.replace('_', ' ')} to set; it has "
            f"{', '.join(own)}"
        )


def parse_parameter(name: str, value: str) -> int:
    """Read a parameter as text; `InputError` unless it is a whole number in range."""
    number = integer(value, 0, _LARGEST_READ)
    if number is None or number < SIZES[name].least:
        raise InputError(f"{name} '{shown(value)}': give {SIZES[name]}")
    return SIZES[name].checked(name, number)


def parse_binding(text: str, setting: Setting) -> dict[str, int]:
    """Read every binding choice of a configuration from 'NAME=VALUE,...'.

    `InputError` names a configuration without choices, a choice that is missing, given twice or
    unknown, or a value outside its domain.
    """
    choices = choices_of(setting.configuration)
    if not choices:
        raise InputError(
            f"binding: {setting.configuration} has no binding to choose; flat has, by "
            f"{', '.join(CHOICES)}"
        )
    names, _, values = zip(*(entry.partition("=") for entry in text.split(",")), strict=True)
    if sorted(names) != sorted(choices):
        raise InputError(
            f"binding '{shown(text)}': give each of {', '.join(choices)} once, as "
            f"{choices[0]}=VALUE"
        )
    numbers = [integer(value, 0, _LARGEST_READ) for value in values]
    entries = [v if n is None else n for v, n in zip(values, numbers, strict=True)]
    chosen = space(setting.configuration, [tokens_of(setting.workload)]).override(
        dict(zip(names, entries, strict=True))
    )
    return {each.name: each.values[0] for each in chosen.parameters if each.name in choices}


def binding_text(name: str, binding: Mapping[str, int]) -> str:
    """Write a binding of a configuration as `parse_binding` reads it."""
    known = described(name).all_parameters
    return ",".join(
        f"{each}={_chosen(known[each].labels, binding[each])}" for each in choices_of(name)
    )


def _chosen(labels: tuple[str, ...], value: int) -> str:
    return labels[value] if 0 <= value < len(labels) else str(value)
