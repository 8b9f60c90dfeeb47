"""Numbers of tokens, as people and tables write them: 262144, 256K, 1M."""

from __future__ import annotations

import re

from evaluators.errors import InputError, TooLarge, shown
from evaluators.foreign import integer

KI = 1024
_LENGTH = re.compile(r"([0-9]+)([KM]?)")
_SUFFIX = {"": 1, "K": KI, "M": KI**2}
MOST_READ = 2**63 - 1
"""The largest number that is read at all."""

LONGEST = 2**31 - 1
"""Tokens of the longest sequence: its square, the scores of one head, is still counted exactly."""


def parse_seq_len(text: str | int, what: str = "sequence length") -> int:
    """Read a number of tokens: '262144', '256K' or '1M' (K = 1024, M = 1024^2).

    `InputError` says what is no number, `TooLarge` that it is beyond 64 bits; `Workload` bounds it.
    """
    match = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if isinstance(text, str) and match is None:
        raise InputError(f"{what} '{shown(text)}': write tokens, as 262144, 256K or 1M")
    where = f"{what} {shown(text)}"
    tokens = read_number(match[1], where) * _SUFFIX[match[2]] if match else int(text)
    if tokens > MOST_READ:
        raise TooLarge(f"{where}: give 1 to 2^31 - 1 tokens")
    return tokens


def read_number(digits: str, where: str) -> int:
    """Read plain digits; `TooLarge` beyond 64 bits."""
    number = integer(digits, 0, MOST_READ)
    if number is None:
        raise TooLarge(f"{where}: {shown(digits)} is too large; sizes are below 2^63")
    return number


def seq_len_label(seq_len: int) -> str:
    """Write a number of tokens as the paper does: 1024 -> '1K', 1048576 -> '1M'."""
    for suffix in ("M", "K"):
        if seq_len and seq_len % _SUFFIX[suffix] == 0:
            return f"{seq_len // _SUFFIX[suffix]}{suffix}"
    return str(seq_len)
