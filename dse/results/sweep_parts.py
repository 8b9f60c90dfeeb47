"""A sweep on disk: one Parquet part a chunk of designs, and the front of them all.

    runs/<study>/sweep/part-<start>.parquet   the feasible designs from number <start> on
    runs/<study>/sweep/front.parquet          the designs that no other dominates

A row of a part is a design on a workload, see `Specification.rows`; those of a design follow each
other. Every file is written whole or not at all and says what it is of, so that a sweep that was
stopped continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.fronts import non_dominated
from analysis.results import choices_in
from dse.results.sealed import metadata, sealed, unsealed
from dse.results.trials import choices_of, objectives_of, row_labels
from evaluators.errors import InputError, shown
from evaluators.files import write_atomically
from evaluators.protocol import METRICS, evaluator
from evaluators.workloads.reading import labels_of
from search_spaces.domains import parameters_of
from search_spaces.parameter import Parameter
from studies.differences import another_behaviour
from studies.objectives import UNITS, signs
from studies.specification import Specification

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = "3"

_FRONT = "front.parquet"

_REMEDY = "remove it and sweep again"

CHUNK = 1 << 16
"""Designs in a part, the infeasible ones counted; one where an evaluator takes them one by one, so
that of seconds for each none are lost."""

_SEARCH_ALONE = ("sampler", "seed", "batch", "pinned")
"""What the result of a trial depends on, but not that of a sweep."""

Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]


@dataclass(frozen=True)
class Swept:
    """The feasible designs of a part, or of a piece of one.

    Attributes:
        designs: their numbers in the space, ascending, shape (n,).
        metrics: `METRICS` by name, shape (n, rows of a design).
        found: what is told of the bindings found, see `analysis.results.choices_in`, of the same
            shape; None where a design has no such choice.

    """

    designs: Int64s
    metrics: Mapping[str, Float64s]
    found: Mapping[str, NDArray[Any]]

    @classmethod
    def joined(cls, pieces: Sequence[Self]) -> Self:
        """Put the pieces of a part together, in their order."""
        return cls(
            np.concatenate([piece.designs for piece in pieces]),
            _joined([piece.metrics for piece in pieces]),
            _joined([piece.found for piece in pieces]),
        )


def _joined(pieces: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


class SweepParts:
    """The parts of one study's sweep and their front.

    Args:
        study: what is swept.
        folder: of the study; the sweep is in its folder 'sweep'.

    """

    def __init__(self, study: Specification, folder: Path) -> None:
        self._study = study
        self._folder = folder / "sweep"
        self._digest = digest(study)
        self._chunk = 1 if evaluator(study.evaluator).one_by_one else CHUNK
        self._varying = [each for each in study.space.parameters if len(each.values) > 1]
        self._choices = choices_in(study.row_configurations)
        self._found = choices_of(study)
        varying = (each.name for each in self._varying)
        self._identity = list(dict.fromkeys(["design", *varying, *self._found]))

    def path(self, start: int) -> Path:
        """Return the part of the designs from number `start` on."""
        return self._folder / f"part-{start:012d}.parquet"

    def starts(self) -> range:
        """Return the first designs of all parts of the space."""
        return range(0, self._study.space.size, self._chunk)

    def stop(self, start: int) -> int:
        """Return the number that follows the last design of a part."""
        return min(start + self._chunk, self._study.space.size)

    def missing(self) -> list[int]:
        """Return the first designs of the parts that are yet to be written.

        Raises:
            InputError: if a part is damaged or belongs to another study.

        """
        expected = {self.path(start): start for start in self.starts()}
        there = set()
        for path in sorted(self._folder.glob("part-*.parquet")):
            if path not in expected or not self._own(path, expected[path]):
                raise InputError(self._stranger(path))
            there.add(expected[path])
        return [start for start in self.starts() if start not in there]

    def table(self, start: int, swept: Swept) -> pa.Table:
        """Return a part as it is on disk."""
        infeasible = self.stop(start) - start - len(swept.designs)
        told = self._metadata(start) | {"infeasible": str(infeasible)}
        rows = self._study.rows
        n = len(swept.designs)
        columns = {
            "design": np.repeat(swept.designs, len(rows)),
            "model": _tiled([workload.transformer.name for workload, _ in rows], n),
            "seq_len": np.tile([workload.keys for workload, _ in rows], n),
        }
        for name, labels in row_labels(self._study).items():
            columns[name] = _tiled(labels, n)
        columns |= self._parameters(swept.designs, len(rows))
        columns |= {
            each.name: pa.array(swept.found[each.name].ravel().tolist(), each.type)
            for each in self._choices
        }
        columns |= {name: swept.metrics[name].ravel() for name in METRICS}
        return pa.table(columns).replace_schema_metadata(told)

    def write(self, start: int, content: bytes) -> None:
        """Write a part, atomically; `content` is that of its table, see `parquet`."""
        write_atomically(self.path(start), content)

    def feasible(self) -> int:
        """Return how many designs of all parts are feasible."""
        infeasible = sum(int(_metadata(self.path(start))["infeasible"]) for start in self.starts())
        return self._study.space.size - infeasible

    def front_of(self, table: pa.Table) -> pa.Table:
        """Return the designs of a part that no other of it dominates, a row each.

        Columns are their number, parameters, what is told of the bindings found where the study has
        one workload, and objectives; the order is that of their numbers.
        """
        count = len(self._study.rows)
        values = objectives_of(self._study, table)
        best = np.flatnonzero(non_dominated(signs(self._study.objectives) * values))
        if self._choices and count > 1:
            designs = table["design"].to_numpy()[best * count]
            front = pa.table({"design": designs, **self._parameters(designs, 1)})
        else:
            front = table.select(self._identity).take(best * count).replace_schema_metadata(None)
        for name, column in zip(self._study.objectives, values[best].T, strict=True):
            front = front.append_column(UNITS[name], pa.array(column))
        return front

    def read(self, start: int) -> pa.Table:
        """Read a part whole, so that its checksums find damage in any column.

        Raises:
            InputError: if it is damaged.

        """
        return _read(self.path(start))

    def write_front(self, front: pd.DataFrame) -> None:
        """Write the front, atomically.

        Columns are those of `front_of` and, where the study has one workload, what else a table of
        designs needs to be evaluated.
        """
        own = {"schema_version": SCHEMA_VERSION, "digest": self._digest}
        columns = {
            str(name): pa.array(column, mask=self._lacking(str(name), front))
            for name, column in front.items()
        }
        table = pa.table(columns | self._described(front)).replace_schema_metadata(own)
        write_atomically(self._folder / _FRONT, parquet(table))

    def designs(self) -> pa.Table:
        """Return the front as it was written, labels as text.

        Raises:
            InputError: if its file is damaged.

        """
        table = _read(self._folder / _FRONT).replace_schema_metadata(None)
        texts = [
            pa.field(each.name, pa.string() if pa.types.is_dictionary(each.type) else each.type)
            for each in table.schema
        ]
        return table.cast(pa.schema(texts))

    def front(self) -> pd.DataFrame | None:
        """Return the front, sorted by the objectives; None where the study was not swept.

        Columns are those of `front_of`.

        Raises:
            InputError: if its file is damaged.

        """
        path = self._folder / _FRONT
        own = {"schema_version": SCHEMA_VERSION, "digest": self._digest}
        if not path.exists() or not own.items() <= _metadata(path).items():
            return None
        names = [*self._identity, *(UNITS[name] for name in self._study.objectives)]
        table = _read(path).select(names)
        for each in (one for one in self._varying if one.name not in self._found):
            column = pc.fill_null(
                table[each.name], each.natural(each.at(np.zeros(1, dtype=np.int64))[0])
            )
            table = table.set_column(names.index(each.name), each.name, column)
        return self.frame(table)

    def frame(self, front: pa.Table) -> pd.DataFrame:
        """Return a front as pandas has it, with choices in whole numbers that some designs lack."""
        numbers = [each.name for each in self._choices if pa.types.is_integer(each.type)]
        frame: pd.DataFrame = front.to_pandas()
        return frame.astype({name: "Int64" for name in numbers if name in self._found})

    def _configurations(self, front: pd.DataFrame) -> list[str]:
        if "configuration" in front:
            return [str(each) for each in front["configuration"]]
        return [self._study.space.configurations[0]] * len(front)

    def _lacking(self, name: str, front: pd.DataFrame) -> NDArray[np.bool_] | None:
        """Tell of which designs a parameter says nothing; None where it says something of all."""
        shared = name == "configuration" or name not in (each.name for each in self._varying)
        if shared or name in self._found:
            return None
        return np.array([name not in parameters_of(own) for own in self._configurations(front)])

    def _described(self, front: pd.DataFrame) -> dict[str, Any]:
        """Return the labels and the parameters that all designs share; null where one has none."""
        if len(self._study.rows) > 1:
            return {}
        (workload,) = self._study.workloads
        space, accounting = self._study.space, self._study.accounting
        configurations = self._configurations(front)
        labels = {
            "configuration": configurations,
            **labels_of(workload),
            "accounting": accounting.name,
            "sram": accounting.sram,
        }
        shared = {
            each.name: each
            for each in space.parameters[1:]
            if len(each.values) == 1 and each.first is not None
        }
        parameters = {
            name: [each.first if name in parameters_of(own) else None for own in configurations]
            for name, each in shared.items()
        }
        return {
            name: pa.array(values if isinstance(values, list) else [values] * len(front))
            for name, values in (labels | parameters).items()
            if name not in front
        }

    def _metadata(self, start: int) -> dict[str, str]:
        return {
            "schema_version": SCHEMA_VERSION,
            "digest": self._digest,
            "behaviour": json.dumps(self._study.behaviour()),
            "start": str(start),
            "stop": str(self.stop(start)),
        }

    def _stranger(self, path: Path) -> str:
        """Say of what a part is that is none of this sweep."""
        was = json.loads(_metadata(path).get("behaviour", "null"))
        remedy = f"remove {shown(self._folder, 200)} and sweep again"
        now = self._study.behaviour()
        if was and was.keys() == now.keys():
            another = another_behaviour(shown(path, 200), was, now, remedy)
            if another:
                return another
        return f"{shown(path, 200)} is of another study or version; move it out of the folder"

    def _own(self, path: Path, start: int) -> bool:
        return self._metadata(start).items() <= _metadata(path).items()

    def _parameters(self, designs: Int64s, repeats: int) -> dict[str, Any]:
        """Return the parameters that vary as columns, every design `repeats` times."""
        if not len(designs):
            return {each.name: _column(each, designs) for each in self._varying}
        first = int(designs[0])
        values = self._study.space.rows(first, int(designs[-1]) + 1)
        return {
            each.name: _column(each, np.repeat(values[each.name][designs - first], repeats))
            for each in self._varying
        }


def identity(study: Specification) -> dict[str, Any]:
    """Return all that a sweep of a study's space depends on, as plain values."""
    return {k: v for k, v in study.identity().items() if k not in _SEARCH_ALONE}


def digest(study: Specification) -> str:
    """Return a hash of all that a sweep of a study's space depends on."""
    text = json.dumps(identity(study), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _tiled(labels: Sequence[str], times: int) -> Any:
    """Return labels over and over."""
    places = np.tile(np.arange(len(labels), dtype=np.int32), times)
    return pa.DictionaryArray.from_arrays(places, list(labels))


def _column(parameter: Parameter, values: Int64s) -> Any:
    """Return a parameter's values as they are, or by their labels."""
    if not parameter.labels:
        return values
    return pa.DictionaryArray.from_arrays(values.astype(np.int32), list(parameter.labels))


def parquet(table: pa.Table) -> bytes:
    """Return a table as the content of a file, with its checksum."""
    alike = [name for name in table.column_names if name not in (*METRICS, "design")]
    return sealed(table, compression="zstd", use_dictionary=alike)


def _read(path: Path) -> pa.Table:
    return unsealed(path, _REMEDY).read()


def _metadata(path: Path) -> dict[str, str]:
    return metadata(unsealed(path, _REMEDY))
