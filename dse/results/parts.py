"""A study's evaluations on disk: one Parquet part a batch, written whole or not at all.

One row is a design on a workload, see `Specification.rows`. The breakdown by Einsum is a list of
structs in the row. The metadata of a part says of which study it is, what its sampler left for the
batches that follow, what made it, and how far the study had come with it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.results import schema_of
from dse.results.progress import Progress
from dse.results.sealed import metadata, sealed, unsealed
from evaluators.errors import InputError, shown
from evaluators.files import write_atomically
from studies.specification import Specification

SCHEMA_VERSION = "6"

TRIAL = pa.schema(
    [
        ("trial", pa.int64()),
        ("pin", pa.string()),
        ("design", pa.int64()),
        ("repeated", pa.bool_()),
    ]
)
"""What a row of a part has before the columns of `analysis.results.schema_of`: `design` numbers the
design in its space; a repeated one was evaluated before."""


def part_schema(study: Specification) -> pa.Schema:
    """Return the columns of a study's parts.

    A design's automatic parameters are resolved; what is feasible of the row's workload is so under
    the study's own constraints too.
    """
    return pa.schema([*TRIAL, *schema_of(study.row_configurations)])


_NAME = re.compile(r"part-([0-9]{8,18})\.parquet")
_RESTORE = "restore it, or start the study anew under another name"


@dataclass(frozen=True)
class Part:
    """One batch.

    Attributes:
        table: its evaluations with the columns of `part_schema`, or those asked for, by trial;
            within a trial one a workload.
        state: what its sampler left in the study, for the batches that follow.
        made_with: see `dse.search.versions.made_with`.
        so_far: counts of the study up to and with this batch (`dse.results.progress`).
        front: the trials that are on the front then; None in parts of before they told it.

    """

    table: pa.Table
    state: Mapping[str, Any]
    made_with: Mapping[str, str]
    so_far: Mapping[str, int]
    front: Sequence[int] | None


class Parts:
    """The parts of one study.

    Args:
        study: whose they are; a part of another study is refused.
        folder: of the study; they lie in its folder 'evaluations', where other files are passed
            over.

    """

    def __init__(self, study: Specification, folder: Path) -> None:
        self.folder = folder / "evaluations"
        self._study = study
        self._own = {"schema_version": SCHEMA_VERSION, "study": study.digest()}

    @property
    def schema(self) -> pa.Schema:
        """The columns of every part."""
        return part_schema(self._study)

    def path(self, first_trial: int) -> Path:
        """Return the part of the batch that starts at a trial."""
        return self.folder / f"part-{first_trial:08d}.parquet"

    def write(self, first_trial: int, part: Part) -> None:
        """Write the part of a batch, atomically."""
        told = {
            "sampler_state": _json(part.state),
            "made_with": _json(part.made_with),
            "so_far": _json(part.so_far),
            "front": _json(part.front),
        }
        table = part.table.replace_schema_metadata(self._own | told)
        write_atomically(self.path(first_trial), sealed(table, store_schema=False))

    def read(self, first_trial: int, columns: Sequence[str] | None = None) -> Part:
        """Return the part of the batch that starts at a trial.

        Args:
            first_trial: of the batch.
            columns: those to read, all where None.

        Raises:
            InputError: if it is damaged, of another study, or another batch's.

        """
        path = self.path(first_trial)
        file = unsealed(path, _RESTORE)
        try:
            own = metadata(file)
            told = [json.loads(own[key]) for key in ("sampler_state", "made_with", "so_far")]
            told.append(json.loads(own.get("front", "null")))
            table = file.read(columns=columns, use_threads=False)
        except (OSError, KeyError, ValueError, RecursionError, pa.ArrowException) as error:
            raise InputError(f"{path} is damaged: {shown(error)}; {_RESTORE}") from None
        if any(own.get(key) != value for key, value in self._own.items()):
            raise InputError(f"{path} is of another study or version; move it out of the folder")
        if "trial" in table.column_names and table["trial"][0].as_py() != first_trial:
            raise InputError(
                f"{path} has the evaluations of trial {table['trial'][0]} on, not of "
                f"{first_trial}; {_RESTORE}"
            )
        return Part(table, *told)

    def first_trials(self) -> list[int]:
        """Return the first trials of the batches that have a part, ascending.

        Raises:
            InputError: if the parts' folder is a file.

        """
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is no folder; {_RESTORE}")
        names = (_NAME.fullmatch(path.name) for path in self.folder.glob("part-*"))
        return sorted(int(name[1]) for name in names if name)

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of all parts.

        Raises:
            InputError: if one is damaged, of another study, or missing between others.

        """
        return self._joined([part.table for part in self.all(columns)], columns)

    def of_trials(self, trials: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Return the rows of some trials, ascending, from the parts that have them.

        Raises:
            InputError: if one of those parts is damaged, of another study, or missing.

        """
        firsts = self.first_trials()
        places = sorted({bisect_right(firsts, trial) - 1 for trial in trials} - {-1})
        names = list(dict.fromkeys(["trial", *columns]))
        table = self._joined([self.read(firsts[place], names).table for place in places], names)
        found = table.filter(pc.is_in(table["trial"], pa.array(trials, pa.int64())))
        if missing := sorted(set(trials).difference(found["trial"].to_pylist())):
            raise InputError(
                f"{self.folder} lacks the part that has trial {missing[0]}; {_RESTORE}"
            )
        return found

    def _joined(self, tables: Sequence[pa.Table], columns: Sequence[str] | None) -> pa.Table:
        names = self.schema.names if columns is None else columns
        empty = pa.schema([self.schema.field(name) for name in names]).empty_table()
        return pa.concat_tables(tables).combine_chunks() if tables else empty

    def all(self, columns: Sequence[str] | None = None) -> list[Part]:
        """Return all parts in order; see `table`."""
        parts: list[Part] = []
        following = 0
        wanted = None if columns is None else list(dict.fromkeys(["trial", *columns]))
        for first in self.first_trials():
            if first != following:
                raise InputError(
                    f"{self.path(first)} does not follow the parts before it; a part is missing, "
                    f"{_RESTORE}"
                )
            parts.append(self.read(first, wanted))
            following = parts[-1].table["trial"][-1].as_py() + 1
        return parts

    def so_far(self) -> Mapping[str, int]:
        """Return the counts of the last part, see `dse.results.progress.Progress.counts`."""
        last = self.last()
        return Progress().counts() if last is None else last.so_far

    def last(self) -> Part | None:
        """Return the last part without its rows, None where there is none."""
        firsts = self.first_trials()
        return self.read(firsts[-1], []) if firsts else None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
