"""Objectives as people read them: a name, a unit, and how many of the unit a column's one is."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.figure_data import CM2_PER_UM2


@dataclass(frozen=True)
class Quantity:
    """What a column is shown as.

    Attributes:
        title: its name and unit, as Matplotlib and LaTeX write them.
        scale: what a value of the column is times, to be in that unit.

    """

    title: str
    scale: float = 1.0


_QUANTITIES = {
    "area_um2": Quantity("Area (cm$^2$)", CM2_PER_UM2),
    "latency_s": Quantity("Latency (s)"),
    "energy_pj": Quantity("Energy (J)", 1e-12),
    "traffic_bytes": Quantity("Off-chip traffic (GiB)", 2.0**-30),
    "power_w": Quantity("Power (W)"),
    "tokens_per_s": Quantity("Tokens per second"),
    "energy_per_token_pj": Quantity("Energy per token (mJ)", 1e-9),
    "util_2d": Quantity("Utilization 2D"),
    "energy_delay_pj_s": Quantity("Energy $\\times$ delay (J s)", 1e-12),
}


def quantity(column: str) -> Quantity:
    """Return what a column is shown as: by its own name where there is no better one."""
    return _QUANTITIES.get(column, Quantity(column.replace("_", " ")))
