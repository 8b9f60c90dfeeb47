"""Rows of a table that share their labels: evaluated together, their results as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.results import metric_columns, parameter_columns
from dse.results.designs import (
    LABEL_DEFAULTS,
    OWN_NAME,
    STUDY,
    Setting,
    evaluate_pinned,
    larger_bytes,
    reasons,
    settings,
)
from evaluators.accounting import Accounting
from evaluators.describe.catalogue import described
from evaluators.design import AUTOMATIC, Designs
from evaluators.errors import InputError, TooLarge
from evaluators.protocol import Evaluations, Evaluator, evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.reading import DEFAULT_TOKENS, labels_of, workload_of
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.transformer import shape_label
from studies.defaults import OWN, evaluator_of


class Wrong(InputError):
    """What is wrong with one of the rows that are evaluated together, counted from 0."""

    def __init__(self, row: int, sentence: object) -> None:
        super().__init__(sentence)
        self.row = row


Outcome = tuple[NDArray[np.intp], dict[str, Any]]
"""Some of the rows that are evaluated together, and columns of their results."""


def engine_of(configuration: str, engine: Evaluator | None) -> Evaluator:
    """Return the evaluator of an accelerator's designs where none is given for all."""
    return engine or evaluator(evaluator_of([configuration]))


def evaluated(
    name: str, given: Mapping[str, str], designs: Designs, engine: Evaluator
) -> Iterator[Outcome]:
    """Evaluate designs of one accelerator that share their other labels, as they are given.

    What is too large fails alone; `Wrong` names the row of what no design has.
    """
    given = {**given, "configuration": name}
    try:
        designs = _own(name, designs)
        try:
            parts = list(settings(given, designs, engine.name))
        except TooLarge as error:
            labels = _labels_as_given(given, engine)
            yield np.arange(len(designs)), _left_out(name, labels, designs, str(error))
            return
    except Wrong:
        raise
    except InputError as error:
        raise Wrong(0, error) from None
    for rows, setting in parts:
        try:
            for members, columns in _of_setting(setting, designs.take(rows), engine):
                yield rows[members], columns
        except Wrong as wrong:
            raise Wrong(int(rows[wrong.row]), wrong) from None


def _of_setting(setting: Setting, designs: Designs, engine: Evaluator) -> Iterator[Outcome]:
    """Evaluate designs of one setting."""
    name, labels = setting.configuration, setting.labels(engine)
    too_large = _too_large(name, designs)
    for row, sentence in too_large.items():
        yield np.array([row]), _left_out(name, labels, designs.take([row]), sentence)
    fits = np.array([row for row in range(len(designs)) if row not in too_large], dtype=np.intp)
    if not len(fits):
        return
    own = designs.take(fits)
    try:
        for members, evaluations in evaluate_pinned(setting, own, engine):
            yield fits[members], _result(setting, evaluations, engine)
    except TooLarge as error:
        if len(fits) == 1:
            yield fits, _left_out(name, labels, own, str(error))
            return
        for row in fits:
            for _, part in _of_setting(setting, designs.take([row]), engine):
                yield np.array([row]), part
    except InputError as error:
        raise Wrong(int(fits[0]), error) from None


def _own(name: str, designs: Designs) -> Designs:
    """Return designs without the columns that leave everything open; refuse what no design has."""
    declared = described(name).all_parameters
    columns = {}
    for parameter, column in designs.columns.items():
        each = declared[parameter]
        strange = each.switch & ~np.isin(column, each.domain.values if each.domain else ())
        if np.any(strange):
            row = int(np.argmax(strange))
            raise Wrong(row, f"{parameter} '{each.written(column[row])}': give {each}")
        if each.switch or column.any():
            columns[parameter] = column
    return Designs(columns, len(designs))


def _too_large(name: str, designs: Designs) -> dict[int, str]:
    """Return the designs of which something is too large: row -> what, the first."""
    declared = described(name).all_parameters
    found: dict[int, str] = {}
    for parameter, column in designs.columns.items():
        each = declared[parameter]
        for row in () if each.switch else np.flatnonzero(column > each.most).tolist():
            found.setdefault(row, f"{parameter} {column[row].item()}: it must be {each}")
    return found


def _result(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> dict[str, Any]:
    """Return the columns of evaluated rows."""
    failed = np.isin(np.arange(len(evaluations.designs)), list(evaluations.failures))
    feasible = evaluations.feasible & ~failed
    columns = {
        **setting.labels(engine),
        **parameter_columns(setting.configuration, evaluations.designs),
        **metric_columns(setting.configuration, evaluations),
        "next_larger_bytes": larger_bytes(setting, evaluations.designs),
        "feasible": feasible,
        "failed": failed,
        "reason": "",
    }
    if not feasible.all():
        columns["reason"] = np.array(reasons(setting, evaluations, engine), dtype=object)
    return columns


def _left_out(
    name: str, labels: Mapping[str, Any], designs: Designs, reason: str
) -> dict[str, Any]:
    """Return the columns of rows that are not evaluated, as they were given; None for open ones."""
    declared = described(name).all_parameters
    values = {
        parameter: column.astype(object)
        for parameter, column in parameter_columns(name, designs).items()
    }
    for parameter, column in values.items():
        if not declared[parameter].switch:
            column[designs.columns[parameter] == AUTOMATIC] = None
    return {**values, **labels, "feasible": False, "failed": False, "reason": reason}


def _labels_as_given(given: Mapping[str, str], engine: Evaluator) -> dict[str, Any]:
    """Return the first columns of rows whose workload is too large to be one."""
    labels = {**LABEL_DEFAULTS, **OWN, **{key: text for key, text in given.items() if text}}
    if labels["shape"] and "model" not in given:
        labels["model"] = OWN_NAME
    accounting = Accounting.parse(labels["accounting"], labels["sram"])
    return {
        "study": STUDY,
        "configuration": labels["configuration"],
        **_workload_as_given(labels),
        "accounting": accounting.name,
        "sram": accounting.sram,
        "evaluator": engine.name,
    }


def _workload_as_given(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of a workload that is too large to be one, as far as it can be told."""
    seq_len = labels["seq_len"] or labels["keys"] or labels["queries"] or DEFAULT_TOKENS
    told: dict[str, Any] = {
        "model": labels["model"],
        "seq_len": parse_seq_len(seq_len),
        "queries": parse_seq_len(labels["queries"] or seq_len),
        "mask": labels["mask"] or "none",
        "window": parse_seq_len(labels["window"] or "0"),
        "shape": labels["shape"],
        "fit": labels["fit"],
    }
    if not labels["shape"]:
        shape = transformer(labels["model"])
        told |= {"model": shape.name, "shape": shape_label(shape)}
        with suppress(InputError):
            told = labels_of(workload_of(shape, labels))
    return told
