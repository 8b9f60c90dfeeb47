"""Tables of designs: read, evaluated row for row, written, chunk by chunk.

A blank cell, as a missing column, takes the default. A row whose sizes are too large is infeasible
alone; what cannot be read, or would be ignored, refuses the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from analysis.results import EVALUATIONS
from dse.results import table_cells, table_files, table_writing
from dse.results.design_rows import Wrong, evaluated
from dse.results.designs import CHOICES, LABEL_DEFAULTS
from dse.results.parts import PART
from dse.results.table_cells import BLANK, LARGEST, Place, Texts, whole_number
from dse.results.table_files import Chunk, listed
from dse.results.workload_columns import WORKLOAD_FIELDS
from evaluators.design import PARAMETERS, SIZES
from evaluators.errors import InputError, TooLarge, shown
from evaluators.protocol import Evaluator
from evaluators.workloads.reading import TOKENS
from evaluators.workloads.sizes import parse_seq_len
from studies.objectives import UNITS

RESULTS = pa.schema(
    [
        *(EVALUATIONS.field(name) for name in ("study", "configuration", "model")),
        ("shape", pa.string()),
        EVALUATIONS.field("seq_len"),
        *WORKLOAD_FIELDS,
        *(EVALUATIONS.field(name) for name in EVALUATIONS.names[4:6]),
        ("sram", pa.string()),
        *(EVALUATIONS.field(name) for name in EVALUATIONS.names[6:]),
        *((name, pa.int64()) for name in PARAMETERS if name not in EVALUATIONS.names),
        ("binding", pa.string()),
        ("feasible", pa.bool_()),
        ("failed", pa.bool_()),
        ("reason", pa.string()),
    ]
)
"""Columns of the results: the complete design, its metrics, and why it has none."""

Int64s = NDArray[np.int64]

_TEXTS = (
    *(name for name in LABEL_DEFAULTS if name not in TOKENS),
    "evaluator",
    "binding",
    *CHOICES,
)
_DESIGN = (*LABEL_DEFAULTS, *PARAMETERS, "binding", *CHOICES)
"""Columns that describe a design."""

_NUMBERED = "design"
_REPLACED = {*RESULTS.names, *PART.names, *UNITS.values()} - {*_DESIGN, "evaluator"}
"""Columns of our own tables (results, exports of studies, fronts) that an evaluation replaces."""


def evaluate_file(designs: Path, out: Path, engine: Evaluator) -> tuple[str, bool]:
    """Evaluate a table of designs and write the same rows with their results.

    Returns one sentence that says what was done, and whether no evaluation failed. Raises
    `InputError` for a table that cannot be read or has a value that no design can have; then
    nothing is written.
    """
    table_files.suffix(out)
    if _same(out, designs):
        raise InputError(
            f"--out {shown(out, 200)} is the table of designs itself; name another file"
        )
    counts = dict.fromkeys(("rows", "feasible", "failed"), 0)
    wanted = (*_DESIGN, "evaluator")
    chunks = table_files.chunks(designs, wanted, partial(_check_columns, str(designs)))
    with table_writing.table_writer(out, RESULTS) as write:
        for chunk in chunks:
            results = evaluate_chunk(chunk, engine)
            write(results)
            counts["rows"] += len(results)
            for name in ("feasible", "failed"):
                counts[name] += results[name].combine_chunks().true_count
    return (
        f"{counts['rows']} designs evaluated, {counts['feasible']} of them feasible"
        + (f", {counts['failed']} failed" if counts["failed"] else "")
        + f"; results are in {out}"
    ), not counts["failed"]


def _same(one: Path, other: Path) -> bool:
    """Tell whether two names are one file, however they are spelled or linked."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or is no name of a file
        return False


def _check_columns(where: str, names: Sequence[str]) -> None:
    """Refuse a table with columns that nothing would read, or whose designs are of a study."""
    table = shown(where, 200)
    unknown = [name for name in names if name not in {*_DESIGN, "evaluator", *_REPLACED}]
    known = ", ".join([*LABEL_DEFAULTS, *PARAMETERS, "binding"])
    if unknown:
        raise InputError(f"{table}: unknown column {listed(unknown)}; designs have {known}")
    if not set(names) & set(_DESIGN):
        raise InputError(f"{table}: no column describes a design; designs have {known}")
    if _NUMBERED in names and not {"configuration", "seq_len"} <= set(names):
        raise InputError(
            f"{table}: its designs are of a study that it does not tell; add the columns "
            "configuration, model (or shape) and seq_len"
        )


