"""Evaluating jobs on Ray: on this machine, or on a cluster."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dse.executors import RETRIES, Job, outcome
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import Evaluations

PATIENCE_S = 60.0
"""Seconds for which nothing may start before that is reported."""

_CONNECT_S = 10.0


class Ray:
    """Evaluates each job as a Ray task of one CPU.

    Ray starts at the first use. Without an address it runs on this machine and stops with the
    executor. With one, the executor connects to a running cluster and leaves it running; this
    package, in the same version of it, of Python and of Ray, must be installed on every node.

    Args:
        workers: jobs under way at a time; None takes as many as Ray has CPUs.
        address: HOST:PORT of a cluster's head; None starts Ray on this machine.
        patience_s: seconds after which jobs of which none could start are given up.

    Raises:
        InputError: for an address that is none.

    """

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        if address is not None and not re.fullmatch(r"[\w.-]+:\d{1,5}", address):
            raise InputError(f"Ray address '{address}': write HOST:PORT of the cluster's head")
        self._workers = workers
        self._address = address
        self._patience_s = patience_s
        self._ray: Any = None
        self._task: Any = None

    @property
    def workers(self) -> int:
        """Jobs evaluated at a time; where it is all of Ray's CPUs, asking starts Ray."""
        if self._workers is not None:
            return self._workers
        self._start()
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`.

        Raises:
            InputError: also where no cluster answers at the address.
            EvaluationError: also where Ray does not start, or where no job could start in time.

        """
        if not jobs:
            return []
        self._start()
        running: dict[Any, int] = {}
        try:
            return self._run(jobs, running)
        finally:
            for task in running:
                self._ray.cancel(task, force=True)

    def close(self) -> None:
        """Stop Ray, or disconnect from the cluster."""
        if self._ray is not None:
            self._ray.shutdown(wait_for_processes=True)
            self._ray = self._task = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self, jobs: Sequence[Job], running: dict[Any, int]) -> list[Evaluations]:
        """Evaluate jobs; leave the tasks still under way, task -> its job's place, in `running`."""
        workers = self.workers
        waiting = deque(range(len(jobs)))
        started: set[int] = set()
        results: dict[int, Evaluations] = {}
        while waiting or running:
            while waiting and len(running) < workers:
                place = waiting.popleft()
                running[self._task.remote(jobs[place])] = place
            ready, _ = self._ray.wait(list(running), timeout=self._patience_s, fetch_local=False)
            if not ready:
                self._check_progress(any_started=not started.isdisjoint(running.values()))
            for task in ready:
                place = running[task]
                answer = self._receive(task, jobs[place])
                if answer is None:
                    started.add(place)
                elif isinstance(answer, Evaluations):
                    results[place] = answer
                    del running[task]
                else:
                    raise answer
        return [results[place] for place in range(len(jobs))]

    def _receive(self, task: Any, job: Job) -> Any:
        """Return what a task tells next; `EvaluationError` where Ray gave it up."""
        try:
            return pickle.loads(self._ray.get(next(task)))
        except self._ray.exceptions.RayError as error:
            cause = str(getattr(error, "cause", error)).strip().partition("\n")[0]
            raise EvaluationError(f"{job}: Ray gave it up: {cause}") from error

    def _check_progress(self, *, any_started: bool) -> None:
        """Raise `EvaluationError` where jobs wait for a CPU that may never come."""
        cpus = self._ray.cluster_resources().get("CPU", 0)
        if any_started and cpus >= 1:
            return
        nodes = sum(node["Alive"] for node in self._ray.nodes())
        free = self._ray.available_resources().get("CPU", 0)
        raise EvaluationError(
            f"no evaluation could start on Ray for {self._patience_s:g} s: each takes a CPU, and "
            f"{free:g} of {cpus:g} CPUs are free on {nodes} nodes"
        )

    def _start(self) -> None:
        if self._task is not None:
            return
        if self._address is not None:
            _check_answers(self._address)
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray  # noqa: PLC0415

        self._ray = ray
        where: dict[str, Any] = {"address": self._address}
        if self._address is None:
            where = {"address": "local", "num_cpus": self._workers, "include_dashboard": False}
        try:
            with _own_termination():
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            raise EvaluationError(f"Ray did not start: {error}") from error
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(_evaluate)


def _evaluate(job: Job) -> Iterator[bytes]:
    """Tell that the job has started, then its outcome.

    Both are pickled here, because arrays that Ray unpickles are read-only and in its memory.
    """
    yield pickle.dumps(None)
    yield pickle.dumps(outcome(job))


@contextmanager
def _own_termination() -> Iterator[None]:
    """Keep this program's handler of SIGTERM, which Ray replaces by one that just exits."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _check_answers(address: str) -> None:
    """Raise `InputError` where nothing listens, for which Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster answers at {address}: {error}") from None
