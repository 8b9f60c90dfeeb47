"""One contract for all executors; then what only processes or only Ray must withstand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.execution import batch
from dse.execution.executors import (
    Executor,
    Job,
    Processes,
    Serial,
    executor,
    run_job,
    split,
    usable_cpus,
)
from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.design import Designs
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import EINSUM_METRICS, EinsumEvaluation, Evaluations, evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies.specification import Specification

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1 << 18)

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def job(configuration: str, count: int, seed: int = 0) -> Job:
    """Random designs, nearly all different, some of them infeasible."""
    rng = np.random.default_rng(seed)
    sides = 2 ** rng.integers(3, 11, size=(3, count))
    designs = Designs.of(
        array_rows=sides[0],
        array_cols=sides[1],
        vector_lanes=sides[2],
        buffer_bytes=rng.choice([1, 3], size=count) << rng.integers(16, 26, size=count),
    )
    return Job("analytical", configuration, WORKLOAD, designs, PUBLISHED)


def long_jobs() -> list[Job]:
    """Four jobs of half a second and more."""
    return split(job("flat", 1200), 300)


def assert_same(one: Evaluations, other: Evaluations) -> None:
    """Equal to the last bit, and arrays of one's own."""
    pairs = [
        (one.designs.columns, other.designs.columns),
        (one.metrics, other.metrics),
        (one.violations, other.violations),
        *((vars(one.einsums[name]), vars(other.einsums[name])) for name in other.einsums),
    ]
    assert list(one.einsums) == list(other.einsums)
    for mine, theirs in pairs:
        assert list(mine) == list(theirs)
        for name, column in theirs.items():
            if isinstance(column, str):
                assert mine[name] == column
                continue
            assert mine[name].dtype == column.dtype
            assert mine[name].tobytes() == column.tobytes(), name
            assert mine[name].flags.writeable


def joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def join(parts: Sequence[Evaluations]) -> Evaluations:
    """Put the evaluations of the jobs that `split` made back into one batch."""
    return Evaluations(
        designs=Designs.of(**joined([part.designs.columns for part in parts])),
        metrics=joined([part.metrics for part in parts]),
        violations=joined([part.violations for part in parts]),
        einsums={
            name: EinsumEvaluation(
                einsum.array,
                *(
                    np.concatenate([getattr(part.einsums[name], metric) for part in parts])
                    for metric in EINSUM_METRICS
                ),
            )
            for name, einsum in parts[0].einsums.items()
        },
    )


def children() -> dict[int, str]:
    """Return the descendants of this process, pid -> command line, without Python's tracker."""
    parents, commands = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z" and "resource_tracker" not in command:
                parents[int(folder.name)], commands[int(folder.name)] = int(parent), command
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: commands[pid] for pid in found - {os.getpid()}}


def started_in(folder: Path) -> dict[int, str]:
    """Return the processes at work in a folder, pid -> command line, orphans included."""
    found = {}
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "cwd").readlink() == folder:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(process.name)] = command
        except OSError:
            continue
    return found


def wait_until(done: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not (reached := done()) and time.monotonic() < end:
        time.sleep(0.05)
    return reached


AT_WORK = {"processes": "spawn_main", "ray": "ray::answer"}
"""What the command line of a worker at work holds."""


def workers_at_work(name: str) -> list[int]:
    """Return the worker processes of an executor of that name that evaluate jobs."""
    return [pid for pid, command in children().items() if AT_WORK[name] in command]


class Killer:
    """Kills workers in the background, the first `count` that are at work."""

    def __init__(self, name: str, count: int) -> None:
        self.killed: set[int] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(name, count))

    def _run(self, name: str, count: int) -> None:
        while len(self.killed) < count and not self._done.wait(0.3):
            for pid in workers_at_work(name)[:1]:
                os.kill(pid, signal.SIGKILL)
                self.killed.add(pid)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()


@pytest.fixture(scope="session")
def ray_here() -> Iterator[Executor]:
    """Ray on this machine, one for the session; closed, it starts anew at the next use."""
    with executor("ray", 2, None) as ray:
        yield ray


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    with executor("processes", 2, None) as processes:
        yield processes


EXECUTORS = [
    "serial",
    pytest.param("processes", marks=needs_proc),
    pytest.param("ray", marks=[needs_ray, needs_proc]),
]


def by_name(request: pytest.FixtureRequest, name: str) -> Executor:
    if name == "serial":
        return executor("serial", None, None)
    fixture: Executor = request.getfixturevalue({"processes": "pool", "ray": "ray_here"}[name])
    return fixture


@pytest.fixture(params=EXECUTORS)
def each(request: pytest.FixtureRequest) -> Executor:
    return by_name(request, request.param)


@pytest.fixture(params=EXECUTORS[1:])
def parallel(request: pytest.FixtureRequest) -> tuple[str, Executor]:
    return request.param, by_name(request, request.param)


