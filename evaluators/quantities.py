"""Quantities as people write them: '16 MiB', '400 GiB/s', '940 MHz', '256K'.

KiB, MiB, GiB and TiB are powers of 1024, and so are K, M, G and T alone, of tokens and of bytes;
kB, MB, GB, TB and the prefixes of Hz are powers of 1000. Nothing is rounded on the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from evaluators.errors import InputError, shown

_BARE = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_BYTES = {
    "B": 1,
    **{f"{prefix}iB": 1024 ** (1 + place) for place, prefix in enumerate("KMGT")},
    **{f"{prefix}B": 1000 ** (1 + place) for place, prefix in enumerate("kMGT")},
    "KB": 1000,
}

_SYMBOLS: Mapping[str, Mapping[str, int]] = {
    "": _BARE,
    "bytes": _BARE | _BYTES,
    "bytes_per_s": {"": 1, **{f"{symbol}/s": factor for symbol, factor in _BYTES.items()}},
    "hz": {"": 1, "Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9},
    "bits": {"": 1, "bit": 1, "bits": 1},
}
"""Unit -> symbol -> how many of the unit it is."""

_WANTED = {
    "": "a number, as 262144 or 256K",
    "bytes": "a size, as 16777216, 16M or 16 MiB",
    "bytes_per_s": "a bandwidth, as 4e11, 400 GiB/s or 1555 GB/s",
    "hz": "a frequency, as 940e6, 940 MHz or 1.5 GHz",
    "bits": "a width, as 16 or 16 bits",
}

UNITS = tuple(_SYMBOLS)
"""The units of `quantity`; '' counts things."""

_WRITTEN = re.compile(
    r"\s*([0-9]{1,30}(?:\.[0-9]{0,30})?)(?:e\+?([0-9]{1,2}))?\s*([A-Za-z/]{0,6})\s*"
)
_MOST = 2**63


def quantity(text: str, unit: str) -> int | float:
    """Read a quantity in a unit: an integer where it is whole, else the nearest real.

    Args:
        text: a number, perhaps with an exponent, and perhaps a symbol of the unit.
        unit: one of `UNITS`; `unit_of` finds that of a parameter.

    Raises:
        InputError: for anything else, another unit's symbol, or 2^63 and more.

    """
    match = _WRITTEN.fullmatch(text)
    factor = _SYMBOLS[unit].get(match[3]) if match else None
    if match is None or factor is None:
        symbols = ", ".join(symbol for symbol in _SYMBOLS[unit] if symbol)
        raise InputError(
            f"'{shown(text)}' is not understood; write {_WANTED[unit]} (known are {symbols})"
        )
    value = Fraction(match[1]) * 10 ** int(match[2] or 0) * factor
    if value >= _MOST:
        raise InputError(f"'{shown(text)}' is too large; it must be below 2^63")
    return int(value) if value.denominator == 1 else float(value)


def unit_of(parameter: str) -> str:
    """Return the unit that ends a parameter's name, '' for one that counts."""
    ends = (unit for unit in UNITS if unit and f"_{parameter}".endswith(f"_{unit}"))
    return max(ends, key=len, default="")
