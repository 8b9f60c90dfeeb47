"""Verification: results against the published tables, row by row and column by column."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.figure_data import COLUMNS, paper_values
from analysis.results import Results
from evaluators.errors import InputError, shown
from evaluators.foreign import read_text
from evaluators.workloads.sizes import parse_seq_len

TOLERANCE = 1e-12
"""Relative error up to which a value agrees with the published tables."""

FIGURE_DIGITS = 4
"""Significant digits to which the project knows the values of the paper's figures."""

_ATTENTION = {
    "traffic": "traffic_bytes",
    "latency": "latency_s",
    "energy": "energy_pj",
    "util_2d": "util_2d",
    "util_1d": "util_1d",
}
_LINEAR = {name: _ATTENTION[name] for name in ("traffic", "latency", "energy")}
_PARETO = {
    "traffic": "traffic_bytes",
    "mem_lat": "memory_latency_s",
    "comp_2d_lat": "compute_2d_s",
    "comp_1d_lat": "compute_1d_s",
    "latency": "latency_s",
    "array_2d_area": "array_area_um2",
    "area": "area_um2",
}


@dataclass(frozen=True)
class Published:
    """One of the published tables.

    Attributes:
        file: its name.
        study: the study of its rows in our results.
        configuration: their configuration.
        keys: the columns that name a row, published -> ours.
        metrics: the columns to compare, published -> ours.
        einsums: the columns with the activity of an Einsum.

    """

    file: str
    study: str
    configuration: str
    keys: dict[str, str]
    metrics: dict[str, str]
    einsums: tuple[str, ...] = ()


_BY_LENGTH = {"model": "model", "seq_len": "seq_len"}
_BY_SIDE = {"model": "model", "PE_dim": "array_rows"}
_2D = ("QK", "LM", "SLN", "SLD", "SLNV")

TABLES = (
    Published("attn-unfused.csv", "attention", "unfused", _BY_LENGTH, _ATTENTION),
    Published("attn-flat.csv", "attention", "flat", _BY_LENGTH, _ATTENTION, ("QK", "AV")),
    Published("attn-cascade.csv", "attention", "cascade", _BY_LENGTH, _ATTENTION, ("QK", "SLNV")),
    Published("attn-arch.csv", "attention", "architecture", _BY_LENGTH, _ATTENTION, _2D),
    Published("attn-binding.csv", "attention", "binding", _BY_LENGTH, _ATTENTION, _2D),
    Published("end2end-flat.csv", "inference", "linear_flat", _BY_LENGTH, _LINEAR),
    Published("end2end-proposal.csv", "inference", "linear_fusemax", _BY_LENGTH, _LINEAR),
    Published("pareto.csv", "pareto", "binding", _BY_SIDE, _PARETO),
)
"""The eight tables of the artifact."""


@dataclass(frozen=True)
class Worst:
    """A value that departs most from what was published."""

    row: str
    column: str
    published: float
    ours: float
    relative_error: float


@dataclass(frozen=True)
class Check:
    """How results agree with one table.

    Attributes:
        table: its name.
        rows: its rows.
        values: the values compared.
        matched: rows all of whose values agree.
        worst: the row's worst value of every row that does not agree, the worst first; of a table
            that agrees, its worst value alone.

    """

    table: str
    rows: int
    values: int
    matched: int
    worst: tuple[Worst, ...]

    @property
    def agrees(self) -> bool:
        """Tell whether every row agrees."""
        return self.matched == self.rows

    @property
    def largest_error(self) -> float:
        """The largest relative error of the table."""
        return self.worst[0].relative_error


def verify_tables(results: Results, reference: Path, tolerance: float) -> list[Check]:
    """Compare the results of every point of the paper with the published tables.

    Args:
        results: the points, in the published accounting.
        reference: the folder with the eight files.
        tolerance: relative error up to which values agree.

    Raises:
        InputError: if a file is missing, is no table, or lacks a column or all rows.

    """
    return [_check_table(results, table, reference / table.file, tolerance) for table in TABLES]


def verify_figures(data: pd.DataFrame) -> list[Check]:
    """Compare figure data with the values that the paper's figures show, to four digits.

    Args:
        data: the table of `analysis.figure_data.figure_data`.

    """
    keys = [column for column in COLUMNS if column != "value"]
    both = paper_values().merge(data, on=keys, how="left", suffixes=("_paper", ""), validate="1:1")
    return [
        _check(
            f"figure {figure}",
            [" ".join(str(row[key]) for key in keys[1:-1]) for row in rows.to_dict("records")],
            rows[["value_paper"]].to_numpy(),
            rows[["value"]].to_numpy(),
            list(rows["quantity"]),
            _half_a_digit(rows["value_paper"].to_numpy()),
        )
        for figure, rows in both.groupby("figure", sort=False)
    ]


