"""The study runner: draws, evaluates, writes, tells, in batches, so that a kill loses nothing.

A batch is a function of the trials before it, see `dse.search.memory`. Its trials enter the
database, running, with their parameters; they are evaluated; their rows are written as one part;
they are told in order. What a kill leaves of a batch is therefore found again: a batch that has its
part is told from it, one that has not is drawn again, the same, and evaluated under its own
numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from optuna.trial import FrozenTrial, TrialState

from dse.execution import interruption
from dse.execution.batch import Row, evaluate
from dse.execution.executors import Executor
from dse.results.parts import Part, Parts
from dse.results.progress import Progress
from dse.results.trials import Trials
from dse.search.database import FIXED, REBUILD, Database
from dse.search.memory import Drawn, Memory
from dse.search.natural import Natural
from dse.search.recall import recall
from dse.search.samplers import GRID, columns
from dse.search.versions import difference, made_with
from evaluators.errors import InputError, shown
from studies.specification import Specification

_LABELS = ("trial", "pin", "repeated")


class Runner:
    """Takes up one study where it stands, and runs it to the end of its budget.

    Args:
        study: the specification.
        database: the study's trials, owned by this process.
        parts: the study's evaluations.
        executor: where evaluations run.
        report: called with the progress, at the start and after every batch.
        rebuild: add to the database the trials that the parts have and it has not.
        accept_versions: continue what other versions or another machine made.

    Raises:
        InputError: if the database or a part is damaged or does not fit the specification, or other
            versions made the study.

    """

    def __init__(
        self,
        study: Specification,
        database: Database,
        parts: Parts,
        executor: Executor,
        report: Callable[[Progress], None],
        *,
        rebuild: bool = False,
        accept_versions: bool = False,
    ) -> None:
        self._study = study
        self._database = database
        self._parts = parts
        self._executor = executor
        self._report = report
        self._memory = Memory(study)
        self._natural = Natural(study.space)
        recalled = recall(study, database, parts, self._memory, rebuild=rebuild)
        self.progress = recalled.progress
        self._homes = recalled.homes
        self._last_id = recalled.last_id
        self.makers = recalled.makers
        self._made_with = made_with()
        self._check_makers(accept_versions)

    def run(self) -> Progress:
        """Run batches until the budget is spent.

        Raises:
            InputError: if a trial that was started is not the one that this study draws.

        """
        deadline = time.monotonic() + (self._study.time_limit_s or float("inf"))
        self._report(self.progress)
        while time.monotonic() < deadline:
            interruption.stop_if_asked()
            pending = self._database.trials(self.progress.finished, self._last_id)
            size = self._next_size(pending)
            if size <= 0:
                break
            self._run_batch(size, pending[:size])
            self._report(self.progress)
        return self.progress

    def _check_makers(self, accept_versions: bool) -> None:
        """Refuse what others made, or note from which trial on it is this program's."""
        changed = difference(self.makers[-1][1], self._made_with) if self.makers else ""
        if changed and not accept_versions:
            raise InputError(
                f"the study was made elsewhere: {changed}; from trial {self.progress.finished} on "
                "it may draw other designs than there; --accept-versions continues it"
            )
        if changed or not self.makers:
            self.makers.append((self.progress.finished, self._made_with))

    def _next_size(self, pending: Sequence[FrozenTrial]) -> int:
        """Trials of the next batch: the budget cuts it, what is running already does not."""
        first = self.progress.finished
        running = [each.number for each in pending if each.state is TrialState.RUNNING]
        started = running[-1] + 1 - first if running else 0
        budgets = [] if self._study.trials is None else [self._study.trials]
        if self._study.sampler == GRID:
            budgets.append(len(self._memory.pins) + self._study.space.size)
        left = min(budgets, default=first + self._study.batch) - first
        return max(started, min(self._study.batch, left))

    def _run_batch(self, size: int, pending: Sequence[FrozenTrial]) -> None:
        first = self.progress.finished
        enqueued = {
            each.number: self._natural.positions(each.number, each.system_attrs[FIXED])
            for each in pending
            if FIXED in each.system_attrs
        }
        drawn = self._memory.draw(first, size, enqueued)
        ids = self._start(drawn, pending)
        rows = self._evaluate(drawn)
        table = pa.Table.from_pylist(rows, schema=self._parts.schema)
        batch = Trials.of(self._study, table)
        self.progress.count(batch, self._study.objectives)
        counts, front = self.progress.counts(), self.progress.front_trials.tolist()
        self._parts.write(first, Part(table, drawn.state, self._made_with, counts, front))
        told = self._memory.finished(first, batch, drawn.state["params"])
        for identity, trial in zip(ids, self._natural.finished(told, batch), strict=True):
            self._database.finish(identity, trial)
        self._memory.finish(told)
        self._last_id = ids[-1]

    def _start(self, drawn: Drawn, pending: Sequence[FrozenTrial]) -> list[int]:
        """Have a batch run in the database, as far as it does not yet; return its trials' ids."""
        ids = []
        trials = [self._natural.trial(each) for each in drawn.trials]
        for trial, there in zip(trials, pending, strict=False):
            enqueued = FIXED in there.system_attrs
            if there.params.items() <= trial.params.items() if enqueued else _same(there, trial):
                taken = self._database.take_up(there, trial) if enqueued else there._trial_id
                ids.append(taken)
                continue
            raise InputError(
                f"trial {there.number} of the database "
                f"{shown(self._database.address.shown, 200)} is not the one that this study draws, "
                f"nor was it enqueued: another program started it; {REBUILD}"
            )
        return ids + [self._database.start(trial) for trial in trials[len(pending) :]]

    def _evaluate(self, drawn: Drawn) -> list[Row]:
        """Evaluate a batch; a design that was evaluated before is not evaluated again."""
        values = columns(self._study.space, drawn.params)
        numbers = self._study.space.index(values).tolist()
        known = self._known(set(numbers))
        new: dict[int, int] = {}
        for place, number in enumerate(numbers):
            if number not in known:
                new.setdefault(number, place)
        if new:
            places = list(new.values())
            chosen = {name: column[places] for name, column in values.items()}
            rows, runs = evaluate(self._study, chosen, self._executor)
            known |= dict(zip(new, rows, strict=True))
            self.progress.runs += runs
        self._homes |= dict.fromkeys(new, drawn.first)
        return [
            {
                "trial": drawn.first + place,
                "pin": drawn.pins[place],
                "repeated": new.get(number) != place,
            }
            | row
            for place, number in enumerate(numbers)
            for row in known[number]
        ]

    def _known(self, designs: set[int]) -> dict[int, list[Row]]:
        """Return the rows of those designs that were evaluated before, from their parts."""
        known: dict[int, list[Row]] = {}
        for first in sorted({self._homes[each] for each in designs if each in self._homes}):
            rows = self._parts.read(first).table.to_pylist(maps_as_pydicts="strict")
            own = [row for row in rows if row["design"] in designs and not row["repeated"]]
            for row in own:
                bare = {name: value for name, value in row.items() if name not in _LABELS}
                known.setdefault(row["design"], []).append(bare)
        return known


def _same(there: FrozenTrial, trial: FrozenTrial) -> bool:
    """Tell whether a trial of the database is running as this study starts it."""
    marks: Mapping[str, Any] = {name: there.user_attrs.get(name) for name in trial.user_attrs}
    return (
        there.state is TrialState.RUNNING
        and there.params == trial.params
        and marks == trial.user_attrs
    )
