"""What is searched by default: the parameters of each configuration and their domains.

Source: spec/generalization.md, 'Default search domains'.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from evaluators.analytical import flat
from evaluators.analytical.mappings import STATIONARITIES
from evaluators.design import AUTOMATIC
from evaluators.engine.columns import divisors
from evaluators.errors import InputError
from search_spaces.parameter import Parameter

KIB = 1024

SIDES = tuple(2**k for k in range(3, 11))
"""Sides of the 2D array, and lanes: powers of two from 8 to 1024."""

BUFFER_BYTES = tuple(
    sorted([2**k * KIB for k in range(4, 18)] + [3 * 2**k * KIB for k in range(5, 16)])
)
"""Global buffers: 2^k and 3*2^k bytes from 64 KiB to 128 MiB, and the 16 and 32 KiB of the
smallest designs of figure 12."""

_CHIP = (
    "array_rows",
    "array_cols",
    "vector_lanes",
    "buffer_bytes",
    "pe_registers",
    "lane_registers",
)
_FUSEMAX = (*_CHIP, "query_tiles")

PARAMETERS_OF = {
    "unfused": _CHIP,
    "flat": (*_CHIP, *flat.BINDING),
    "cascade": _FUSEMAX,
    "architecture": _FUSEMAX,
    "binding": _FUSEMAX,
    "linear_flat": _CHIP,
    "linear_fusemax": _CHIP,
}
"""Configuration -> the parameters it has. The mapping of the unfused QK and AV and the tiles of the
linear layers are left to their mappers."""

CONFIGURATIONS = tuple(PARAMETERS_OF)
"""The labels of the parameter 'configuration'."""

ATTENTION = ("unfused", "flat", "cascade", "architecture", "binding")
"""The configurations of the joint space."""


def parameters(configurations: Sequence[str], seq_lens: Sequence[int]) -> tuple[Parameter, ...]:
    """Return 'configuration' and every parameter that one of the configurations has.

    Tiles of queries divide every sequence length. `InputError` names an unknown configuration, or
    a sequence length that is not positive.
    """
    for name in configurations:
        if name not in PARAMETERS_OF:
            raise InputError(
                f"unknown configuration '{name}'; known are {', '.join(CONFIGURATIONS)}"
            )
    if not seq_lens or min(seq_lens) < 1:
        raise InputError(f"sequence lengths {list(seq_lens)}: give one or more positive integers")
    codes = tuple(sorted(CONFIGURATIONS.index(name) for name in configurations))
    used = {parameter for name in configurations for parameter in PARAMETERS_OF[name]}
    return (
        Parameter("configuration", codes, codes, ordered=False, labels=CONFIGURATIONS),
        *(each for each in _all_parameters(gcd(*seq_lens)) if each.name in used),
    )


def _all_parameters(seq_len: int) -> list[Parameter]:
    tiles = tuple(divisors(seq_len).tolist())
    sizes = {
        "array_rows": SIDES,
        "array_cols": SIDES,
        "vector_lanes": SIDES,
        "buffer_bytes": BUFFER_BYTES,
    }
    automatic = {
        "query_tiles": (AUTOMATIC, *tiles),
        "pe_registers": None,
        "lane_registers": None,
    }
    query_rows, qk_stationarity, av_stationarity, *keeps = flat.BINDING
    return [
        *(Parameter(name, values, values) for name, values in sizes.items()),
        *(Parameter(name, (AUTOMATIC,), domain) for name, domain in automatic.items()),
        Parameter(query_rows, tiles, tiles),
        *(
            _choice(name, len(STATIONARITIES), STATIONARITIES)
            for name in (qk_stationarity, av_stationarity)
        ),
        *(_choice(name, 2) for name in keeps),
    ]


def _choice(name: str, count: int, labels: tuple[str, ...] = ()) -> Parameter:
    values = tuple(range(count))
    return Parameter(name, values, values, ordered=False, labels=labels)
