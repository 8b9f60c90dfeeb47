"""Tables in files, read in chunks: Parquet, CSV and JSON lines, told by the end of their name.

Nothing is guessed: a cell of CSV is its text, a number of JSON is itself, a column of Parquet has
its type. A table of any length takes the memory of a chunk.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from dse.results import table_cells
from dse.results.table_cells import Place
from evaluators.errors import InputError, shown
from evaluators.foreign import opened

ROWS = 1 << 16
"""Rows of a chunk."""

_BLOCK_BYTES = 4 * 2**20
"""Bytes that are parsed at a time; a row of text is shorter."""

_HEADER_BYTES = 2**16
_WHAT = "a table of designs"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_SHOWN_NAMES = 3
_TOO_LONG = "straddl"
"""What Arrow says of a row that is longer than a block."""
_RAGGED = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+): (.*)", re.DOTALL)
"""What Arrow says of a row that has more or fewer cells than the table has columns."""

Check = Callable[[Sequence[str]], None]
"""Looks at the names of a table's columns; its `InputError` refuses the table."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of a table.

    Attributes:
        place: where they stand.
        rows: how many they are.
        columns: those that were asked for and are there, by name.

    """

    place: Place
    rows: int
    columns: dict[str, pa.Array]


Source = Callable[[Collection[str], Check], Iterator[Chunk]]
"""Reads the columns that are wanted of a table, once `Check` lets it; each call from the start."""


def suffix(path: Path) -> str:
    """Return the format of a table; `InputError` for a name that tells none."""
    found = path.suffix.lower()
    if found not in _READERS:
        raise InputError(
            f"{shown(path, 200)}: tables of designs are {', '.join(_READERS)}, told by the end of "
            "their name"
        )
    return found


def chunks(path: Path, wanted: Collection[str], check: Check) -> Iterator[Chunk]:
    """Read a table in chunks of at most `ROWS` rows.

    Args:
        path: the file.
        wanted: the columns to read.
        check: called with the names of all columns before a row of theirs is returned.

    Raises:
        InputError: for a file that is no such table: with the row where there is one.

    """
    read = _READERS[suffix(path)]
    with opened(path, _WHAT) as file, _readable(path):
        yield from read(file, str(path), wanted, check)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what a reader says of a damaged file into one sentence."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, RecursionError, pa.ArrowException) as error:
        reason = shown(str(error).partition("\n")[0], 300)
        raise InputError(
            f"cannot read {shown(path, 200)} as {path.suffix[1:].lower()}: {reason}"
        ) from None


def named_once(names: Sequence[str], where: str) -> None:
    """Refuse a table that has two columns of one name."""
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1][:_SHOWN_NAMES]
    if twice:
        raise InputError(
            f"{shown(where, 200)}: column {listed(twice)} is there twice; name it once"
        )


def listed(names: Sequence[str]) -> str:
    """Write foreign names, the first of many."""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    written = (shown(name) if name.isidentifier() else f"'{shown(name)}'" for name in names)
    return ", ".join(islice(written, _SHOWN_NAMES)) + more


def sliced(place: Place, columns: dict[str, pa.Array], rows: int) -> Iterator[Chunk]:
    """Yield a table that is in memory in chunks of at most `ROWS` rows."""
    for start in range(0, rows, ROWS):
        part = {name: column.slice(start, ROWS) for name, column in columns.items()}
        first = Place(place.table, place.first + start)
        yield Chunk(first, min(ROWS, rows - start), part)


def _parquet(file: BinaryIO, where: str, wanted: Collection[str], check: Check) -> Iterator[Chunk]:
    schema = pq.read_schema(file)
    names = schema.names
    index = {
        name for name in (schema.pandas_metadata or {}).get("index_columns", ()) if name in names
    }
    if index & set(wanted):
        raise InputError(
            f"{shown(where, 200)}: {listed(sorted(index))} is the index of a pandas table, no "
            "column; write it after reset_index()"
        )
    names = [name for name in names if not (name in index and name.startswith("__index_level_"))]
    named_once(names, where)
    check(names)
    own = [name for name in names if name in wanted]
    table = pq.ParquetFile(
        file,
        read_dictionary=[name for name in own if _is_text(schema.field(name).type)],
        page_checksum_verification=True,
    )
    first = 1
    for batch in table.iter_batches(batch_size=ROWS, columns=own, use_threads=False):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        yield Chunk(Place(where, first), batch.num_rows, columns)
        first += batch.num_rows


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _csv(file: BinaryIO, where: str, wanted: Collection[str], check: Check) -> Iterator[Chunk]:
    names = _header(file, where)
    named_once(names, where)
    check(names)
    if not _skip_blank_lines(file):
        return
    own = [name for name in names if name in wanted]
    text = pa.dictionary(pa.int32(), pa.string())
    first = 1
    try:
        # Arrow's threads get nothing of Python's: one that needs it while Python ends, aborts.
        with (
            _rest(file, where) as rest,
            pa_csv.open_csv(
                rest,
                pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names),
                pa_csv.ParseOptions(newlines_in_values=True),
                pa_csv.ConvertOptions(
                    include_columns=own,
                    column_types=dict.fromkeys(own, text),
                    strings_can_be_null=False,
                    null_values=[],
                ),
            ) as batches,
        ):
            for batch in batches:
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield from sliced(Place(where, first), columns, batch.num_rows)
                first += batch.num_rows
    except pa.ArrowInvalid as error:
        if _TOO_LONG in str(error):
            raise Place(where, first).error(
                0, f"it, or one that follows soon, has more than {_BLOCK_BYTES} bytes; shorten it"
            ) from None
        ragged = _RAGGED.search(str(error))
        if not ragged:
            raise
        row, columns_there, cells, content = ragged.groups()
        raise Place(where, int(row or first)).error(
            0, f"it has {cells} cells, and the table {columns_there} columns: '{shown(content)}'"
        ) from None


def _rest(file: BinaryIO, where: str) -> pa.NativeFile:
    """Open an open file anew, without Python, at the place that was reached."""
    rest = pa.OSFile(os.fsencode(where))
    rest.seek(file.tell())
    return rest


def _header(file: BinaryIO, where: str) -> list[str]:
    """Read the names of the columns and leave the file at the line after them."""
    start = file.read(_HEADER_BYTES)
    end = _LINE_END.search(start)
    line = start[: end.start()] if end else start
    if not end and len(start) == _HEADER_BYTES:
        raise InputError(
            f"{shown(where, 200)}: its first line has more than {_HEADER_BYTES} bytes; it is to "
            "name the columns"
        )
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(
            f"{shown(where, 200)}: its first line is not UTF-8 text; it is to name the columns"
        ) from None
    if not text:
        empty = "starts with an empty line" if start else "is empty"
        raise InputError(f"{shown(where, 200)} {empty}; it needs a row of column names")
    file.seek(end.end() if end else len(start))
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise InputError(
            f"{shown(where, 200)}: its first line cannot be read as names of columns: {error}"
        ) from None


def _skip_blank_lines(file: BinaryIO) -> bool:
    """Leave the file at its next line that is not blank; tell whether there is one."""
    while block := file.read(_HEADER_BYTES):
        rest = block.lstrip(b"\r\n")
        if rest:
            file.seek(-len(rest), 1)
            return True
    return False


def _json_lines(
    file: BinaryIO, where: str, wanted: Collection[str], check: Check
) -> Iterator[Chunk]:
    objects = _objects(file, where)
    first = 1
    known: set[str] = set()
    while rows := list(islice(objects, ROWS)):
        place = Place(where, first)
        names = list(dict.fromkeys(name for row in rows for name in row))
        if not known.issuperset(names):
            check(names)
            known.update(names)
        columns = {
            name: table_cells.column([row.get(name) for row in rows], name, place)
            for name in names
            if name in wanted
        }
        yield Chunk(place, len(rows), columns)
        first += len(rows)


def _objects(file: BinaryIO, where: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSON lines, numbers with a fraction as text."""
    decode = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=str, parse_constant=str).decode
    long = json.JSONDecoder(
        object_pairs_hook=_pairs, parse_float=str, parse_constant=str, parse_int=str
    ).decode
    for number, line in enumerate(_lines(file, where), 1):
        try:
            text = line.decode()
            try:
                row = decode(text)
            except json.JSONDecodeError:
                raise
            except ValueError as error:  # an integer of more digits than Python converts
                if isinstance(error, InputError):
                    raise
                row = long(text)
        except (ValueError, RecursionError) as error:
            reason = shown(error, 200)
            raise Place(where, number).error(
                0, f"cannot read it as a JSON object: {reason}"
            ) from None
        if not isinstance(row, dict):
            raise Place(where, number).error(0, f"'{shown(text)}' is no JSON object of a design")
        if not row:
            raise Place(where, number).error(0, "the object is empty; give a design's parameters")
        yield row


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"'{shown(twice)}' is there twice; give it once")
    return row


def _lines(file: BinaryIO, where: str) -> Iterator[bytes]:
    """Yield the lines that are not blank, without a byte-order mark."""
    left = b""
    number = 1
    start = file.read(3)
    block = b"" if start == b"\xef\xbb\xbf" else start
    while True:
        more = file.read(_BLOCK_BYTES)
        *lines, left = (left + block + more).split(b"\n")
        block = b""
        for line in lines:
            if line.strip():
                yield line
                number += 1
        if not more:
            break
        if len(left) > _BLOCK_BYTES:
            raise Place(where, number).error(
                0, f"the line has more than {_BLOCK_BYTES} bytes; give a design a line"
            )
    if left.strip():
        yield left


_READERS: dict[str, Callable[[BinaryIO, str, Collection[str], Check], Iterator[Chunk]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}
"""How a table is read, by the end of its name."""
