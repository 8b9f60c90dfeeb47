"""Workloads: the transformers of the paper, or one of the user's own, at a sequence length.

Source: FuseMax (MICRO 2024), section 6.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evaluators.errors import InputError, TooLarge, known_are, shown
from evaluators.foreign import integer

KI = 1024
_DIGITS = re.compile(r"[0-9]+")
_LENGTH = re.compile(r"([0-9]+)([KM]?)")
_SUFFIX = {"": 1, "K": KI, "M": KI**2}
_MOST_READ = 2**63 - 1

SHAPE = ("batch", "model_width", "query_width", "value_width", "heads", "ffn_width")
"""The sizes of a transformer, in the order of B,D,E,F,H,S."""

LARGEST = 2**20
"""The largest of them that is accepted, with a wide margin over what is trained."""

LONGEST = 2**31 - 1
"""Tokens of the longest sequence: its square, the scores of one head, is still counted exactly."""


@dataclass(frozen=True)
class Transformer:
    """The shape of one transformer layer.

    Attributes:
        name: what tables and figures call it.
        batch: sequences in flight, B.
        model_width: width of the residual stream, D.
        query_width: width of a head's queries and keys, E.
        value_width: width of a head's values, F.
        heads: attention heads, H.
        ffn_width: hidden width of the feed-forward network, S.

    """

    name: str
    batch: int
    model_width: int
    query_width: int
    value_width: int
    heads: int
    ffn_width: int

    def __post_init__(self) -> None:
        for field in SHAPE:
            size = getattr(self, field)
            where = f"transformer {shown(self.name)}: {field} is {shown(size)}"
            if size < 1:
                raise InputError(f"{where}; it must be a positive integer")
            if size > LARGEST:
                raise TooLarge(f"{where}; it may be {LARGEST} at most")


@dataclass(frozen=True)
class Workload:
    """A transformer at a sequence length: self-attention of `seq_len` tokens (M = P)."""

    transformer: Transformer
    seq_len: int

    def __post_init__(self) -> None:
        if self.seq_len < 1:
            raise InputError(f"sequence length {self.seq_len}: it must be a positive integer")
        if self.seq_len > LONGEST:
            or_more = " or more" * (self.seq_len == _MOST_READ)
            raise TooLarge(f"sequence length {self.seq_len}{or_more}: give 1 to 2^31 - 1 tokens")


TRANSFORMERS = {
    shape.name: shape
    for shape in (
        #            name     B     D    E    F   H     S
        Transformer("BERT", 64, 768, 64, 64, 12, 3072),
        Transformer("TrXL", 64, 1024, 64, 64, 16, 4096),
        Transformer("T5", 64, 512, 64, 64, 8, 2048),
        Transformer("XLM", 64, 2048, 128, 128, 16, 8192),
    )
}
"""The paper's four transformers, in the order of its figures."""

SEQ_LENS = tuple(KI * 4**k for k in range(6))
"""The paper's six sequence lengths in tokens: 1K, 4K, 16K, 64K, 256K, 1M."""


def transformer(name: str) -> Transformer:
    """Return the paper's transformer of that name; `InputError` names the known ones."""
    try:
        return TRANSFORMERS[name]
    except KeyError:
        raise InputError(
            f"unknown model '{shown(name)}'; {known_are(name, TRANSFORMERS)}, "
            "and --shape B,D,E,F,H,S describes any other"
        ) from None


def parse_shape(text: str, name: str = "custom") -> Transformer:
    """Read a transformer from 'B,D,E,F,H,S', for example '64,768,64,64,12,3072'.

    `InputError` says what is no shape, `TooLarge` which size is out of bounds.
    """
    parts = [part.strip(" ") for part in text.split(",", maxsplit=6)]
    if len(parts) != 6 or not all(_DIGITS.fullmatch(part) for part in parts):
        raise InputError(
            f"shape '{shown(text)}': give six positive integers B,D,E,F,H,S "
            "(batch, model width, query width, value width, heads, feed-forward width)"
        )
    return Transformer(name, *(_read(part, f"shape '{shown(text)}'") for part in parts))


def shape_label(shape: Transformer) -> str:
    """Write a transformer as `parse_shape` reads it."""
    return ",".join(str(getattr(shape, field)) for field in SHAPE)


def parse_seq_len(text: str | int) -> int:
    """Read a sequence length in tokens: '262144', '256K' or '1M' (K = 1024, M = 1024^2).

    `InputError` says what is no length, `TooLarge` that it is beyond 64 bits; `Workload` bounds it.
    """
    match = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if isinstance(text, str) and match is None:
        raise InputError(f"sequence length '{shown(text)}': write tokens, as 262144, 256K or 1M")
    where = f"sequence length {shown(text)}"
    tokens = _read(match[1], where) * _SUFFIX[match[2]] if match else int(text)
    if tokens > _MOST_READ:
        raise TooLarge(f"{where}: give 1 to 2^31 - 1 tokens")
    return tokens


def _read(digits: str, where: str) -> int:
    number = integer(digits, 0, _MOST_READ)
    if number is None:
        raise TooLarge(f"{where}: {shown(digits)} is too large; sizes are below 2^63")
    return number


def seq_len_label(seq_len: int) -> str:
    """Write a sequence length as the paper does: 1024 -> '1K', 1048576 -> '1M'."""
    for suffix in ("M", "K"):
        if seq_len % _SUFFIX[suffix] == 0:
            return f"{seq_len // _SUFFIX[suffix]}{suffix}"
    return str(seq_len)
