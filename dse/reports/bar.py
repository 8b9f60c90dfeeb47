"""The progress bar of a study."""

from __future__ import annotations

import sys

import numpy as np
from tqdm import tqdm

from analysis.fronts import hypervolume
from dse.results.progress import Progress
from studies.reference import reference
from studies.specification import Specification


class Bar:
    """Trials, rate, time left, feasible share, designs on the front, hypervolume.

    The hypervolume is that of log10 of the objectives, up to the study's reference, see
    `studies.reference`; it is left out where there is none.
    """

    def __init__(self, study: Specification, *, quiet: bool) -> None:
        self._bar = tqdm(
            desc=study.name, total=study.trials, unit="trial", disable=quiet, file=sys.stderr
        )
        self._reference = None if quiet else reference(study)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show where the study stands."""
        if self._bar.disable:
            return
        self._bar.update(progress.finished - self._bar.n)
        if not progress.feasible or progress.front is None:
            return
        told = [
            f"feasible {progress.feasible / progress.finished:.0%}",
            f"front {len(progress.front)}",
        ]
        if self._reference is not None:
            volume = hypervolume(np.log10(progress.front), np.log10(self._reference))
            told.append(f"hypervolume {volume:.4g}")
        self._bar.set_postfix_str(", ".join(told))
