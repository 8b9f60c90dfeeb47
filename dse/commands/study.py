"""`dse study`: run, resume, list, show and export studies."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna

from dse.commands import study_tables
from dse.commands.options import INTERRUPTED
from dse.execution import interruption
from dse.execution.executors import executor
from dse.reports.bar import Bar
from dse.reports.misses import larger_buffers_on, nearest_misses, registers_short_on
from dse.results.parts import Parts
from dse.results.progress import Progress
from dse.search import home
from dse.search.address import without_password
from dse.search.lookup import find
from dse.search.place import command
from dse.search.runner import Runner
from dse.search.samplers import check_available
from dse.search.storage import driver
from evaluators.accounting import Accounting
from evaluators.errors import EvaluationError, InputError, known_are
from evaluators.protocol import Runs, evaluator
from studies import toml
from studies.pins import pins
from studies.specification import SAMPLERS, Specification

MANY_FOR_TPE = 5_000
"""Trials from which on another sampler than TPE is worth a thought."""

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
        raise InputError(
            f"unknown sampler '{options.sampler}'; {known_are(options.sampler, SAMPLERS)}"
        )
    if options.evaluator is not None:
        evaluator(options.evaluator)
    if options.name is not None:
        if len(studies) > 1:
            raise InputError(f"{options.study} is a collection; --name names one study")
        changes["name"] = toml.checked_name(options.name)
    codes = []
    for study in studies:
        changed = replace(study, **changes)
        codes.append(drive(changed, options.out / changed.name, options))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _resume(options: argparse.Namespace) -> int:
    folder = options.out / options.study
    study = home.stored(folder)
    if options.trials is not None:
        study = replace(study, trials=options.trials)
    return drive(study, folder, options)


def drive(study: Specification, folder: Path, options: argparse.Namespace) -> int:
    """Run a study in its folder to the end of its budget, print what came of it.

    Returns the exit code.
    """
    try:
        with interruption.held():
            progress = _run_batches(study, folder, options)
    except KeyboardInterrupt:
        print(f"dse study: {folder.name} stopped; {_resuming(folder, options)}", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise EvaluationError(f"{error}; {_resuming(folder, options)}") from error
    print(summary(study, progress, folder))
    return 0 if progress.feasible and not progress.failures else 1


def _run_batches(study: Specification, folder: Path, options: argparse.Namespace) -> Progress:
    check_available(study.sampler)
    if options.ray_address is None:
        evaluator(study.evaluator).check_installed()
    workers = executor(options.executor, options.workers, options.ray_address)
    parts = Parts(study, folder)
    with ExitStack() as stack:
        stack.enter_context(workers)
        if not home.begun(folder):
            workers.start()  # where that fails, nothing is left behind
        database = stack.enter_context(
            driver(folder, study, options.storage, rebuild=options.rebuild)
        )
        bar = stack.enter_context(Bar(study, quiet=options.quiet))
        runner = Runner(
            study,
            database,
            parts,
            workers,
            bar.show,
            rebuild=options.rebuild,
            accept_versions=options.accept_versions,
        )
        _warn(study, folder)
        home.write(study, folder, runner.makers)
        return runner.run()


def _warn(study: Specification, folder: Path) -> None:
    """Say what a user would not expect of a study that is about to run."""
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
    for warning in warnings:
        print(f"dse study: {folder.name}: {warning}", file=sys.stderr)


def _resuming(folder: Path, options: argparse.Namespace) -> str:
    """Say how to continue a study that stopped."""
    if not home.begun(folder):
        return "it had not begun"
    words = ["study", "resume", folder.name]
    if options.storage is not None:
        words += ["--storage", without_password(options.storage)]
    return f"continue with: {command(options.out, *words)}"


def summary(study: Specification, progress: Progress, folder: Path) -> str:
    """Say what came of a study."""
    lines = [
        f"{study.name} ({study.told}): {progress.finished} trials, "
        f"{progress.feasible} feasible, {progress.repeated} repeated"
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
    elif not progress.finished:
        lines.append("the time limit let no batch start; give it a longer one")
    elif not progress.feasible or progress.front is None:
        lines.append("no design is feasible; widen the space or the constraints")
        lines.append(nearest_misses(study_tables.trials(study, folder)))
    else:
        lines.append(f"front of {len(progress.front)} designs in {', '.join(study.objectives)}")
        lines += _warnings(study, folder)
        closing += f"; {command(folder.parent, 'front', folder.name)} shows the front"
    outside = pins(study)[1]
    if outside:
        lines.append(f"not pinned, outside the space: {', '.join(outside)}")
    return "\n".join([*lines, closing])


def _warnings(study: Specification, folder: Path) -> list[str]:
    front = study_tables.front(study, study_tables.trials(study, folder))
    said = []
    if not study.enforce_registers and (short := registers_short_on(study, front)):
        said.append(
            f"warning: register files of {short} of them do not hold what the mapping keeps there; "
            "registers = true in [constraints] makes such designs infeasible"
        )
    if larger := larger_buffers_on(study, front):
        said.append(
            f"warning: the buffers of {larger} of them are in no table of SRAMs; they have energy "
            'and area of the next larger, sram = "exact" makes such designs infeasible'
        )
    return said
