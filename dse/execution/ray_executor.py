"""Doing work on Ray: on this machine, or on a cluster."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from dse.execution import interruption, ray_start, ray_worker
from dse.execution.executors import GRACE_S, RETRIES, Item, Job, Result, in_order, run_job
from evaluators.errors import EvaluationError, InputError, shown
from evaluators.protocol import Evaluations

PATIENCE_S = 60.0
"""Seconds for which nothing may start before that is reported."""

_GLANCE_S = 0.5
"""How often a wait looks whether it was asked to stop."""


class Ray:
    """Does each piece of work as a Ray task of one CPU.

    Ray starts at the first use. Without an address it runs on this machine, for this program alone,
    and stops with the executor. With one, the executor connects to a running cluster and leaves it
    running; this package, in the same version of it, of Python and of Ray, must be installed on
    every node.

    Args:
        workers: items worked on at a time; None takes as many as Ray has CPUs.
        address: HOST:PORT of a cluster's head; None starts Ray on this machine.
        patience_s: seconds after which work of which none could start is given up.

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
            raise InputError(
                f"Ray address '{shown(address)}': write HOST:PORT of the cluster's head"
            )
        self._workers = workers
        self._address = address
        self._patience_s = patience_s
        self._folder: Path | None = None
        self._ray: Any = None
        self._task: Any = None
        self._setting: tuple[Any, ...] = ()

    @property
    def workers(self) -> int:
        """Items worked on at a time; where it is all of Ray's CPUs, asking starts Ray."""
        if self._workers is not None:
            return self._workers
        self.start()
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def start(self) -> None:
        """Start Ray, or connect to the cluster.

        Raises:
            InputError: where no cluster answers at the address.
            EvaluationError: where Ray does not start.

        """
        if self._task is not None:
            return
        try:
            with interruption.allowed():
                self._start()
        except BaseException:
            self.close()
            raise

    def completed(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield results as they get done, see `Executor.completed`.

        Raises:
            InputError: also where no cluster answers at the address.
            EvaluationError: also where Ray does not start, where no work could start in time, or
                where a worker has other versions than this driver.

        """
        if not items:
            return
        self.start()
        running: dict[Any, int] = {}
        try:
            yield from self._run(function, items, running)
        finally:
            self._abandon(list(running))

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        """Evaluate jobs, see `Executor.evaluate`."""
        return in_order(self.completed(run_job, jobs))

    def close(self) -> None:
        """Stop Ray, or disconnect from the cluster."""
        if self._ray is not None:
            self._ray.shutdown(wait_for_processes=True)
            self._ray = self._task = None
        if self._folder is not None:
            ray_start.remove(self._folder)
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        running: dict[Any, int],
    ) -> Iterator[tuple[int, Result]]:
        """Do the work; leave the tasks still under way, task -> its item's place, in `running`."""
        workers = self.workers
        waiting = deque(range(len(items)))
        started: set[int] = set()
        done: list[tuple[int, Result]] = []
        while waiting or running:
            while waiting and len(running) < workers:
                place = waiting.popleft()
                call = pickle.dumps((function, items[place]))
                running[self._task.remote(*self._setting, call)] = place
            yield from done  # while all workers work
            done = []
            for task in self._ready(running, started):
                place = running[task]
                kind, told = self._receive(task, items[place])
                if kind == ray_worker.STARTED:
                    started.add(place)
                    continue
                del running[task]
                if kind == ray_worker.UNFIT:
                    raise EvaluationError(
                        f"{items[place]}: a worker of Ray is not as the driver: {told}; install "
                        "the same on every node"
                    )
                if isinstance(told, Exception):
                    raise told
                done.append((place, told))
        yield from done

    def _ready(self, running: dict[Any, int], started: set[int]) -> list[Any]:
        """Wait for tasks that have something to tell."""
        end = time.monotonic() + self._patience_s
        while True:
            interruption.stop_if_asked()
            ready, _ = self._ray.wait(list(running), timeout=_GLANCE_S, fetch_local=False)
            if ready:
                return list(ready)
            if time.monotonic() >= end:
                self._check_progress(any_started=not started.isdisjoint(running.values()))
                end = time.monotonic() + self._patience_s

    def _receive(self, task: Any, item: object) -> Any:
        """Return what a task tells next; `EvaluationError` where Ray gave it up."""
        try:
            return pickle.loads(self._ray.get(next(task)))
        except self._ray.exceptions.RayError as error:
            cause = str(getattr(error, "cause", error)).strip().partition("\n")[0]
            raise EvaluationError(f"{item}: Ray gave it up: {cause}") from error

    def _abandon(self, tasks: list[Any]) -> None:
        """Interrupt tasks; they have a moment to end the programs that they run."""
        for task in tasks:
            self._ray.cancel(task)
        deadline = time.monotonic() + GRACE_S
        while tasks and time.monotonic() < deadline:
            ready, tasks = self._ray.wait(tasks, timeout=_GLANCE_S, fetch_local=False)
            tasks += [task for task in ready if not self._ended(task)]
        for task in tasks:
            self._ray.cancel(task, force=True)

    def _ended(self, task: Any) -> bool:
        try:
            self._ray.get(next(task))
        except (StopIteration, self._ray.exceptions.RayError):
            return True
        return False

    def _check_progress(self, *, any_started: bool) -> None:
        """Raise `EvaluationError` where work waits for a CPU that may never come."""
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
        if self._address is not None:
            ray_start.check_cluster(self._address)
            where: dict[str, Any] = {"address": self._address}
        else:
            self._folder = ray_start.own_folder()
            ray_start.prepare_environment()
            where = {
                "address": "local",
                "num_cpus": self._workers,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
                "_temp_dir": str(self._folder),
            }
        with interruption.held():
            import ray  # noqa: PLC0415
        interruption.stop_if_asked()
        self._ray = ray
        try:
            with _own_termination():
                ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:
            raise EvaluationError(f"Ray did not start: {error}") from error
        ray.cloudpickle.register_pickle_by_value(ray_worker)  # type: ignore[no-untyped-call]
        self._task = ray.remote(num_cpus=1, max_retries=RETRIES)(ray_worker.answer)
        here = self._address is None
        self._setting = (sys.path if here else [], _not_ours(), ray_worker.versions())


def _not_ours() -> list[str]:
    """Return the folders that Ray has workers look in and that the driver does not look in."""
    folders = {str(Path.cwd()), str(Path(sys.argv[0]).resolve().parent)}
    return sorted(folders.difference(os.path.realpath(each or ".") for each in sys.path))


@contextmanager
def _own_termination() -> Iterator[None]:
    """Keep this program's handler of SIGTERM, which Ray replaces by one that just exits."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit:  # of Ray's handler
        raise KeyboardInterrupt from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
