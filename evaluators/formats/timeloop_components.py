"""Timeloop's components, version 0.4: levels of storage and arithmetic with their attributes.

The names of attributes, their synonyms and defaults are those of Timeloop's `model/buffer.cpp`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from evaluators.errors import InputError
from evaluators.safe_yaml import Node

Mesh = tuple[int, int]
"""Instances along X and Y."""

Attributes = dict[str, Node]

# A component is of the first kind with a part that its class contains.
_KINDS = {
    "storage": ("DRAM", "SRAM", "regfile", "smartbuffer", "storage"),
    "arithmetic": ("mac", "compute"),
    "network": ("XY_NoC", "Legacy", "ReductionTree", "SimpleMulticast"),
    "nothing": ("nothing",),
}
_WORD_BITS = ("word_bits", "word_width", "datawidth")
_ROW_BITS = ("width", "memory_width", "data_storage_width")
_ROWS = ("depth", "memory_depth", "data_storage_depth")
_DEFAULT_WORD_BITS = 16
_BITS_PER_KB = 1024 * 8
_UNSIGNED = 2**32 - 1
"""The largest size that Timeloop reads."""
_FEWEST_COPIES = 0.001
_SCALES = "per_dataspace_bandwidth_consumption_scale"
_NEUTRAL = {
    "cluster_size": ("1",),
    "allow_overbooking": ("false", "False"),
    "tile_partition_supported": ("false", "False"),
}
_NETWORKS = ("network_read", "network_fill", "network_drain", "network_update")
_KNOWN = {
    *(*_WORD_BITS, "block_size", "n_words", *_ROW_BITS, "entries", *_ROWS, "sizeKB"),
    *("bandwidth", "read_bandwidth", "write_bandwidth", "shared_bandwidth", _SCALES),
    *("network_fill_latency", "network_drain_latency", "multiple_buffering", "min_utilization"),
    *(*_NEUTRAL, *_NETWORKS, "technology", "meshX", "meshY", "instances"),
}
"""Attributes that change the counts; any other may speak to an estimator of energy."""
_MEANT = {name.replace("_", "").lower(): name for name in _KNOWN}


@dataclass(frozen=True)
class Bandwidth:
    """What a level of storage may move, per instance; None is no limit.

    Attributes:
        read_words: words read a cycle.
        write_words: words filled and updated a cycle.
        shared_words: both together.
        scales: tensor -> how many words each of its words counts as, 1 if it is not named.
        latency_cycles: cycles to fill the network below it, and to drain it.

    """

    read_words: float | None = None
    write_words: float | None = None
    shared_words: float | None = None
    scales: dict[str, float] = field(default_factory=dict)
    latency_cycles: int = 0


@dataclass(frozen=True)
class Storage:
    """A level of storage.

    Attributes:
        name: what mappings call it.
        where: what an error calls it.
        mesh: its instances.
        dram: whether it is DRAM, else SRAM.
        word_bits: bits of a word.
        block_words: words of a row.
        words: its capacity, None if unlimited.
        copies: how many copies of a tile it holds: 2 for double buffering.
        least_used: the share of its capacity that a mapping must use.
        bandwidth: what it may move.
        keeps: whether it holds the tensors of which a mapping says nothing.
        parallel: the number of the !Parallel node it stands in, 0 for none.

    """

    name: str
    where: str
    mesh: Mesh
    dram: bool = False
    word_bits: int = 1
    block_words: int = 1
    words: int | None = 1
    copies: float = 1.0
    least_used: float = 0.0
    bandwidth: Bandwidth = Bandwidth()
    keeps: bool = False
    parallel: int = 0

    @property
    def effective_words(self) -> int | None:
        """Words of the tiles that it can hold, None if unlimited."""
        return None if self.words is None else math.floor(self.words / self.copies)


@dataclass(frozen=True)
class Arithmetic:
    """The arithmetic units: their name, what an error calls them, instances, bits of a word."""

    name: str
    where: str
    mesh: Mesh
    word_bits: int


def read_component(
    node: Node, name: str, mesh: Mesh, attributes: Attributes, parallel: int = 0
) -> Storage | Arithmetic | None:
    """Read a component; None for one of class 'nothing'.

    Raises `InputError` for an unknown class, a network of its own, and attributes that change the
    counts or cycles of a dense loop nest.
    """
    kind = _kind(node)
    if kind == "nothing":
        return None
    if kind == "network":
        raise InputError(
            f"{node.where}: {name} is a network of its own, which is not supported; leave it out, "
            "a word that several instances need then is read once"
        )
    bits = _first(attributes, _WORD_BITS if kind == "storage" else ("word_bits", "datawidth"))
    word_bits = bits.integer(most=_UNSIGNED) if bits else _DEFAULT_WORD_BITS
    if kind == "arithmetic":
        return Arithmetic(name, node.where, mesh, word_bits)
    _refuse_unsupported(attributes)
    block_words = _block_words(attributes, word_bits)
    words = _words(attributes, word_bits, block_words)
    copies = _first(attributes, ("multiple_buffering",))
    if copies and copies.number() < _FEWEST_COPIES:
        raise copies.wrong(f"a number of at least {_FEWEST_COPIES}")
    least_used = _first(attributes, ("min_utilization",))
    if words is None and least_used and least_used.number(positive=False):
        raise InputError(f"{least_used.where}: {name} has no size to use a share of; leave it out")
    return Storage(
        name,
        node.where,
        mesh,
        dram=_is_dram(node, attributes),
        word_bits=word_bits,
        block_words=block_words,
        words=words,
        copies=copies.number() if copies else 1.0,
        least_used=least_used.number(positive=False) if least_used else 0.0,
        bandwidth=_bandwidth(attributes),
        keeps=not parallel,
        parallel=parallel,
    )


def _is_dram(node: Node, attributes: Attributes) -> bool:
    technology = _first(attributes, ("technology",))
    stated = technology is not None and technology.value == "DRAM"
    return stated or "DRAM" in node.need("class").text()


def _bandwidth(attributes: Attributes) -> Bandwidth:
    both = _first(attributes, ("bandwidth",))
    half = both.number() / 2 if both else None

    def limit(key: str) -> float | None:
        node = _first(attributes, (key,))
        return node.number() if node else None

    latencies = (_first(attributes, (f"network_{way}_latency",)) for way in ("fill", "drain"))
    scales = _first(attributes, (_SCALES,))
    return Bandwidth(
        read_words=limit("read_bandwidth") or half,
        write_words=limit("write_bandwidth") or half,
        shared_words=limit("shared_bandwidth"),
        scales={name: node.number(positive=False) for name, node in scales.table().items()}
        if scales
        else {},
        latency_cycles=sum(node.integer(0, _UNSIGNED) for node in latencies if node),
    )


def _kind(node: Node) -> str:
    name = node.need("class")
    for kind, parts in _KINDS.items():
        if any(part in name.text() for part in parts):
            return kind
    known = [part for parts in _KINDS.values() for part in parts]
    raise name.wrong(f"a class that contains one of {', '.join(known)}")


def _refuse_unsupported(attributes: Attributes) -> None:
    for key, given in attributes.items():
        meant = _MEANT.get(key.replace("_", "").replace("-", "").lower(), key)
        if meant != key:
            raise InputError(f"{given.where}: Timeloop does not read this key; write {meant}")
    if node := _first(attributes, _NETWORKS):
        raise InputError(f"{node.where}: networks of their own are not supported; leave it out")
    for key, neutral in _NEUTRAL.items():
        node = _first(attributes, (key,))
        if node and node.value not in neutral:
            raise node.wrong(neutral[0])


def _block_words(attributes: Attributes, word_bits: int) -> int:
    """Return the words of a row, which must be one block and one cluster."""
    block = _first(attributes, ("block_size", "n_words"))
    width = _first(attributes, _ROW_BITS)
    if width is None:
        return block.integer(most=_UNSIGNED) if block else 1
    words, rest = divmod(width.integer(most=_UNSIGNED), word_bits)
    if rest or not words or (block and block.integer() != words):
        raise width.wrong(f"the bits of one block, whole words of {word_bits} bits")
    return words


def _words(attributes: Attributes, word_bits: int, block_words: int) -> int | None:
    if entries := _first(attributes, ("entries",)):
        return entries.integer(most=_UNSIGNED)
    if rows := _first(attributes, _ROWS):
        return rows.integer(most=_UNSIGNED) * block_words
    kilobytes = _first(attributes, ("sizeKB",))
    return kilobytes.integer(most=_UNSIGNED) * _BITS_PER_KB // word_bits if kilobytes else None


def _first(attributes: Attributes, names: tuple[str, ...]) -> Node | None:
    """Return the first of synonymous attributes that says something."""
    found = (attributes[name] for name in names if name in attributes)
    return next((node for node in found if not node.empty), None)
