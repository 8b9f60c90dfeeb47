"""The fronts of `dse front` as one table, in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.quantities import quantity
from dse.results.latex import escaped, number, tabular
from dse.results.table_writing import content
from evaluators.errors import InputError, shown
from evaluators.files import write_atomically

LATEX = ".tex"

FORMATS = (".csv", LATEX, ".parquet", ".jsonl")


def write(reports: Sequence[dict[str, Any]], files: Sequence[Path]) -> None:
    """Write the designs of fronts, study by study, atomically.

    Args:
        reports: see `dse.commands.front.report`.
        files: where to, in which format their names tell.

    Raises:
        InputError: for a name that tells no format.

    """
    for file in files:
        if file.suffix.lower() not in FORMATS:
            raise InputError(f"{shown(file, 200)}: tables of fronts are {', '.join(FORMATS)}")
    objectives = list(dict.fromkeys(name for each in reports for name in each["objectives"]))
    written = [
        _latex(_frame(reports, found=False), objectives)
        if file.suffix.lower() == LATEX
        else content(pa.Table.from_pandas(_frame(reports, found=True), preserve_index=False), file)
        for file in files
    ]
    for file, each in zip(files, written, strict=True):
        write_atomically(file, each)


def _frame(reports: Sequence[dict[str, Any]], *, found: bool) -> pd.DataFrame:
    """Return a row a design: study, trial, pin, parameters, objectives; None for what is not.

    What is told of the bindings found is behind the parameters, where it is asked for.
    """
    parameters = dict.fromkeys(
        name for each in reports for row in each["front"] for name in row["parameters"]
    )
    told = dict.fromkeys(
        name for each in reports for row in each["front"] for name in row["found"] if found
    )
    objectives = dict.fromkeys(name for each in reports for name in each["objectives"])
    rows = [
        {"study": each["study"], "trial": row["trial"], "pin": row["pin"]}
        | row["parameters"]
        | row["found"]
        | {name: row[name] for name in each["objectives"]}
        for each in reports
        for row in each["front"]
    ]
    names = list(dict.fromkeys(["study", "trial", "pin", *parameters, *told, *objectives]))
    return pd.DataFrame(rows, columns=names).convert_dtypes()


def _latex(frame: pd.DataFrame, objectives: Sequence[str]) -> bytes:
    """Return a frame without the columns that say nothing, objectives in units for people."""
    columns: dict[str, list[str]] = {}
    for name in frame.columns:
        cells = [None if pd.isna(each) else each for each in frame[name].tolist()]
        if set(cells) == {None} or (name == "study" and len(set(cells)) == 1):
            continue
        if name in objectives:
            told = quantity(name)
            columns[told.title] = [
                "--" if each is None else number(each * told.scale) for each in cells
            ]
        else:
            head = escaped(name.replace("_", " "))
            columns[head] = ["--" if each is None else escaped(str(each)) for each in cells]
    return tabular(columns).encode()
