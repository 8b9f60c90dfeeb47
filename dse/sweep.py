"""`dse sweep`: evaluate every design of a study's space, and find the true front."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from analysis.fronts import pareto_front_of_chunks
from dse.batch import constrained, jobs
from dse.executors import Executor, executor
from dse.study import INTERRUPTED, find
from dse.study_tables import objective_columns, stored
from dse.sweep_parts import SweepParts, Swept
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import METRICS
from studies.specification import Specification

_PIECE = 1 << 14
"""Designs sent to a worker at a time."""


def run(options: argparse.Namespace) -> int:
    """Sweep a study, or every study of a collection; 1 if one has no feasible design."""
    return max([_sweep(study, options) for study in _studies(options.study, options.out)])


def _studies(name: str, out: Path) -> list[Specification]:
    """Find what is to be swept; a study that was run is swept as it was run."""
    if (out / name / "study.toml").is_file():
        return [stored(out / name)]
    return [
        stored(out / each.name) if (out / each.name / "study.toml").is_file() else each
        for each in find(name)
    ]


def _sweep(study: Specification, options: argparse.Namespace) -> int:
    began = time.monotonic()
    parts = SweepParts(study, options.out / study.name)
    try:
        with executor(options.executor, options.workers, options.ray_address) as workers:
            _evaluate_missing(study, parts, workers)
    except KeyboardInterrupt:
        print("dse sweep: stopped; the same command continues it", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise InputError(f"{error}; the same command continues the sweep") from error
    feasible = parts.feasible()
    size = study.space.size
    print(f"{study.name}: {size} designs, {feasible} of them feasible ({feasible / size:.1%})")
    if not feasible:
        print("no design is feasible; widen the space or the constraints")
        return 1
    objectives = objective_columns(study)
    front = pareto_front_of_chunks(parts.candidates(), objectives)
    parts.write_front(front)
    points = len(front.drop_duplicates(objectives))
    print(
        f"true front of {len(front)} designs, {points} different in {', '.join(study.objectives)}, "
        f"after {time.monotonic() - began:.1f} s"
    )
    return 0


def _evaluate_missing(study: Specification, parts: SweepParts, workers: Executor) -> None:
    missing = parts.missing()
    left = sum(parts.stop(start) - start for start in missing)
    size = study.space.size
    with tqdm(
        desc=study.name, total=size, initial=size - left, unit=" designs", unit_scale=True
    ) as bar:
        for start in missing:
            stop = parts.stop(start)
            parts.write(start, _evaluate(study, start, stop, workers))
            bar.update(stop - start)


def _evaluate(study: Specification, start: int, stop: int, workers: Executor) -> Swept:
    """Evaluate the designs of number start to stop - 1 and keep those that are feasible."""
    shape = (stop - start, len(study.workloads))
    metrics = {name: np.full(shape, np.nan) for name in METRICS}
    feasible = np.ones(stop - start, dtype=bool)
    places, chunks = zip(
        *jobs(study, study.space.rows(start, stop), _PIECE, breakdown=False), strict=True
    )
    for rows, job, results in zip(places, chunks, workers.evaluate(chunks), strict=True):
        evaluations = results.whole()
        workload = study.workloads.index(job.workload)
        for name, column in evaluations.metrics.items():
            metrics[name][rows, workload] = column
        feasible[rows] &= constrained(study, job, evaluations).feasible
    return Swept(
        start + np.flatnonzero(feasible), {name: each[feasible] for name, each in metrics.items()}
    )
