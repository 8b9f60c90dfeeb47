"""The study runner: asks, evaluates, writes, tells, in batches, so that a kill loses nothing.

A batch is a function of the trials before it: a fresh sampler, seeded from the study's seed and the
batch's first trial, draws it on a copy of the study in memory. Its trials then enter the database,
running, with their parameters; they are evaluated; their rows are written as one part; they are
told in order. What a kill leaves of a batch is therefore found again: a batch that has its part is
told from it, one that has not is drawn again, the same, and evaluated under its own numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from dse import interruption
from dse.batch import Outcome, Row, evaluate, outcome
from dse.executors import Executor
from dse.parts import Part, Parts
from dse.samplers import columns, distributions, params_of, sampler
from evaluators.errors import InputError
from evaluators.protocol import Runs
from studies.pins import pins
from studies.specification import Specification

_BATCH = "batch"
_PIN = "pin"
FAILURE = "failure"
"""The user attribute of a failed trial that says what stopped its evaluation."""

GRID = "grid"
"""Walks the space in its own order; Optuna draws nothing."""


@dataclass
class Progress:
    """Where a study stands.

    Attributes:
        finished, repeated: counts of trials.
        objectives: those of the feasible trials.
        failures: trial -> what stopped its evaluation.
        runs: results of programs that the trials took since the study was taken up.

    """

    finished: int = 0
    repeated: int = 0
    objectives: list[tuple[float, ...]] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    runs: Runs = field(default_factory=Runs)

    def count(self, result: Outcome, *, repeated: bool) -> None:
        """Count one finished trial."""
        if result.failure:
            self.failures[self.finished] = result.failure
        elif result.objectives is not None:
            self.objectives.append(result.objectives)
        self.finished += 1
        self.repeated += repeated


class Runner:
    """Takes up one study where it stands, and runs it to the end of its budget.

    Args:
        study: the specification.
        database: the study's Optuna study, owned by this process.
        parts: the study's evaluations.
        executor: where evaluations run.
        report: called with the progress, at the start and after every batch.

    Raises:
        InputError: if the database or a part is damaged or does not fit the specification.

    """

    def __init__(
        self,
        study: Specification,
        database: optuna.Study,
        parts: Parts,
        executor: Executor,
        report: Callable[[Progress], None],
    ) -> None:
        self._study = study
        self._database = database
        self._parts = parts
        self._executor = executor
        self._report = report
        self._distributions = distributions(study.space)
        self._pins, _ = pins(study)
        self._memory = optuna.create_study(directions=["minimize"] * len(study.objectives))
        self._known: dict[int, list[Row]] = {}
        self.progress = Progress()
        self._remember(database.get_trials(deepcopy=False))

    def run(self) -> Progress:
        """Run batches until the budget is spent.

        Raises:
            InputError: if a trial that was started is not the one that this study draws.

        """
        deadline = time.monotonic() + (self._study.time_limit_s or float("inf"))
        trials = self._database.get_trials(deepcopy=False)
        self._report(self.progress)
        while (size := self._next_size(trials)) > 0 and time.monotonic() < deadline:
            interruption.stop_if_asked()
            self._run_batch(size, trials[self.progress.finished :])
            trials = trials[: self.progress.finished]
            self._report(self.progress)
        return self.progress

    def _next_size(self, trials: list[FrozenTrial]) -> int:
        """Trials of the next batch: the budget cuts it, what is running already does not."""
        first = self.progress.finished
        started = len(trials) - first
        budgets = [] if self._study.trials is None else [self._study.trials]
        if self._study.sampler == GRID:
            budgets.append(len(self._pins) + self._study.space.size)
        left = min(budgets, default=first + self._study.batch) - first
        return max(started, min(self._study.batch, left))

    def _remember(self, trials: list[FrozenTrial]) -> None:
        """Take finished batches into memory, from the parts; tell the last one if it was not."""
        for first in self._parts.first_trials():
            interruption.stop_if_asked()
            if first != self.progress.finished:
                raise InputError(
                    f"{self._parts.path(first)} does not follow the parts before it; "
                    "a part is missing, restore it or start the study anew in another folder"
                )
            part = self._parts.read(first)
            batch = _by_trial(part.rows)
            stored = trials[first : first + len(batch)]
            if len(stored) < len(batch):
                raise InputError(
                    f"the database has {len(trials)} trials, fewer than the evaluations in "
                    f"{self._parts.path(first).parent}; they are not of one study"
                )
            self._check_designs(stored, batch)
            for trial, attrs, rows in zip(stored, part.state["trials"], batch, strict=True):
                result = outcome(self._study, rows)
                self._memory.add_trial(
                    create_trial(
                        state=TrialState.FAIL if result.failure else TrialState.COMPLETE,
                        values=_values(result, len(self._study.objectives)),
                        params=trial.params,
                        distributions=self._distributions,
                        system_attrs=attrs,
                        constraints=result.violations,
                    )
                )
            self._restore(part.state["study"])
            self._finish(first, batch)
        behind = next(
            (each for each in trials[self.progress.finished :] if each.state.is_finished()), None
        )
        if behind is not None:
            raise InputError(
                f"trial {behind.number} is finished but its evaluations are missing; "
                "restore the study's folder, or start the study anew in another one"
            )

    def _check_designs(self, stored: list[FrozenTrial], batch: list[list[Row]]) -> None:
        """Refuse a database whose trials are not those that were evaluated."""
        sizes = {each.name: len(each.values) for each in self._study.space.parameters}
        for trial, rows in zip(stored, batch, strict=True):
            inside = trial.params.keys() == self._distributions.keys() and all(
                0 <= position < sizes[name] for name, position in trial.params.items()
            )
            values = columns(self._study.space, [trial.params]) if inside else None
            if values is None or self._study.space.index(values)[0] != rows[0]["design"]:
                raise InputError(
                    f"trial {trial.number} of the database is another design than the one that was "
                    "evaluated; restore the study's folder, or start the study anew in another one"
                )

    def _run_batch(self, size: int, started: list[FrozenTrial]) -> None:
        first = self.progress.finished
        asked = self._ask(first, size)
        for number, (params, attrs) in enumerate(asked, start=first):
            if number - first < len(started):
                if started[number - first].params != params:
                    raise InputError(
                        f"trial {number} has other parameters than this study draws; "
                        "was it made by another version of Optuna or NumPy?"
                    )
            else:
                self._database.add_trial(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=params,
                        distributions=self._distributions,
                        user_attrs=attrs,
                    )
                )
        state = self._state(first)
        batch = self._evaluate(first, [params for params, _ in asked])
        self._parts.write(first, Part([row for rows in batch for row in rows], state))
        self._finish(first, batch)

    def _ask(self, first: int, size: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Draw a batch in memory: the parameters and user attributes of each trial."""
        if self._study.sampler != GRID:
            self._memory.sampler = sampler(self._study.sampler, self._study.seed, first)
        asked = []
        for number in range(first, first + size):
            interruption.stop_if_asked()
            attrs: dict[str, Any] = {_BATCH: first}
            if number < len(self._pins):
                pin = self._pins[number]
                (params,) = params_of(self._study.space, pin.columns)
                attrs[_PIN] = pin.id
            elif self._study.sampler == GRID:
                row = number - len(self._pins)
                (params,) = params_of(self._study.space, self._study.space.rows(row, row + 1))
            else:
                asked.append((self._memory.ask(self._distributions).params, attrs))
                continue
            self._memory.add_trial(
                create_trial(
                    state=TrialState.RUNNING, params=params, distributions=self._distributions
                )
            )
            asked.append((params, attrs))
        return asked

    def _evaluate(self, first: int, params: list[dict[str, Any]]) -> list[list[Row]]:
        """Evaluate a batch; a design that was evaluated before is not evaluated again."""
        values = columns(self._study.space, params)
        numbers = self._study.space.index(values).tolist()
        new: dict[int, int] = {}
        for place, number in enumerate(numbers):
            if number not in self._known:
                new.setdefault(number, place)
        if new:
            places = list(new.values())
            chosen = {name: column[places] for name, column in values.items()}
            rows, runs = evaluate(self._study, chosen, self._executor)
            self._known.update(zip(new, rows, strict=True))
            self.progress.runs += runs
        batch = []
        for place, number in enumerate(numbers):
            trial = first + place
            labels = {
                "trial": trial,
                "pin": self._pins[trial].id if trial < len(self._pins) else None,
                "repeated": new.get(number) != place,
            }
            batch.append([labels | row for row in self._known[number]])
        return batch

    def _finish(self, first: int, batch: list[list[Row]]) -> None:
        """Tell a batch where it was not told, and count it."""
        last = first + len(batch)
        stored = self._database.get_trials(deepcopy=False)[first:last]
        in_memory = self._memory.get_trials(deepcopy=False)[first:last]
        for trial, copy, rows in zip(stored, in_memory, batch, strict=True):
            result = outcome(self._study, rows)
            for study, each in ((self._database, trial), (self._memory, copy)):
                if not each.state.is_finished():
                    _tell(study, each, result)
            self._known.setdefault(rows[0]["design"], [_bare(row) for row in rows])
            self.progress.count(result, repeated=rows[0]["repeated"])

    def _state(self, first: int) -> dict[str, Any]:
        """Return what samplers keep in the study in memory, once a batch has been drawn."""
        storage, study_id = self._memory._storage, self._memory._study_id
        return {
            "study": storage.get_study_system_attrs(study_id),
            "trials": [
                trial.system_attrs for trial in self._memory.get_trials(deepcopy=False)[first:]
            ],
        }

    def _restore(self, attrs: dict[str, Any]) -> None:
        for key, value in attrs.items():
            self._memory._storage.set_study_system_attr(self._memory._study_id, key, value)


def _tell(study: optuna.Study, trial: FrozenTrial, result: Outcome) -> None:
    handle = optuna.trial.Trial(study, trial._trial_id)
    if result.failure:
        handle.set_user_attr(FAILURE, result.failure)
        study.tell(trial.number, state=TrialState.FAIL)
        return
    if result.violations:
        for name, magnitude in result.violations.items():
            if name not in trial.constraints:
                handle.set_constraint(name, magnitude)
    study.tell(trial.number, _values(result, len(study.directions)))


def _values(result: Outcome, count: int) -> list[float] | None:
    """Return what Optuna is told: log10 of the objectives, infinity where infeasible."""
    if result.failure:
        return None
    if result.objectives is None:
        return [float("inf")] * count
    return [float(value) for value in np.log10(result.objectives)]


def _by_trial(rows: list[dict[str, Any]]) -> list[list[Row]]:
    batch: dict[int, list[Row]] = {}
    for row in rows:
        batch.setdefault(row["trial"], []).append(row)
    return list(batch.values())


def _bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("trial", "pin", "repeated")}
