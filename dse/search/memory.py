"""A study in memory, from which samplers draw: a batch is a function of the trials before it.

Trials here are as samplers take them: positions of sizes in their domains, log10 of objectives,
violations as shares. `dse.search.natural` makes of them what the database shows.

A fresh sampler, seeded from the study's seed and the batch's first trial, draws each batch, so that
the same is drawn again by whatever process takes the study up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from dse.execution import interruption
from dse.results.trials import Trials
from dse.search.database import BATCH, CONSTRAINT, FAILURE, PIN, directions, tell
from dse.search.samplers import GRID, distributions, params_of, sampler
from studies.objectives import signs
from studies.pins import pins
from studies.specification import Specification

ENQUEUED = "enqueued/"
"""How the id of a trial starts that another program enqueued."""


@dataclass(frozen=True)
class Drawn:
    """A batch that was drawn.

    Attributes:
        first: its first trial.
        trials: running, with their parameters and user attributes.
        state: what the sampler left, for the batches that follow.

    """

    first: int
    trials: list[FrozenTrial]
    state: dict[str, Any]

    @property
    def params(self) -> list[dict[str, int]]:
        """The parameters of each trial."""
        return [trial.params for trial in self.trials]

    @property
    def pins(self) -> list[str | None]:
        """The id of each trial as a pinned one, None for others."""
        return [trial.user_attrs.get(PIN) for trial in self.trials]


class Memory:
    """The finished trials of one study, and what draws the next."""

    def __init__(self, study: Specification) -> None:
        self._study = study
        self._distributions = distributions(study.space)
        self.pins, _ = pins(study)
        self._waiting: list[tuple[Sequence[FrozenTrial], Mapping[str, Any]]] = []
        self._optuna = optuna.create_study(directions=directions(study.objectives))

    def finished(
        self, first: int, batch: Trials, params: Mapping[str, Sequence[int]]
    ) -> list[FrozenTrial]:
        """Return the trials of a batch as samplers are told of them."""
        values = np.log10(batch.objectives).tolist()
        feasible = batch.feasible.tolist()
        worst = (signs(self._study.objectives) * np.inf).tolist()
        told = []
        for place, number in enumerate(batch.numbers.tolist()):
            failure, pin = batch.failures[place], batch.pins[place]
            marks = {BATCH: first} | ({PIN: pin} if pin else {})
            told.append(
                self._trial(
                    number,
                    TrialState.FAIL if failure else TrialState.COMPLETE,
                    {name: column[place] for name, column in params.items()},
                    marks | ({FAILURE: failure} if failure else {}),
                    {f"{CONSTRAINT}{name}": each for name, each in batch.excess[place].items()},
                    None if failure else values[place] if feasible[place] else worst,
                )
            )
        return told

    def recall(self, trials: Sequence[FrozenTrial], state: Mapping[str, Any]) -> None:
        """Take finished trials and what their sampler left, as a part has it."""
        self._waiting.append((trials, state))

    def draw(
        self, first: int, size: int, enqueued: Mapping[int, dict[str, int]] | None = None
    ) -> Drawn:
        """Draw a batch.

        Args:
            first: its first trial.
            size: its trials.
            enqueued: what another program gave of those trials of the batch that it enqueued.

        """
        given = enqueued or {}
        self._load()
        study = self._study
        if study.sampler != GRID:
            self._optuna.sampler = sampler(study.sampler, study.seed, first)
        drawn = []
        for number in range(first, first + size):
            interruption.stop_if_asked()
            marks: dict[str, Any] = {BATCH: first}
            if number < len(self.pins):
                pin = self.pins[number]
                marks[PIN] = pin.id
                params = self._given(params_of(study.space, pin.columns)[0])
            elif number in given:
                marks[PIN] = f"{ENQUEUED}{number}"
                self._optuna.enqueue_trial(given[number])
                params = self._optuna.ask(self._distributions).params
            elif study.sampler == GRID:
                row = number - len(self.pins)
                params = self._given(params_of(study.space, study.space.rows(row, row + 1))[0])
            else:
                params = self._optuna.ask(self._distributions).params
            drawn.append(self._trial(number, TrialState.RUNNING, params, marks, {}, None))
        return Drawn(first, drawn, self._state(first, drawn))

    def finish(self, trials: Sequence[FrozenTrial]) -> None:
        """Tell the trials of the batch that was drawn last."""
        mine = self._optuna.get_trials(deepcopy=False)[-len(trials) :]
        for own, trial in zip(mine, trials, strict=True):
            tell(self._optuna._storage, own._trial_id, trial)

    def _load(self) -> None:
        """Hand the trials that were taken to Optuna, which copies each: only to draw from them."""
        storage, study = self._optuna._storage, self._optuna._study_id
        for trials, state in self._waiting:
            for trial, attrs in zip(trials, state["trials"], strict=True):
                trial.system_attrs = trial.system_attrs | attrs
                storage.create_new_trial(study, template_trial=trial)
            for key, value in state["study"].items():
                storage.set_study_system_attr(study, key, value)
        self._waiting.clear()

    def _given(self, params: dict[str, int]) -> dict[str, int]:
        trial = self._trial(0, TrialState.RUNNING, params, {}, {}, None)
        self._optuna._storage.create_new_trial(self._optuna._study_id, template_trial=trial)
        return params

    def _state(self, first: int, drawn: Sequence[FrozenTrial]) -> dict[str, Any]:
        """Return the parameters of a batch, and what samplers keep in the study in memory."""
        storage, study = self._optuna._storage, self._optuna._study_id
        return {
            "params": {
                name: [trial.params[name] for trial in drawn] for name in self._distributions
            },
            "study": storage.get_study_system_attrs(study),
            "trials": [
                trial.system_attrs for trial in self._optuna.get_trials(deepcopy=False)[first:]
            ],
        }

    def _trial(
        self,
        number: int,
        state: TrialState,
        params: dict[str, int],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
        values: list[float] | None,
    ) -> FrozenTrial:
        now = datetime.now()
        return FrozenTrial(
            number=number,
            state=state,
            value=None,
            values=values,
            datetime_start=now,
            datetime_complete=now if state.is_finished() else None,
            params=params,
            distributions=self._distributions,
            user_attrs=user_attrs,
            system_attrs=system_attrs,
            intermediate_values={},
            trial_id=-1,
        )
