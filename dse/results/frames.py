"""DataFrames as tables of designs: read as files are, their results beside their own columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dse.results import table_cells
from dse.results.design_tables import DesignTable
from dse.results.table_cells import Place
from dse.results.table_files import Check, Chunk, named_once, sliced
from evaluators.errors import InputError, shown
from evaluators.protocol import Evaluator

CALLED = "the table"


def design_table(frame: pd.DataFrame) -> DesignTable:
    """Return the designs of a DataFrame; `InputError` for columns that are no names."""
    names = list(frame.columns)
    for strange in (name for name in names if not isinstance(name, str)):
        raise InputError(f"{CALLED}: column {shown(strange)} has no name; name it by a text")
    named_once(names, CALLED)

    def read(wanted: Collection[str], check: Check) -> Iterator[Chunk]:
        check(names)
        place = Place(CALLED, 1)
        columns = {name: _column(frame[name], place) for name in names if name in wanted}
        yield from sliced(place, columns, len(frame))

    return DesignTable(read, CALLED, Path())


def evaluated(
    frame: pd.DataFrame, engine: Evaluator | None, named: Collection[str] = ()
) -> pd.DataFrame:
    """Evaluate every row of a table of designs.

    Args:
        frame: a row a design.
        engine: evaluates them; None for that of each accelerator, see `engine_of`.
        named: columns that must say something of a design.

    Returns:
        The columns of the user's own, then those of results, in rows as the frame has them.

    """
    table = design_table(frame)
    parts = []
    for chunk in table.chunks():
        if strange := next((name for name in table.own if name in named), None):
            raise InputError(f"unknown argument '{shown(strange)}'; {table.known}")
        parts.append(table.evaluated(chunk, table.results(chunk), engine))
    if not parts:
        parts.append(table.schema.empty_table())
    results: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return results.set_axis(frame.index)


def _column(series: pd.Series[Any], place: Place) -> pa.Array:
    """Return a column as Arrow has it; of mixed values the texts, as in a file."""
    if series.dtype != object:
        column = pa.array(series, from_pandas=True)
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values = [each.item() if isinstance(each, np.generic) else each for each in series]
    kinds = {bool, list, dict, int}
    plain = [
        each if type(each) in kinds else None if pd.isna(each) else str(each) for each in values
    ]
    return table_cells.column(plain, str(series.name), place)
