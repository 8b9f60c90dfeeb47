"""What the report of `dse reproduce` shows: the paper's figures by several runs, and as published.

A run is a folder that `dse reproduce` wrote; the figures are drawn from the evaluations in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.figure_data import COLUMNS, figure_data, paper_values
from analysis.figure_labels import BARS, SEGMENTS, STACKS
from analysis.headlines import PAPER, headlines
from analysis.results import PART, Results
from dse.search.place import command
from dse.search.release import release
from evaluators.errors import InputError, shown
from evaluators.foreign import is_there, read_bytes
from evaluators.protocol import Runs
from evaluators.workloads.sizes import seq_len_label

LARGEST_BYTES = 2**28
"""A larger file of evaluations is not read; the paper's have 2**20."""

PUBLISHED = "published values"
"""What the values are called that the paper's authors published."""

KEYS = [name for name in COLUMNS if name != "value"]

FIGURES = {
    "6a": "Utilization of the 1D array",
    "6b": "Utilization of the 2D array",
    "7": "Proportion of the 2D array's time that it is active, BERT; "
    + ", ".join(f"{short} {BARS[name][0]}" for name, short in STACKS.items()),
    "8": "Speedup of attention, relative to unfused",
    "9": "Energy of attention, relative to unfused",
    "10": "End-to-end speedup, relative to unfused",
    "11": "End-to-end energy, relative to unfused",
    "12": "Latency of attention against area, +Binding at 256K tokens",
}
"""The figures and what they show."""


def is_run(folder: Path) -> bool:
    """Tell whether a folder has what `dse reproduce` writes."""
    return is_there(_evaluations(folder))


def paper_report(folder: Path, others: Sequence[Path]) -> dict[str, Any]:
    """Return all that the page of `dse reproduce` shows.

    Args:
        folder: of the run.
        others: of other runs.

    Raises:
        InputError: if one of them lacks the paper's points, or two have one name.

    """
    tables = {each.name: _table(each) for each in (folder, *others)}
    if len(tables) <= len(others) or PUBLISHED in tables:
        raise InputError("two of the runs have one name; copy one under another")
    data = {name: figure_data(each.evaluations, each.breakdown) for name, each in tables.items()}
    published = paper_values()
    runs = {PUBLISHED: published, **data}
    return {
        "kind": "paper",
        "name": folder.name,
        "runs": list(runs),
        "this": folder.name,
        "configurations": dict(BARS.values()),
        "short": {BARS[name][0]: short for name, short in STACKS.items()},
        "segments": dict(SEGMENTS.values()),
        "figures": [_figure(name, runs) for name in FIGURES],
        "headlines": {
            "the paper": {ratio.name: value for ratio, value in PAPER.items()},
            **{name: headlines(each) for name, each in runs.items()},
        },
        "provenance": _provenance(folder, others, tables),
    }


def _evaluations(folder: Path) -> Path:
    return folder / "evaluations" / PART


def _table(folder: Path) -> Results:
    path = _evaluations(folder)
    content = read_bytes(path, "what dse reproduce writes", largest_bytes=LARGEST_BYTES)
    try:
        results = Results(pq.read_table(BytesIO(content)), Runs())
        figure_data(results.evaluations, results.breakdown)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(
            f"{shown(path, 200)} lacks the paper's points: {shown(error, 200)}; "
            "dse reproduce writes them"
        ) from None
    return results


def _figure(name: str, runs: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return a figure's `rows` as `KEYS` says, labels as read, and a column of `values` a run."""
    own = [each[each["figure"] == name].set_index(KEYS)["value"] for each in runs.values()]
    rows = own[0].index.to_frame(index=False)
    columns = {
        "configuration": [BARS[each][0] for each in rows["configuration"]],
        "model": rows["model"].tolist(),
        "tokens": [seq_len_label(each) for each in rows["seq_len"].tolist()],
        "side": rows["array_rows"].tolist(),
        "quantity": [SEGMENTS[each][0] if each in SEGMENTS else each for each in rows["quantity"]],
    }
    return {
        "name": name,
        "title": FIGURES[name],
        "columns": columns,
        "values": [[float(f"{x:.8g}") for x in each[own[0].index].tolist()] for each in own],
    }


def _provenance(
    folder: Path, others: Sequence[Path], tables: Mapping[str, Results]
) -> dict[str, dict[str, str]]:
    facts = {
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "attention-dse": release(),
    }
    for name, results in tables.items():
        first = results.table.slice(0, 1).to_pylist()[0]
        facts[name] = f"accounting {first['accounting']}, evaluator {first['evaluator']}"
    words = [word for each in others for word in ("--beside", str(each))]
    return {
        "facts": facts,
        "commands": {"This report again": command(folder.parent, "report", folder.name, *words)},
        "files": {},
    }
