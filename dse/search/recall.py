"""Taking up a study: its parts are the truth, its database is held against them.

A finished trial of the database must be what its rows in the parts make of it, in every field that
is ours. Only the last batch may be less than told: a kill may have come between its part and that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from dse.execution import interruption
from dse.results.parts import Part, Parts
from dse.results.progress import Progress
from dse.results.trials import Trials, columns
from dse.search.database import BATCH, FAILURE, PIN, REBUILD, Database
from dse.search.memory import Memory
from dse.search.natural import Natural
from dse.search.versions import difference
from evaluators.errors import InputError, shown
from studies.specification import Specification


@dataclass
class Recalled:
    """A study as it was taken up.

    Attributes:
        progress: where it stands.
        homes: design -> the first trial of the part where it was evaluated first.
        last_id: the database's id of its last finished trial, -1 for none.
        makers: what made it, from which trial on.

    """

    progress: Progress = field(default_factory=Progress)
    homes: dict[int, int] = field(default_factory=dict)
    last_id: int = -1
    makers: list[tuple[int, dict[str, str]]] = field(default_factory=list)


def recall(
    study: Specification, database: Database, parts: Parts, memory: Memory, *, rebuild: bool
) -> Recalled:
    """Read a study's parts into memory, and check that its database says the same.

    What the database lacks of the last batch is told. With `rebuild`, trials that it does not have
    are added.

    Raises:
        InputError: if a part or the database is damaged; it names which.

    """
    recalled = Recalled()
    natural = Natural(study.space)
    stored = database.trials()
    batches = parts.all(columns(study))
    for place, part in enumerate(batches):
        interruption.stop_if_asked()
        first = recalled.progress.finished
        batch = Trials.of(study, part.table)
        told = memory.finished(first, batch, part.state["params"])
        _agree(
            database,
            stored[first : first + len(told)],
            natural.finished(told, batch),
            parts,
            last=place == len(batches) - 1,
            rebuild=rebuild,
        )
        memory.recall(told, part.state)
        for design in batch.designs[~batch.repeated].tolist():
            recalled.homes[design] = first
        recalled.progress.count(batch, study.objectives)
        note(recalled.makers, first, part)
    finished = recalled.progress.finished
    if finished:
        now = stored if len(stored) >= finished else database.trials()
        recalled.last_id = now[finished - 1]._trial_id
    beyond = next((each for each in stored[finished:] if each.state.is_finished()), None)
    if beyond is not None:
        raise InputError(
            f"trial {beyond.number} of the database {shown(database.address.shown, 200)} is "
            f"finished but its evaluations are missing in {shown(parts.folder, 200)}; restore that "
            f"folder, or {REBUILD}"
        )
    return recalled


def note(makers: list[tuple[int, dict[str, str]]], first: int, part: Part) -> None:
    """Note who made a part, unless it is who made the one before."""
    if not makers or difference(makers[-1][1], part.made_with):
        makers.append((first, dict(part.made_with)))


def _agree(
    database: Database,
    stored: Sequence[FrozenTrial],
    told: Sequence[FrozenTrial],
    parts: Parts,
    *,
    last: bool,
    rebuild: bool,
) -> None:
    """Hold the trials of one batch against the database's."""
    if len(stored) < len(told) and not rebuild:
        raise InputError(
            f"the database {shown(database.address.shown, 200)} lacks trial "
            f"{told[len(stored)].number}, whose evaluations are in {shown(parts.folder, 200)}; "
            f"restore it, or {REBUILD}"
        )
    for trial, own in zip(stored, told, strict=False):
        unfinished = last and trial.state is TrialState.RUNNING
        wrong = _differing(trial, own, unfinished=unfinished)
        if wrong:
            raise InputError(
                f"the database {shown(database.address.shown, 200)} is damaged: {wrong} of trial "
                f"{trial.number} is not what its evaluations say; restore it, or {REBUILD}"
            )
        if unfinished:
            database.finish(trial._trial_id, own)
    for own in told[len(stored) :]:
        database.start(own)


def _differing(trial: FrozenTrial, own: FrozenTrial, *, unfinished: bool) -> str:
    """Name what differs of a trial, '' for nothing; one that was not told may have less."""
    fields: dict[str, tuple[Any, Any]] = {
        "the parameters": (trial.params, own.params),
        "the domain of a parameter": (trial.distributions, own.distributions),
        "the batch or pin": (_marks(trial, BATCH, PIN), _marks(own, BATCH, PIN)),
    }
    if not unfinished:
        fields |= {
            "the state": (trial.state, own.state),
            "a value": (trial.values, own.values),
            "the failure": (_marks(trial, FAILURE), _marks(own, FAILURE)),
            "a constraint": (trial.constraints, own.constraints),
        }
    return next((name for name, (one, other) in fields.items() if one != other), "")


def _marks(trial: FrozenTrial, *names: str) -> list[Any]:
    return [trial.user_attrs.get(name) for name in names]
