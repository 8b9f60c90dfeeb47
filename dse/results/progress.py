"""How far a study has come: the counts that the bar, the summary, `show` and `list` tell alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analysis.fronts import non_dominated
from dse.results.trials import Trials
from evaluators.protocol import Runs
from studies.objectives import signs


@dataclass
class Progress:
    """Where a study stands.

    Attributes:
        finished, feasible, repeated: counts of trials.
        failures: trial -> what stopped its evaluation.
        front: the objectives of the designs on the front, shape (designs, objectives); a design
            that came again counts once.
        front_trials: the trials of those designs, ascending.
        runs: results of programs that the trials took since the study was taken up.

    """

    finished: int = 0
    feasible: int = 0
    repeated: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    front: NDArray[np.float64] | None = None
    front_trials: NDArray[np.int64] = field(default_factory=lambda: np.array([], dtype=np.int64))
    runs: Runs = field(default_factory=Runs)

    def count(self, batch: Trials, objectives: Sequence[str]) -> None:
        """Count the trials that follow, of a study of these objectives."""
        self.finished += len(batch)
        self.feasible += int(batch.feasible.sum())
        self.repeated += int(batch.repeated.sum())
        failed = zip(batch.numbers.tolist(), batch.failures, strict=True)
        self.failures |= {trial: failure for trial, failure in failed if failure}
        first = batch.feasible & ~batch.repeated
        new, trials = batch.objectives[first], np.append(self.front_trials, batch.numbers[first])
        if self.front is not None:
            new = np.concatenate([self.front, new])
        kept = non_dominated(signs(objectives) * new)
        self.front, self.front_trials = new[kept], trials[kept]

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {
            "trials": self.finished,
            "feasible": self.feasible,
            "repeated": self.repeated,
            "failed": len(self.failures),
            "front": 0 if self.front is None else len(self.front),
        }
