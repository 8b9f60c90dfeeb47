"""Results as tables: one schema, of which every table of results is a selection in its order.

A row is a design on a workload: what it is labelled with, its parameters as its accelerator and
machine declare them, its metrics, whether it is feasible and why not, and its breakdown by Einsum.
What is written can be read back as designs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evaluators.accounting import Accounting
from evaluators.describe.catalogue import described
from evaluators.describe.parameters import Parameter
from evaluators.design import Designs
from evaluators.files import write_atomically
from evaluators.protocol import (
    BINDING,
    BINDING_GAP,
    ENERGIES,
    METRICS,
    Evaluations,
    Evaluator,
    Runs,
)
from evaluators.workloads import reading
from evaluators.workloads.workload import Workload
from studies.defaults import leave_open
from studies.paper import Point

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = "3"

LABELS = pa.schema(
    [
        ("study", pa.string()),
        ("configuration", pa.string()),
        ("model", pa.string()),
        ("shape", pa.string()),
        ("seq_len", pa.int64()),
        ("queries", pa.int64()),
        ("mask", pa.string()),
        ("window", pa.int64()),
        ("fit", pa.string()),
        ("accounting", pa.string()),
        ("sram", pa.string()),
        ("evaluator", pa.string()),
    ]
)
"""What a row is labelled with: shape as B,D,E,F,H,S; the keys of a sequence, `seq_len`, and its
queries, in tokens; mask 'none' or 'causal'; window in keys, 0 without; fit 'strict' or 'pad'."""

EINSUM = pa.struct(
    [
        ("einsum", pa.string()),
        ("array", pa.string()),
        ("busy_s", pa.float64()),
        ("active_fraction", pa.float64()),
        ("traffic_bytes", pa.float64()),
        ("energy_pj", pa.float64()),
    ]
)
"""An Einsum's part in a row, see `evaluators.protocol.EinsumEvaluation`."""


_FOUND = (pa.field(BINDING_GAP, pa.float64()), pa.field(BINDING, pa.string()))
"""What rows of accelerators that leave their binding open tell of the one found."""


def declared_in(configurations: Iterable[str]) -> dict[str, Parameter]:
    """Return the parameters that one of the configurations has, in the order of their columns.

    `InputError` names an unknown configuration.
    """
    declared: dict[str, Parameter] = {}
    for name in configurations:
        own = described(name).all_parameters
        declared |= {each: own[each] for each in own if each not in declared}
    return declared


def schema_of(configurations: Sequence[str]) -> pa.Schema:
    """Return the columns of results of some configurations, all of them.

    A parameter is null where a row's configuration lacks it; arrays that are none of the paper's
    two have their busy time and utilization under their own names. A design that is not feasible
    has a `reason`: what it violates, or where it `failed`, what stopped its evaluation for no fault
    of its own. `next_larger_bytes` is what a buffer is priced as where that is not its size, else
    0. `violations` has the magnitudes by constraint, in their units.
    """
    return pa.schema(
        [
            *LABELS,
            *(pa.field(name, _type(each)) for name, each in declared_in(configurations).items()),
            *(
                pa.field(name, pa.float64())
                for name in (*METRICS, *ENERGIES, *_arrays(configurations))
            ),
            *(_FOUND if leave_open(configurations) else ()),
            pa.field("next_larger_bytes", pa.int64()),
            pa.field("feasible", pa.bool_()),
            pa.field("failed", pa.bool_()),
            pa.field("reason", pa.string()),
            pa.field("violations", pa.map_(pa.string(), pa.float64())),
            pa.field("breakdown", pa.list_(EINSUM)),
        ],
        metadata={"schema_version": SCHEMA_VERSION},
    )


def selected(schema: pa.Schema, without: Sequence[str]) -> pa.Schema:
    """Return a schema without some of its columns."""
    return pa.schema([each for each in schema if each.name not in without], schema.metadata)


def _type(parameter: Parameter) -> pa.DataType:
    if parameter.labels:
        return pa.string()
    return pa.float64() if parameter.real else pa.int64()


def choices_in(configurations: Iterable[str]) -> pa.Schema:
    """Return the columns that tell the bindings found for configurations that leave theirs open.

    Those are the choices, as in the results, the gap to the best binding, and the sentence.
    """
    opened = [name for name in configurations if leave_open([name])]
    choices = {
        name: each for own in opened for name, each in described(own).open_parameters.items()
    }
    found = _FOUND if opened else ()
    return pa.schema([*(pa.field(name, _type(each)) for name, each in choices.items()), *found])


def _arrays(configurations: Sequence[str]) -> dict[str, None]:
    """Return the columns of the arrays that are none of the paper's two."""
    machines = [described(name).machine for name in configurations]
    return {
        column: None
        for machine in machines
        for array in machine.arrays
        if array not in machine.paper_names.values()
        for column in _array_columns(array)
    }


def _array_columns(array: str) -> tuple[str, str]:
    return f"busy_s[{array}]", f"util[{array}]"


