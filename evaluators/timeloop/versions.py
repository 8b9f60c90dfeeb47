"""Which Accelergy prices components as the paper did, and what later ones do otherwise.

All versions of Accelergy print the same number, and its plug-ins have none, so a version is known
by what it does: the prices of a chip are ours, or ours after some of the `CHANGES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import isclose

from evaluators.components import address

Prices = Mapping[str, float]
"""See `evaluators.timeloop.audit.prices`."""

Depths = Mapping[str, int]
"""Array -> rows of a register file of it."""

AGREEING = {
    "accelergy": "c7e26d2",
    "accelergy-cacti-plug-in": "b07bec5",
    "accelergy-library-plug-in": "662afb4",
    "accelergy-aladdin-plug-in": "ab4123a",
    "accelergy-neurosim-plug-in": "bf874bc",
}
"""Repositories of github.com/Accelergy-Project -> the commits that priced the components."""

TIMELOOP = "6e081fce"
"""The commit of github.com/NVlabs/timeloop that counted the paper's loop nests."""

ROUNDING = 1e-12
"""Relative difference up to which two prices are the same."""

_RECOGNISED = 1e-6
"""Difference, relative or absolute, up to which a change explains a price: both are rounded."""


@dataclass(frozen=True)
class Change:
    """What a later version does otherwise.

    Attributes:
        since: the plug-in, and its first commit that does it.
        what: what it does.
        apply: our prices of a design under it.

    """

    since: str
    what: str
    apply: Callable[[Prices, Depths], dict[str, float]]


_ENERGY_45_FROM_40 = 1.2652410166126706
_AREA_45_FROM_40 = 22.6 / 13
_COMPARATOR = {"max energy_pj": 0.02947 / 2, "max area_um2": 71 / 2}
"""The share of a comparator of 16 bits in the unit that takes the maximum."""


def _as_40_nm(prices: Prices, depths: Depths) -> dict[str, float]:
    """Scale registers and comparators from 40 nm; address generators and multiplexers stay."""
    scaled = dict(prices)
    for name, depth in depths.items():
        generator = float(address.energy_pj(depth))
        generators = 2 * float(address.area_um2(depth))
        for action in ("read_pj", "write_pj"):
            stored = prices[f"{name} {action}"] - generator
            scaled[f"{name} {action}"] = generator + _ENERGY_45_FROM_40 * stored
        stored = prices[f"{name} area_um2"] - generators
        scaled[f"{name} area_um2"] = generators + _AREA_45_FROM_40 * stored
    scaled["max energy_pj"] += (_ENERGY_45_FROM_40 - 1) * _COMPARATOR["max energy_pj"]
    scaled["max area_um2"] += (_AREA_45_FROM_40 - 1) * _COMPARATOR["max area_um2"]
    return scaled


_AT_2_NS = {
    "add": (5.513, 1505.0),
    "mac": (12.938, 2257.5),
    "exponential": (72.115, 12040.0),
}
"""Floating-point unit -> energy and area where Aladdin's are looked up at the chip's cycle time."""


def _at_the_cycle_time(prices: Prices, depths: Depths) -> dict[str, float]:
    del depths
    units = {
        f"{unit} {column}": value
        for unit, values in _AT_2_NS.items()
        for column, value in zip(("energy_pj", "area_um2"), values, strict=True)
    }
    return {name: units.get(name, value) for name, value in prices.items()}


CHANGES = (
    Change(
        "accelergy-library-plug-in 9a9addd (January 2025)",
        "takes Aladdin's registers and comparators for parts of 40 nm and scales them to 45 nm",
        _as_40_nm,
    ),
    Change(
        "accelergy-aladdin-plug-in b3fdbc8 (June 2024)",
        "looks floating-point units up at the chip's cycle time, rounded up to 2 ns",
        _at_the_cycle_time,
    ),
)


def differing(ours: Prices, theirs: Prices) -> dict[str, float]:
    """Return the prices that differ: name -> theirs / ours."""
    return {
        name: value / ours[name]
        for name, value in theirs.items()
        if not isclose(value, ours[name], rel_tol=ROUNDING)
    }


def recognised(ours: Prices, theirs: Prices, depths: Depths) -> tuple[Change, ...] | None:
    """Return the changes that make our prices of a design theirs; None where none do."""
    for count in range(len(CHANGES) + 1):
        for changes in combinations(CHANGES, count):
            expected = dict(ours)
            for change in changes:
                expected = change.apply(expected, depths)
            if all(_explains(expected[name], price) for name, price in theirs.items()):
                return changes
    return None


def _explains(expected: float, price: float) -> bool:
    return isclose(expected, price, rel_tol=_RECOGNISED, abs_tol=_RECOGNISED)


def agreeing() -> str:
    """Return the commits that agree, as a sentence names them."""
    return ", ".join(f"{name} {commit}" for name, commit in AGREEING.items())
