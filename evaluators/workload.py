"""Workloads: the transformers of the paper, or one of the user's own, at a sequence length.

Source: FuseMax (MICRO 2024), section 6.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evaluators.errors import InputError

KI = 1024
_SUFFIX = {"": 1, "K": KI, "M": KI**2}


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
        for field in ("batch", "model_width", "query_width", "value_width", "heads", "ffn_width"):
            if getattr(self, field) < 1:
                raise InputError(
                    f"transformer {self.name}: {field} is {getattr(self, field)}; "
                    "it must be a positive integer"
                )


@dataclass(frozen=True)
class Workload:
    """A transformer at a sequence length: self-attention of `seq_len` tokens (M = P)."""

    transformer: Transformer
    seq_len: int

    def __post_init__(self) -> None:
        if self.seq_len < 1:
            raise InputError(f"sequence length {self.seq_len}: it must be a positive integer")


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
            f"unknown model '{name}'; known are {', '.join(TRANSFORMERS)}, "
            "and --shape B,D,E,F,H,S describes any other"
        ) from None


def parse_shape(text: str) -> Transformer:
    """Read a transformer from 'B,D,E,F,H,S', for example '64,768,64,64,12,3072'."""
    parts = text.split(",")
    if len(parts) != 6 or not all(part.strip().isdecimal() for part in parts):
        raise InputError(
            f"shape '{text}': give six positive integers B,D,E,F,H,S "
            "(batch, model width, query width, value width, heads, feed-forward width)"
        )
    return Transformer("custom", *(int(part) for part in parts))


def parse_seq_len(text: str | int) -> int:
    """Read a sequence length in tokens: '262144', '256K' or '1M' (K = 1024, M = 1024^2)."""
    match = re.fullmatch(r"(\d+)([KM]?)", str(text))
    if match is None:
        raise InputError(f"sequence length '{text}': write tokens, as 262144, 256K or 1M")
    return int(match[1]) * _SUFFIX[match[2]]


def seq_len_label(seq_len: int) -> str:
    """Write a sequence length as the paper does: 1024 -> '1K', 1048576 -> '1M'."""
    for suffix in ("M", "K"):
        if seq_len % _SUFFIX[suffix] == 0:
            return f"{seq_len // _SUFFIX[suffix]}{suffix}"
    return str(seq_len)
