"""`dse confirm`: the same designs evaluated by Timeloop and by our engine, metric by metric.

Two things may differ: what Timeloop counts, and what Accelergy's component tables say. Where the
tables are another version's, our engine is evaluated at their prices as well: what then still
differs are the counts.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice

import numpy as np

from dse.commands import study_tables
from dse.execution.batch import jobs as study_jobs
from dse.execution.executors import Job, executor, run_job
from dse.reports import text
from dse.search.home import stored
from evaluators.accounting import PUBLISHED
from evaluators.engine.costs import Prices, prices
from evaluators.engine.evaluator import AnalyticalEvaluator, Batch, nests_of
from evaluators.errors import InputError, shown
from evaluators.protocol import EINSUM_METRICS, ENERGIES, METRICS, Evaluations, Runs
from evaluators.timeloop import audit, versions
from studies.paper import points

PAPER = "paper"
TOLERANCE = 1e-12
"""Relative difference up to which two metrics agree: equal counts leave only rounding."""

_WIDTH = 100

ESTIMATE = "energy by Accelergy"
"""The energy that Accelergy itself estimates from the action counts of all components."""


@dataclass(frozen=True)
class Deviation:
    """How far the evaluators are apart in one metric.

    Attributes:
        metric: its name.
        relative: the largest relative difference.
        where: the design where it is that large.

    """

    metric: str
    relative: float
    where: str


@dataclass(frozen=True)
class Confirmation:
    """What a comparison of some designs came to.

    Attributes:
        deviations: between the two evaluators, and between Accelergy's estimate and the accounting.
        recounted: the same with our engine under Accelergy's prices: what the counts leave.
        prices: component price -> Accelergy's / ours, the furthest from 1, where they differ.
        changes: the known changes of Accelergy that explain all these prices; None where none do.

    """

    deviations: list[Deviation]
    recounted: list[Deviation]
    prices: dict[str, float]
    changes: tuple[versions.Change, ...] | None

    @property
    def counts_agree(self) -> bool:
        """Whether everything agrees but for the prices of components."""
        return all(each.relative <= TOLERANCE for each in self.recounted)

    @property
    def agree(self) -> bool:
        """Whether everything agrees, or all but prices that a known version changed on purpose."""
        return self.counts_agree and self.changes is not None


def run(options: argparse.Namespace) -> int:
    """Evaluate, compare and print; return 1 where a metric differs or a run failed."""
    if (options.study is None) == (options.designs is None):
        raise InputError(
            "give one of NAME, a study that was run or paper, and --designs FILE, a table of "
            "designs"
        )
    jobs, left_out = _jobs(options)
    if not jobs:
        first = f"; the first: {left_out[0]}" if left_out else ""
        what = shown(options.study or options.designs, 200)
        raise InputError(f"{what} has no feasible design to confirm{first}")
    start = time.perf_counter()
    with executor(options.executor, options.workers, options.ray_address) as workers:
        theirs = workers.evaluate(
            [replace(j, evaluator=f"{options.evaluator}-audit") for j in jobs]
        )
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
    if options.json:
        summary = {
            "designs": len(jobs),
            "agree": found.agree and any(whole),
            "counts_agree": found.counts_agree and any(whole),
            "deviations": [vars(each) for each in found.deviations] if any(whole) else [],
            "prices": found.prices,
            "changes": [each.since for each in found.changes or ()],
            "failures": failures,
            "left_out": left_out,
            "runs": vars(runs),
            "seconds": seconds,
        }
        print(json.dumps(summary, indent=1))
    else:
        for line in (*(_report(found) if any(whole) else ()), *_failed(failures), *left_out):
            print(line)
        print(
            f"{sum(whole)} designs{': ' + _verdict(found) if any(whole) else ''}"
            + (f", {len(failures)} failed" if failures else "")
            + f"; timeloop took {seconds['timeloop']:.1f} s ({runs}), "
            f"analytical {seconds['analytical']:.3f} s"
        )
    return 0 if found.agree and not failures else 1


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


def _report(found: Confirmation) -> Iterator[str]:
    """Yield the deviations, and what there is to say of the component tables."""
    yield text.table(
        ["metric", "largest deviation", "at"],
        [[each.metric, text.error(each.relative), each.where] for each in found.deviations],
    )
    if not found.prices:
        return
    yield ""
    yield text.table(
        ["component", "Accelergy's price / ours"],
        [[name, f"{factor:.6g}"] for name, factor in found.prices.items()],
    )
    known = "no version that is known" if found.changes is None else "another version"
    yield from _wrapped(
        f"Accelergy's prices are those of {known}; ours are those of {versions.agreeing()}"
    )
    for change in found.changes or ():
        yield from _wrapped(f"{change.since} {change.what}", indent="  ")
    worst = max(found.recounted, key=lambda each: each.relative)
    yield (
        f"at Accelergy's prices our engine differs by at most {text.error(worst.relative)}, "
        f"in {worst.metric}"
    )


def _wrapped(sentence: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        sentence,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
    )


def _failed(failures: Iterable[dict[str, str]]) -> Iterator[str]:
    for each in failures:
        yield f"{each['where']} failed: {each['failure']}"


def _verdict(found: Confirmation) -> str:
    if not found.prices:
        return f"timeloop and analytical {'agree' if found.agree else 'differ'}"
    counts = "agree" if found.counts_agree else "differ"
    known = "an unknown version's" if found.changes is None else "another version's"
    return f"timeloop and analytical {counts} in what they count; component prices are {known}"


def _place(job: Job) -> str:
    return f"{job.configuration} on {job.workload.transformer.name} {job.workload.told}"


def _metric_names() -> list[str]:
    return [*METRICS, *ENERGIES, *(f"einsum {name}" for name in EINSUM_METRICS)]


def _pairs(our: Evaluations, their: Evaluations) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for name in (*METRICS, *ENERGIES):
        yield name, our.metrics[name], their.metrics[name]
    for einsum, part in our.einsums.items():
        for name in EINSUM_METRICS:
            yield f"einsum {name}", getattr(part, name), getattr(their.einsums[einsum], name)


def _jobs(options: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """Return the designs to confirm, one a job, and what is said of those that are left out."""
    if options.designs is not None:
        from dse.commands.confirm_designs import jobs_of  # noqa: PLC0415

        return jobs_of(options.designs, options.limit)
    jobs = _of_the_paper() if options.study == PAPER else _of_a_front(options)
    return list(islice(jobs, options.limit)), []


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


def _of_a_front(options: argparse.Namespace) -> Iterator[Job]:
    folder = options.out / options.study
    study = stored(folder)
    front = study_tables.front(study, study_tables.trials(study, folder))
    for number in front["design"] if len(front) else ():
        columns = study.space.rows(int(number), int(number) + 1)
        for *_, job in study_jobs(study, columns, 1, breakdown=True):
            yield replace(job, evaluator="analytical")
