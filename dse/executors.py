"""Executors: evaluate jobs in this process, in processes of this machine, or on Ray.

A job is a batch of designs on one workload; `split` cuts it into chunks for several workers.
Whatever the executor, results are the same to the last bit and come in the order of the jobs; a
worker that dies is replaced, and its job is evaluated again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self

from evaluators.accounting import Accounting
from evaluators.design import Designs
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import Evaluations, evaluator
from evaluators.workload import Workload, seq_len_label

RETRIES = 3
"""How often a job is evaluated again after a worker died of it."""

_GRACE_S = 5.0

NAMES = ("serial", "processes", "ray")
"""The executors that `executor` makes."""


@dataclass(frozen=True)
class Job:
    """A batch of designs to evaluate on one workload.

    Attributes:
        evaluator: name of the evaluator.
        configuration: name of the configuration.
        workload: what the designs run.
        designs: the batch.
        accounting: how counts become energy and area.
        breakdown: evaluate the Einsums one by one as well.

    """

    evaluator: str
    configuration: str
    workload: Workload
    designs: Designs
    accounting: Accounting
    breakdown: bool = False

    def __str__(self) -> str:
        model, seq_len = self.workload.transformer.name, seq_len_label(self.workload.seq_len)
        return f"{len(self.designs)} designs of {self.configuration} on {model} at {seq_len}"


def run_job(job: Job) -> Evaluations:
    """Evaluate a job in this process.

    Raises:
        InputError: as the evaluator raises it.
        EvaluationError: for every other exception of the evaluator.

    """
    try:
        return evaluator(job.evaluator).evaluate(
            job.configuration,
            job.workload,
            job.designs,
            job.accounting,
            breakdown=job.breakdown,
        )
    except InputError:
        raise
    except Exception as error:
        raise EvaluationError(f"{job}: {type(error).__name__}: {error}") from error


def outcome(job: Job) -> Evaluations | InputError | EvaluationError:
    """Evaluate a job and return its evaluations, or the error that `run_job` raises."""
    try:
        return run_job(job)
    except (InputError, EvaluationError) as error:
        return error


def split(job: Job, rows: int) -> list[Job]:
    """Cut a job into jobs of at most `rows` >= 1 designs, at least one, in the order of rows."""
    starts = range(0, max(1, len(job.designs)), rows)
    return [replace(job, designs=job.designs.take(slice(start, start + rows))) for start in starts]


class Executor(Protocol):
    """Evaluates jobs; a context manager whose end stops every worker."""

    @property
    def workers(self) -> int:
        """Jobs evaluated at a time."""
        ...

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs and return their results in the order of the jobs.

        Any exception, an interrupt included, abandons the jobs still under way.

        Raises:
            InputError: as the evaluator raises it.
            EvaluationError: for another exception of the evaluator, or for a job that lost its
                worker more than `RETRIES` times.

        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Serial:
    """Evaluates jobs in this process, one after the other."""

    workers = 1

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`."""
        return [run_job(job) for job in jobs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class Processes:
    """Evaluates jobs in processes of this machine, which start with the first jobs.

    Each process has a pipe of its own: one that is killed, even amid its result, ends its pipe and
    harms no other. (`ProcessPoolExecutor` waits forever for the rest of such a result.) Processes
    are spawned, so a script that uses them guards its start with `if __name__ == "__main__"`.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: dict[Connection, BaseProcess] = {}

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`."""
        try:
            return self._run(jobs)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop all processes, whatever they do."""
        while self._pool:
            self._stop(next(iter(self._pool)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self, jobs: Sequence[Job]) -> list[Evaluations]:
        results: dict[int, Evaluations] = {}
        waiting = deque(range(len(jobs)))
        running: dict[Connection, int] = {}
        deaths: Counter[int] = Counter()
        while waiting or running:
            while waiting and len(running) < self.workers:
                connection = self._free(running)
                running[connection] = place = waiting.popleft()
                with suppress(ConnectionError):  # it died idle; receiving will tell
                    connection.send(jobs[place])
            ready = wait(list(running))
            for connection in [each for each in running if each in ready]:
                place = running.pop(connection)
                answer = self._receive(connection)
                if isinstance(answer, Evaluations):
                    results[place] = answer
                elif answer is not None:
                    raise answer
                elif deaths[place] < RETRIES:
                    deaths[place] += 1
                    waiting.appendleft(place)
                else:
                    raise EvaluationError(
                        f"{jobs[place]}: {1 + RETRIES} worker processes died of it, one after the "
                        "other; were they killed, or is memory short?"
                    )
        return [results[place] for place in range(len(jobs))]

    def _free(self, running: Container[Connection]) -> Connection:
        """Return the pipe of a process that runs no job, a new one where all do."""
        for connection in self._pool:
            if connection not in running:
                return connection
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
        # The process inherits the mask: an interrupt from the keyboard is this process's to handle.
        # The first start would start the resource tracker, which lifts the mask; it starts before.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process.start()
            self._pool[ours] = process
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return ours

    def _receive(self, connection: Connection) -> Any:
        """Return what a process answers; None where it died, and bury it."""
        try:
            return connection.recv()
        except (EOFError, OSError):
            self._stop(connection)
            return None

    def _stop(self, connection: Connection) -> None:
        """End a process; it has a moment to end the programs that it runs."""
        process = self._pool.pop(connection)
        process.terminate()
        process.join(_GRACE_S)
        process.kill()
        process.join()
        connection.close()


def _serve(connection: Connection) -> None:
    """Answer each job from the pipe with its outcome, until the pipe's other end is closed.

    SIGTERM ends it as an exception does, so that it leaves no program of an evaluation running.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send(outcome(connection.recv()))


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def executor(name: str, workers: int | None, ray_address: str | None) -> Executor:
    """Make an executor; nothing starts before its first use.

    Args:
        name: one of `NAMES`.
        workers: jobs evaluated at a time; None takes the usable CPUs, on a Ray cluster all of its.
        ray_address: HOST:PORT of a Ray cluster's head; None takes this machine.

    Raises:
        InputError: for an unknown name, a wrong number of workers, an address that is none or that
            the executor does not take, or where Ray is not installed.

    """
    if name not in NAMES:
        raise InputError(f"unknown executor '{name}'; known are {', '.join(NAMES)}")
    if workers is not None and workers < 1:
        raise InputError(f"workers {workers}: it must be a positive integer")
    if ray_address is not None and name != "ray":
        raise InputError(f"a Ray address goes with the executor ray, not with {name}")
    if name == "serial":
        if workers not in {None, 1}:
            raise InputError(f"workers {workers}: serial has one; processes and ray take more")
        return Serial()
    if name == "processes":
        return Processes(workers or usable_cpus())
    if find_spec("ray") is None:
        raise InputError("Ray is not installed; pip install 'attention-dse[ray]' installs it")
    from dse.ray_executor import Ray  # noqa: PLC0415

    return Ray(workers or (None if ray_address else usable_cpus()), ray_address)