# The contract.


@pytest.mark.parametrize("configuration", ["binding", "flat", "linear_flat"])
def test_results_are_those_of_the_evaluator_to_the_last_bit(
    each: Executor, configuration: str
) -> None:
    whole = job(configuration, 60)
    (result,) = each.evaluate([whole])
    direct = evaluator("analytical").evaluate(
        configuration, WORKLOAD, whole.designs, whole.accounting
    )
    assert 0 < direct.feasible.sum() < 60 or configuration == "flat"
    assert_same(result, direct)
    assert_same(join(each.evaluate(split(whole, 13))), direct)


def test_results_come_in_the_order_of_the_jobs(each: Executor) -> None:
    jobs = [job("flat", 200), *(job("binding", n, seed=n) for n in range(1, 8))]
    for result, asked in zip(each.evaluate(jobs), jobs, strict=True):
        assert_same(result, run_job(asked))


def test_no_jobs_give_no_results(each: Executor) -> None:
    assert each.evaluate([]) == []


def test_infeasible_designs_are_results(each: Executor) -> None:
    small = job("binding", 5)
    no_buffer = np.full(5, 2048, dtype=np.int64)
    small = replace(small, designs=small.designs.with_columns({"buffer_bytes": no_buffer}))
    (result,) = each.evaluate([small])
    assert not result.feasible.any()
    assert np.isnan(result.metrics["latency_s"]).all()


def test_closing_leaves_the_results_and_no_process(each: Executor) -> None:
    whole = job("binding", 50_000)
    results = each.evaluate(split(whole, 25_000))
    each.__exit__(None, None, None)
    own = {"Serial": ["nothing"], "Processes": ["spawn_main"], "Ray": ["ray::", "/ray/"]}
    marks = own[type(each).__name__]
    assert wait_until(lambda: not any(mark in c for c in children().values() for mark in marks))
    assert_same(join(results), run_job(whole))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (replace(job("binding", 2), evaluator="oracle"), "unknown evaluator 'oracle'"),
        (replace(job("binding", 2), configuration="round"), "unknown configuration 'round'"),
    ],
)
def test_bad_input_passes_unchanged(each: Executor, wrong: Job, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as expected:
        run_job(wrong)
    with pytest.raises(InputError) as caught:
        each.evaluate([job("binding", 2), wrong, job("binding", 2)])
    assert type(caught.value) is InputError
    assert str(caught.value) == str(expected.value)
    assert len(each.evaluate([job("binding", 2)])) == 1


def test_another_exception_says_what_was_evaluated(each: Executor) -> None:
    torn = job("binding", 9)
    short = {"array_cols": torn.designs.columns["array_cols"][:-1]}
    torn = replace(torn, designs=torn.designs.with_columns(short))
    with pytest.raises(
        EvaluationError, match=r"^9 designs of binding on BERT at 256K tokens: ValueError: "
    ) as caught:
        each.evaluate([torn])
    assert "\n" not in str(caught.value)


def test_what_is_done_comes_as_it_is_done(each: Executor) -> None:
    chunks = split(job("flat", 200), 50)
    completed = dict(each.completed(run_job, chunks))
    assert sorted(completed) == [0, 1, 2, 3]
    for place, chunk in enumerate(chunks):
        assert_same(completed[place], run_job(chunk))


def test_what_a_function_raises_names_the_item(each: Executor) -> None:
    with pytest.raises(EvaluationError, match=r"^/absent/file: FileNotFoundError: .*No such file"):
        list(each.completed(os.readlink, ["/absent/file"]))


STUDY = Specification("shared", ("flat",), (WORKLOAD,))


class Recording:
    """An executor of so many workers that records what it is given, and does it itself."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.given: list[int] = []

    def evaluate(self, jobs: Sequence[Job]) -> list[Evaluations]:
        self.given += [len(each.designs) for each in jobs]
        return Serial().evaluate(jobs)


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 16, 40])
def test_a_batch_is_cut_for_all_workers(workers: int) -> None:
    designs = STUDY.space.rows(5000, 5016)
    executor_ = Recording(workers)
    rows, _ = batch.evaluate(STUDY, designs, executor_)
    assert len(executor_.given) == min(workers, 16) or max(executor_.given) <= -(-16 // workers)
    assert sum(executor_.given) == 16
    assert rows == batch.evaluate(STUDY, designs, Serial())[0]


@needs_proc
def test_a_batch_is_evaluated_by_all_processes() -> None:
    with executor("processes", 3, None) as three:
        batch.evaluate(STUDY, STUDY.space.rows(5000, 5016), three)
        assert len(workers_at_work("processes")) == 3
    assert wait_until(lambda: not workers_at_work("processes"))


# What workers on their own must withstand.


def test_a_killed_worker_is_replaced(parallel: tuple[str, Executor]) -> None:
    name, executor_ = parallel
    executor_.evaluate([job("binding", 2)] * 2)
    with Killer(name, 1) as killer:
        results = executor_.evaluate(long_jobs())
    assert len(killer.killed) == 1
    assert_same(join(results), run_job(job("flat", 1200)))


def test_a_job_that_kills_every_worker_is_given_up(parallel: tuple[str, Executor]) -> None:
    name, executor_ = parallel
    with Killer(name, 99) as killer, pytest.raises(EvaluationError, match=r"^9000 designs of flat"):
        executor_.evaluate([job("flat", 9000)])
    assert len(killer.killed) == 4
    assert len(executor_.evaluate([job("binding", 2)])) == 1


DRIVER = """
import sys
from dse.execution.executors import executor
from tests_dse_executors import long_jobs

if __name__ == "__main__":
    with executor(sys.argv[1], 2, None) as made:
        made.evaluate(long_jobs()[:1] * 99)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
@pytest.mark.parametrize("name", EXECUTORS[1:])
def test_a_driver_that_ends_leaves_no_process(
    name: str, how: signal.Signals, tmp_path: Path
) -> None:
    """As from the keyboard, the interrupt goes to the driver and to all in its group.

    After the death of its driver Ray's own two agents look for the cluster for a minute more.
    """
    (tmp_path / "tests_dse_executors.py").write_text(Path(__file__).read_text())
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, "driver.py", name],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )

    def at_work() -> int:
        return sum(AT_WORK[name] in command for command in started_in(tmp_path).values())

    assert wait_until(lambda: at_work() == 2, 40)
    time.sleep(0.5)
    if how == signal.SIGINT:
        os.killpg(driver.pid, how)
        _, complaints = driver.communicate(timeout=20)
        assert complaints.rstrip().endswith("KeyboardInterrupt")
        assert complaints.count("Traceback") == 1
        assert wait_until(lambda: not started_in(tmp_path))
    else:
        driver.kill()
        driver.communicate(timeout=20)
        assert wait_until(lambda: all("Agent" in each for each in started_in(tmp_path).values()))
        for agent in started_in(tmp_path):
            os.kill(agent, signal.SIGKILL)


