"""`dse study`: run, resume, list, show and export studies."""

from __future__ import annotations

import argparse
import platform
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import optuna
from tqdm import tqdm

from analysis.fronts import hypervolume, non_dominated
from dse import study_tables
from dse.executors import executor
from dse.misses import nearest_misses, registers_short_on
from dse.parts import Parts
from dse.runner import Progress, Runner
from dse.samplers import check_available
from dse.storage import driver, without_password
from evaluators.accounting import Accounting
from evaluators.errors import EvaluationError, InputError
from evaluators.files import write_atomically
from evaluators.protocol import Runs, evaluator
from studies import toml
from studies.builtin import builtin
from studies.pins import pins
from studies.specification import SAMPLERS, Specification
from studies.toml_text import to_toml

INTERRUPTED = 130
_OVERRIDES = ("trials", "time_limit_s", "seed", "sampler", "batch", "evaluator")

optuna.logging.set_verbosity(optuna.logging.ERROR)


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions."""
    actions = {
        "run": _run,
        "resume": _resume,
        "list": study_tables.show_list,
        "show": study_tables.show,
        "export": study_tables.export,
    }
    return actions[options.action](options)


def _run(options: argparse.Namespace) -> int:
    studies = find(options.study)
    changes = {
        name: getattr(options, name)
        for name in _OVERRIDES
        if getattr(options, name, None) is not None
    }
    if options.accounting is not None:
        sram = studies[0].accounting.sram  # those of a collection are alike
        changes["accounting"] = Accounting.parse(options.accounting, sram)
    if changes.get("sampler") not in (None, *SAMPLERS):
        raise InputError(f"unknown sampler '{options.sampler}'; known are {', '.join(SAMPLERS)}")
    if options.evaluator is not None:
        evaluator(options.evaluator)
    if options.name is not None:
        if len(studies) > 1:
            raise InputError(f"{options.study} is a collection; --name names one study")
        changes["name"] = toml.checked_name(options.name)
    codes = []
    for study in studies:
        codes.append(drive(replace(study, **changes), options))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _resume(options: argparse.Namespace) -> int:
    study = study_tables.stored(options.out / options.study)
    if options.trials is not None:
        study = replace(study, trials=options.trials)
    return drive(study, options)


def find(name: str) -> tuple[Specification, ...]:
    """Return the study of a TOML file, or the built-in ones of that name."""
    if name.endswith(".toml") or "/" in name:
        return (toml.load(Path(name)),)
    return builtin(name)


def drive(study: Specification, options: argparse.Namespace) -> int:
    """Run a study to the end of its budget, print what came of it, and return the exit code."""
    folder = options.out / study.name
    try:
        with _terminable():
            progress = _run_batches(study, folder, options)
    except KeyboardInterrupt:
        print(f"dse study: {study.name} stopped; {_resuming(study, options)}", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise InputError(f"{error}; {_resuming(study, options)}") from error
    print(summary(study, progress, folder))
    return 0 if progress.objectives and not progress.failures else 1


def _run_batches(study: Specification, folder: Path, options: argparse.Namespace) -> Progress:
    check_available(study.sampler)
    if options.ray_address is None:
        evaluator(study.evaluator).check_installed()
    workers = executor(options.executor, options.workers, options.ray_address)
    parts = Parts(folder / "evaluations", study.digest())
    with (
        driver(folder, study, options.storage) as database,
        workers,
        _Bar(study, quiet=options.quiet) as bar,
    ):
        runner = Runner(study, database, parts, workers, bar.show)
        _write_specification(study, folder)
        return runner.run()


def _resuming(study: Specification, options: argparse.Namespace) -> str:
    """Say how to continue a study that stopped."""
    if not (options.out / study.name / "study.toml").exists():
        return "it had not begun"
    command = ["dse", "study", "resume", study.name, "--out", str(options.out)]
    if options.storage is not None:
        command += ["--storage", without_password(options.storage)]
    return f"continue with: {shlex.join(command)}"


def summary(study: Specification, progress: Progress, folder: Path) -> str:
    """Say what came of a study."""
    lines = [
        f"{study.name}: {progress.finished} trials, "
        f"{len(progress.objectives)} feasible, {progress.repeated} repeated"
        + (f", {len(progress.failures)} failed" if progress.failures else "")
    ]
    if progress.runs != Runs():
        lines.append(f"{study.evaluator}: {progress.runs}")
    if progress.failures:
        trial, failure = next(iter(progress.failures.items()))
        lines.append(f"trial {trial} failed: {failure}")
    closing = f"results are in {folder}"
    if progress.failures and len(progress.failures) == progress.finished:
        lines.append("no design could be evaluated")
    elif not progress.objectives:
        lines.append("no design is feasible; widen the space or the constraints")
        if progress.finished:
            lines.append(nearest_misses(study_tables.trials(study, folder)))
    else:
        front = np.unique(_front(progress), axis=0)
        lines.append(f"front of {len(front)} designs in {', '.join(study.objectives)}")
        lines += [] if study.enforce_registers else _registers_warning(study, folder)
        closing += f"; dse front {study.name} shows the front"
    outside = pins(study)[1]
    if outside:
        lines.append(f"not pinned, outside the space: {', '.join(outside)}")
    return "\n".join([*lines, closing])


def _registers_warning(study: Specification, folder: Path) -> list[str]:
    front = study_tables.front(study, study_tables.trials(study, folder))
    if not (short := registers_short_on(study, front)):
        return []
    return [
        f"warning: register files of {short} of them do not hold what the mapping keeps there; "
        "registers = true in [constraints] makes such designs infeasible"
    ]


def _front(progress: Progress) -> np.ndarray:
    values = np.array(progress.objectives)
    return values[non_dominated(values)]


def _write_specification(study: Specification, folder: Path) -> None:
    versions = {
        "optuna": optuna.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    write_atomically(folder / "study.toml", to_toml(study, versions).encode())


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat SIGTERM as an interrupt from the keyboard while the context lasts."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Bar:
    """The progress bar: trials, rate, time left, feasible share, front, hypervolume.

    The hypervolume is that of the logarithms of the objectives, against the worst feasible values
    of the first batch that has any times 1.1.
    """

    def __init__(self, study: Specification, *, quiet: bool) -> None:
        self._bar = tqdm(
            desc=study.name, total=study.trials, unit="trial", disable=quiet, file=sys.stderr
        )
        self._reference: np.ndarray | None = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._bar.close()

    def show(self, progress: Progress) -> None:
        if self._bar.disable:
            return
        self._bar.update(progress.finished - self._bar.n)
        if progress.objectives:
            values = np.array(progress.objectives)
            if self._reference is None:
                self._reference = np.log10(values.max(axis=0) * 1.1)
            front = values[non_dominated(values)]
            share = len(progress.objectives) / progress.finished
            volume = hypervolume(np.log10(front), self._reference)
            self._bar.set_postfix_str(
                f"feasible {share:.0%}, front {len(front)}, hypervolume {volume:.4g}"
            )
