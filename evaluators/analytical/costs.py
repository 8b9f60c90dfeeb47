"""Costs: activities -> energies and times (docs/model/accounting.md)."""

from __future__ import annotations

from typing import Any

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.activity import Activity
from evaluators.analytical.architecture import CLOCK_HZ, DRAM_BYTES_PER_S, Storage
from evaluators.analytical.binding import Bound
from evaluators.analytical.schedule import Times
from evaluators.components import dram
from evaluators.engine.columns import Real


def energy_pj(activity: Activity, bound: Bound, parts: Storage, accounting: Accounting) -> Real:
    """Return the energy of one Einsum.

    Leakage and networks cost nothing (quirk Q8). The register file above the 2D array is of the
    lanes' kind. The published accounting charges the accesses of one PE and one lane (quirk Q1).
    """
    register_file = parts.pe if bound.array == "2d" else parts.lane
    files = activity.instances if accounting.repairs(Correction.Q1) else 1
    computes = activity.cycles * activity.instances
    energy: Real = (
        (activity.dram_reads + activity.dram_writes) * (parts.dram_pj / (dram.ACCESS_BITS / 16))
        + (
            activity.buffer_reads * parts.buffer.read_pj
            + activity.buffer_writes * parts.buffer.write_pj
        )
        / parts.buffer_row_words
        + files
        * (
            activity.register_reads * register_file.read_pj
            + activity.register_writes * register_file.write_pj
        )
        + activity.shared_reads * parts.lane.read_pj
        + activity.shared_writes * parts.lane.write_pj
        + computes
        * sum(count * parts.units[unit].energy_pj for unit, count in bound.operations.items())
    )
    return energy


def times(activities: dict[str, Activity], binding: dict[str, Bound], array_rows: Any) -> Times:
    """Return the compute and the traffic time of every Einsum."""
    return Times(
        compute={
            name: each.cycles * (binding[name].cycles / CLOCK_HZ)
            for name, each in activities.items()
        },
        traffic={
            name: each.traffic_bytes * (1 / DRAM_BYTES_PER_S) for name, each in activities.items()
        },
        array_rows=array_rows,
    )
