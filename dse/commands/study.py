"""`dse study run` and `resume`: search, and say what came of it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import optuna

from dse.commands.options import INTERRUPTED
from dse.interface.driving import drive, specified
from dse.reports.misses import larger_buffers_on, misses, registers_short_on, text_of
from dse.results.progress import Progress
from dse.results.study_tables import front, trials
from dse.search import home
from dse.search.address import without_password
from dse.search.place import command
from evaluators.errors import EvaluationError
from evaluators.protocol import Runs
from studies.pins import pins
from studies.specification import Specification

_OVERRIDES = (
    "name",
    "trials",
    "time_limit_s",
    "seed",
    "sampler",
    "batch",
    "evaluator",
    "accounting",
)

optuna.logging.set_verbosity(optuna.logging.ERROR)


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions."""
    return {"run": _run, "resume": _resume}[options.action](options)


def _run(options: argparse.Namespace) -> int:
    changes = {
        name: getattr(options, name)
        for name in _OVERRIDES
        if getattr(options, name, None) is not None
    }
    codes = []
    for study in specified(options.study, **changes):
        codes.append(_drive(study, options.out / study.name, options))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _resume(options: argparse.Namespace) -> int:
    folder = options.out / options.study
    study = home.stored(folder)
    if options.trials is not None:
        study = replace(study, trials=options.trials)
    return _drive(study, folder, options)


def _drive(study: Specification, folder: Path, options: argparse.Namespace) -> int:
    """Run a study in its folder, print what came of it, and return the exit code."""
    try:
        progress = drive(
            study,
            folder,
            executor=options.executor,
            workers=options.workers,
            ray_address=options.ray_address,
            storage=options.storage,
            rebuild=options.rebuild,
            accept_versions=options.accept_versions,
            progress=not options.quiet,
            warn=lambda warning: print(f"dse study: {warning}", file=sys.stderr),
        )
        print(summary(study, progress, folder))
    except KeyboardInterrupt:
        print(f"dse study: {folder.name} stopped; {_resuming(folder, options)}", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise EvaluationError(f"{error}; {_resuming(folder, options)}") from error
    return 0 if progress.feasible and not progress.failures else 1


def _resuming(folder: Path, options: argparse.Namespace) -> str:
    """Say how to continue a study that stopped."""
    if not home.begun(folder):
        return "it had not begun"
    words = ["study", "resume", folder.name]
    if options.storage is not None:
        words += ["--storage", without_password(options.storage)]
    if options.executor != "serial":
        words += ["--executor", options.executor]
    if options.workers is not None:
        words += ["--workers", str(options.workers)]
    if options.ray_address is not None:
        words += ["--ray-address", options.ray_address]
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
        lines.append(text_of(misses(study, trials(study, folder))))
    else:
        lines.append(f"front of {len(progress.front)} designs in {', '.join(study.objectives)}")
        lines += _warnings(study, folder)
        closing += f"; {command(folder.parent, 'front', folder.name)} shows the front"
    outside = pins(study)[1]
    if outside:
        lines.append(f"not pinned, outside the space: {', '.join(outside)}")
    return "\n".join([*lines, closing])


def _warnings(study: Specification, folder: Path) -> list[str]:
    best = front(study, trials(study, folder))
    said = []
    if not study.enforce_registers and (short := registers_short_on(study, best)):
        said.append(
            f"warning: register files of {short} of them do not hold what the mapping keeps there; "
            "registers = true in [constraints] makes such designs infeasible"
        )
    if larger := larger_buffers_on(study, best):
        said.append(
            f"warning: the buffers of {larger} of them are in no table of SRAMs; they have energy "
            'and area of the next larger, sram = "exact" makes such designs infeasible'
        )
    return said
