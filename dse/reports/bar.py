"""Progress on standard error: of a study a bar on a terminal, elsewhere one line at the end.

Of the mapper on a terminal alone how long it has searched, which goes when it is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from tqdm import tqdm

from analysis.fronts import hypervolume
from dse.results.progress import Progress
from evaluators.mapper.watching import watched
from studies.objectives import signs
from studies.reference import reference
from studies.specification import Specification


class Bar:
    """Trials, rate, time left, feasible share, designs on the front, hypervolume.

    The hypervolume is that of log10 of the objectives, up to the study's reference, see
    `studies.reference`; it is left out where there is none.
    """

    def __init__(self, study: Specification, *, quiet: bool) -> None:
        self._study = study
        self._terminal = sys.stderr.isatty()
        self._quiet = quiet
        self._bar = tqdm(
            desc=study.name,
            total=study.trials,
            unit="trial",
            disable=quiet or not self._terminal,
            file=sys.stderr,
        )
        self._reference = None if quiet else reference(study)
        self._began = time.monotonic()
        self._last: Progress | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        if not self._quiet and not self._terminal and self._last is not None:
            told = [
                f"{self._last.finished}/{self._study.trials or '-'} trials "
                f"after {time.monotonic() - self._began:.1f} s",
                *self._told(self._last),
            ]
            print(f"{self._study.name}: {', '.join(told)}", file=sys.stderr)

    def show(self, progress: Progress) -> None:
        """Show where the study stands."""
        self._last = progress
        if not self._bar.disable:
            self._bar.update(progress.finished - self._bar.n)
            self._bar.set_postfix_str(", ".join(self._told(progress)))

    def _told(self, progress: Progress) -> list[str]:
        if not progress.feasible or progress.front is None:
            return []
        told = [
            f"feasible {progress.feasible / progress.finished:.0%}",
            f"front {len(progress.front)}",
        ]
        if self._reference is not None:
            ways = signs(self._study.objectives)
            volume = hypervolume(ways * np.log10(progress.front), ways * np.log10(self._reference))
            told.append(f"hypervolume {volume:.4g}")
        return told


@contextmanager
def searching(command: str) -> Iterator[None]:
    """Show on a terminal how long the mapper has searched for a command, and in how many steps."""
    with (
        tqdm(desc=f"dse {command}", unit=" steps", leave=False, disable=None, delay=1) as bar,
        watched(bar.update),
    ):
        yield
