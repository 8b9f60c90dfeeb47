"""Tables of designs: read, evaluated row for row, written, chunk by chunk.

A blank cell, as a missing column, takes the default; paths start from the table's folder. A row
whose sizes are too large is infeasible alone; what cannot be read, or would be ignored, refuses the
table. Columns of the user's own, such as an id, are in the results as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.results import declared_in, schema_of, selected
from dse.results import table_cells, table_files, table_writing
from dse.results.design_cells import chosen, is_open, own_choices, tokens_of, values_of
from dse.results.design_rows import Wrong, engine_of, evaluated
from dse.results.designs import LABEL_DEFAULTS
from dse.results.table_cells import BLANK, Place
from dse.results.table_files import Chunk, Source, listed
from evaluators.describe.catalogue import canonical, described
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.rules import lacks
from evaluators.errors import InputError, did_you_mean, shown
from evaluators.protocol import Evaluator
from evaluators.workloads.catalogue import names_file
from evaluators.workloads.reading import TOKENS
from search_spaces.domains import CONFIGURATIONS
from studies.objectives import UNITS

Int64s = NDArray[np.int64]

NESTED = ("violations", "breakdown")
"""Columns of the schema that a table in a file of text cannot have."""

_CONFIGURATION = "configuration"
_EVALUATOR = "evaluator"
_TEXTS = (
    *(name for name in LABEL_DEFAULTS if name not in (*TOKENS, _CONFIGURATION)),
    _EVALUATOR,
)

_OF_STUDIES = ("trial", "pin", "design", "repeated", "on_front", *NESTED, *UNITS.values())
"""Further columns of our own tables, exports and fronts, that an evaluation replaces."""

_NUMBERED = "design"
_LIKE = 0.8


def evaluate_file(designs: Path, out: Path, engine: Evaluator | None) -> tuple[str, bool]:
    """Evaluate a table of designs and write the same rows with their results.

    Where no evaluator is given, each row has that of its accelerator, see `engine_of`.
    Returns one sentence that says what was done, and whether no evaluation failed. Raises
    `InputError` for a table that cannot be read or has a value that no design can have; then
    nothing is written.
    """
    table_files.suffix(out)
    if _same(out, designs):
        raise InputError(
            f"--out {shown(out, 200)} is the table of designs itself; name another file"
        )
    table = DesignTable.in_file(designs)
    counts = dict.fromkeys(("rows", "feasible", "failed"), 0)
    settled: Counter[tuple[str, str]] = Counter()
    chunks = table.chunks()
    first = next(chunks, None)
    schema = table.schema if first is None else table.results(first)
    with table_writing.table_writer(out, schema) as write:
        for chunk in chain([first] if first is not None else [], chunks):
            results = table.evaluated(chunk, schema, engine)
            write(results)
            counts["rows"] += len(results)
            for name in ("feasible", "failed"):
                counts[name] += results[name].combine_chunks().true_count
            settled.update(_settled(results))
    return (
        f"{counts['rows']} designs evaluated{_told(settled)}, {counts['feasible']} of them feasible"
        + (f", {counts['failed']} failed" if counts["failed"] else "")
        + f"; results are in {out}"
    ), not counts["failed"]


def _settled(results: pa.Table) -> dict[tuple[str, str], int]:
    """Count the rows of each fit and accounting."""
    found = results.group_by(["fit", "accounting"]).aggregate([([], "count_all")])
    return {(row["fit"], row["accounting"]): row["count_all"] for row in found.to_pylist()}


def _told(settled: Mapping[tuple[str, str], int]) -> str:
    """Say how designs were fitted and charged: ' (2 strict, published; 1 pad, corrected)'."""
    parts = [f"{many} {fit}, {accounting}" for (fit, accounting), many in settled.items()]
    if len(parts) == 1:
        parts = [parts[0].partition(" ")[2]]
    return f" ({'; '.join(parts)})" if parts else ""


def _same(one: Path, other: Path) -> bool:
    """Tell whether two names are one file, however they are spelled or linked."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or is no name of a file
        return False


