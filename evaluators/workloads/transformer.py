"""The shape of one transformer layer, and how it is written in a line.

The line is 'B,D,E,F,H,S', followed by what differs from a layer of the paper's:
'64,4096,128,128,32,14336,kv_heads=8,gated=1,layers=32'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from evaluators.errors import InputError, TooLarge, shown
from evaluators.workloads.sizes import read_number

_DIGITS = re.compile(r"[0-9]+")

SHAPE = ("batch", "model_width", "query_width", "value_width", "heads", "ffn_width")
"""The sizes of every transformer, in the order of B,D,E,F,H,S."""

LARGEST = 2**20
"""The largest of them that is accepted, with a wide margin over what is trained."""


@dataclass(frozen=True)
class Latent:
    """The low ranks of multi-head latent attention (DeepSeek-V2, section 2.1).

    Attributes:
        query_rank: width that queries are compressed to; 0 where they are not.
        key_rank: width that keys and values are compressed to, together.
        nope_width: of a query or key, the part that is decompressed.
        rope_width: of a query or key, the part with a rotary embedding, of the keys one for all
            heads.
        value_width: width of a decompressed value.

    """

    query_rank: int
    key_rank: int
    nope_width: int
    rope_width: int
    value_width: int


@dataclass(frozen=True)
class Transformer:
    """The shape of one transformer layer.

    Attributes:
        name: what tables and figures call it.
        batch: sequences in flight, B.
        model_width: width of the residual stream, D.
        query_width: width of a head's queries and keys, E.
        value_width: width of a head's values, F.
        heads: heads of queries.
        ffn_width: hidden width of the feed-forward network, of one expert where there are more, S;
            0 where another part of the model has the network (`cross`).
        kv_heads: heads of keys and values, each shared by as many heads of queries; 0 where every
            head of queries has its own.
        gated: the network has three matrices, the first two of `ffn_width` columns each.
        experts: feed-forward networks that a token passes through.
        layers: of the whole model.
        window: keys that a token attends, its own the last; 0 for all.
        cross: keys and values come from another sequence.
        latent: of multi-head latent attention; None for any other.

    """

    name: str
    batch: int
    model_width: int
    query_width: int
    value_width: int
    heads: int
    ffn_width: int
    kv_heads: int = 0
    gated: bool = False
    experts: int = 1
    layers: int = 1
    window: int = 0
    cross: bool = False
    latent: Latent | None = None

    def __post_init__(self) -> None:
        if self.kv_heads == self.heads:
            object.__setattr__(self, "kv_heads", 0)
        for field in (*SHAPE, "kv_heads", "experts", "layers", "window"):
            self._check(field, getattr(self, field))
        for field, size in vars(self.latent).items() if self.latent else ():
            self._check(f"latent {field}", size)
        if self.heads % self.key_heads:
            raise InputError(
                f"transformer {shown(self.name)}: heads is {self.heads}; kv_heads, {self.kv_heads},"
                " must divide it"
            )

    def _check(self, field: str, size: int) -> None:
        where = f"transformer {shown(self.name)}: {field} is {shown(size)}"
        absent = field in ("kv_heads", "window", "latent query_rank") or (
            field == "ffn_width" and self.cross
        )
        if size < 1 - absent:
            raise InputError(f"{where}; it must be a positive integer")
        if size > LARGEST:
            raise TooLarge(f"{where}; it may be {LARGEST} at most")

    @property
    def key_heads(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def group(self) -> int:
        """Heads of queries that share a head of keys and values."""
        return self.heads // self.key_heads

    @property
    def further(self) -> dict[str, int | bool | Latent]:
        """What differs from a layer of the paper's, by field."""
        plain = {each.name: each.default for each in fields(self) if each.name not in SHAPE}
        plain |= {"name": self.name}
        return {name: getattr(self, name) for name in plain if getattr(self, name) != plain[name]}


def shape_label(shape: Transformer) -> str:
    """Write a transformer as `parse_shape` reads it."""
    words = [str(getattr(shape, field)) for field in SHAPE]
    for name, value in shape.further.items():
        parts = vars(value).values() if isinstance(value, Latent) else (value,)
        words.append(f"{name}={'/'.join(str(int(each)) for each in parts)}")
    return ",".join(words)


def parse_shape(text: str, name: str = "custom") -> Transformer:
    """Read a transformer from 'B,D,E,F,H,S', for example '64,768,64,64,12,3072'.

    NAME=VALUE may follow, of `Transformer`'s further fields. `InputError` says what is no shape,
    `TooLarge` which size is out of bounds.
    """
    where = f"shape '{shown(text)}'"
    parts = [part.strip(" ") for part in text.split(",", maxsplit=len(SHAPE) + len(_FURTHER))]
    sizes, further = parts[: len(SHAPE)], parts[len(SHAPE) :]
    if len(sizes) != len(SHAPE) or not all(_DIGITS.fullmatch(part) for part in sizes):
        raise InputError(
            f"{where}: give six positive integers B,D,E,F,H,S "
            "(batch, model width, query width, value width, heads, feed-forward width)"
        )
    entries = [part.partition("=") for part in further]
    given = {field.strip(" "): value.strip(" ") for field, _, value in entries}
    if len(given) < len(entries) or not all(_further(each, given[each]) for each in given):
        raise InputError(
            f"{where}: behind the six sizes give each of {', '.join(_FURTHER)} once at most, as "
            "kv_heads=8, latent as latent=1536/512/128/64/128"
        )
    shape: dict[str, Any] = dict(
        zip(SHAPE, (read_number(each, where) for each in sizes), strict=True)
    )
    for field, value in given.items():
        numbers = [read_number(each, where) for each in value.split("/")]
        shape[field] = _typed(field, numbers)
    return Transformer(name, **shape)


_FURTHER = ("kv_heads", "gated", "experts", "layers", "window", "cross", "latent")
_FLAGS = ("gated", "cross")


def _further(field: str, value: str) -> bool:
    """Tell whether a further field and its value can be read."""
    if field not in _FURTHER:
        return False
    parts = value.split("/")
    count = len(fields(Latent)) if field == "latent" else 1
    if field in _FLAGS and value not in ("0", "1"):
        return False
    return len(parts) == count and all(_DIGITS.fullmatch(each) for each in parts)


def _typed(field: str, numbers: list[int]) -> int | bool | Latent:
    if field == "latent":
        return Latent(*numbers)
    return bool(numbers[0]) if field in _FLAGS else numbers[0]
