"""Results as tables: their columns, declared once, are the Parquet schema.

One row of `evaluations` is a design on a workload; one row of `breakdown` is an Einsum of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evaluators.accounting import Accounting
from evaluators.files import write_atomically
from evaluators.protocol import METRICS, Evaluations, Evaluator, Runs
from studies.paper import Point

SCHEMA_VERSION = "1"

EVALUATIONS = pa.schema(
    [
        ("study", pa.string()),
        ("configuration", pa.string()),
        ("model", pa.string()),
        ("seq_len", pa.int64()),
        ("accounting", pa.string()),
        ("evaluator", pa.string()),
        ("array_rows", pa.int64()),
        ("array_cols", pa.int64()),
        ("vector_lanes", pa.int64()),
        ("buffer_bytes", pa.int64()),
        *((name, pa.float64()) for name in METRICS),
    ],
    metadata={"schema_version": SCHEMA_VERSION},
)
"""Columns of `evaluations`; seq_len in tokens."""

BREAKDOWN = pa.schema(
    [
        ("study", pa.string()),
        ("configuration", pa.string()),
        ("model", pa.string()),
        ("seq_len", pa.int64()),
        ("einsum", pa.string()),
        ("array", pa.string()),
        ("busy_s", pa.float64()),
        ("active_fraction", pa.float64()),
        ("traffic_bytes", pa.float64()),
        ("energy_pj", pa.float64()),
        ("array_rows", pa.int64()),
    ],
    metadata={"schema_version": SCHEMA_VERSION},
)
"""Columns of `breakdown`; array_rows tells the designs of figure 12 apart."""


@dataclass(frozen=True)
class Results:
    """Evaluated points as two frames, with the columns of `EVALUATIONS` and `BREAKDOWN`.

    `runs` counts the results of programs that they took.
    """

    evaluations: pd.DataFrame
    breakdown: pd.DataFrame
    runs: Runs


def evaluate_points(
    points: Iterable[Point], accounting: Accounting, evaluator: Evaluator
) -> Results:
    """Evaluate points of the paper, one row a design, in their order."""
    rows: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    runs = Runs()
    for point in points:
        evaluations = evaluator.evaluate(
            point.configuration, point.workload, point.designs, accounting, breakdown=True
        ).whole()
        runs += evaluations.runs
        labels = {
            "study": point.study,
            "configuration": point.configuration,
            "model": point.workload.transformer.name,
            "seq_len": point.workload.seq_len,
        }
        provenance = {"accounting": accounting.name, "evaluator": evaluator.name}
        rows.append(labels | provenance | design_columns(evaluations) | dict(evaluations.metrics))
        parts.extend(
            labels | {"einsum": einsum, "array_rows": evaluations.designs.array_rows} | vars(part)
            for einsum, part in evaluations.einsums.items()
        )
    return Results(_frame(rows, EVALUATIONS), _frame(parts, BREAKDOWN), runs)


def design_columns(evaluations: Evaluations) -> dict[str, np.ndarray]:
    """Return the columns of `EVALUATIONS` that describe the design."""
    columns = evaluations.designs.columns()
    return {name: columns[name] for name in EVALUATIONS.names if name in columns}


def write(frame: pd.DataFrame, schema: pa.Schema, dataset: Path) -> None:
    """Write a frame as the one part of a Parquet dataset, atomically."""
    content = BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False), content)
    write_atomically(dataset / "part-0.parquet", content.getvalue())


def _frame(batches: list[dict[str, Any]], schema: pa.Schema) -> pd.DataFrame:
    """Join batches of columns; a value that is no array repeats over its batch."""
    lengths = [
        max(len(value) for value in batch.values() if isinstance(value, np.ndarray))
        for batch in batches
    ]
    return pd.DataFrame(
        {
            name: np.concatenate(
                [np.broadcast_to(batch[name], n) for batch, n in zip(batches, lengths, strict=True)]
            )
            for name in schema.names
        }
    )
