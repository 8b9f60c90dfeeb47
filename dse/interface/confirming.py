"""The same designs evaluated by Timeloop and by our engine, metric by metric.

Two things may differ: what Timeloop counts, and what Accelergy's component tables say. Where the
tables are another version's, our engine is evaluated at their prices as well: what then still
differs are the counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress, islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from dse.execution import executors
from dse.execution.batch import jobs as study_jobs
from dse.execution.executors import Job, in_order, run_job
from dse.interface.confirmable import jobs_of
from dse.interface.typed import typed
from dse.reports.confirmation import Confirmation, Confirmed, Deviation
from dse.results import frames, study_tables
from dse.results.design_tables import DesignTable
from dse.results.frames import design_table
from dse.search.home import stored
from dse.search.place import RUNS
from evaluators.accounting import PUBLISHED
from evaluators.engine.costs import Prices, prices
from evaluators.engine.evaluator import AnalyticalEvaluator, Batch, nests_of
from evaluators.errors import InputError, shown
from evaluators.protocol import EINSUM_METRICS, ENERGIES, METRICS, Evaluations, Runs
from evaluators.timeloop import audit, versions
from studies.paper import PAPER, points

ESTIMATE = "energy by Accelergy"
"""The energy that Accelergy itself estimates from the action counts of all components."""


@typed
def confirm(
    what: str | PathLike[str] | pd.DataFrame = PAPER,
    /,
    *,
    limit: int | None = None,
    evaluator: str = "timeloop",
    executor: str = "serial",
    workers: int | None = None,
    ray_address: str | None = None,
    out: str | PathLike[str] = RUNS,
    progress: bool = False,
) -> Confirmed:
    """Evaluate designs with the real Timeloop and Accelergy and with our engine, and compare.

    Args:
        what: 'paper', its 192 designs; the name of a study that was run, its front; or a table of
            designs, as a DataFrame or a `pathlib.Path`.
        limit: the first so many designs alone.
        evaluator: 'timeloop', or 'timeloop-mapper', which searches mappings for hours perhaps.
        executor: 'serial', 'processes' or 'ray', with the two that follow.
        workers: evaluations at a time.
        ray_address: of a Ray cluster.
        out: the folder of studies.
        progress: show a bar on standard error.

    Returns:
        The deviations, metric by metric; whether all agree; printed, what the command says.

    Raises:
        Error: where Timeloop is not installed, or nothing feasible is there to confirm.

    Examples:
        >>> import dse
        >>> dse.confirm(limit=1).agree
        True

    """
    jobs, left_out = _jobs(what, Path(out), limit)
    if not jobs:
        first = f"; the first: {left_out[0]}" if left_out else ""
        called = frames.CALLED if isinstance(what, pd.DataFrame) else shown(what, 200)
        raise InputError(f"{called} has no feasible design to confirm{first}")
    start = time.perf_counter()
    audits = [replace(job, evaluator=f"{evaluator}-audit") for job in jobs]
    with (
        executors.executor(executor, workers, ray_address) as made,
        tqdm(desc="confirm", total=len(jobs), unit=" designs", disable=not progress) as bar,
    ):
        theirs = in_order(_counted(made.completed(run_job, audits), bar))
    middle = time.perf_counter()
    ours = [run_job(job) for job in jobs]
    seconds = {"timeloop": middle - start, "analytical": time.perf_counter() - middle}
    failures = [
        {"where": _place(job), "failure": str(error)}
        for job, each in zip(jobs, theirs, strict=True)
        for error in each.failures.values()
    ]
    whole = [not each.failures for each in theirs]
    found = confirmation(
        list(compress(jobs, whole)), list(compress(ours, whole)), list(compress(theirs, whole))
    )
    runs = sum((each.runs for each in theirs), start=Runs())
    return Confirmed(
        len(jobs), found if any(whole) else None, tuple(failures), tuple(left_out), runs, seconds
    )


def _counted(
    done: Iterator[tuple[int, Evaluations]], bar: tqdm[Any]
) -> Iterator[tuple[int, Evaluations]]:
    for each in done:
        bar.update()
        yield each


def confirmation(
    jobs: Sequence[Job], ours: Sequence[Evaluations], theirs: Sequence[Evaluations]
) -> Confirmation:
    """Compare designs that both evaluators evaluated, `theirs` with the columns of an audit."""
    apart: dict[str, float] = {}
    changes: set[versions.Change] | None = set()
    recounted = []
    for job, our, their in zip(jobs, ours, theirs, strict=True):
        nests = nests_of(job.configuration, job.workload, our.designs, job.accounting)
        parts = prices(nests)
        own = audit.prices(parts)
        given = {name: float(their.metrics[name][0]) for name in own if name in their.metrics}
        differing = versions.differing(own, given)
        recounted.append(_repriced(job, our, audit.priced(parts, given)) if differing else our)
        known = versions.recognised(own, given, audit.register_rows(nests))
        changes = None if changes is None or known is None else changes | set(known)
        for name, factor in differing.items():
            apart[name] = max(apart.get(name, 1.0), factor, key=lambda each: abs(each - 1))
    estimate = _compare_estimates(jobs, theirs)
    return Confirmation(
        deviations=[*compare(jobs, ours, theirs), estimate],
        recounted=[*compare(jobs, recounted, theirs), estimate],
        prices=apart,
        changes=None if changes is None else tuple(c for c in versions.CHANGES if c in changes),
    )


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


def _compare_estimates(jobs: Sequence[Job], theirs: Sequence[Evaluations]) -> Deviation:
    """Return the largest deviation of Accelergy's estimate from the accounting at its prices."""
    worst = Deviation(ESTIMATE, 0.0, "")
    for job, their in zip(jobs, theirs, strict=True):
        exact, estimate = (float(their.metrics[n][0]) for n in (audit.EXACT_PJ, audit.ESTIMATED_PJ))
        relative = abs(estimate / exact - 1)
        if not relative <= worst.relative:  # NaN is a deviation too
            worst = Deviation(ESTIMATE, relative, _place(job))
    return worst


