"""Driving a study: its specification changed as a user asks, and run to the end of its budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna

from dse.execution import executors, interruption
from dse.interface.typed import typed
from dse.reports.bar import Bar
from dse.results.parts import Parts
from dse.results.progress import Progress
from dse.search import home
from dse.search.lookup import find
from dse.search.samplers import check_available
from evaluators.errors import InputError
from evaluators.protocol import evaluator
from studies import toml
from studies.specification import Specification

MANY_FOR_TPE = 5_000
"""Trials from which on another sampler than TPE is worth a thought."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


def specified(name: str, /, **changes: Any) -> list[Specification]:
    """Return the study of a name or a TOML file, or those of a collection, as a user changes them.

    Args:
        name: as `dse.search.lookup.find` takes it.
        changes: keys of a study's file with other values.

    Raises:
        InputError: for a study or a value that is none, or a new name for a collection.

    """
    studies = find(name)
    if "name" in changes and len(studies) > 1:
        raise InputError(f"{name} is a collection; --name names one study")
    return [toml.changed(each, changes, name) if changes else each for each in studies]


@typed
def drive(
    study: Specification,
    folder: Path,
    *,
    executor: str = "serial",
    workers: int | None = None,
    ray_address: str | None = None,
    storage: str | None = None,
    rebuild: bool = False,
    accept_versions: bool = False,
    progress: bool | Callable[[Mapping[str, int]], None] = False,
    warn: Callable[[str], None],
) -> Progress:
    """Run a study to the end of its budget, or continue it.

    Args:
        study: its specification.
        folder: the study's own.
        executor: where evaluations run, with the two that follow; see
            `dse.execution.executors.executor`.
        workers: see there.
        ray_address: see there.
        storage: see `dse.search.storage.driver`.
        rebuild: see `dse.search.runner.Runner`.
        accept_versions: see there.
        progress: show it on standard error; or what is told the counts of trials after every
            batch, see `dse.results.progress.Progress.counts`.
        warn: is told what a user would not expect of the study that is about to run.

    Returns:
        What came of it.

    Raises:
        InputError: for a study that cannot be run there.
        EvaluationError: where evaluations could not be done at all; what was done is kept.
        KeyboardInterrupt: where it was interrupted; what was done is kept.

    """
    from dse.search.runner import Runner  # noqa: PLC0415  # SQLAlchemy loads slowly
    from dse.search.storage import driver  # noqa: PLC0415  # SQLAlchemy loads slowly

    with interruption.taken(), interruption.held(), ExitStack() as stack:
        check_available(study.sampler)
        if ray_address is None:
            evaluator(study.evaluator).check_installed()
        parts = Parts(study, folder)
        made = stack.enter_context(executors.executor(executor, workers, ray_address))
        if not home.begun(folder):
            made.start()  # where that fails, nothing is left behind
        database = stack.enter_context(driver(folder, study, storage, rebuild=rebuild))
        bar = stack.enter_context(Bar(study, quiet=progress is not True))
        runner = Runner(
            study,
            database,
            parts,
            made,
            (lambda now: progress(now.counts())) if callable(progress) else bar.show,
            rebuild=rebuild,
            accept_versions=accept_versions,
        )
        for warning in _warnings(study, folder):
            warn(f"{folder.name}: {warning}")
        home.write(study, folder, runner.makers)
        return runner.run()


def _warnings(study: Specification, folder: Path) -> list[str]:
    warnings = []
    if study.sampler == "tpe" and (study.trials or 0) > MANY_FOR_TPE:
        warnings.append(
            "TPE takes 35 ms a trial at first and 226 ms at 15,900, all told an hour for 20,000; "
            "nsga2 takes a fraction of it (--sampler nsga2)"
        )
    try:
        before = home.stored(folder).trials if home.begun(folder) else None
    except InputError:
        before = None  # a damaged specification is written anew
    if before is not None and study.trials is not None and study.trials < before:
        warnings.append(f"its budget was {before} trials and is {study.trials} now")
    return warnings
