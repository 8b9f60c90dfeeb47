"""What figures 6a to 12 of FuseMax (MICRO 2024) show, as one tidy table.

The figures are drawn from this table alone, so a table that is right makes figures that are right.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from search_spaces.domains import ATTENTION
from studies.paper import LINEAR_LAYERS, PARETO_SEQ_LEN, PARETO_SIDES

COLUMNS = ["figure", "configuration", "model", "seq_len", "array_rows", "quantity", "value"]
MODELS = tuple(TRANSFORMERS)
CONFIGURATIONS = ATTENTION

FIGURE_7_EINSUMS = {
    "flat": ("QK", "AV"),
    "cascade": ("QK", "SLNV"),
    "architecture": ("QK", "LM", "SLN", "SLD", "SLNV"),
    "binding": ("QK", "LM", "SLN", "SLD", "SLNV"),
}
"""The Einsums of the 2D array in figure 7, per configuration, in the order of the stack."""

FIGURE_7_MODEL = "BERT"
CM2_PER_UM2 = 1e-8


def figure_data(evaluations: pd.DataFrame, breakdown: pd.DataFrame) -> pd.DataFrame:
    """Return every value that figures 6a to 12 plot.

    Parameters
    ----------
    evaluations
        One row per evaluation, one accounting and one evaluator. Studies ``attention`` (the five
        configurations), ``inference`` (the linear layers alone) and ``pareto`` (+Binding over
        array sizes) are read; columns study, configuration, model, seq_len (tokens), array_rows,
        latency_s, energy_pj, util_1d, util_2d, area_um2.
    breakdown
        One row per evaluation and Einsum: columns study, configuration, model, seq_len, array,
        einsum, active_fraction (of the 2D array's time).

    Returns
    -------
    DataFrame
        852 rows with the columns ``COLUMNS``, ordered as the figures read: figure, then model,
        sequence length, configuration (figure 12: model, array_rows), then quantity.

        ====== =========================== ============================================
        figure quantity                    value
        ====== =========================== ============================================
        6a, 6b util_1d, util_2d            fraction of the latency
        7      active_QK, active_LM, ...   fraction of the latency, BERT
        8, 10  speedup,                    latency of unfused over latency; end to end
               end_to_end_speedup          adds the linear layers to both
        9, 11  energy_use,                 energy over energy of unfused; likewise
               end_to_end_energy_use
        12     area_cm2, latency_s         cm^2, s
        ====== =========================== ============================================

    Raises
    ------
    ValueError
        If a row that a figure needs is missing, has no value, or occurs more than once.

    """
    attention = _attention(evaluations)
    linear = _linear_layers(evaluations)
    latency = attention["latency_s"].to_numpy()
    energy = attention["energy_pj"].to_numpy()
    end_to_end_latency = latency + linear["latency_s"].to_numpy()
    end_to_end_energy = energy + linear["energy_pj"].to_numpy()
    bars = [
        ("6a", "util_1d", attention["util_1d"].to_numpy()),
        ("6b", "util_2d", attention["util_2d"].to_numpy()),
        ("8", "speedup", _unfused(latency) / latency),
        ("9", "energy_use", energy / _unfused(energy)),
        ("10", "end_to_end_speedup", _unfused(end_to_end_latency) / end_to_end_latency),
        ("11", "end_to_end_energy_use", end_to_end_energy / _unfused(end_to_end_energy)),
    ]
    tables = [
        attention.assign(figure=figure, quantity=quantity, value=value)[COLUMNS]
        for figure, quantity, value in bars
    ]
    tables.insert(2, _figure_7(breakdown, attention))
    tables.append(_figure_12(evaluations))
    return pd.concat(tables, ignore_index=True)


def paper_values() -> pd.DataFrame:
    """Return the values of the paper's figures, four significant digits, as `figure_data` does.

    Source: the result tables that the authors of FuseMax published with their artifact.
    """
    return pd.read_csv(Path(__file__).with_name("paper_values.csv"), dtype={"figure": str})


def _attention(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the (4 models x 6 lengths x 5 configurations) attention rows, in that order."""
    wanted = pd.MultiIndex.from_product(
        [["attention"], MODELS, SEQ_LENS, CONFIGURATIONS],
        names=["study", "model", "seq_len", "configuration"],
    )
    values = ["array_rows", "latency_s", "energy_pj", "util_1d", "util_2d"]
    return _select(evaluations, "evaluations", wanted, values)


def _linear_layers(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the linear layers that complete each row of `_attention`, in the same order."""
    wanted = pd.MultiIndex.from_product(
        [["inference"], MODELS, SEQ_LENS, LINEAR_LAYERS.values()],
        names=["study", "model", "seq_len", "configuration"],
    )
    return _select(evaluations, "evaluations", wanted, ["latency_s", "energy_pj"])


def _unfused(values: np.ndarray) -> np.ndarray:
    """Return, for values ordered as `_attention`, unfused's at the same model and length."""
    per_point = values.reshape(-1, len(CONFIGURATIONS))
    return np.repeat(per_point[:, CONFIGURATIONS.index("unfused")], len(CONFIGURATIONS))


def _figure_7(breakdown: pd.DataFrame, attention: pd.DataFrame) -> pd.DataFrame:
    """Return the activity of the 2D array per Einsum (84 rows): length, configuration, Einsum."""
    wanted = pd.MultiIndex.from_tuples(
        [
            ("attention", FIGURE_7_MODEL, seq_len, configuration, "2d", einsum)
            for seq_len in SEQ_LENS
            for configuration, einsums in FIGURE_7_EINSUMS.items()
            for einsum in einsums
        ],
        names=["study", "model", "seq_len", "configuration", "array", "einsum"],
    )
    active = _select(breakdown, "breakdown", wanted, ["active_fraction"])
    sizes = attention[["model", "seq_len", "configuration", "array_rows"]]
    return active.merge(sizes, how="left", on=["model", "seq_len", "configuration"]).assign(
        figure="7",
        quantity=lambda rows: "active_" + rows["einsum"],
        value=lambda rows: rows["active_fraction"],
    )[COLUMNS]


def _figure_12(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return area and latency of +Binding (48 rows) by model and array size."""
    wanted = pd.MultiIndex.from_product(
        [["pareto"], ["binding"], [PARETO_SEQ_LEN], MODELS, PARETO_SIDES],
        names=["study", "configuration", "seq_len", "model", "array_rows"],
    )
    points = _select(evaluations, "evaluations", wanted, ["area_um2", "latency_s"])
    areas = points.assign(quantity="area_cm2", value=points["area_um2"] * CM2_PER_UM2)
    latencies = points.assign(quantity="latency_s", value=points["latency_s"])
    return pd.concat([areas, latencies]).sort_index(kind="stable").assign(figure="12")[COLUMNS]


def _select(
    frame: pd.DataFrame, name: str, wanted: pd.MultiIndex, values: Sequence[str]
) -> pd.DataFrame:
    """Return the wanted rows of a frame, in the order wanted, with their keys and values.

    Raises ValueError if one of them is missing, lacks one of the values, or is not unique.
    """
    keys = list(wanted.names)
    rows = frame.dropna(subset=list(values)).set_index(keys)[list(values)]
    missing = wanted[~wanted.isin(rows.index)].unique()
    if len(missing):
        raise ValueError(f"{name}: the figures need a value for {_sentence(missing)}")
    rows = rows[rows.index.isin(wanted)]
    repeated = rows.index[rows.index.duplicated()].unique()
    if len(repeated):
        raise ValueError(f"{name}: the figures need one row, not more, for {_sentence(repeated)}")
    return rows.reindex(wanted).reset_index()


def _sentence(index: pd.Index, shown: int = 3) -> str:
    """Name the first rows of an index, level by level, and count the others."""
    named = "; ".join(
        " ".join(f"{level}={value}" for level, value in zip(index.names, key, strict=True))
        for key in index[:shown]
    )
    others = len(index) - shown
    return f"{named} and {others} more." if others > 0 else f"{named}."
