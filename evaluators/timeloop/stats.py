"""Timeloop's statistics file: the counts of every level and tensor.

The file prints a block for each level, the arithmetic first and then storage from the inside out:
a name between '===', and under STATS lines of 'key : value', gathered by tensor for storage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evaluators.engine.loopnest import TensorCounts
from evaluators.errors import EvaluationError

_HEADING = re.compile(r"=== (\S+) ===$")
_TENSOR = re.compile(r" {4}(\S+):$")
_VALUE = re.compile(r" +(\S.*?) *: (.*)$")
_END = ("Networks", "Operational Intensity Stats", "Summary Stats")

_COUNTS = {
    "Utilized capacity": "capacity",
    "Utilized instances (max)": "instances",
    "Partition size": "partition",
    "Scalar reads (per-instance)": "reads",
    "Scalar fills (per-instance)": "fills",
    "Scalar updates (per-instance)": "updates",
    "Temporal reductions (per-instance)": "temporal_reductions",
}
_ARITHMETIC = {
    "Utilized instances": "instances",
    "Computes (total)": "computes",
    "Cycles": "cycles",
}


class StatisticsError(EvaluationError):
    """A statistics file that cannot be read: one sentence with file and line."""


@dataclass(frozen=True)
class Statistics:
    """What Timeloop counted.

    Attributes:
        cycles: steps of the loop nest.
        computes: computes of all instances.
        instances: utilised instances of the arithmetic.
        levels: level -> tensor it keeps -> counts per instance, in words.

    """

    cycles: int
    computes: int
    instances: int
    levels: dict[str, dict[str, TensorCounts]]


@dataclass
class _Block:
    """Counts of one level, or of one of its tensors, with the line where it begins."""

    level: str
    tensor: str | None
    line: int
    counts: dict[str, int]


def parse(text: str, where: str) -> Statistics:
    """Read a statistics file.

    Args:
        text: its content.
        where: what an error calls it, a path.

    Raises:
        StatisticsError: for a count that is missing or no whole number.

    """
    arithmetic, *storage = _blocks(text, where)
    levels: dict[str, dict[str, TensorCounts]] = {}
    for block in storage:
        if block.tensor is not None:
            counts = {name: _get(block, key, where) for key, name in _COUNTS.items()}
            levels.setdefault(block.level, {})[block.tensor] = TensorCounts(**counts)
    return Statistics(
        **{name: _get(arithmetic, key, where) for key, name in _ARITHMETIC.items()},
        levels=levels,
    )


def _blocks(text: str, where: str) -> list[_Block]:
    blocks: list[_Block] = []
    counted = False
    for number, line in _body(text):
        heading, tensor = _HEADING.match(line), _TENSOR.match(line)
        if heading:
            blocks.append(_Block(heading[1], None, number, {}))
            counted = False
        elif line.strip() == "STATS":
            counted = True
        elif counted and blocks and tensor:
            blocks.append(_Block(blocks[-1].level, tensor[1], number, {}))
        elif counted and blocks and (value := _VALUE.match(line)):
            _note(blocks[-1], value[1], value[2].strip(), f"{where}: line {number}")
    if not blocks:
        raise StatisticsError(f"{where}: line 1: no level of Timeloop's statistics begins here")
    return blocks


def _body(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line in _END:
            return
        yield number, line


def _note(block: _Block, key: str, value: str, where: str) -> None:
    if key not in _COUNTS and key not in _ARITHMETIC:
        return
    if not value.isdecimal():
        raise StatisticsError(f"{where}: {key} is {value!r}; a whole number is wanted")
    block.counts[key] = int(value)


def _get(block: _Block, key: str, where: str) -> int:
    if key not in block.counts:
        of = block.level if block.tensor is None else f"{block.tensor} in {block.level}"
        raise StatisticsError(f"{where}: line {block.line}: '{key}' of {of} is missing")
    return block.counts[key]
