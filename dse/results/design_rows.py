"""Rows of a table that share their labels: evaluated together, their results as columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dse.results.designs import (
    LABEL_DEFAULTS,
    OWN_NAME,
    STUDY,
    Setting,
    binding_text,
    check_has,
    choices_of,
    defaults,
    evaluate_pinned,
    parse_binding,
    reasons,
)
from dse.results.table_cells import BLANK, LARGEST
from dse.results.workload_columns import workload_as_given
from evaluators.accounting import Accounting
from evaluators.describe.catalogue import canonical, described
from evaluators.design import PARAMETERS, SIZES, Designs
from evaluators.errors import InputError, TooLarge, shown
from evaluators.protocol import Evaluations, Evaluator

Int64s = NDArray[np.int64]


class Wrong(InputError):
    """What is wrong with one of the rows that are evaluated together, counted from 0."""

    def __init__(self, row: int, sentence: object) -> None:
        super().__init__(sentence)
        self.row = row


Part = tuple[NDArray[np.intp], dict[str, Any]]
"""Some of the rows that are evaluated together, and columns of their results."""


def evaluated(
    given: dict[str, str], numbers: Mapping[str, Int64s], rows: int, engine: Evaluator
) -> Iterator[Part]:
    """Evaluate rows that share what is given beside their parameters."""
    try:
        name = canonical(given.get("configuration", LABEL_DEFAULTS["configuration"]))
        described(name)
        binding = _binding(given.pop("binding", ""), name)
        columns = _complete(name, numbers, rows)
        try:
            setting = Setting.parse(given)
        except TooLarge as error:
            yield np.arange(rows), _left_out(given, columns, binding, str(error), engine)
            return
        chosen = parse_binding(binding, setting) if binding else {}
    except Wrong:
        raise
    except InputError as error:
        raise Wrong(0, error) from None
    too_large = np.any([columns[each] > SIZES[each].most for each in PARAMETERS], axis=0)
    for row in np.flatnonzero(too_large):
        own = {each: column[row] for each, column in columns.items()}
        yield np.array([row]), _left_out(given, own, binding, _too_large(own), engine)
    fits = np.flatnonzero(~too_large)
    if not len(fits):
        return
    designs = Designs.of(**{k: v[fits] for k, v in columns.items()}, binding=chosen)
    try:
        for members, evaluations in evaluate_pinned(setting, designs, engine):
            yield fits[members], _result(setting, evaluations, engine)
    except TooLarge as error:
        if len(fits) > 1:
            for row in fits:
                own = {each: column[[row]] for each, column in columns.items()}
                yield from (
                    (np.array([row]), part)
                    for _, part in evaluated({**given, "binding": binding}, own, 1, engine)
                )
            return
        own = {each: column[fits] for each, column in columns.items()}
        yield fits, _left_out(given, own, binding, str(error), engine)
    except InputError as error:
        raise Wrong(int(fits[0]), error) from None


def _complete(name: str, numbers: Mapping[str, Int64s], rows: int) -> dict[str, Int64s]:
    """Return every parameter, blank ones with their default; refuse those that would be ignored."""
    columns = {}
    for parameter, default in defaults(name).items():
        column = numbers.get(parameter, np.full(rows, BLANK))
        columns[parameter] = np.where(column == BLANK, default, column)
        changed = np.flatnonzero(columns[parameter] != default)
        if len(changed):
            try:
                check_has(name, parameter)
            except InputError as error:
                raise Wrong(int(changed[0]), error) from None
    return columns


def _binding(text: str, name: str) -> str:
    """Return a binding as 'NAME=VALUE,...', which exports of studies have as JSON.

    What mappers chose is left out: they choose it again.
    """
    if not text.startswith("{"):
        return text
    try:
        choices = json.loads(text)
    except (ValueError, RecursionError):
        choices = {"": text}
    own = choices_of(name)
    mapped = described(name).all_parameters.keys() - set(own)
    left = {each: choices[each] for each in choices if each not in mapped}
    if not left:
        return ""
    if left.keys() != set(own) or not all(type(each) is int for each in left.values()):
        what = f"give each of {', '.join(own)}" if own else f"{shown(name)} has none to choose"
        raise InputError(f"binding '{shown(text)}': {what}")
    return binding_text(name, left)


def _result(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> dict[str, Any]:
    """Return the columns of evaluated rows."""
    rows = np.arange(len(evaluations.designs))
    failed = np.isin(rows, list(evaluations.failures))
    feasible = evaluations.feasible & ~failed
    columns = {
        **setting.labels(engine),
        **evaluations.designs.columns(),
        **evaluations.metrics,
        "binding": _binding_column(setting.configuration, evaluations.designs.binding),
        "feasible": feasible,
        "failed": failed,
        "reason": "",
    }
    if not feasible.all():
        columns["reason"] = np.array(reasons(setting, evaluations, engine), dtype=object)
    return columns


def _binding_column(name: str, binding: Mapping[str, Int64s]) -> Any:
    """Write the bindings that could be chosen; '' where there was none to choose."""
    own = choices_of(name)
    if not own:
        return ""
    different, places = np.unique(
        np.stack([binding[each] for each in own]), axis=1, return_inverse=True
    )
    written = [
        binding_text(name, dict(zip(own, each, strict=True))) for each in different.T.tolist()
    ]
    return np.array(written, dtype=object)[places.ravel()]


def _too_large(design: Mapping[str, Any]) -> str:
    """Say of a design which of its sizes is too large, the first."""
    name = next(name for name in PARAMETERS if design[name] > SIZES[name].most)
    value = int(design[name])
    return f"{name} {value}{' or more' * (value == LARGEST)}: it must be {SIZES[name]}"


def _left_out(
    given: Mapping[str, str],
    design: Mapping[str, Any],
    binding: str,
    reason: str,
    engine: Evaluator,
) -> dict[str, Any]:
    """Return the columns of rows that are not evaluated, as they were given."""
    labels = {**LABEL_DEFAULTS, **given}
    if labels["shape"] and "model" not in given:
        labels["model"] = OWN_NAME
    return {
        "configuration": labels["configuration"],
        "sram": labels["sram"],
        **design,
        "study": STUDY,
        **workload_as_given(labels),
        "accounting": Accounting.parse(labels["accounting"], labels["sram"]).name,
        "evaluator": engine.name,
        "binding": binding,
        "feasible": False,
        "failed": False,
        "reason": reason,
    }
