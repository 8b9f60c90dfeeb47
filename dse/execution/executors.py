"""Executors: evaluate jobs in this process, in processes of this machine, or on Ray.

A job is a batch of designs on one workload; `split` cuts it into chunks for several workers.
Whatever the executor, results are the same to the last bit; a worker that dies is replaced, and
what it did is done again.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol, Self, TypeVar

from dse.execution import interruption
from evaluators.accounting import Accounting
from evaluators.design import Designs
from evaluators.errors import EvaluationError, InputError, known_are, shown
from evaluators.protocol import Evaluations, evaluator
from evaluators.workloads.workload import Workload

RETRIES = 3
"""How often a job is evaluated again after a worker died of it."""

MOST_PER_CPU = 16
"""Workers that one usable CPU of this machine may be given: each takes its memory at once."""

GRACE_S = 5.0
"""How long workers that are stopped may take to end the programs that they run."""

Item = TypeVar("Item")
Result = TypeVar("Result")

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
        workload = self.workload.called
        return f"{len(self.designs)} designs of {self.configuration} on {workload}"


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


def outcome(function: Callable[[Item], Result], item: Item) -> Result | Exception:
    """Return the result of a function, or its error: an `InputError` or an `EvaluationError`."""
    try:
        return function(item)
    except (InputError, EvaluationError) as error:
        return error
    except Exception as error:
        return EvaluationError(f"{item}: {type(error).__name__}: {error}")


def split(job: Job, rows: int) -> list[Job]:
    """Cut a job into jobs of at most `rows` >= 1 designs, at least one, in the order of rows."""
    starts = range(0, max(1, len(job.designs)), rows)
    return [replace(job, designs=job.designs.take(slice(start, start + rows))) for start in starts]


class Executor(Protocol):
    """Does work; a context manager whose end stops every worker."""

    @property
    def workers(self) -> int:
        """Items worked on at a time."""
        ...

    def start(self) -> None:
        """Start at once what else starts at the first use and may fail.

        Raises:
            InputError, EvaluationError: as `completed` would at its first item.

        """
        ...

    def completed(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield the place of an item and the function's result, as they get done.

        Function, items and results go to other processes and back: the function is one of a
        module, and an item says in its `str` what it is. Any exception, an interrupt included,
        abandons the items still under way.

        Raises:
            InputError: as the function raises it.
            EvaluationError: for another exception of the function, or for an item that lost its
                worker more than `RETRIES` times.

        """
        ...

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs and return their results in the order of the jobs; see `completed`."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def in_order(completed: Iterator[tuple[int, Result]]) -> list[Result]:
    """Return results in the order of their places."""
    results = dict(completed)
    return [results[place] for place in range(len(results))]


