"""Arithmetic units on 16-bit floating-point words: energy per operation and area.

Composed from published tables as the artifact's plug-ins do (docs/model/components.md#arithmetic):
Aladdin's single-precision units, scaled from 32 to 16 bit (adder linearly, multiplier
quadratically); a comparator of Aladdin and a multiplexer of NeuroSim; the divider of Xia et al.
(2021), scaled from 90 nm and 32 bit with the tables of Stillmaker and Baas (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.components import ENERGY_DECIMALS


@dataclass(frozen=True)
class Unit:
    """A functional unit: energy per operation (pJ) and area (um^2), neither rounded."""

    energy_pj: float
    area_um2: float

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
_HALF = 16 / 32

_ADD = Unit(16.679, 2060) * _HALF
_MULTIPLY = Unit(35.3, 2060) * _HALF**2
_MAC = _MULTIPLY + _ADD
_COMPARATOR = Unit(0.02947, 71) * _HALF
_MULTIPLEXER = Unit(0.01330062, 13.78944)
DIVIDE_XIA = Unit(550.24, 542650)
"""The divider of Xia et al. (2021) as published, at 90 nm and 32 bit."""

_THREE_WIDTHS = _HALF**3
_AREA_45_OVER_90 = 0.35

UNITS = {
    "mac": _MAC,
    "add": _ADD,
    "max": _COMPARATOR + _MULTIPLEXER,
    "exponential": _MAC * 5 + _MULTIPLY,
    "divide": Unit(
        DIVIDE_XIA.energy_pj * _THREE_WIDTHS * _energy_at(_NM_45) / _energy_at(_NM_90),
        DIVIDE_XIA.area_um2 * _THREE_WIDTHS * _AREA_45_OVER_90,
    ),
}
"""Every unit that an Einsum's points are charged to."""


def energy_pj(unit: str) -> float:
    """Energy of one operation of a unit, rounded as charged."""
    return round(UNITS[unit].energy_pj, ENERGY_DECIMALS)


CHARGED = {name: Unit(energy_pj(name), unit.area_um2) for name, unit in UNITS.items()}
"""The units with their energies rounded as charged."""
