"""A study that was run, as reports look at it: trials, front, true front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from dse.results.parts import Part, Parts
from dse.results.progress import Progress
from dse.results.study_tables import front, trials_of, wanted
from dse.results.sweep_parts import SweepParts
from dse.search.home import stored
from studies.specification import Specification


@dataclass(frozen=True)
class Searched:
    """A study that was run; of its evaluations is read what is asked for.

    Attributes:
        study: its specification.
        parts: its evaluations.
        true_front: see `SweepParts.front`; None where the study was not swept.
        rows: all of them with the columns of `dse.results.study_tables.wanted`, where they were
            read already.

    """

    study: Specification
    parts: Parts
    true_front: pd.DataFrame | None
    rows: pa.Table | None = None

    @cached_property
    def trials(self) -> pd.DataFrame:
        """All trials, see `dse.results.study_tables.trials`."""
        rows = self.parts.table(wanted(self.study)) if self.rows is None else self.rows
        return trials_of(self.study, rows)

    @cached_property
    def front(self) -> pd.DataFrame:
        """The rows of `trials` on its front, by the first objective."""
        last = self._last if self.rows is None else None
        table = self.trials if last is None or last.front is None else self._trials(last.front)
        found = front(self.study, table)
        return table.set_index("trial").loc[found["trial"]].reset_index() if len(found) else found

    @property
    def swept(self) -> bool:
        """Tell whether the true front is known."""
        return self.true_front is not None

    @property
    def reference(self) -> pd.DataFrame:
        """The best front that is known."""
        return self.front if self.true_front is None else self.true_front

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How far it came, see `dse.results.progress.Progress.counts`."""
        return Progress().counts() if self._last is None else self._last.so_far

    @cached_property
    def _last(self) -> Part | None:
        return self.parts.last()

    def trial(self, number: int) -> dict[str, Any] | None:
        """Return a row of `trials`, None for none."""
        if number >= self.counts["trials"]:
            return None
        (row,) = self._trials([number]).to_dict("records")
        return {str(name): value for name, value in row.items()}

    def _trials(self, numbers: Sequence[int]) -> pd.DataFrame:
        return trials_of(self.study, self.parts.of_trials(numbers, wanted(self.study)))


def searched_in(folder: Path) -> Searched:
    """Look at a study that was run in a folder; `InputError` where there is none.

    It is raised for what is damaged, too, a part of the study when it is read.
    """
    study = stored(folder)
    return Searched(study, Parts(study, folder), SweepParts(study, folder).front())
