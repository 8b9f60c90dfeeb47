"""`dse sweep`: evaluate every design of a study's space, and find the true front."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from analysis.fronts import pareto_front, pareto_front_of_chunks
from dse import interruption
from dse.cli import INTERRUPTED
from dse.executors import Executor, executor
from dse.home import begun, stored
from dse.study import find
from dse.study_tables import objective_columns
from dse.sweep_parts import SweepParts
from dse.sweep_pieces import Piece, reduced
from evaluators.errors import EvaluationError
from studies.specification import Specification


def run(options: argparse.Namespace) -> int:
    """Sweep a study, or every study of a collection; 1 if one has no feasible design."""
    codes = []
    for study, folder in _studies(options.study, options.out):
        codes.append(_sweep(study, folder, options))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _studies(name: str, out: Path) -> list[tuple[Specification, Path]]:
    """Find what is to be swept, and where; a study that was run is swept as it was run."""
    if begun(out / name):
        return [(stored(out / name), out / name)]
    folders = [(each, out / each.name) for each in find(name)]
    return [(stored(folder) if begun(folder) else each, folder) for each, folder in folders]


def _sweep(study: Specification, folder: Path, options: argparse.Namespace) -> int:
    began = time.monotonic()
    parts = SweepParts(study, folder)
    try:
        with (
            interruption.held(),
            executor(options.executor, options.workers, options.ray_address) as workers,
        ):
            front = _front(study, parts, workers)
    except KeyboardInterrupt:
        print(f"dse sweep: {study.name} stopped; the same command continues it", file=sys.stderr)
        return INTERRUPTED
    except EvaluationError as error:
        raise EvaluationError(f"{error}; the same command continues the sweep") from error
    feasible = parts.feasible()
    size = study.space.size
    print(f"{study.name}: {size} designs, {feasible} of them feasible ({feasible / size:.1%})")
    if not feasible:
        print("no design is feasible; widen the space or the constraints")
        return 1
    parts.write_front(front)
    points = len(front.drop_duplicates(objective_columns(study)))
    print(
        f"true front of {len(front)} designs, {points} different in {', '.join(study.objectives)}, "
        f"after {time.monotonic() - began:.1f} s"
    )
    return 0


def _front(study: Specification, parts: SweepParts, workers: Executor) -> pd.DataFrame:
    """Evaluate what is missing of a sweep, and return the front of it all."""
    objectives = objective_columns(study)
    missing = parts.missing()
    pieces = [Piece(study, start, parts.stop(start)) for start in missing]
    left = sum(piece.stop - piece.start for piece in pieces)
    size = study.space.size
    fronts = []
    with tqdm(
        desc=study.name, total=size, initial=size - left, unit=" designs", unit_scale=True
    ) as bar:
        for place, result in workers.completed(reduced, pieces):
            parts.write(pieces[place].start, result.content)
            fronts.append(result.front)
            bar.update(pieces[place].stop - pieces[place].start)
    for start in sorted(set(parts.starts()) - set(missing)):
        interruption.stop_if_asked()
        fronts.append(pareto_front(parts.candidates(parts.read(start)), objectives))
    return pareto_front_of_chunks(fronts, objectives)
