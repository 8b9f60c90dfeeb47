"""A study that was run, as reports look at it: trials, front, true front."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dse.results.study_tables import front, trials
from dse.results.sweep_parts import SweepParts
from dse.search.home import stored
from studies.specification import Specification


@dataclass(frozen=True)
class Searched:
    """A study that was run.

    Attributes:
        study: its specification.
        trials: see `dse.results.study_tables.trials`.
        front: the rows of `trials` on its front, by the first objective.
        true_front: see `SweepParts.front`; None where the study was not swept.

    """

    study: Specification
    trials: pd.DataFrame
    front: pd.DataFrame
    true_front: pd.DataFrame | None

    @property
    def swept(self) -> bool:
        """Tell whether the true front is known."""
        return self.true_front is not None

    @property
    def reference(self) -> pd.DataFrame:
        """The best front that is known."""
        return self.front if self.true_front is None else self.true_front


def searched_in(folder: Path) -> Searched:
    """Read a study that was run in a folder; `InputError` where there is none, or it is damaged."""
    study = stored(folder)
    return searched(study, folder, trials(study, folder))


def searched(study: Specification, folder: Path, table: pd.DataFrame) -> Searched:
    """Return a study with its trials as it is looked at; `InputError` for a damaged sweep."""
    found = front(study, table)
    if len(found):
        found = table.set_index("trial").loc[found["trial"]].reset_index()
    return Searched(study, table, found, SweepParts(study, folder).front())
