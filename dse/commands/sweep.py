"""`dse sweep`: evaluate every design of a study's space, and find the true front."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from analysis.fronts import pareto_front_of_chunks
from dse.commands.options import INTERRUPTED
from dse.commands.study_tables import objective_columns
from dse.execution import interruption
from dse.execution.executors import Executor, executor
from dse.execution.sweep_pieces import cut, reduced
from dse.results.sweep_parts import SweepParts, Swept, parquet
from dse.search.home import begun, stored
from dse.search.lookup import find
from evaluators.errors import EvaluationError
from studies.objectives import maximised
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
    print(
        f"{study.name} ({study.told}): {size} designs, {feasible} of them feasible "
        f"({feasible / size:.1%})"
    )
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
    pieces = cut(study, parts, missing, workers.workers) if missing else []
    waiting = Counter(piece.part for piece in pieces)
    unwritten: dict[int, dict[int, bytes | Swept]] = {}
    fronts = []
    left = sum(piece.stop - piece.start for piece in pieces)
    size = study.space.size
    with tqdm(
        desc=study.name,
        total=size,
        initial=size - left,
        unit=" designs",
        unit_scale=True,
        disable=None,
    ) as bar:
        for place, result in workers.completed(reduced, pieces):
            piece = pieces[place]
            fronts.append(result.front)
            unwritten.setdefault(piece.part, {})[piece.start] = result.part
            waiting[piece.part] -= 1
            if not waiting[piece.part]:
                parts.write(piece.part, _content(parts, piece.part, unwritten.pop(piece.part)))
            bar.update(piece.stop - piece.start)
    for start in sorted(set(parts.starts()) - set(missing)):
        interruption.stop_if_asked()
        fronts.append(parts.front_of(parts.read(start)))
    tables = (front.to_pandas() for front in fronts)
    return pareto_front_of_chunks(tables, objectives, maximised(study.objectives))


def _content(parts: SweepParts, start: int, pieces: Mapping[int, bytes | Swept]) -> bytes:
    """Return the content of a part's file from its pieces by their first design."""
    swept = []
    for _, piece in sorted(pieces.items()):
        if isinstance(piece, bytes):
            return piece  # it is all of the part
        swept.append(piece)
    return parquet(parts.table(start, Swept.joined(swept)))
