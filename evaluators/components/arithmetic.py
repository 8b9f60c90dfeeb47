"""Arithmetic units on floating-point words: energy per operation and area.

Composed from published tables as the artifact's plug-ins do (docs/model/components.md#arithmetic):
Aladdin's single-precision units, scaled from 32 bits to a word's n (adder linearly, multiplier
quadratically); a comparator of Aladdin and a multiplexer of NeuroSim; the divider of Xia et al.
(2021), scaled from 90 nm and 32 bit with the tables of Stillmaker and Baas (2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from evaluators.components import ENERGY_DECIMALS


@dataclass(frozen=True)
class Unit:
    """A functional unit: energy per operation (pJ) and area (um^2), of one width or a column."""

    energy_pj: Any
    area_um2: Any

    def __add__(self, other: Unit) -> Unit:
        """Join two units into one that does both for every operation."""
        return Unit(self.energy_pj + other.energy_pj, self.area_um2 + other.area_um2)

    def __mul__(self, factor: float) -> Unit:
        """Scale a unit, or repeat it."""
        return Unit(self.energy_pj * factor, self.area_um2 * factor)


def _energy_at(technology: tuple[float, float, float], voltage_v: float = 0.8) -> float:
    """Return a technology's relative energy, Stillmaker and Baas's fit in the supply voltage."""
    a, b, c = technology
    return a * voltage_v**2 + b * voltage_v + c


_NM_45 = (1.103, -0.362, 0.2767)
_NM_90 = (4.762, -4.781, 2.092)
_AREA_45_OVER_90 = 0.35
_TABLED_BITS = 32

_ADD = Unit(16.679, 2060)
_MULTIPLY = Unit(35.3, 2060)
_COMPARATOR = Unit(0.02947, 71)
_MULTIPLEXERS = {
    8: Unit(0.006755922, 6.89472),
    16: Unit(0.01330062, 13.78944),
    32: Unit(0.02639002, 27.57888),
}
DIVIDE_XIA = Unit(550.24, 542650)
"""The divider of Xia et al. (2021) as published, at 90 nm and 32 bit."""

WIDTHS = tuple(_MULTIPLEXERS)
"""Bits of a word, n, that the tables have units for."""


@cache
def unrounded(word_bits: int) -> Mapping[str, Unit]:
    """Return every unit that an Einsum's points are charged to, on words of one of `WIDTHS`."""
    share = word_bits / _TABLED_BITS
    add, multiply = _ADD * share, _MULTIPLY * share**2
    mac = multiply + add
    return {
        "mac": mac,
        "add": add,
        "max": _COMPARATOR * share + _MULTIPLEXERS[word_bits],
        "exponential": mac * 5 + multiply,
        "divide": Unit(
            DIVIDE_XIA.energy_pj * share**3 * _energy_at(_NM_45) / _energy_at(_NM_90),
            DIVIDE_XIA.area_um2 * share**3 * _AREA_45_OVER_90,
        ),
    }


@cache
def charged(word_bits: int) -> Mapping[str, Unit]:
    """Return the units of a width with their energies rounded as charged."""
    return {
        name: Unit(round(unit.energy_pj, ENERGY_DECIMALS), unit.area_um2)
        for name, unit in unrounded(word_bits).items()
    }


def units(word_bits: Any) -> Mapping[str, Unit]:
    """Return the units as charged on words of one of `WIDTHS`, or of a column of them."""
    if np.ndim(word_bits) == 0:
        return charged(int(word_bits))
    place = np.searchsorted(WIDTHS, word_bits.astype(np.int64))
    each = [charged(width) for width in WIDTHS]
    return {
        name: Unit(
            np.array([of[name].energy_pj for of in each])[place],
            np.array([of[name].area_um2 for of in each])[place],
        )
        for name in each[0]
    }