class DesignTable:
    """A table of designs.

    Args:
        source: reads it.
        where: what errors call it.
        folder: from which its paths go.

    Attributes:
        declared: the parameters that its columns may have, by name.
        schema: the columns of its results.
        own: its columns that say nothing of a design; known once its first chunk is read.

    """

    def __init__(self, source: Source, where: object, folder: Path) -> None:
        self._source = source
        self._where = where
        self._folder = folder
        configurations = _configurations(source, folder)
        self.declared = declared_in([*configurations, *CONFIGURATIONS])
        self.schema = selected(schema_of(configurations), NESTED)
        self.own: list[str] = []
        self._design = {*LABEL_DEFAULTS, *self.declared}
        self._wanted = {*self._design, _EVALUATOR}

    known = f"designs have {', '.join(LABEL_DEFAULTS)}, and parameters as array_rows"
    """What its columns may be, for errors."""

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """Return the table of a file, see `dse.results.table_files.chunks`."""
        return cls(partial(table_files.chunks, path), path, path.parent)

    def chunks(self) -> Iterator[Chunk]:
        """Read the table; `InputError` for columns that would be ignored by mistake."""
        return self._source(self._wanted, self._check)

    def results(self, first: Chunk) -> pa.Schema:
        """Return the columns of the results of a table with this first chunk: its own, then all."""
        return pa.schema([*(_own_field(first, name) for name in self.own), *self.schema])

    def evaluated(self, chunk: Chunk, schema: pa.Schema, engine: Evaluator | None) -> pa.Table:
        """Evaluate every row of a chunk: the columns of a schema, rows in their order.

        `InputError` names the row and the column of what cannot be read.
        """
        results = {field.name: _empty(field, chunk.rows) for field in self.schema}
        for rows, name, labels, designs in self.designs(chunk, engine):
            try:
                parts = list(evaluated(name, labels, designs, engine_of(name, engine)))
            except Wrong as wrong:
                raise chunk.place.error(int(rows[wrong.row]), wrong) from None
            for members, columns in parts:
                for column, values in columns.items():
                    _fill(results[column], rows[members], values)
        arrays = [
            _passed(chunk, field)
            if field.name in self.own
            else pa.array(results[field.name][0], field.type, mask=~results[field.name][1])
            for field in schema
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    def designs(
        self, chunk: Chunk, engine: Evaluator | None
    ) -> Iterator[tuple[NDArray[np.intp], str, dict[str, str], Designs]]:
        """Yield the rows that share configuration, labels and open choices, and their designs."""
        texts = {
            name: table_cells.texts(chunk.columns[name], name, chunk.place)
            for name in (_CONFIGURATION, *_TEXTS)
            if name in chunk.columns
        }
        numbers = {
            name: values_of(chunk, each)
            for name, each in self.declared.items()
            if name in chunk.columns and not is_open(each)
        }
        choices = {
            name: table_cells.texts(chunk.columns[name], name, chunk.place)
            for name, each in self.declared.items()
            if name in chunk.columns and is_open(each)
        }
        keys: list[NDArray[Any]] = [each.codes for each in texts.values()]
        keys += [known for name, (_, known) in numbers.items() if chosen(self.declared[name])]
        tokens = {name: tokens_of(chunk, name) for name in TOKENS if name in chunk.columns}
        keys += tokens.values()
        for rows in _alike(keys, chunk.rows):
            first = rows[0]
            labels = {name: each.at(first) for name, each in texts.items() if each.at(first)}
            labels |= {
                name: str(column[first])
                for name, column in tokens.items()
                if column[first] != BLANK
            }
            folder, said = self._folder, labels.pop(_EVALUATOR, "")
            name = canonical(labels.pop(_CONFIGURATION, LABEL_DEFAULTS[_CONFIGURATION]), folder)
            _check_evaluator(said, engine_of(name, engine), chunk.place, int(first))
            if "shape" not in labels and names_file(labels.get("model", "")):
                labels["model"] = str(folder / labels["model"])
            columns = {}
            for parameter, (values, known) in numbers.items():
                if parameter in described(name).all_parameters:
                    if known[rows].any():
                        columns[parameter] = values[rows]
                elif (row := self._ignored(parameter, values, known, rows)) is not None:
                    raise chunk.place.error(row, lacks(described(name), parameter))
            columns |= own_choices(choices, described(name), rows, chunk.place)
            yield rows, name, labels, Designs(columns, len(rows))

    def _ignored(
        self,
        parameter: str,
        values: NDArray[Any],
        known: NDArray[np.bool_],
        rows: NDArray[np.intp],
    ) -> int | None:
        """Return the first of some rows that sets a parameter; None for none."""
        sets = known[rows] & (self.declared[parameter].switch | (values[rows] != AUTOMATIC))
        return int(rows[np.argmax(sets)]) if sets.any() else None

    def _check(self, names: Sequence[str]) -> None:
        table = shown(self._where, 200)
        replaced = {*self.schema.names, *_OF_STUDIES}
        own = [name for name in names if name not in self._wanted | replaced]
        for name in own:
            if not name.strip() or not name.isprintable():
                raise InputError(f"{table}: unknown column '{shown(name)}'; give it another name")
            if meant := did_you_mean(name, self._wanted, _LIKE):
                raise InputError(f"{table}: unknown column {listed([name])}; {meant}{self.known}")
        if not set(names) & self._design:
            raise InputError(
                f"{table}: no column describes a design"
                + (f", neither does {listed(own)}" if own else "")
                + f"; {self.known}"
            )
        if _NUMBERED in names and not {_CONFIGURATION, "seq_len"} <= set(names):
            raise InputError(
                f"{table}: its designs are of a study that it does not tell; add the columns "
                "configuration, model (or shape) and seq_len"
            )
        if not self.own:
            self.own += own
            self._wanted |= set(own)


def _configurations(source: Source, folder: Path) -> list[str]:
    """Return the configurations of a table; `InputError` names the first row of an unknown one."""
    found: dict[str, None] = {}
    for chunk in source({_CONFIGURATION}, lambda names: None):
        if _CONFIGURATION not in chunk.columns:
            break
        texts = table_cells.texts(chunk.columns[_CONFIGURATION], _CONFIGURATION, chunk.place)
        for code, label in enumerate(texts.known):
            name = canonical(label or LABEL_DEFAULTS[_CONFIGURATION], folder)
            try:
                described(name)
            except InputError as error:
                raise chunk.place.error(int(np.argmax(texts.codes == code)), error) from None
            found[name] = None
    return list(found) or [LABEL_DEFAULTS[_CONFIGURATION]]


def _own_field(chunk: Chunk, name: str) -> pa.Field:
    """Return a column of the user's own as the results have it."""
    kind = chunk.columns[name].type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise chunk.place.error(
            0, f"{name} is of type {shown(kind)}; a column of your own has numbers or texts"
        )
    return pa.field(name, kind)


def _passed(chunk: Chunk, field: pa.Field) -> pa.Array:
    column = chunk.columns.get(field.name)
    if column is None:
        return pa.nulls(chunk.rows, field.type)
    try:
        return pc.cast(column, field.type)
    except pa.ArrowInvalid as error:
        raise chunk.place.error(0, f"{field.name}, here or later: {error}") from None


def _empty(field: pa.Field, rows: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return values to be filled in, and which are known."""
    known = np.zeros(rows, dtype=bool)
    if pa.types.is_string(field.type):
        return np.full(rows, None, dtype=object), known
    return np.zeros(rows, dtype=field.type.to_pandas_dtype()), known


def _fill(
    column: tuple[NDArray[Any], NDArray[np.bool_]], rows: NDArray[np.intp], values: Any
) -> None:
    """Put values, one for all rows or one each, into a column; None and NaN are not known."""
    given, known = column
    there = ~pd.isna(np.broadcast_to(np.asarray(values), len(rows)))
    given[rows[there]] = values[there] if isinstance(values, np.ndarray) else values
    known[rows] = there


def _check_evaluator(said: str, engine: Evaluator, place: Place, row: int) -> None:
    if said not in ("", engine.name):
        raise place.error(
            row,
            f"evaluator '{shown(said)}' is not the one that evaluates, {engine.name}; give the "
            "other with --evaluator, or leave out the column",
        )


def _alike(keys: Sequence[NDArray[Any]], rows: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows that are alike in all keys, by their first row."""
    if not keys:
        if rows:
            yield np.arange(rows)
        return
    frame = pd.DataFrame(dict(enumerate(keys)))
    for members in frame.groupby(list(frame.columns), sort=False).indices.values():
        yield np.asarray(members)
