"""How much each parameter of a study matters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from dse.search.samplers import distributions, params_of
from studies.objectives import UNITS, signs
from studies.specification import Specification

ENOUGH_TRIALS = 50
"""Feasible trials that PED-ANOVA needs, so that five are in the tenth that it looks at."""

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Told(InMemoryStorage):
    """A storage that has trials already: Optuna's own would copy and check each, for seconds."""

    def __init__(self, trials: list[FrozenTrial]) -> None:
        super().__init__()
        self._told = trials

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials, which are complete; see `optuna.storages.BaseStorage`."""
        del study_id, deepcopy
        return self._told if states is None or TrialState.COMPLETE in states else []


def importances(study: Specification, table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return how much each parameter matters for reaching the best tenth of each objective.

    Source: Watanabe, Bansal and Hutter, "PED-ANOVA", IJCAI 2023. Empty where fewer than
    `ENOUGH_TRIALS` trials are feasible; else shares that add up to 1, the largest first.

    Args:
        study: the study.
        table: its trials, with their `design`, whether they are `feasible`, and the objectives.

    """
    objectives = [UNITS[name] for name in study.objectives]
    feasible = table[table["feasible"]]
    if len(feasible) < ENOUGH_TRIALS:
        return {}
    storage = _Told(_trials(study, feasible["design"].to_numpy(), feasible[objectives].to_numpy()))
    memory = optuna.create_study(storage=storage, directions=["minimize"] * len(objectives))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: optuna.importance.get_param_importances(
                memory, evaluator=PedAnovaImportanceEvaluator(), target=_cost(place, way)
            )
            for place, (name, way) in enumerate(
                zip(objectives, signs(study.objectives).tolist(), strict=True)
            )
        }


def _trials(study: Specification, designs: Any, objectives: Any) -> list[FrozenTrial]:
    space: dict[str, BaseDistribution] = distributions(study.space)
    numbers, places = np.unique(designs, return_inverse=True)
    params = params_of(study.space, study.space.numbered(numbers))
    return [
        FrozenTrial(
            number,
            TrialState.COMPLETE,
            None,
            datetime_start=None,
            datetime_complete=None,
            params=params[place],
            distributions=space,
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=number,
            values=values,
        )
        for number, (place, values) in enumerate(
            zip(places.tolist(), objectives.tolist(), strict=True)
        )
    ]


def _cost(place: int, way: float) -> Callable[[FrozenTrial], float]:
    """Return what reads an objective of a trial so that less of it is better."""
    return lambda trial: way * float(trial.values[place])  # noqa: PD011