def _half_a_digit(values: np.ndarray) -> np.ndarray:
    """Return the relative error that rounding to `FIGURE_DIGITS` leaves, shape as the values."""
    unit = 10.0 ** (np.floor(np.log10(np.abs(values))) - (FIGURE_DIGITS - 1))
    half: np.ndarray = 0.5 * unit / np.abs(values) * (1 + 1e-9)
    return half


def _check_table(results: Results, table: Published, path: Path, tolerance: float) -> Check:
    published = _read(table, path)
    columns = [*table.metrics.values(), *table.einsums]
    ours = _ours(results, table)
    both = published.merge(ours, on=list(table.keys.values()), how="left", validate="1:1")
    return _check(
        path.name,
        list(published["row"]),
        published[[*table.metrics, *table.einsums]].to_numpy(dtype=float),
        both[[f"our_{column}" for column in columns]].to_numpy(dtype=float),
        [*table.metrics, *table.einsums],
        tolerance,
    )


def _ours(results: Results, table: Published) -> pd.DataFrame:
    """Return our values for a table: its keys in our names, values as 'our_<column>'."""
    keys = list(table.keys.values())

    def chosen(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[
            (frame["study"] == table.study) & (frame["configuration"] == table.configuration)
        ]

    metrics = chosen(results.evaluations)[[*keys, *table.metrics.values()]]
    metrics = metrics.rename(columns={name: f"our_{name}" for name in table.metrics.values()})
    if not table.einsums:
        return metrics
    activity = chosen(results.breakdown).pivot_table(
        index=keys, columns="einsum", values="active_fraction"
    )
    activity = activity[list(table.einsums)].add_prefix("our_").reset_index()
    return metrics.merge(activity, on=keys)


def _read(table: Published, path: Path) -> pd.DataFrame:
    """Read a published table; add the keys that name its rows in our results, and their text."""
    try:
        text = read_text(path, _what())
        frame = pd.read_csv(StringIO(text), index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"cannot read {path}: {shown(error, 300)}; name {_what()}") from error
    wanted = [*table.keys, *table.metrics, *table.einsums]
    lacking = [column for column in wanted if column not in frame]
    if lacking:
        raise InputError(
            f"{path} lacks the column {', '.join(lacking)}; it must have all of the published ones"
        )
    if frame.empty:
        raise InputError(f"{path} has no rows; it must have all of the published ones")
    numbers = [*table.metrics, *table.einsums]
    values = frame[numbers].apply(pd.to_numeric, errors="coerce")
    if not np.isfinite(values.to_numpy(dtype=float)).all():
        row = int(np.flatnonzero(~np.isfinite(values.to_numpy(dtype=float)).all(axis=1))[0])
        raise InputError(f"{path} line {row + 2}: a value is no number; all of them must be finite")
    frame[numbers] = values
    frame["row"] = [" ".join(map(str, key)) for key in frame[list(table.keys)].to_numpy()]
    for theirs, ours in table.keys.items():
        frame[ours] = frame[theirs].map(parse_seq_len) if ours == "seq_len" else frame[theirs]
    repeated = np.flatnonzero(frame.duplicated(list(table.keys.values())))
    if repeated.size:
        raise InputError(f"{path} line {repeated[0] + 2}: the row is there twice; give each once")
    return frame


def _what() -> str:
    files = ", ".join(each.file for each in TABLES)
    return f"a published table (--reference names the folder of the published tables, {files})"


def _check(
    name: str,
    rows: list[str],
    published: np.ndarray,
    ours: np.ndarray,
    columns: list[str],
    tolerance: float | np.ndarray,
) -> Check:
    """Compare two (rows, columns) arrays; a missing value of ours is an infinite error.

    `columns` names the columns, or the one value of every row; `tolerance` is the relative error up
    to which a row agrees, for all rows or one each.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.abs(ours - published) / np.abs(published)
    errors = np.where(published == ours, 0.0, np.where(np.isnan(errors), np.inf, errors))
    worst_column = errors.argmax(axis=1)
    by_row = errors.max(axis=1)
    wrong = by_row > tolerance
    order = np.argsort(-by_row, kind="stable")[: max(1, int(wrong.sum()))]
    return Check(
        table=name,
        rows=len(rows),
        values=published.size,
        matched=int((~wrong).sum()),
        worst=tuple(
            Worst(
                row=rows[i],
                column=columns[i] if published.shape[1] == 1 else columns[worst_column[i]],
                published=float(published[i, worst_column[i]]),
                ours=float(ours[i, worst_column[i]]),
                relative_error=float(by_row[i]),
            )
            for i in order
        ),
    )