def labels_of(
    study: str, configuration: str, workload: Workload, accounting: Accounting, evaluator: str
) -> dict[str, Any]:
    """Return the values of `LABELS`."""
    return {
        "study": study,
        "configuration": configuration,
        **reading.labels_of(workload),
        "accounting": accounting.name,
        "sram": accounting.sram,
        "evaluator": evaluator,
    }


def parameter_columns(configuration: str, designs: Designs) -> dict[str, np.ndarray]:
    """Return the parameters of designs as tables have them: labels as text."""
    declared = described(configuration).all_parameters
    return {
        name: np.array(labels, dtype=object)[np.clip(column, 0, len(labels) - 1)]
        if (labels := declared[name].labels)
        else column
        for name, column in designs.columns.items()
    }


def metric_columns(configuration: str, evaluations: Evaluations) -> dict[str, np.ndarray]:
    """Return the metrics of evaluations, the bindings found, and arrays not the paper's two."""
    columns: dict[str, np.ndarray] = dict(evaluations.metrics)
    if leave_open([configuration]):
        columns[BINDING] = np.array(evaluations.bindings, dtype=object)
    for array in evaluations.busy_s.keys() - described(configuration).machine.paper_names.values():
        busy, util = _array_columns(array)
        columns |= {busy: evaluations.busy_s[array], util: evaluations.util[array]}
    return columns


def breakdown_of(evaluations: Evaluations) -> list[list[dict[str, Any]]]:
    """Return of every design its Einsums in the cascade's order; none where it has no metrics.

    Designs of one batch may run different cascades: an Einsum that one lacks is NaN there.
    """
    names = [field.name for field in EINSUM][2:]
    parts = [
        [
            {"einsum": einsum, "array": part.array, **dict(zip(names, values, strict=True))}
            for values in zip(*(getattr(part, name).tolist() for name in names), strict=True)
        ]
        for einsum, part in evaluations.einsums.items()
    ]
    return [
        [part for part in einsums if not isnan(part["busy_s"])]
        for einsums in zip(*parts, strict=True)
    ] or [[]] * len(evaluations.designs)


@dataclass(frozen=True)
class Results:
    """Evaluated points.

    Attributes:
        table: a row a design, with the columns of `schema_of`.
        runs: results of programs that they took.

    """

    table: pa.Table
    runs: Runs

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """The rows, without their breakdown."""
        frame: pd.DataFrame = self.table.drop_columns(["breakdown", "violations"]).to_pandas()
        return frame

    @cached_property
    def breakdown(self) -> pd.DataFrame:
        """A row an Einsum of a design: study, configuration, model, seq_len, array_rows, `EINSUM`.

        The rows of figure 12 are told apart by their array_rows.
        """
        names = ["study", "configuration", "model", "seq_len", "array_rows"]
        parts = self.table["breakdown"].combine_chunks()
        owners = self.table.select(names).take(parts.value_parent_indices())
        einsums = pa.Table.from_struct_array(parts.flatten())
        frame: pd.DataFrame = pa.table(
            dict(
                zip(
                    [*names, *einsums.column_names],
                    [*owners.columns, *einsums.columns],
                    strict=True,
                )
            )
        ).to_pandas()
        return frame


def evaluate_points(
    points: Iterable[Point], accounting: Accounting, evaluator: Evaluator
) -> Results:
    """Evaluate points of the paper, one row a design, in their order."""
    points = list(points)
    schema = schema_of(list(dict.fromkeys(point.configuration for point in points)))
    values: dict[str, list[Any]] = {name: [] for name in schema.names}
    runs = Runs()
    for point in points:
        name = point.configuration
        evaluations = evaluator.evaluate(
            name, point.workload, point.designs, accounting, breakdown=True
        ).whole()
        runs += evaluations.runs
        rows = len(evaluations.designs)
        columns: dict[str, Any] = {
            **labels_of(point.study, name, point.workload, accounting, evaluator.name),
            **parameter_columns(name, evaluations.designs),
            **metric_columns(name, evaluations),
            "next_larger_bytes": 0,
            "feasible": True,
            "failed": False,
            "reason": "",
            "violations": [[]] * rows,
            "breakdown": breakdown_of(evaluations),
        }
        for name, column in values.items():
            column.extend(_column(columns.get(name), rows))
    return Results(pa.table(values, schema), runs)


def _column(value: Any, rows: int) -> list[Any]:
    """Return a column as a list; a lone value repeats over its rows, what is not there is null."""
    if isinstance(value, np.ndarray):
        return list(value.tolist())
    return value if isinstance(value, list) else [value] * rows


PART = "part-0.parquet"
"""The file of a dataset of one part."""


def write(table: pa.Table, dataset: Path) -> None:
    """Write a table as the one part of a Parquet dataset, atomically."""
    content = BytesIO()
    pq.write_table(table, content)
    write_atomically(dataset / PART, content.getvalue())