def evaluate_chunk(chunk: Chunk, engine: Evaluator) -> pa.Table:
    """Evaluate every row of a chunk: the columns of `RESULTS`, rows in their order.

    `InputError` names the row and the column of what cannot be read.
    """
    texts = {
        name: table_cells.texts(chunk.columns[name], name, chunk.place)
        for name in _TEXTS
        if name in chunk.columns
    }
    if "evaluator" in texts:
        _check_evaluator(texts.pop("evaluator"), engine, chunk.place)
    choices = {name: texts.pop(name) for name in CHOICES if name in texts}
    if choices:
        texts["binding"] = _joined(choices, texts.get("binding"), chunk.place)
    numbers = {
        name: _numbers(chunk, name) for name in (*TOKENS, *PARAMETERS) if name in chunk.columns
    }
    results = {field.name: _empty(field, chunk.rows) for field in RESULTS}
    lengths = {name: numbers.pop(name) for name in TOKENS if name in numbers}
    keys = [*(each.codes for each in texts.values()), *lengths.values()]
    for rows in _alike(keys, chunk.rows):
        first = rows[0]
        labels = {name: each.at(first) for name, each in texts.items()}
        given = {name: label for name, label in labels.items() if label}
        given |= {
            name: str(column[first]) for name, column in lengths.items() if column[first] != BLANK
        }
        own = {name: column[rows] for name, column in numbers.items()}
        try:
            parts = list(evaluated(given, own, len(rows), engine))
        except Wrong as wrong:
            raise chunk.place.error(int(rows[wrong.row]), wrong) from None
        for members, columns in parts:
            for name, column in columns.items():
                results[name][rows[members]] = column
    return pa.table(
        [pa.array(results[field.name], field.type, from_pandas=True) for field in RESULTS],
        schema=RESULTS,
    )


def _empty(field: pa.Field, rows: int) -> NDArray[Any]:
    if pa.types.is_floating(field.type):
        return np.full(rows, np.nan)
    return np.zeros(
        rows, dtype=object if pa.types.is_string(field.type) else field.type.to_pandas_dtype()
    )


def _check_evaluator(given: Texts, engine: Evaluator, place: Place) -> None:
    for code, name in enumerate(given.known):
        if name not in ("", engine.name):
            raise place.error(
                int(np.argmax(given.codes == code)),
                f"evaluator '{shown(name)}' is not the one that evaluates, {engine.name}; give the "
                "other with --evaluator, or leave out the column",
            )


def _joined(choices: Mapping[str, Texts], binding: Texts | None, place: Place) -> Texts:
    """Write the choices of a binding, a column each, as one text; '' where all are blank."""
    codes = np.stack([each.codes for each in (*choices.values(), *([binding] if binding else []))])
    _, firsts, places = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    values = []
    for row in firsts.tolist():
        whole = binding.at(row) if binding else ""
        cells = {name: each.at(row) for name, each in choices.items()}
        given = [f"{name}={cell}" for name, cell in cells.items() if cell]
        if whole and given:
            raise place.error(row, f"binding and {shown(given[0])}: give one of them")
        values.append(whole or ",".join(given))
    return Texts(values, places.ravel())


def _numbers(chunk: Chunk, name: str) -> Int64s:
    """Return a column of sizes: 1 or more, or 0 for automatic."""
    least = SIZES[name].least if name in SIZES else int(name != "window")
    must = SIZES.get(name, "tokens, as 262144, 256K or 1M")

    def read(text: str) -> int:
        number = whole_number(text)
        if number is None and name in TOKENS:
            number = _tokens(text)
        if number is None or number < least:
            raise InputError(f"{name} '{shown(text)}': give {must}")
        return number

    return table_cells.whole_numbers(chunk.columns[name], name, chunk.place, least, read)


def _tokens(text: str) -> int | None:
    """Read a sequence length with a suffix; None for what is none."""
    try:
        return parse_seq_len(text)
    except TooLarge:
        return LARGEST
    except InputError:
        return None


def _alike(keys: Sequence[NDArray[Any]], rows: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows that are alike in all keys, by their first row."""
    if not keys:
        if rows:
            yield np.arange(rows)
        return
    frame = pd.DataFrame(dict(enumerate(keys)))
    for members in frame.groupby(list(frame.columns), sort=False).indices.values():
        yield np.asarray(members)


def content(frame: pd.DataFrame, out: Path) -> bytes:
    """Return a table in the format of the file's suffix; `InputError` for another one."""
    return table_writing.content(pa.Table.from_pandas(frame, preserve_index=False), out)
