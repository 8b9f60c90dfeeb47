"""Tables of designs: read, evaluated row for row, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.results import EVALUATIONS
from dse.designs import LABEL_DEFAULTS, Setting, evaluate_pinned, reasons
from evaluators.design import AUTOMATIC, AUTOMATIC_ALLOWED, PARAMETERS, Designs
from evaluators.errors import InputError
from evaluators.files import write_atomically
from evaluators.protocol import METRICS, Evaluator

READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".csv": lambda path: pd.read_csv(path, dtype=dict.fromkeys(LABEL_DEFAULTS, str)),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
}
"""How a table is read, by the suffix of its name."""

RECOMPUTED = ("study", "evaluator", *METRICS, "feasible", "failed", "reason")
"""Columns that results have; in a table of designs they are replaced."""

MISSING = -1
_EXACT = 2**53


def evaluate_file(designs: Path, out: Path, engine: Evaluator) -> tuple[str, bool]:
    """Evaluate a table of designs and write the same rows with their results.

    Returns one sentence that says what was done, and whether no evaluation failed. Raises
    `InputError` for a table that cannot be read or has a value that no design can have; then
    nothing is written.
    """
    _suffix(out)
    results = evaluate_table(read(designs), str(designs), engine)
    write_atomically(out, content(results, out))
    feasible, failed = (int(results[name].sum()) for name in ("feasible", "failed"))
    return (
        f"{len(results)} designs evaluated, {feasible} of them feasible"
        + (f", {failed} failed" if failed else "")
        + f"; results are in {out}"
    ), not failed


def read(path: Path) -> pd.DataFrame:
    """Read a table; `InputError` names what is wrong with the file."""
    reader = READERS[_suffix(path)]
    try:
        return reader(path)
    except FileNotFoundError:
        raise InputError(f"{path} is not there; --designs names a table of designs") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty; it needs a row of column names") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"cannot read {path} as {path.suffix[1:]}: {reason}") from error


def evaluate_table(table: pd.DataFrame, where: str, engine: Evaluator) -> pd.DataFrame:
    """Evaluate every row: the complete design, the metrics, `feasible`, `failed`, and a `reason`.

    Rows keep their order. Missing columns and empty cells take the paper's value.
    """
    known = [*LABEL_DEFAULTS, *PARAMETERS, *RECOMPUTED]
    unknown = [str(column) for column in table if column not in known]
    if unknown:
        raise InputError(
            f"{where}: unknown column {', '.join(unknown)}; designs have "
            f"{', '.join([*LABEL_DEFAULTS, *PARAMETERS])}"
        )
    labels = {name: _labels(table[name]) for name in LABEL_DEFAULTS if name in table}
    parameters = {name: _integers(table[name], where) for name in PARAMETERS if name in table}
    results: dict[str, Any] = {}
    for members, given in _groups(labels, len(table)):
        try:
            setting = Setting.parse(LABEL_DEFAULTS | given)
        except InputError as error:
            raise InputError(f"{where} row {members[0] + 1}: {error}") from None
        columns: dict[str, Any] = {
            name: _or_default(parameters[name][members], default) if name in parameters else default
            for name, default in setting.defaults().items()
        }
        columns["array_rows"] = np.broadcast_to(columns["array_rows"], len(members))
        for rows, values in _evaluated(setting, Designs.of(**columns), engine):
            _scatter(results, len(table), members[rows], values)
    extra = [name for name in results if name not in EVALUATIONS.names]
    return pd.DataFrame(results, columns=[*EVALUATIONS.names, *extra])


def _groups(labels: dict[str, pd.Series], rows: int) -> Iterator[tuple[np.ndarray, dict[str, str]]]:
    """Yield the rows that share their labels, and those of the labels that are given."""
    if not labels:
        if rows:
            yield np.arange(rows), {}
        return
    for key, members in pd.DataFrame(labels).groupby(list(labels), sort=False).indices.items():
        cells = key if isinstance(key, tuple) else (key,)
        yield (
            np.asarray(members),
            {name: cell for name, cell in zip(labels, cells, strict=True) if cell},
        )


def _evaluated(
    setting: Setting, designs: Designs, engine: Evaluator
) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Yield rows of a batch and their result columns."""
    for rows, evaluations in evaluate_pinned(setting, designs, engine):
        failed = np.isin(np.arange(len(rows)), list(evaluations.failures))
        yield (
            rows,
            {
                **setting.labels(engine),
                **evaluations.designs.columns(),
                **evaluations.metrics,
                "feasible": evaluations.feasible & ~failed,
                "failed": failed,
                "reason": np.array(reasons(setting, evaluations, engine), dtype=object),
            },
        )


def _scatter(results: dict[str, Any], n: int, rows: np.ndarray, values: dict[str, Any]) -> None:
    for name, column in values.items():
        if name not in results:
            dtype = object if isinstance(column, str) else np.asarray(column).dtype
            results[name] = np.empty(n, dtype=dtype)
        results[name][rows] = column


def _labels(column: pd.Series) -> pd.Series:
    """Return a column of labels as text, '' where empty; whole numbers without a fraction."""

    def written(cell: Any) -> str:
        if isinstance(cell, float) and cell.is_integer():
            return str(int(cell))
        return str(cell)

    texts = {cell: written(cell) for cell in column.dropna().unique()}
    return column.map(texts).fillna("")


def _integers(column: pd.Series, where: str) -> np.ndarray:
    """Return a column of a parameter as int64, `MISSING` where empty.

    Raises `InputError` at the first row that holds no whole number in range.
    """
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    empty = column.isna().to_numpy()
    least = AUTOMATIC if column.name in AUTOMATIC_ALLOWED else 1
    with np.errstate(invalid="ignore"):
        valid = (numbers >= least) & (numbers <= _EXACT) & (numbers == np.floor(numbers))
    wrong = np.flatnonzero(~(valid | empty))
    if len(wrong):
        raise InputError(
            f"{where} row {wrong[0] + 1}: {column.name} '{column.iloc[wrong[0]]}': give "
            f"{'0 for automatic or ' if least == AUTOMATIC else ''}a positive integer"
        )
    return np.where(empty, MISSING, np.nan_to_num(numbers)).astype(np.int64)


def _or_default(column: np.ndarray, default: int) -> np.ndarray:
    return np.where(column == MISSING, default, column)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise InputError(
            f"{path}: tables of designs are {', '.join(READERS)}, told by the end of their name"
        )
    return suffix


def content(results: pd.DataFrame, out: Path) -> bytes:
    """Return a table in the format of the file's suffix; `InputError` for another one."""
    suffix = _suffix(out)
    if suffix == ".csv":
        return results.to_csv(index=False).encode()
    if suffix == ".jsonl":
        return results.to_json(orient="records", lines=True, double_precision=15).encode()
    content = BytesIO()
    results.to_parquet(content, index=False)
    return content.getvalue()
