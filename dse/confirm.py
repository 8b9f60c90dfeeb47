"""`dse confirm`: the same designs evaluated by Timeloop and by our engine, metric by metric."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Protocol

import numpy as np

from dse import study_tables, text
from dse.batch import jobs as study_jobs
from dse.executors import Job, executor, run_job
from dse.home import stored
from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.design import Designs
from evaluators.errors import InputError
from evaluators.protocol import EINSUM_METRICS, METRICS, Evaluations, Runs, evaluator
from evaluators.workload import Workload, seq_len_label
from studies.paper import points

PAPER = "paper"
TOLERANCE = 1e-12
"""Relative difference up to which two metrics agree: equal counts leave only rounding."""

ROUNDING = 1e-9
"""The same for Accelergy's estimate where register files are unrounded (correction Q2): Accelergy
then rounds no component, the accounting all others to the six decimals of the published tables."""

ESTIMATE = "energy by Accelergy"
"""The energy that Accelergy itself estimates from the action counts of all components."""


class Estimator(Protocol):
    """What Timeloop's evaluator can do beside evaluating."""

    def estimated_energy_pj(
        self, configuration_name: str, workload: Workload, designs: Designs, accounting: Accounting
    ) -> float:
        """Estimate the energy of a resolved design, a batch of one."""
        ...


@dataclass(frozen=True)
class Deviation:
    """How far the evaluators are apart in one metric.

    Attributes:
        metric: its name.
        relative: the largest relative difference.
        where: the design where it is that large.
        tolerance: up to which the metric agrees.

    """

    metric: str
    relative: float
    where: str
    tolerance: float = TOLERANCE


def run(options: argparse.Namespace) -> int:
    """Evaluate, compare and print; return 1 where a metric differs or a run failed."""
    jobs = list(_jobs(options))[: options.limit]
    if not jobs:
        raise InputError(f"{options.study} has no feasible design to confirm")
    engine: Any = evaluator(options.evaluator)
    start = time.perf_counter()
    with executor(options.executor, options.workers, options.ray_address) as workers:
        theirs = workers.evaluate([replace(job, evaluator=options.evaluator) for job in jobs])
    middle = time.perf_counter()
    ours = [run_job(job) for job in jobs]
    seconds = {"timeloop": middle - start, "analytical": time.perf_counter() - middle}
    failures = [
        {"where": _place(job), "failure": str(error)}
        for job, each in zip(jobs, theirs, strict=True)
        for error in each.failures.values()
    ]
    whole = [not each.failures for each in theirs]
    done, our, their = (
        list(compress(jobs, whole)),
        list(compress(ours, whole)),
        list(compress(theirs, whole)),
    )
    deviations = [*compare(done, our, their), compare_estimates(done, our, their, engine)]
    runs = sum((each.runs for each in theirs), start=Runs())
    agree = all(each.relative <= each.tolerance for each in deviations)
    if options.json:
        summary = {
            "designs": len(jobs),
            "deviations": [vars(each) for each in deviations],
            "failures": failures,
            "runs": vars(runs),
            "seconds": seconds,
        }
        print(json.dumps(summary, indent=1))
    else:
        rows = [[each.metric, text.error(each.relative), each.where] for each in deviations]
        print(text.table(["metric", "largest deviation", "at"], rows, left=1))
        for each in failures:
            print(f"{each['where']} failed: {each['failure']}")
        print(
            f"{sum(whole)} designs: timeloop and analytical {'agree' if agree else 'differ'}"
            + (f", {len(failures)} failed" if failures else "")
            + f"; timeloop took {seconds['timeloop']:.1f} s ({runs}), "
            f"analytical {seconds['analytical']:.3f} s"
        )
    return 0 if agree and not failures else 1


def compare(
    jobs: Sequence[Job], ours: Sequence[Evaluations], theirs: Sequence[Evaluations]
) -> list[Deviation]:
    """Return the largest deviation in every metric of the designs and of their Einsums."""
    worst = {name: Deviation(name, 0.0, "") for name in _metric_names()}
    for job, our, their in zip(jobs, ours, theirs, strict=True):
        for name, a, b in _pairs(our, their):
            with np.errstate(divide="ignore", invalid="ignore"):
                errors = np.where(a == b, 0.0, np.abs(a - b) / np.abs(b))
            relative = float(np.max(np.nan_to_num(errors, nan=np.inf)))
            if relative > worst[name].relative:
                worst[name] = Deviation(name, relative, _place(job))
    return list(worst.values())


def compare_estimates(
    jobs: Sequence[Job],
    ours: Sequence[Evaluations],
    theirs: Sequence[Evaluations],
    engine: Estimator,
) -> Deviation:
    """Return the largest deviation of our energy from Accelergy's estimate of the action counts."""
    exact = any(job.accounting.repairs(Correction.Q2) for job in jobs)
    worst = Deviation(ESTIMATE, 0.0, "", ROUNDING if exact else TOLERANCE)
    for job, our, their in zip(jobs, ours, theirs, strict=True):
        estimate = engine.estimated_energy_pj(
            job.configuration, job.workload, their.designs, job.accounting
        )
        relative = abs(estimate / float(our.metrics["energy_pj"][0]) - 1)
        if not relative <= worst.relative:  # NaN is a deviation too
            worst = replace(worst, relative=relative, where=_place(job))
    return worst


def _place(job: Job) -> str:
    model, seq_len = job.workload.transformer.name, seq_len_label(job.workload.seq_len)
    return f"{job.configuration} on {model} at {seq_len}"


def _metric_names() -> list[str]:
    return [*METRICS, *(f"einsum {name}" for name in EINSUM_METRICS)]


def _pairs(our: Evaluations, their: Evaluations) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in METRICS:
        yield name, our.metrics[name], their.metrics[name]
    for einsum, part in our.einsums.items():
        for name in EINSUM_METRICS:
            yield f"einsum {name}", getattr(part, name), getattr(their.einsums[einsum], name)


def _jobs(options: argparse.Namespace) -> Iterator[Job]:
    """Return the designs to confirm, one a job: the paper's points, or a study's front."""
    if options.study == PAPER:
        for point in points():
            for row in range(len(point.designs)):
                design = point.designs.take([row])
                yield Job(
                    "analytical",
                    point.configuration,
                    point.workload,
                    design,
                    PUBLISHED,
                    breakdown=True,
                )
        return
    folder = options.out / options.study
    study = stored(folder)
    front = study_tables.front(study, study_tables.trials(study, folder))
    for number in front["design"] if len(front) else ():
        columns = study.space.rows(int(number), int(number) + 1)
        for _, job in study_jobs(study, columns, 1, breakdown=True):
            yield replace(job, evaluator="analytical")
