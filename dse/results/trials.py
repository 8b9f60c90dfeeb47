"""What the trials of a study came to, column by column, from the rows of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.results import choices_in, declared_in
from evaluators.protocol import METRICS
from studies.objectives import broken_bound, objective_values, relative_excess
from studies.scenes import scenes_of
from studies.specification import Specification

HALVES = ("attention", "linear layers")
"""What the rows of a workload are of, end to end."""


def columns(study: Specification) -> list[str]:
    """Return the columns of a study's parts that `Trials.of` reads."""
    own = ("trial", "pin", "design", "repeated", "violations", "failed", "reason")
    return [*own, *METRICS, *_sizes(study)]


def _sizes(study: Specification) -> list[str]:
    """Return the parameters that are numbers."""
    declared = declared_in(study.row_configurations)
    return [name for name, each in declared.items() if not each.labels]


def choices_of(study: Specification) -> list[str]:
    """Name what a study's fronts tell of the bindings found: of one workload, see `choices_in`."""
    return list(choices_in(study.row_configurations).names) if len(study.rows) == 1 else []


def row_labels(study: Specification) -> dict[str, list[str]]:
    """Return what tells the rows of a design apart beside their workloads, by column."""
    places = [study.workloads.index(workload) for workload, _ in study.rows]
    scenes = {"scene": [study.scenes[place] for place in places]} if study.scenes else {}
    parts = {"layers": [HALVES[half] for _, half in study.rows]} if study.linear_layers else {}
    return scenes | parts


def objectives_of(study: Specification, table: pa.Table) -> NDArray[np.float64]:
    """Return the objectives of n designs, shape (n, objectives), from their rows."""
    count = len(study.rows)
    metrics = [
        {name: table[name].to_numpy()[place::count] for name in METRICS} for place in range(count)
    ]
    scenes = scenes_of(study.workloads, metrics, whole_model=study.whole_model)
    return objective_values(study.objectives, scenes, study.weights)


@dataclass(frozen=True)
class Trials:
    """n trials in order; arrays and lists of length n.

    Attributes:
        numbers: of the trials.
        designs: their designs' numbers in the space.
        repeated: whether a design was evaluated before.
        pins: their ids as pinned trials, None for others.
        objectives: shape (n, objectives), in the study's order; NaN where infeasible or failed.
        violations: constraint -> magnitude above 0 in its unit, the worst over the workloads.
        excess: constraint -> that without a unit, see `studies.objectives.relative_excess`.
        failures: what stopped an evaluation, '' for nothing.

    """

    numbers: NDArray[np.int64]
    designs: NDArray[np.int64]
    repeated: NDArray[np.bool_]
    pins: list[str | None]
    objectives: NDArray[np.float64]
    violations: list[dict[str, float]]
    excess: list[dict[str, float]]
    failures: list[str]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Tell which trials have objectives."""
        known: NDArray[np.bool_] = ~np.isnan(self.objectives[:, 0])
        return known

    @classmethod
    def of(cls, study: Specification, table: pa.Table) -> Self:
        """Compute what trials came to from their rows, see `dse.results.parts.part_schema`.

        The rows of a trial follow each other, see `Specification.rows`.
        """
        count = len(study.rows)
        objectives = objectives_of(study, table)
        violations, excess = _violations(study, table, len(objectives))
        failures = _failures(table, count)
        barren = [bool(v or f) for v, f in zip(violations, failures, strict=True)]
        objectives[np.array(barren, dtype=bool)] = np.nan
        return cls(
            table["trial"].to_numpy()[::count],
            table["design"].to_numpy()[::count],
            table["repeated"].to_numpy()[::count],
            table["pin"].to_pylist()[::count],
            objectives,
            violations,
            excess,
            failures,
        )


def _failures(table: pa.Table, count: int) -> list[str]:
    """Return the first failure of each trial, '' for none."""
    failed = table["failed"].to_pylist()
    found = [""] * (len(failed) // count)
    for row in np.flatnonzero(failed)[::-1].tolist():
        found[row // count] = table["reason"][row].as_py()
    return found


def _violations(
    study: Specification, table: pa.Table, n: int
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return the worst of each violation of n trials, with its unit and without."""
    violations: list[dict[str, float]] = [{} for _ in range(n)]
    excess: list[dict[str, float]] = [{} for _ in range(n)]
    count = len(study.rows)
    capacities = {name: table[name].to_numpy() for name in _sizes(study)}
    for row, items in enumerate(table["violations"].to_pylist()):
        if not items:
            continue
        design: Mapping[str, float] = {
            name: each[row] for name, each in capacities.items() if not np.isnan(each[row])
        }
        natural, relative = violations[row // count], excess[row // count]
        for name, magnitude in items:
            _, bound = broken_bound(name, study.bounds, study.floors) or ("", None)
            share = relative_excess(name, magnitude, bound, design)
            natural[name] = max(magnitude, natural.get(name, 0.0))
            relative[name] = max(share, relative.get(name, 0.0))
    return violations, excess
