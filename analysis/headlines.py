"""The paper's headline ratios: +Binding against FLAT, averaged over the 24 workloads."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Headline:
    """One of the paper's claims.

    Attributes:
        name: what it compares.
        quantity: the figure data it averages, see `analysis.figure_data`.
        paper: the arithmetic mean that the published tables give, to four digits.

    """

    name: str
    quantity: str
    paper: float


HEADLINES = (
    Headline("attention speedup", "speedup", 6.723),
    Headline("attention energy", "energy_use", 0.7875),
    Headline("end-to-end speedup", "end_to_end_speedup", 5.302),
    Headline("end-to-end energy", "end_to_end_energy_use", 0.8335),
)
"""The paper's 6.7x at 79 % of the energy on attention, and 5.3x at 83 % end to end."""


def headlines(data: pd.DataFrame) -> dict[str, float]:
    """Return +Binding over FLAT: name -> arithmetic mean over the 24 workloads.

    Args:
        data: the table of `analysis.figure_data.figure_data`.

    """
    means = {}
    for headline in HEADLINES:
        values = data[data["quantity"] == headline.quantity].pivot_table(
            index=["model", "seq_len"], columns="configuration", values="value"
        )
        means[headline.name] = float((values["binding"] / values["flat"]).mean())
    return means
