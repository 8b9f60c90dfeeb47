"""A piece of a sweep, evaluated and reduced where a worker is: its part, and the front of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.results import choices_in, metric_columns, parameter_columns
from dse.execution.batch import jobs, scenes, with_registers
from dse.execution.executors import Job, run_job
from dse.results.sweep_parts import SweepParts, Swept, parquet
from evaluators.protocol import METRICS, Evaluations, evaluator
from studies.objectives import excess
from studies.specification import Specification

_JOB = 1 << 14
"""Designs evaluated at a time: more are no faster, and take more memory."""


_SHARE = 2
"""Pieces that a worker gets of a small space: one may take longer than another."""


@dataclass(frozen=True)
class Piece:
    """The designs of number `start` to `stop` - 1 of a study's space.

    Attributes:
        part: the first design of the part that they belong to.

    """

    study: Specification
    part: int
    start: int
    stop: int

    def __str__(self) -> str:
        return f"designs {self.start} to {self.stop - 1} of {self.study.name}"


@dataclass(frozen=True)
class Reduced:
    """What is left of a piece.

    Attributes:
        part: the content of its part's file, or where it is not all of the part, what that takes.
        front: its designs that no other of it dominates, see `SweepParts.front_of`.

    """

    part: bytes | Swept
    front: pa.Table


def cut(
    study: Specification, parts: SweepParts, missing: Sequence[int], workers: int
) -> list[Piece]:
    """Cut the missing parts so that all workers have something to do: large ones not at all."""
    designs = sum(parts.stop(start) - start for start in missing)
    size = max(1, ceil(designs / (workers * _SHARE))) if workers > 1 else designs
    if evaluator(study.evaluator).one_by_one:
        size = 1
    return [
        Piece(study, part, start, min(start + size, parts.stop(part)))
        for part in missing
        for start in range(part, parts.stop(part), size)
    ]


def reduced(piece: Piece) -> Reduced:
    """Evaluate a piece and reduce it.

    Raises:
        InputError, EvaluationError: as the evaluator raises them.

    """
    parts = SweepParts(piece.study, Path())
    swept = _feasible(piece)
    table = parts.table(piece.part, swept)
    whole = (piece.start, piece.stop) == (piece.part, parts.stop(piece.part))
    return Reduced(parquet(table) if whole else swept, parts.front_of(table))


def _feasible(piece: Piece) -> Swept:
    """Evaluate a piece and keep the designs that are feasible."""
    study, start, stop = piece.study, piece.start, piece.stop
    shape = (stop - start, len(study.rows))
    metrics = {name: np.full(shape, np.nan) for name in METRICS}
    found = {name: np.full(shape, None) for name in choices_in(study.row_configurations).names}
    feasible = np.ones(stop - start, dtype=bool)
    for rows, place, job in jobs(study, study.space.rows(start, stop), _JOB, breakdown=False):
        evaluations = run_job(job).whole()
        for name, column in metrics.items():
            column[rows, place] = evaluations.metrics[name]
        if found:
            for name, values in _found(job, evaluations).items():
                found[name][rows, place] = values
        feasible[rows] &= with_registers(study, job, evaluations).feasible
    if study.bounds or study.floors:
        columns = [{name: each[:, i] for name, each in metrics.items()} for i in range(shape[1])]
        for scene in scenes(study, columns):
            for magnitude in excess(study.bounds, scene, study.floors).values():
                feasible &= magnitude <= 0
    return Swept(
        start + np.flatnonzero(feasible),
        {name: each[feasible] for name, each in metrics.items()},
        {name: each[feasible] for name, each in found.items()},
    )


def _found(job: Job, evaluations: Evaluations) -> dict[str, NDArray[Any]]:
    """Return what is told of the bindings found, by the columns of `choices_in`."""
    columns = parameter_columns(job.configuration, evaluations.designs)
    columns |= metric_columns(job.configuration, evaluations)
    return {name: columns[name] for name in choices_in([job.configuration]).names}
