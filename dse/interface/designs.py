"""Designs evaluated as a table, and the workloads that they run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_list_like

from dse.interface.typed import typed
from dse.results import frames
from dse.results.designs import LABEL_DEFAULTS
from evaluators import protocol
from evaluators.errors import InputError, known_are, shown
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.reading import TOKENS, workload_of
from evaluators.workloads.workload import Workload

_CONFIGURATION = "configuration"


@typed
def evaluate(
    designs: pd.DataFrame | None = None, /, *, evaluator: str | None = None, **values: Any
) -> pd.DataFrame:
    """Evaluate designs, one or millions, each on its workload.

    Args:
        designs: a row a design. Its columns are the options of `dse evaluate`: configuration (a
            name, or the path of a file), model or shape, seq_len, queries, keys, batch, window,
            mask, fit, accounting, sram, and the accelerator's parameters, as array_rows. What is
            missing or blank takes its default. Other columns, as an id, are passed through.
        evaluator: 'analytical', 'mapper', or 'timeloop' or 'timeloop-mapper' where that is
            installed; where None, 'mapper' for a configuration that leaves its binding open, else
            'analytical'.
        values: further columns: a value for all rows, or a list with one each.

    Returns:
        The same rows under the same index: columns of the user's own, then those of results (see
        docs/how-to/export.md): what a design is, with all that it left open as it was resolved;
        latency_s, energy_pj, and that by component, traffic_bytes, area_um2, utilizations (0 to 1);
        `feasible`, `failed` and the `reason` where a design has no metrics (then NaN).

    Raises:
        Error: for what no design can be, with its row and column.

    Examples:
        >>> import dse
        >>> sides = {"array_rows": [128, 256], "array_cols": [128, 256]}
        >>> found = dse.evaluate(**sides, seq_len="64K", accounting="corrected")
        >>> found[["array_rows", "vector_lanes", "latency_s", "area_um2"]].round(3)
           array_rows  vector_lanes  latency_s      area_um2
        0         128           256     29.449  1.268576e+08
        1         256           256      7.403  3.024745e+08

    """
    engine = None if evaluator is None else protocol.evaluator(evaluator)
    if designs is None:
        values = {_CONFIGURATION: LABEL_DEFAULTS[_CONFIGURATION]} | values
        return frames.evaluated(_frame(values), engine, named=values)
    if twice := sorted(set(values) & set(designs.columns)):
        raise InputError(f"{twice[0]} is a column of the table and given beside it; give it once")
    columns = _frame(values, len(designs)).set_axis(designs.index)
    return frames.evaluated(designs.join(columns), engine, named=values)


def _frame(values: Mapping[str, Any], rows: int | None = None) -> pd.DataFrame:
    """Return values as columns of so many rows; else as many as a list has, 1 without lists."""
    columns = {
        name: list(value) if is_list_like(value) else value for name, value in values.items()
    }
    lengths = {name: len(value) for name, value in columns.items() if isinstance(value, list)}
    rows = max(lengths.values(), default=1) if rows is None else rows
    for name, length in lengths.items():
        if length != rows:
            raise InputError(f"{name} has {length} values for {rows} designs; give one, or {rows}")
    return pd.DataFrame(
        {
            name: value if isinstance(value, list) else [_plain(value)] * rows
            for name, value in columns.items()
        },
        index=range(rows),
    )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


@typed
def workload(model: str | Path = "BERT", /, **options: str | int) -> Workload:
    """Return a workload: a transformer layer with its queries, keys and mask.

    Args:
        model: the paper's BERT, TrXL, T5 or XLM, a well-known one of `dse workload list`, or the
            path of a config.json of Hugging Face.
        options: seq_len, queries, keys (tokens, as 262144 or '256K'), batch, window, mask ('none',
            'causal'), fit ('strict', 'pad'); without tokens 256K.

    Returns:
        It has the extents of its ranks (`extents`), the pairs of a query and a key that the mask
        leaves (`pairs`), and its `transformer`.

    Raises:
        Error: for an unknown model or option, or one that is none.

    Examples:
        >>> import dse
        >>> decoding = dse.workload("llama-3-8b", queries=1, keys="8K", batch=64)
        >>> decoding.told
        'with 1 query on 8K keys'
        >>> decoding.extents["M"], decoding.transformer.key_heads
        (8192, 8)

    """
    known = (*TOKENS, "mask", "fit")
    if strange := next((name for name in options if name not in known), None):
        raise InputError(f"unknown option '{shown(strange)}'; {known_are(strange, known)}")
    return workload_of(transformer(str(model)), options)
