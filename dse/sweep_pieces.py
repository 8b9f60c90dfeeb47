"""A piece of a sweep, evaluated and reduced where a worker is: its part, and the front of that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.fronts import pareto_front
from dse.batch import constrained, jobs
from dse.executors import run_job
from dse.sweep_parts import SweepParts, Swept, parquet
from evaluators.protocol import METRICS
from studies.objectives import UNITS
from studies.specification import Specification

_JOB = 1 << 14
"""Designs evaluated at a time: more are no faster, and take more memory."""


@dataclass(frozen=True)
class Piece:
    """The designs of number `start` to `stop` - 1 of a study's space, those of one part."""

    study: Specification
    start: int
    stop: int

    def __str__(self) -> str:
        return f"designs {self.start} to {self.stop - 1} of {self.study.name}"


@dataclass(frozen=True)
class Reduced:
    """What is left of a piece.

    Attributes:
        content: of its part's file.
        front: its designs that no other of it dominates, see `SweepParts.candidates`.

    """

    content: bytes
    front: pd.DataFrame


def reduced(piece: Piece) -> Reduced:
    """Evaluate a piece and reduce it.

    Raises:
        InputError, EvaluationError: as the evaluator raises them.

    """
    parts = SweepParts(piece.study, Path())
    table = parts.table(piece.start, _feasible(piece))
    front = pareto_front(parts.candidates(table), [UNITS[each] for each in piece.study.objectives])
    return Reduced(parquet(table), front)


def _feasible(piece: Piece) -> Swept:
    """Evaluate a piece and keep the designs that are feasible."""
    study, start, stop = piece.study, piece.start, piece.stop
    shape = (stop - start, len(study.workloads))
    metrics = {name: np.full(shape, np.nan) for name in METRICS}
    feasible = np.ones(stop - start, dtype=bool)
    for rows, job in jobs(study, study.space.rows(start, stop), _JOB, breakdown=False):
        evaluations = run_job(job).whole()
        workload = study.workloads.index(job.workload)
        for name, column in evaluations.metrics.items():
            metrics[name][rows, workload] = column
        feasible[rows] &= constrained(study, job, evaluations).feasible
    return Swept(
        start + np.flatnonzero(feasible), {name: each[feasible] for name, each in metrics.items()}
    )
