"""Schedules: how the Einsums of a configuration overlap in time (docs/model/accounting.md#times).

Each schedule is one expression in the compute times of the Einsums, `t.QK` being the time of QK on
its array, and in the times that off-chip traffic takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Times:
    """Times in seconds on a batch of designs.

    Attributes:
        compute: Einsum -> busy time of its array; also read as attributes, `t.QK`.
        traffic: Einsum -> time of its off-chip traffic at full bandwidth.
        array_rows: rows of the 2D array, R.

    """

    compute: Mapping[str, Any]
    traffic: Mapping[str, Any]
    array_rows: Any

    def __getattr__(self, einsum: str) -> Any:
        """Return the compute time of an Einsum."""
        try:
            return self.compute[einsum]
        except KeyError:
            raise AttributeError(einsum) from None

    def memory(self, *einsums: str) -> Any:
        """Time of the traffic of these Einsums, of all where none is named."""
        return sum(self.traffic[each] for each in einsums or self.traffic)


def longest(*times: Any) -> Any:
    """Return the longest of activities that overlap perfectly."""
    return reduce(np.maximum, times)


def unfused(t: Times) -> Any:
    """QK, softmax and AV in turn, each overlapped with its own traffic."""
    return (
        longest(t.memory("QK"), t.QK)
        + longest(t.memory("M", "SN", "SD", "A"), t.M + t.SN + t.SD + t.A)
        + longest(t.memory("AV"), t.AV)
    )


def flat(t: Times) -> Any:
    """Both arrays and the traffic overlap."""
    return longest(t.memory(), t.QK + t.AV, t.M + t.SN + t.SD + t.A)


def cascade(t: Times) -> Any:
    """+Cascade: both arrays and the traffic overlap; all but QK and SLNV run on the 1D array."""
    vector = t.LM + t.RM + t.PRM + t.SPD + t.SPNV + t.SLN + t.SLD + t.RD + t.RNV + t.AV
    return longest(t.memory(), t.QK + t.SLNV, vector)


def architecture(t: Times) -> Any:
    """+Architecture: a tile's Einsums in turn; RM waits until LM has crossed the rows."""
    stall = t.array_rows * t.LM
    return longest(
        t.memory(),
        longest(t.QK + t.LM, t.RD + t.AV)
        + stall
        + t.RM
        + longest(t.SLN + t.SLD, t.PRM + t.SPD)
        + longest(t.SLNV, t.SPNV + t.RNV),
    )


def binding(t: Times) -> Any:
    """+Binding: tiles interleave, so nothing stalls and RNV overlaps the next tile's QK."""
    return longest(
        t.memory(),
        longest(t.QK + t.LM, t.RD + t.RNV + t.AV)
        + t.RM
        + longest(t.SLN + t.SLD, t.PRM + t.SPD)
        + longest(t.SLNV, t.SPNV),
    )


def linear(t: Times) -> Any:
    """Layers in turn, each overlapped with its own traffic."""
    return sum(longest(t.memory(layer), t.compute[layer]) for layer in t.compute)
