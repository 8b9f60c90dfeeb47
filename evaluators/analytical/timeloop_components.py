"""Timeloop's components, version 0.4: levels of storage and arithmetic with their attributes.

The names of attributes, their synonyms and defaults are those of Timeloop's `model/buffer.cpp`.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_SLOWER = (
    "bandwidth",
    "shared_bandwidth",
    "read_bandwidth",
    "write_bandwidth",
    "network_fill_latency",
    "network_drain_latency",
)
"""Attributes that add cycles to those of the loop nest."""
_NEUTRAL = {
    "multiple_buffering": ("1", "1.0"),
    "cluster_size": ("1",),
    "min_utilization": ("0", "0.0"),
    "allow_overbooking": ("false", "False"),
}


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
    keeps: bool = False
    parallel: int = 0


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
    bits = _first(attributes, _WORD_BITS)
    word_bits = bits.integer() if bits else _DEFAULT_WORD_BITS
    if kind == "arithmetic":
        return Arithmetic(name, node.where, mesh, word_bits)
    _refuse_unsupported(attributes)
    block_words = _block_words(attributes, word_bits)
    return Storage(
        name,
        node.where,
        mesh,
        dram="DRAM" in node.need("class").text(),
        word_bits=word_bits,
        block_words=block_words,
        words=_words(attributes, word_bits, block_words),
        keeps=not parallel,
        parallel=parallel,
    )


def _kind(node: Node) -> str:
    name = node.need("class")
    for kind, parts in _KINDS.items():
        if any(part in name.text() for part in parts):
            return kind
    known = [part for parts in _KINDS.values() for part in parts]
    raise name.wrong(f"a class that contains one of {', '.join(known)}")


def _refuse_unsupported(attributes: Attributes) -> None:
    for key in _SLOWER:
        if node := _first(attributes, (key,)):
            raise InputError(f"{node.where}: it adds cycles, which is not supported; leave it out")
    for key, neutral in _NEUTRAL.items():
        node = _first(attributes, (key,))
        if node and node.value not in neutral:
            raise node.wrong(neutral[0])


def _block_words(attributes: Attributes, word_bits: int) -> int:
    """Return the words of a row, which must be one block and one cluster."""
    block = _first(attributes, ("block_size", "n_words"))
    width = _first(attributes, _ROW_BITS)
    if width is None:
        return block.integer() if block else 1
    words, rest = divmod(width.integer(), word_bits)
    if rest or not words or (block and block.integer() != words):
        raise width.wrong(f"the bits of one block, whole words of {word_bits} bits")
    return words


def _words(attributes: Attributes, word_bits: int, block_words: int) -> int | None:
    if entries := _first(attributes, ("entries",)):
        return entries.integer()
    if rows := _first(attributes, _ROWS):
        return rows.integer() * block_words
    kilobytes = _first(attributes, ("sizeKB",))
    return kilobytes.integer() * _BITS_PER_KB // word_bits if kilobytes else None


def _first(attributes: Attributes, names: tuple[str, ...]) -> Node | None:
    """Return the first of synonymous attributes that says something."""
    found = (attributes[name] for name in names if name in attributes)
    return next((node for node in found if not node.empty), None)
