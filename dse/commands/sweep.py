"""`dse sweep`: evaluate every design of a study's space, and find the true front."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from dse.commands.options import INTERRUPTED
from dse.interface.sweeping import swept, to_sweep
from dse.reports.swept_text import bindings
from dse.results.study_tables import objective_columns
from dse.results.sweep_parts import SweepParts
from dse.results.table_files import suffix
from dse.results.table_writing import content
from evaluators.errors import EvaluationError, InputError
from evaluators.files import write_atomically
from studies.specification import Specification


def run(options: argparse.Namespace) -> int:
    """Sweep a study, or every study of a collection; 1 if one has no feasible design."""
    codes = []
    found = to_sweep(options.study, options.out)
    if options.table:
        suffix(options.table)
        if len(found) > 1:
            raise InputError(f"--table is of one front, and {options.study} has {len(found)}")
    for study, folder in found:
        codes.append(_sweep(study, folder, options))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _sweep(study: Specification, folder: Path, options: argparse.Namespace) -> int:
    """Sweep a study, print what came of it, and return the exit code."""
    began = time.monotonic()
    try:
        front, feasible = swept(
            study,
            folder,
            executor=options.executor,
            workers=options.workers,
            ray_address=options.ray_address,
            quiet=None,
        )
        _tell(study, front, feasible, time.monotonic() - began)
        if feasible and options.table:
            table = content(SweepParts(study, folder).designs(), options.table)
            write_atomically(options.table, table)
            print(f"the front is in {options.table}")
    except KeyboardInterrupt:
        print(f"dse sweep: {study.name} stopped; the same command continues it", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise EvaluationError(f"{error}; the same command continues the sweep") from error
    return 0 if feasible else 1


def _tell(study: Specification, front: pd.DataFrame, feasible: int, took_s: float) -> None:
    """Print what came of a sweep."""
    size = study.space.size
    print(
        f"{study.name} ({study.told}): {size} designs, {feasible} of them feasible "
        f"({feasible / size:.1%})"
    )
    if not feasible:
        print("no design is feasible; widen the space or the constraints")
        return
    points = len(front.drop_duplicates(objective_columns(study)))
    print(
        f"true front of {len(front)} designs, {points} different in {', '.join(study.objectives)}, "
        f"after {took_s:.1f} s"
    )
    for line in bindings(study, front):
        print(line)
