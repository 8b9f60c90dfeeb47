"""Studies: specified, run, continued, swept; their trials and fronts as DataFrames and figures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like

from dse.interface.driving import drive, specified
from dse.interface.sweeping import as_run, swept
from dse.interface.typed import typed
from dse.reports.front import report
from dse.reports.misses import misses
from dse.reports.searched import searched_in
from dse.results.study_tables import trials
from dse.results.sweep_parts import SweepParts
from dse.search import home
from dse.search.place import RUNS
from evaluators.errors import InputError, shown
from studies import toml
from studies.builtin import NAMES
from studies.specification import Specification

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Study:
    """A study in its folder; `dse.study` makes it.

    What was run is on disk, and read from there whenever it is asked for. Every property raises
    `Error` where the study was not run yet, or what it left is damaged.

    Attributes:
        specification: what is searched, on which workloads, for which objectives, how.
        out: the folder of studies.

    """

    specification: Specification
    out: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.specification.name

    @property
    def folder(self) -> Path:
        """Where it lies, with its database and evaluations."""
        return self.out / self.name

    @typed
    def run(
        self, *, progress: bool | Callable[[Mapping[str, int]], None] = True, **where: Any
    ) -> Self:
        """Run it to the end of its budget, or continue it, and return it.

        It may be interrupted, or killed, at any instant: run again, it continues where it was, and
        ends the same, bit for bit.

        Args:
            progress: True shows a bar on standard error (one line at the end where that is no
                terminal); a function is called after every batch with the counts of trials so far:
                trials, feasible, repeated, failed, front.
            where: executor ('serial', 'processes', 'ray'), workers, ray_address, storage (an Optuna
                URL), rebuild, accept_versions: the options of `dse study run`.

        Raises:
            Error: where it was run with another specification, or cannot be run there.

        """
        return self._driven(progress, where)

    @typed
    def resume(
        self,
        trials: int | None = None,
        *,
        progress: bool | Callable[[Mapping[str, int]], None] = True,
        **where: Any,
    ) -> Self:
        """Continue it as it was run, with a budget of so many trials in all; as before where None.

        The others are as for `run`. Returns the study with that budget.
        """
        study = home.stored(self.folder)
        if trials is not None:
            study = toml.changed(study, {"trials": trials}, self.name)
        return replace(self, specification=study)._driven(progress, where)

    def _driven(
        self, progress: bool | Callable[[Mapping[str, int]], None], where: Mapping[str, Any]
    ) -> Self:
        drive(self.specification, self.folder, progress=progress, warn=_warn, **where)
        return self

    @property
    def trials(self) -> pd.DataFrame:
        """Its evaluated trials, a row each.

        Columns: trial, pin (the paper's point that it is, or None), design (its number in the
        space), repeated, configuration, the parameters, what tells of a binding found (of one
        workload), feasible, violations (constraint -> by how
        much, in its unit), failed, failure, and the objectives with their units (NaN where
        infeasible).
        """
        return trials(home.stored(self.folder), self.folder)

    @property
    def front(self) -> pd.DataFrame:
        """The trials that no other feasible one dominates, by the first objective."""
        return searched_in(self.folder).front

    @property
    def misses(self) -> pd.DataFrame:
        """How many designs violate each constraint, and which does by least; the worst first.

        A row a constraint: constraint, violated_by and tried (designs), least (by how much at
        least, in its unit), trial (whose that is), nearest (that in words: of a bound of the
        study's own, the least that was reached).
        """
        study = home.stored(self.folder)
        return misses(study, trials(study, self.folder))

    @property
    def true_front(self) -> pd.DataFrame | None:
        """The true front of its space, where `dse.sweep` swept it, else None.

        Columns: design, the parameters that vary, the objectives with their units; where bindings
        were left open, and the study has one workload, all choices found, binding_gap and the
        sentence `binding`.
        """
        known = home.begun(self.folder)
        study = home.stored(self.folder) if known else self.specification
        return SweepParts(study, self.folder).front()

    def figure(self) -> Figure:
        """Draw the front, beside the paper's figure 12 if it has its points, with the true front.

        Returns a figure of matplotlib, to show or to save (`figure.savefig("front.pdf")`).

        Raises:
            Error: where it has one objective, or no trial is feasible.

        """
        from dse.reports.front_figures import figure  # noqa: PLC0415  # Matplotlib loads slowly

        searched = searched_in(self.folder)
        if searched.front.empty:
            raise InputError(f"no trial of {self.name} is feasible")
        return figure([searched], [report(searched)])


@typed
def study(
    what: str | PathLike[str] | None = None,
    /,
    *,
    out: str | PathLike[str] = RUNS,
    **changes: Any,
) -> Study:
    """Specify a study, or open one that was run; nothing runs yet.

    Args:
        what: a built-in one, as 'binding-bert'; the path of a TOML file; or the name of a study
            that was run in `out`; with `changes` a built-in one's name means that, as it ships.
            Without a name `changes` say everything.
        out: the folder of studies.
        changes: keys of a study's file (docs/reference/study-files.md) with other values than it
            has, as trials=300, seed=1, constraints={"area_um2": 5e8}.

    Returns:
        The study: `run` begins or continues it, and `trials`, `front` and `figure` tell of it.

    Raises:
        Error: says which value is wrong and what would be right.

    Examples:
        >>> import dse
        >>> mine = dse.study(
        ...     name="mine",
        ...     configuration="binding",
        ...     models=["BERT"],
        ...     seq_lens=["64K"],
        ...     space={"array_rows": [64, 128, 256]},
        ...     trials=24,
        ...     sampler="random",
        ... )
        >>> front = mine.run(progress=False).front
        >>> list(front[["area_um2", "latency_s"]].columns)
        ['area_um2', 'latency_s']
        >>> true_front = dse.sweep(mine)
        >>> bool(front["latency_s"].min() >= true_front["latency_s"].min())
        True

    """
    folder = Path(out)
    if what is None:
        found = toml.of_values(_plain(changes), "the study")
    elif home.begun(folder / what) and not (changes and str(what) in NAMES):
        found = home.stored(folder / what)
        found = toml.changed(found, _plain(changes), str(what)) if changes else found
    else:
        studies = specified(str(what), **_plain(changes))
        if len(studies) > 1:
            one = ", ".join(each.name for each in studies)
            raise InputError(f"{shown(what)} is a collection; give one of {one}")
        (found,) = studies
    return Study(found, folder)


@typed
def sweep(
    what: Study | str | PathLike[str],
    /,
    *,
    out: str | PathLike[str] = RUNS,
    progress: bool = False,
    **where: Any,
) -> pd.DataFrame:
    """Evaluate every design of a study's space, or what is missing of that.

    Args:
        what: a study, or what `dse.study` takes as its name, in the folder `out`.
        out: the folder of studies.
        progress: show a bar on standard error.
        where: executor, workers, ray_address, as for `Study.run`.

    Returns:
        The true front, see `Study.true_front`; empty where no design is feasible.

    Raises:
        Error: for a study that cannot be swept there, or not as the one of its name was run.

    Examples:
        >>> import dse
        >>> front = dse.sweep("binding-bert")
        >>> print(len(front), round(front["latency_s"].min(), 4))
        87 7.4025

    """
    given = what if isinstance(what, Study) else study(what, out=out)
    specification = as_run(given.specification, given.out)
    front, _ = swept(specification, given.folder, quiet=not progress, **where)
    return front


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=7)


def _plain(value: Any) -> Any:
    """Return values as TOML has them: lists for what is like one, Python's numbers, texts."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if is_list_like(value):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Path) else value
