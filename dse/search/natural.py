"""Trials as people read them in the database: natural values, objectives in units, magnitudes.

Samplers draw from other trials, in memory (`dse.search.memory`): positions, logarithms, violations
as shares. Both are made of the same rows of the parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from dse.results.trials import Trials
from dse.search.database import CONSTRAINT
from dse.search.samplers import distributions
from evaluators.errors import InputError, shown
from search_spaces.parameter import Parameter
from search_spaces.space import SearchSpace


class Natural:
    """What the database has of a study's trials.

    Args:
        space: of the study. A size is an integer, or a real number, between its least and its most,
            on a logarithmic scale where it can be; only those of its domain are ever tried. A
            choice is its label.

    """

    def __init__(self, space: SearchSpace) -> None:
        sampled = distributions(space)
        own = [each for each in space.parameters if each.name in sampled]
        self._values = {each.name: [each.natural(value) for value in each.values] for each in own}
        self._parameters = {each.name: each for each in own}
        self._distributions = {each.name: _distribution(each) for each in own}

    def trial(self, drawn: FrozenTrial) -> FrozenTrial:
        """Return a trial that was drawn as it is shown, running."""
        return self._shown(drawn, drawn.values, drawn.system_attrs)

    def finished(self, told: Sequence[FrozenTrial], batch: Trials) -> list[FrozenTrial]:
        """Return trials of a batch, as samplers are told of them, as they are shown."""
        feasible, objectives = batch.feasible.tolist(), batch.objectives.tolist()
        return [
            self._shown(
                trial,
                trial.values and (objectives[place] if feasible[place] else trial.values),
                {f"{CONSTRAINT}{name}": each for name, each in batch.violations[place].items()},
            )
            for place, trial in enumerate(told)
        ]

    def positions(self, number: int, given: Any) -> dict[str, int]:
        """Return what another program gave of a trial that it enqueued, as samplers take it.

        Raises:
            InputError: if it is not in the space.

        """
        found: dict[str, int] = {}
        items: Mapping[str, Any] = given if isinstance(given, dict) else {}
        for name, value in items.items():
            values = self._values.get(name, [])
            if isinstance(value, bool) or value not in values:
                right = ", ".join(
                    f"{each} {parameter.described()}"
                    for each, parameter in self._parameters.items()
                )
                raise InputError(
                    f"trial {number} was enqueued by another program with {shown(name)} "
                    f"{shown(value)}, which is not in the space; it has {right}; "
                    "move the database away and resume with --rebuild"
                )
            found[name] = values.index(value)
        return found

    def _shown(
        self, trial: FrozenTrial, values: Sequence[float] | None, system_attrs: Mapping[str, Any]
    ) -> FrozenTrial:
        return FrozenTrial(
            number=trial.number,
            state=trial.state,
            value=None,
            values=values,
            datetime_start=trial.datetime_start,
            datetime_complete=trial.datetime_complete,
            params={name: self._values[name][at] for name, at in trial.params.items()},
            distributions=self._distributions,
            user_attrs=trial.user_attrs,
            system_attrs=dict(system_attrs),
            intermediate_values={},
            trial_id=-1,
        )


def _distribution(parameter: Parameter) -> BaseDistribution:
    values = parameter.values
    if not parameter.ordered:
        return CategoricalDistribution([parameter.natural(each) for each in values])
    low, high = values[0], values[-1]
    if parameter.declared.real:
        return FloatDistribution(low, high, log=low > 0)
    return IntDistribution(int(low), int(high), log=low > 0)
