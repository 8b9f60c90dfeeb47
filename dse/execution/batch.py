"""A batch of designs on a study's workloads: jobs, and rows of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.results import breakdown_of, labels_of, metric_columns, parameter_columns
from dse.execution.executors import Executor, Job, split
from dse.results.designs import Setting, larger_bytes, reasons, with_paper_binding
from evaluators.describe.catalogue import described
from evaluators.engine.needs import registers_short
from evaluators.engine.rules import one_chip
from evaluators.protocol import Evaluations, Runs, evaluator
from studies.objectives import excess
from studies.specification import Specification

Row = dict[str, Any]
"""One design on one workload, with the columns of `dse.results.parts.part_schema` from 'design'."""

_CHUNK = 256
"""The most designs sent to a worker at a time."""


def evaluate(
    study: Specification,
    columns: Mapping[str, NDArray[np.int64]],
    executor: Executor,
) -> tuple[list[list[Row]], Runs]:
    """Evaluate n designs: for each, its rows, one a workload; and the runs that it took.

    Args:
        study: what to evaluate them on.
        columns: parameter -> natural values, shape (n,).
        executor: where the evaluations run.

    """
    numbers = study.space.index(columns)
    rows: list[list[Row]] = [[] for _ in numbers]
    runs = Runs()
    size = min(_CHUNK, ceil(len(numbers) / executor.workers))
    places, chunks = zip(*jobs(study, columns, size, breakdown=True), strict=True)
    for place, job, evaluations in zip(places, chunks, executor.evaluate(chunks), strict=True):
        for i, row in zip(place, _rows(study, job, evaluations), strict=True):
            rows[i].append({"design": int(numbers[i])} | row)
        runs += evaluations.runs
    return rows, runs


def jobs(
    study: Specification,
    columns: Mapping[str, NDArray[np.int64]],
    size: int,
    *,
    breakdown: bool,
) -> Iterator[tuple[NDArray[np.intp], Job]]:
    """Cut n designs on a study's workloads into jobs of at most `size` designs.

    An evaluator that takes designs one by one gets jobs of one. Yields each job with the rows of
    its designs in the columns, workload after workload.
    """
    if evaluator(study.evaluator).one_by_one:
        size = 1
    chips = {
        name: (members, one_chip(described(name), study.workloads, designs))
        for name, (members, designs) in study.space.split(columns).items()
    }
    for workload in study.workloads:
        for name, (members, designs) in chips.items():
            for own, bound in with_paper_binding(name, workload, designs, study.accounting):
                job = Job(
                    study.evaluator,
                    name,
                    workload,
                    bound,
                    study.accounting,
                    breakdown,
                )
                for start, chunk in zip(range(0, len(own), size), split(job, size), strict=True):
                    yield members[own[start : start + size]], chunk


def constrained(study: Specification, job: Job, evaluations: Evaluations) -> Evaluations:
    """Add the study's own constraints to the violations: its bounds, and registers short."""
    own: dict[str, NDArray[Any]] = dict(excess(study.bounds, evaluations.metrics))
    if study.enforce_registers and evaluator(study.evaluator).own_binding:
        own |= registers_short(job.configuration, job.workload, evaluations.designs)
    return replace(evaluations, violations={**evaluations.violations, **own})


def _rows(study: Specification, job: Job, evaluations: Evaluations) -> list[Row]:
    evaluations = constrained(study, job, evaluations)
    violations = evaluations.violations
    name = job.configuration
    setting = Setting(name, job.workload, job.accounting)
    labels = labels_of(study.name, name, job.workload, job.accounting, job.evaluator)
    columns: dict[str, Any] = {
        **parameter_columns(name, evaluations.designs),
        **metric_columns(name, evaluations),
        "next_larger_bytes": larger_bytes(setting, evaluations.designs),
        "reason": reasons(
            setting,
            evaluations,
            evaluator(job.evaluator),
            study.bounds,
        ),
        "breakdown": breakdown_of(evaluations),
    }
    plain: dict[str, list[Any]] = {
        key: values.tolist() if isinstance(values, np.ndarray) else values
        for key, values in columns.items()
    }
    return [
        labels
        | {key: values[i] for key, values in plain.items()}
        | {
            "violations": {
                each: float(column[i]) for each, column in violations.items() if column[i] > 0
            },
            "feasible": plain["reason"][i] == "",
            "failed": i in evaluations.failures,
        }
        for i in range(len(evaluations.designs))
    ]
