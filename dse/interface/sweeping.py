"""Sweeping a study: every design of its space evaluated, and the true front of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from analysis.fronts import pareto_front_of_chunks
from dse.execution import executors, interruption
from dse.execution.executors import Executor
from dse.execution.sweep_pieces import cut, reduced
from dse.results.study_tables import objective_columns
from dse.results.sweep_parts import SweepParts, Swept, identity, parquet
from dse.search.home import begun, stored
from dse.search.lookup import find, is_file
from dse.search.place import command
from evaluators.errors import InputError
from evaluators.files import check_writable
from studies.differences import differences
from studies.objectives import maximised
from studies.specification import Specification


def to_sweep(name: str, out: Path) -> list[tuple[Specification, Path]]:
    """Find what is to be swept, and where; a study that was run is swept as it was run.

    Raises:
        InputError: where a file is no longer that of the study of its name that was run.

    """
    if begun(out / name):
        return [(stored(out / name), out / name)]
    found = find(name)
    if is_file(name):
        return [(as_run(each, out), out / each.name) for each in found]
    folders = [(each, out / each.name) for each in found]
    return [(stored(folder) if begun(folder) else each, folder) for each, folder in folders]


def as_run(study: Specification, out: Path) -> Specification:
    """Return a study as it was run, where it was; refuse one whose sweep would be another's."""
    folder = out / study.name
    if not begun(folder):
        return study
    was = stored(folder)
    details = differences(identity(was), identity(study))
    if details:
        raise InputError(
            f"the study '{study.name}' was started with another specification: "
            f"{'; '.join(details)}; {command(out, 'sweep', study.name)} sweeps that, "
            "another needs another name"
        )
    return was


def swept(
    study: Specification,
    folder: Path,
    *,
    executor: str = "serial",
    workers: int | None = None,
    ray_address: str | None = None,
    quiet: bool | None = True,
) -> tuple[pd.DataFrame, int]:
    """Sweep a study, or what is missing of its sweep, and write its true front.

    Args:
        study: what is swept.
        folder: the study's own.
        executor: where evaluations run, with the two that follow; see
            `dse.execution.executors.executor`.
        workers: see there.
        ray_address: see there.
        quiet: show no progress on standard error; None shows it on a terminal alone.

    Returns:
        The true front, see `SweepParts.front_of`, and how many designs are feasible.

    Raises:
        InputError: for a study that cannot be swept there.
        EvaluationError, KeyboardInterrupt: where it was stopped; another sweep continues it.

    """
    parts = SweepParts(study, folder)
    check_writable(parts.path(0))
    with (
        interruption.taken(),
        interruption.held(),
        executors.executor(executor, workers, ray_address) as made,
    ):
        front = _front(study, parts, made, quiet=quiet)
    feasible = parts.feasible()
    if feasible:
        parts.write_front(front)
    return front, feasible


def _front(
    study: Specification, parts: SweepParts, workers: Executor, *, quiet: bool | None
) -> pd.DataFrame:
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
        disable=quiet,
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
    tables = (parts.frame(front) for front in fronts)
    return pareto_front_of_chunks(tables, objectives, maximised(study.objectives))


def _content(parts: SweepParts, start: int, pieces: Mapping[int, bytes | Swept]) -> bytes:
    """Return the content of a part's file from its pieces by their first design."""
    swept = []
    for _, piece in sorted(pieces.items()):
        if isinstance(piece, bytes):
            return piece  # it is all of the part
        swept.append(piece)
    return parquet(parts.table(start, Swept.joined(swept)))
