"""A batch of designs on a study's workloads: jobs, and rows of results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.results import breakdown_of, labels_of, metric_columns, parameter_columns
from dse.execution.executors import Executor, Job, split
from dse.results.designs import Setting, larger_bytes, reasons, with_paper_binding
from evaluators.engine.needs import registers_short
from evaluators.protocol import METRICS, Evaluations, Runs, evaluator
from studies.end_to_end import on_one_chip
from studies.objectives import broken_bound, excess, measure
from studies.scenes import Scene, scenes_of
from studies.specification import Specification

Row = dict[str, Any]
"""One of the rows of a design, see `Specification.rows`, with the columns of
`dse.results.parts.part_schema` from 'design'."""

_CHUNK = 256
"""The most designs sent to a worker at a time."""


def evaluate(
    study: Specification,
    columns: Mapping[str, NDArray[np.int64]],
    executor: Executor,
) -> tuple[list[list[Row]], Runs]:
    """Evaluate n designs: for each, its rows, see `Specification.rows`; and the runs that it took.

    Args:
        study: what to evaluate them on.
        columns: parameter -> natural values, shape (n,).
        executor: where the evaluations run.

    """
    numbers = study.space.index(columns)
    rows: list[list[Row]] = [[] for _ in numbers]
    runs = Runs()
    size = min(_CHUNK, ceil(len(numbers) / executor.workers))
    members, _, chunks = zip(*jobs(study, columns, size, breakdown=True), strict=True)
    for own, job, evaluations in zip(members, chunks, executor.evaluate(chunks), strict=True):
        for i, row in zip(own, _rows(study, job, evaluations), strict=True):
            rows[i].append({"design": int(numbers[i])} | row)
        runs += evaluations.runs
    _bound(study, rows)
    return rows, runs


def jobs(
    study: Specification,
    columns: Mapping[str, NDArray[np.int64]],
    size: int,
    *,
    breakdown: bool,
) -> Iterator[tuple[NDArray[np.intp], int, Job]]:
    """Cut n designs on a study's workloads into jobs of at most `size` designs.

    An evaluator that takes designs one by one gets jobs of one. Yields each job with the rows of
    its designs in the columns, and with its place in `Specification.rows`, place after place.
    """
    if evaluator(study.evaluator).one_by_one:
        size = 1
    chips = {
        name: (members, on_one_chip(study.evaluated[name], study.workloads, designs))
        for name, (members, designs) in study.space.split(columns).items()
    }
    for place, (workload, half) in enumerate(study.rows):
        for configuration, (members, chip) in chips.items():
            name, designs = study.evaluated[configuration][half], chip[half]
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
                    yield members[own[start : start + size]], place, chunk


def with_registers(study: Specification, job: Job, evaluations: Evaluations) -> Evaluations:
    """Add registers short to the violations, where a study has them enforced."""
    if not (study.enforce_registers and evaluator(study.evaluator).own_binding):
        return evaluations
    short = registers_short(job.configuration, job.workload, evaluations.designs)
    return replace(evaluations, violations={**evaluations.violations, **short})


def scenes(study: Specification, metrics: Sequence[Scene]) -> list[Scene]:
    """Return the scenes of designs from their metrics, by the places of `Specification.rows`."""
    return scenes_of(study.workloads, metrics, whole_model=study.whole_model)


def _bound(study: Specification, designs: Sequence[list[Row]]) -> None:
    """Add the bounds that a workload breaks to its rows, which are infeasible then."""
    if not (study.bounds or study.floors):
        return
    metrics = [
        {name: np.array([rows[place][name] for rows in designs]) for name in METRICS}
        for place in range(len(study.rows))
    ]
    a_workload = len(study.rows) // len(study.workloads)
    for place, scene in enumerate(scenes(study, metrics)):
        for constraint, magnitudes in excess(study.bounds, scene, study.floors).items():
            for i in np.flatnonzero(magnitudes > 0).tolist():
                sentence = _broken(study, constraint, scene, i)
                for row in designs[i][place * a_workload : (place + 1) * a_workload]:
                    row["violations"] |= {constraint: float(magnitudes[i])}
                    row["reason"] = row["reason"] or sentence
                    row["feasible"] = False


def _broken(study: Specification, constraint: str, scene: Scene, row: int) -> str:
    broken = broken_bound(constraint, study.bounds, study.floors)
    assert broken is not None
    column, bound = broken
    side = "over" if constraint.endswith("_over") else "under"
    where = " end to end" * bool(study.linear_layers) + " of all layers" * study.whole_model
    value = measure(column, scene)[row]
    return f"{column} {value:.6g}{where} is {side} the study's bound of {bound:g}"


def _rows(study: Specification, job: Job, evaluations: Evaluations) -> list[Row]:
    evaluations = with_registers(study, job, evaluations)
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