FORKED_DRIVER = """
import time
from dse.execution.executors import Processes
with Processes(2, forked=True) as made:
    list(made.completed(time.sleep, [0.2] * 999))
"""


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_driver_that_ends_leaves_no_forked_process(how: signal.Signals, tmp_path: Path) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", FORKED_DRIVER],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert wait_until(lambda: len(started_in(tmp_path)) == 3, 40)
    os.killpg(driver.pid, how) if how == signal.SIGINT else driver.kill()
    _, complaints = driver.communicate(timeout=20)
    assert complaints.count("Traceback") == (how == signal.SIGINT)
    assert wait_until(lambda: not started_in(tmp_path))


TIMELOOP_DRIVER = """
import signal
import sys
from dse.execution.executors import Job, executor
from evaluators.accounting import PUBLISHED
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

signal.signal(signal.SIGINT, signal.default_int_handler)
workload = Workload(TRANSFORMERS["BERT"], 1024)
job = Job("timeloop", "binding", workload, paper_design("binding", workload), PUBLISHED)
with executor(sys.argv[1], None, None) as made:
    made.evaluate([job])
"""


@needs_proc
@pytest.mark.parametrize("name", EXECUTORS)
def test_an_interrupt_ends_the_program_that_an_evaluation_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it leave the folder that the program worked in."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    started = tmp_path / "pid"
    for program in ("accelergy", "timeloop-model"):
        file = tmp_path / program
        file.write_text(
            f"#!/bin/sh\necho $$ > {started}.new\nmv {started}.new {started}\nsleep 600"
        )
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    driver = subprocess.Popen(
        [sys.executable, "-c", TIMELOOP_DRIVER, name], stderr=subprocess.PIPE, text=True
    )
    assert wait_until(started.exists, 60)
    driver.send_signal(signal.SIGINT)
    _, complaints = driver.communicate(timeout=30)
    assert complaints.rstrip().endswith("KeyboardInterrupt")
    pid = int(started.read_text())
    assert wait_until(lambda: not Path(f"/proc/{pid}/cmdline").exists())
    assert list(scratch.glob("timeloop-*")) == []


# Ray alone.


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[object]:
    """A Ray cluster whose head has no CPU."""
    request.getfixturevalue("ray_here").close()
    cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    yield made
    made.shutdown()


