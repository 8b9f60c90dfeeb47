"""Designs from outside: what they run as and on, evaluated as the paper did where they are its."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.results import labels_of
from evaluators.accounting import NEXT_LARGER, Accounting
from evaluators.describe.catalogue import canonical, described
from evaluators.design import Designs
from evaluators.engine.needs import next_larger_bytes, registers_short
from evaluators.errors import InputError, shown
from evaluators.protocol import Evaluations, Evaluator
from evaluators.workloads.catalogue import named, transformer
from evaluators.workloads.reading import TOKENS, workload_of
from evaluators.workloads.transformer import Transformer, parse_shape, shape_label
from evaluators.workloads.workload import Workload
from studies.defaults import MAPPER, PAPERS, own
from studies.paper import are_points, on_paper_machine, pinned_binding

LABEL_DEFAULTS = {
    "configuration": "binding",
    "model": "BERT",
    "shape": "",
    **dict.fromkeys(TOKENS, ""),
    "mask": "",
    "fit": "",
    "accounting": "",
    "sram": "",
}
"""What a design runs as and on, and the default of each, as text: '' is what follows from others,
of `fit` and `accounting` in `settings`."""


OWN_NAME = "custom"
"""The model of a shape without a name."""

STUDY = "evaluate"
"""What evaluations that belong to no study are labelled with."""

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Setting:
    """A configuration on a workload under an accounting: what the designs of a batch share."""

    configuration: str
    workload: Workload
    accounting: Accounting

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Setting:
        """Read labels of `LABEL_DEFAULTS`, `fit` and `accounting` among them.

        Others that are not given have their default. A shape may have a name, its model.
        `InputError` says which label is wrong, `TooLarge` that the workload is.
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
        return labels_of(STUDY, self.configuration, self.workload, self.accounting, engine.name)


def settings(
    given: Mapping[str, str], designs: Designs, evaluator: str | None = None
) -> Iterator[tuple[NDArray[np.intp], Setting]]:
    """Tell what designs of one configuration run as and on, with the accounting and fit meant.

    Yields up to two parts, each with its rows: the points of the paper, and the rest, which all are
    where the evaluator finds their bindings. See `Setting.parse` for errors.
    """
    said = {name: text for name, text in given.items() if text or name not in PAPERS}
    setting = Setting.parse(PAPERS | said)
    papers = are_points(setting.configuration, setting.workload, designs)
    papers &= evaluator != MAPPER
    if papers.any():
        yield np.flatnonzero(papers), setting
    if not papers.all():
        yield np.flatnonzero(~papers), Setting.parse(own([setting.configuration], evaluator) | said)


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

    Yields the rows of each part and their evaluations. Any accounting but the published one has
    registers short among its violations.
    """
    for rows, bound in with_paper_binding(
        setting.configuration, setting.workload, designs, setting.accounting
    ):
        evaluations = engine.evaluate(
            setting.configuration,
            setting.workload,
            bound,
            setting.accounting,
            breakdown=breakdown,
        )
        if not setting.accounting.is_published and engine.own_binding:
            short = registers_short(setting.configuration, setting.workload, evaluations.designs)
            evaluations = replace(evaluations, violations={**evaluations.violations, **short})
        yield rows, evaluations


def evaluated(
    setting: Setting, designs: Designs, engine: Evaluator, *, breakdown: bool = True
) -> Evaluations:
    """Evaluate one design; `InputError` says why it is not feasible."""
    ((_, results),) = evaluate_pinned(setting, designs, engine, breakdown=breakdown)
    evaluations = results.whole()
    (reason,) = reasons(setting, evaluations, engine)
    if reason:
        raise InputError(reason)
    return evaluations


def warnings(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> list[str]:
    """Say of the first design what is charged otherwise than it is.

    Register files that are short, and buffers that are priced as the next larger of the table.
    """
    short = {}
    if engine.own_binding:
        short = registers_short(setting.configuration, setting.workload, evaluations.designs)
    return [
        f"{name} is in no table of SRAMs; energy and area are those of the next larger, "
        f"{int(size[0])} bytes (sram = exact refuses it)"
        for name, size in larger_buffers(setting, evaluations.designs).items()
        if size[0]
    ] + [
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


def larger_buffers(setting: Setting, designs: Designs) -> dict[str, Any]:
    """Return what buffers are priced as where that is not their size.

    By name, as 'buffer_bytes': bytes of the next larger SRAM, shape (n,); 0 where it is their size.
    """
    if setting.accounting.sram != NEXT_LARGER:
        return {}
    return next_larger_bytes(setting.configuration, setting.workload, designs)


def larger_bytes(setting: Setting, designs: Designs) -> NDArray[np.int64]:
    """Return the sum of `larger_buffers`, shape (n,)."""
    none = np.zeros(len(designs), dtype=np.int64)
    return sum(larger_buffers(setting, designs).values(), start=none)


def with_paper_binding(
    name: str, workload: Workload, designs: Designs, accounting: Accounting
) -> Iterator[tuple[NDArray[np.intp], Designs]]:
    """Give the paper's own machine the paper's binding where the designs leave it open.

    Yields up to two parts of a configuration's n designs, each with its rows: those that are the
    paper's machine, and the rest. Designs that make such a choice stay as they are, in one part.
    """
    binding = pinned_binding(name, workload, accounting)
    if not binding or binding.keys() & designs.columns.keys():
        yield np.arange(len(designs)), designs
        return
    own = on_paper_machine(name, designs)
    for mask, choices in ((own, binding), (~own, {})):
        rows = np.flatnonzero(mask)
        if len(rows):
            repeated = {choice: np.repeat(value, len(rows)) for choice, value in choices.items()}
            yield rows, designs.take(rows).with_columns(repeated)


def reasons(
    setting: Setting,
    evaluations: Evaluations,
    engine: Evaluator,
) -> list[str]:
    """Say of every design why it is not feasible; '' where it is.

    That is the first constraint that it violates, or what stopped its evaluation.
    """
    sentences = [str(evaluations.failures.get(row, "")) for row in range(len(evaluations.designs))]
    for row in np.flatnonzero(~evaluations.feasible):
        constraint, magnitude = next(
            (name, magnitudes[row])
            for name, magnitudes in evaluations.violations.items()
            if magnitudes[row] > 0
        )
        sentences[row] = engine.reason(
            setting.configuration,
            constraint,
            int(magnitude),
            setting.workload,
            evaluations.designs.take([row]),
        )
    return sentences