def _repriced(job: Job, our: Evaluations, parts: Prices) -> Evaluations:
    """Evaluate a job's design with our counts at other prices."""
    engine = AnalyticalEvaluator(lambda nests: Batch(nests, parts))
    return engine.evaluate(
        job.configuration, job.workload, our.designs, job.accounting, breakdown=True
    )


def _place(job: Job) -> str:
    return f"{job.configuration} on {job.workload.called}"


def _metric_names() -> list[str]:
    return [*METRICS, *ENERGIES, *(f"einsum {name}" for name in EINSUM_METRICS)]


def _pairs(our: Evaluations, their: Evaluations) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in (*METRICS, *ENERGIES):
        yield name, our.metrics[name], their.metrics[name]
    for einsum, part in our.einsums.items():
        for name in EINSUM_METRICS:
            yield f"einsum {name}", getattr(part, name), getattr(their.einsums[einsum], name)


def _jobs(
    what: str | PathLike[str] | pd.DataFrame, out: Path, limit: int | None
) -> tuple[list[Job], list[str]]:
    """Return the designs to confirm, one a job, and what is said of those that are left out."""
    if isinstance(what, pd.DataFrame):
        return jobs_of(design_table(what), limit)
    if isinstance(what, PathLike):
        return jobs_of(DesignTable.in_file(Path(what)), limit)
    jobs = _of_the_paper() if what == PAPER else _of_a_front(out / what)
    return list(islice(jobs, limit)), []


def _of_the_paper() -> Iterator[Job]:
    for point in points():
        for row in range(len(point.designs)):
            yield Job(
                "analytical",
                point.configuration,
                point.workload,
                point.designs.take([row]),
                PUBLISHED,
                breakdown=True,
            )


def _of_a_front(folder: Path) -> Iterator[Job]:
    study = stored(folder)
    front = study_tables.front(study, study_tables.trials(study, folder))
    for number in front["design"] if len(front) else ():
        columns = study.space.rows(int(number), int(number) + 1)
        for *_, job in study_jobs(study, columns, 1, breakdown=True):
            yield replace(job, evaluator="analytical")