@needs_ray
@needs_proc
def test_a_cluster_survives_the_loss_of_a_node_and_the_executor(cluster: object) -> None:
    from dse.execution.ray_executor import Ray  # noqa: PLC0415

    with Ray(None, cluster.address, patience_s=1) as ray:
        begun = time.monotonic()
        with pytest.raises(EvaluationError, match="0 of 0 CPUs are free on 1 nodes"):
            ray.evaluate([job("binding", 2)])
        assert time.monotonic() - begun < 5

    lost = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    with Ray(None, cluster.address) as ray:
        assert ray.workers == 2
        remover = threading.Timer(1.0, cluster.remove_node, [lost])
        remover.start()
        results = ray.evaluate(long_jobs())
        remover.join()
        assert_same(join(results), run_job(job("flat", 1200)))
        assert_cpus_taken_by_others_are_reported(cluster.address)
    assert cluster.remaining_processes_alive()


def assert_cpus_taken_by_others_are_reported(address: str) -> None:
    """The one CPU left is an actor's."""
    import ray  # noqa: PLC0415

    from dse.execution.ray_executor import Ray  # noqa: PLC0415

    ray.shutdown()
    waiting = Ray(1, address, patience_s=8)
    waiting.evaluate([job("binding", 2)])
    holder = ray.remote(num_cpus=1)(Workload).remote(TRANSFORMERS["BERT"], 1)
    ray.get(holder.__ray_ready__.remote())
    with pytest.raises(EvaluationError, match="0 of 1 CPUs are free"):
        waiting.evaluate([job("binding", 2)])
    waiting.close()


@needs_ray
def test_an_address_where_no_cluster_is_says_so() -> None:
    with (
        executor("ray", 1, "127.0.0.1:1") as ray,
        pytest.raises(InputError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"),
    ):
        ray.evaluate([job("binding", 2)])


# Splitting, joining, making.


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["flat", "cascade", "architecture", "binding", "linear_flat"]),
    st.integers(1, 40),
    st.integers(1, 45),
    st.sampled_from([PUBLISHED, CORRECTED]),
)
def test_joined_chunks_are_the_whole(configuration, count, rows, accounting) -> None:
    whole = replace(job(configuration, count, seed=rows), accounting=accounting)
    chunks = split(whole, rows)
    assert [len(each.designs) for each in chunks[:-1]] == [rows] * (len(chunks) - 1)
    assert_same(join([run_job(each) for each in chunks]), run_job(whole))


def test_bindings_and_breakdowns_are_cut_and_joined_too() -> None:
    whole = replace(job("flat", 30), designs=run_job(job("flat", 30)).designs)

    def evaluate(part: Job) -> Evaluations:
        return evaluator(part.evaluator).evaluate(
            part.configuration, part.workload, part.designs, part.accounting, breakdown=True
        )

    joined = join([evaluate(part) for part in split(whole, 7)])
    assert joined.einsums
    assert_same(joined, evaluate(whole))


def test_a_job_names_itself_with_any_workload() -> None:
    own = Workload(Transformer("custom", 1, 8, 8, 8, 1, 8), 1000)
    named = replace(job("flat", 3), workload=own)
    assert str(named) == "3 designs of flat on custom at 1000 tokens"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("threads", None, None), "unknown executor 'threads'; known are serial, processes, ray"),
        (("processes", 0, None), "workers 0: it must be a positive integer"),
        (("serial", 4, None), "workers 4: serial has one; processes and ray take more"),
        (("processes", 10**9, None), "usable CPUs bear at most"),
        pytest.param(("ray", 10**9, None), "usable CPUs bear at most", marks=needs_ray),
        (("processes", 2, "head:6379"), "a Ray address goes with the executor ray, not with proc"),
        pytest.param(("ray", 2, "head"), "Ray address 'head': write HOST:PORT", marks=needs_ray),
    ],
)
def test_bad_choices_are_refused(arguments, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        executor(*arguments)


def test_defaults() -> None:
    assert isinstance(executor("serial", 1, None), Serial)
    assert isinstance(executor("processes", None, None), Processes)
    assert executor("processes", None, None).workers == usable_cpus() >= 1


def test_without_ray_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"Ray is not installed; pip install 'ray>=2\.60'"):
        executor("ray", 2, None)


def test_nothing_heavy_is_imported_or_started_before_the_first_jobs() -> None:
    code = (
        "import sys; from dse.execution.executors import executor\n"
        "with executor('ray', 2, None) as ray: ray.evaluate([])\n"
        "print('ray' in sys.modules, 'pandas' in sys.modules)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    if find_spec("ray") is not None:
        assert output.stdout.split() == ["False", "False"]


FEW_FILES = """
import resource
from dse.execution.executors import Processes
from evaluators.errors import EvaluationError
resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
try:
    list(Processes(2).completed(abs, [1, 2]))
except EvaluationError as error:
    print(error)
"""


def test_a_process_that_cannot_be_started_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES], capture_output=True, text=True, check=False
    )
    sentence = "a worker process cannot be started: Too many open files; --workers names fewer\n"
    assert (done.returncode, done.stdout) == (0, sentence), done.stderr
