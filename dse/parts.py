"""A study's evaluations on disk: one Parquet part a batch, written whole or not at all.

One row is a design on a workload. The breakdown by Einsum is a list of structs in the row.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.results import BREAKDOWN, EVALUATIONS
from evaluators.errors import InputError
from evaluators.files import write_atomically

SCHEMA_VERSION = "3"

_EINSUM = pa.struct([BREAKDOWN.field(name) for name in BREAKDOWN.names[4:10]])

PART = pa.schema(
    [
        ("trial", pa.int64()),
        ("pin", pa.string()),
        ("design", pa.int64()),
        ("repeated", pa.bool_()),
        *(EVALUATIONS.field(name) for name in EVALUATIONS.names if name != "study"),
        ("query_tiles", pa.int64()),
        ("pe_registers", pa.int64()),
        ("lane_registers", pa.int64()),
        ("binding", pa.map_(pa.string(), pa.int64())),
        ("feasible", pa.bool_()),
        ("violations", pa.map_(pa.string(), pa.float64())),
        ("failure", pa.string()),
        ("breakdown", pa.list_(_EINSUM)),
    ]
)
"""Columns of a part: `design` numbers the design in its space; a repeated one was evaluated before;
a design's automatic parameters are resolved; `feasible` tells of the row's workload, under the
study's own constraints too; `violations` has what is violated, by constraint, in its unit;
`failure` says what stopped the evaluation of a design that has no metrics for no fault of its own,
'' for nothing."""


@dataclass(frozen=True)
class Part:
    """One batch.

    Attributes:
        rows: its evaluations, by trial; within a trial one a workload.
        state: what its sampler left in the study, for the batches that follow.

    """

    rows: list[dict[str, Any]]
    state: dict[str, Any]


class Parts:
    """The parts of one study.

    Args:
        folder: where they lie.
        digest: of the study's specification; a part of another study is refused.

    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder
        self._metadata = {"schema_version": SCHEMA_VERSION, "study": digest}

    def path(self, first_trial: int) -> Path:
        """Return the part of the batch that starts at a trial."""
        return self._folder / f"part-{first_trial:08d}.parquet"

    def write(self, first_trial: int, part: Part) -> None:
        """Write the part of a batch, atomically."""
        content = BytesIO()
        table = pa.Table.from_pylist(part.rows, schema=PART)
        whole = Part(table.to_pylist(maps_as_pydicts="strict"), part.state)
        own = {
            "sampler_state": json.dumps(part.state, sort_keys=True),
            "checksum": _checksum(whole),
        }
        table = table.replace_schema_metadata(self._metadata | own)
        pq.write_table(table, content)
        write_atomically(self.path(first_trial), content.getvalue())

    def read(self, first_trial: int) -> Part:
        """Return the part of the batch that starts at a trial.

        Raises:
            InputError: if it is damaged or belongs to another study.

        """
        path = self.path(first_trial)
        try:
            table = pq.read_table(path)
            metadata = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
            rows = table.to_pylist(maps_as_pydicts="strict")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _damaged(path, str(error).splitlines()[0]) from None
        if any(metadata.get(key) != value for key, value in self._metadata.items()):
            raise InputError(f"{path} is of another study or version; move it out of the folder")
        try:
            part = Part(rows, json.loads(metadata["sampler_state"]))
        except (KeyError, ValueError):
            raise _damaged(path, "its sampler's state cannot be read") from None
        if metadata.get("checksum") != _checksum(part):
            raise _damaged(path, "its checksum is not that of its content")
        return part

    def first_trials(self) -> list[int]:
        """Return the first trials of the batches that have a part, ascending."""
        names = self._folder.glob("part-*.parquet")
        return sorted(int(path.stem.removeprefix("part-")) for path in names)

    def frame(self) -> pd.DataFrame:
        """Return all parts as one frame."""
        tables = [
            pa.Table.from_pylist(self.read(first).rows, PART) for first in self.first_trials()
        ]
        frame: pd.DataFrame = pa.concat_tables(tables or [PART.empty_table()]).to_pandas()
        return frame


def _checksum(part: Part) -> str:
    text = json.dumps([part.rows, part.state], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is damaged ({reason}); restore it, or start the study anew in another folder"
    )
