"""Tables of results into files, chunk by chunk: Parquet, CSV and JSON lines.

Numbers are written so that they are read back to the last bit; what is not known is blank.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dse.results.table_files import suffix
from evaluators.files import written_atomically

Write = Callable[[pa.Table], None]
"""Writes the next rows of a table."""


@contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Open a table to be written; the file is there once all rows are, and not before.

    `InputError` for a name that tells no format, or a place that cannot be written.
    """
    writer = _WRITERS[suffix(path)]
    with written_atomically(path) as file, writer(file, schema) as write:
        yield write


def content(table: pa.Table, path: Path) -> bytes:
    """Return a whole table in the format of a file; `InputError` for a name that tells none."""
    file = BytesIO()
    with _WRITERS[suffix(path)](file, table.schema) as write:
        write(table)
    return file.getvalue()


@contextmanager
def _parquet(file: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    with pq.ParquetWriter(file, schema, write_page_checksum=True) as writer:
        yield writer.write_table


@contextmanager
def _csv(file: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    file.write(",".join(schema.names).encode() + b"\n")
    yield lambda table: _write_lines(file, [_csv_cells(column) for column in table.columns])


@contextmanager
def _json_lines(file: BinaryIO, schema: pa.Schema) -> Iterator[Write]:
    labels = [
        f"{'{' if not place else ''}{json.dumps(name)}:" for place, name in enumerate(schema.names)
    ]
    yield lambda table: _write_lines(
        file,
        [
            pc.binary_join_element_wise(label, _json_cells(column), "")
            for label, column in zip(labels, table.columns, strict=True)
        ],
        "}",
    )


def _write_lines(file: BinaryIO, cells: list[pa.ChunkedArray], end: str = "") -> None:
    lines = pc.binary_join_element_wise(*cells, ",")
    file.write("".join(f"{line}{end}\n" for line in lines.to_pylist()).encode())


def _csv_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type):
        text = pc.if_else(column, "True", "False")
    else:
        text = pc.cast(column, pa.string())
    text = pc.fill_null(text, "")
    if not _is_text(column.type):
        return text
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(text, '[",\\r\\n]'), quoted, text)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _json_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _is_text(column.type):
        known = pc.unique(column).drop_null()
        written = pa.array([json.dumps(each.as_py()) for each in known], pa.string())
        text = written.take(pc.index_in(column, known))
    else:
        text = pc.cast(column, pa.string())
    return pc.fill_null(text, "null")


_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], AbstractContextManager[Write]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}