class Serial:
    """Does work in this process, one item after the other."""

    workers = 1

    def start(self) -> None:
        """Start nothing, see `Executor.start`."""

    def completed(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as they get done, see `Executor.completed`."""
        for place, item in enumerate(items):
            with interruption.allowed():
                result = outcome(function, item)
            if isinstance(result, Exception):
                raise result
            yield place, result

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`."""
        return in_order(self.completed(run_job, jobs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class Processes:
    """Does work in processes of this machine, which start with the first items.

    Each process has a pipe of its own: one that is killed, even amid its result, ends its pipe and
    harms no other. (`ProcessPoolExecutor` waits forever for the rest of such a result.) Processes
    are spawned, so a script that uses them guards its start with `if __name__ == "__main__"`; or
    `forked`, which takes what this process has imported with them, for work without threads.
    """

    def __init__(self, workers: int, *, forked: bool = False) -> None:
        self.workers = workers
        self._forked = forked
        self._pool: dict[Connection, BaseProcess] = {}

    def start(self) -> None:
        """Start nothing yet, see `Executor.start`."""

    def completed(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as they get done, see `Executor.completed`."""
        try:
            yield from self._run(function, items)
        except BaseException:
            self.close()
            raise

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`."""
        return in_order(self.completed(run_job, jobs))

    def close(self) -> None:
        """Stop all processes, whatever they do."""
        self._stop(list(self._pool))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        waiting = deque(range(len(items)))
        running: dict[Connection, int] = {}
        deaths: Counter[int] = Counter()
        done: list[tuple[int, Result]] = []
        while waiting or running:
            while waiting and len(running) < self.workers:
                connection = self._free(running)
                running[connection] = place = waiting.popleft()
                with suppress(ConnectionError):  # it died idle; receiving will tell
                    connection.send((function, items[place]))
            yield from done  # while all processes work
            with interruption.allowed():
                ready = wait(list(running))
            done = []
            for connection in [each for each in running if each in ready]:
                place = running.pop(connection)
                answer = self._receive(connection)
                if isinstance(answer, Exception):
                    raise answer
                if answer is not None:
                    done.append((place, answer))
                elif deaths[place] < RETRIES:
                    deaths[place] += 1
                    waiting.appendleft(place)
                else:
                    raise EvaluationError(
                        f"{items[place]}: {1 + RETRIES} worker processes died of it, one after the "
                        "other; were they killed, or is memory short?"
                    )
        yield from done

    def _free(self, running: Container[Connection]) -> Connection:
        """Return the pipe of a process that works on nothing, a new one where all do."""
        for connection in self._pool:
            if connection not in running:
                return connection
        try:
            return self._started()
        except OSError as error:  # open files, processes or memory are used up
            raise EvaluationError(
                f"a worker process cannot be started: {error.strerror}; --workers names fewer"
            ) from error

    def _started(self) -> Connection:
        context = get_context("fork") if self._forked else get_context("spawn")
        ours, theirs = context.Pipe()
        inherited = (*self._pool, ours) if self._forked else ()
        process = context.Process(target=_serve, args=(theirs, inherited), daemon=True)
        # The process inherits the mask: an interrupt from the keyboard is this process's to handle.
        # The first start would start the resource tracker, which lifts the mask; it starts before.
        if not self._forked:
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
            self._stop([connection])
            return None

    def _stop(self, connections: Sequence[Connection]) -> None:
        """End processes; they have a moment to end the programs that they run."""
        stopped = [self._pool[connection] for connection in connections]
        for process in stopped:
            process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in stopped:
            process.join(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.join()
        for connection in connections:
            del self._pool[connection]
            connection.close()


def _serve(connection: Connection, inherited: Sequence[Connection]) -> None:
    """Answer each function and item from the pipe, until the pipe's other end is closed.

    So the ends that a forked process has `inherited` are closed here. SIGTERM ends it as an
    exception does, so that it leaves no program of an evaluation running.
    """
    for each in inherited:
        each.close()
    interruption.take()
    with suppress(EOFError, ConnectionError, KeyboardInterrupt):
        while True:
            connection.send(outcome(*connection.recv()))
            interruption.stop_if_asked()


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
        InputError: for an unknown name, a wrong number of workers, more than this machine bears,
            an address that is none or that the executor does not take, or where Ray is not
            installed.

    """
    if name not in NAMES:
        raise InputError(f"unknown executor '{shown(name)}'; {known_are(name, NAMES)}")
    if workers is not None and workers < 1:
        raise InputError(f"workers {workers}: it must be a positive integer")
    if ray_address is not None and name != "ray":
        raise InputError(f"a Ray address goes with the executor ray, not with {name}")
    if name == "serial":
        if workers not in {None, 1}:
            raise InputError(f"workers {workers}: serial has one; processes and ray take more")
        return Serial()
    most = MOST_PER_CPU * usable_cpus()
    if ray_address is None and workers is not None and workers > most:
        raise InputError(
            f"workers {workers}: this machine's {usable_cpus()} usable CPUs bear at most {most}"
        )
    if name == "processes":
        return Processes(workers or usable_cpus())
    if find_spec("ray") is None:
        raise InputError("Ray is not installed; pip install 'ray>=2.60' installs it")
    from dse.execution.ray_executor import Ray  # noqa: PLC0415

    return Ray(workers or (None if ray_address else usable_cpus()), ray_address)
