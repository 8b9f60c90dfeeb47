"""The paper's headline ratios: one configuration against another over the 24 workloads."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Ratio:
    """The arithmetic mean over the workloads of one configuration's value over another's.

    Attributes:
        name: what it is called.
        quantity: the figure data it averages, see `analysis.figure_data`.
        configuration: the numerator.
        baseline: the denominator.

    """

    name: str
    quantity: str
    configuration: str
    baseline: str

    def mean(self, data: pd.DataFrame) -> float:
        """Return the mean, from the table of `analysis.figure_data.figure_data`."""
        values = data[data["quantity"] == self.quantity].pivot_table(
            index=["model", "seq_len"], columns="configuration", values="value"
        )
        return float((values[self.configuration] / values[self.baseline]).mean())


PAPER = {
    Ratio("attention speedup", "speedup", "binding", "flat"): 6.723,
    Ratio("attention energy", "energy_use", "binding", "flat"): 0.7875,
    Ratio("end-to-end speedup", "end_to_end_speedup", "binding", "flat"): 5.302,
    Ratio("end-to-end energy", "end_to_end_energy_use", "binding", "flat"): 0.8335,
}
"""The paper's 6.7x at 79 % of the energy on attention and 5.3x at 83 % end to end: +Binding against
FLAT, as the published tables give them to four digits."""

CORRECTABLE = (
    Ratio("speedup B/F", "speedup", "binding", "flat"),
    Ratio("B/U", "speedup", "binding", "unfused"),
    Ratio("energy B/F", "energy_use", "binding", "flat"),
    Ratio("B/U", "energy_use", "binding", "unfused"),
    Ratio("C/F", "energy_use", "cascade", "flat"),
    Ratio("end to end B/F", "end_to_end_energy_use", "binding", "flat"),
    Ratio("B/U", "end_to_end_energy_use", "binding", "unfused"),
    Ratio("C/F", "end_to_end_energy_use", "cascade", "flat"),
)
"""The ratios that the corrections change: B is +Binding, C +Cascade, F FLAT, U unfused."""


def headlines(data: pd.DataFrame) -> dict[str, float]:
    """Return the paper's headlines by name, from the table of figure data."""
    return {ratio.name: ratio.mean(data) for ratio in PAPER}
