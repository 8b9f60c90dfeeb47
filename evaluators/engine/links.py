"""Links between neighbouring units of an array that has no storage of its own.

Units directly below a fan-out hold nothing: Timeloop reads their words anew every cycle, but for
units that get theirs over a link from a neighbour which had it the cycle before.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import InputError

LARGEST_PARTLY_USED = 2**20
"""Units of an array that is used in part, which are looked at one by one."""

SpatialFactors = Sequence[tuple[bool, int]]
"""Loops along one side, outermost first: whether the tensor depends on their rank, their factor."""


def words_at_rest(along_x: SpatialFactors, along_y: SpatialFactors, columns: int) -> int:
    """Return the words of a tensor that the units read in a cycle in which it rests.

    Unit i is the linear index over the loops, those along Y outside those along X; its neighbours
    are i - 1 and i + 1 in the same row of `columns` units, and i - columns and i + columns. A unit
    reads its word unless a neighbour has the same one, which it had the cycle before.

    Args:
        along_x: the loops along X.
        along_y: the loops along Y.
        columns: units of a physical row, used or not.

    Raises:
        InputError: for more than `LARGEST_PARTLY_USED` units that fill no whole rows.

    """
    distinct = prod(factor for depends, factor in (*along_x, *along_y) if depends)
    row = prod(factor for _, factor in along_x)
    rows = prod(factor for _, factor in along_y)
    if rows == 1 or row == columns:
        # A step along a side moves its innermost loop: the neighbour's word is the same if that
        # loop is none of the tensor's.
        innermost = [_innermost(loops) for loops in (along_x, along_y)]
        return 0 if False in innermost else distinct
    if row * rows > LARGEST_PARTLY_USED:
        raise InputError(
            f"{rows} rows of {row} units use an array of {columns} columns in part; directly below "
            f"a fan-out at most {LARGEST_PARTLY_USED} units may; use whole rows"
        )
    words = _words((*along_y, *along_x))
    linked = np.zeros(len(words), dtype=bool)
    for step, in_row in ((1, True), (columns, False)):
        same = words[step:] == words[:-step]
        if in_row:
            same &= np.arange(step, len(words)) % columns != 0
        linked[step:] |= same
        linked[:-step] |= same
    return len(np.unique(words[~linked]))


def _innermost(loops: SpatialFactors) -> bool | None:
    """Tell whether the tensor depends on the innermost loop of a side; None where there is none."""
    return next((depends for depends, factor in reversed(loops) if factor > 1), None)


def _words(loops: SpatialFactors) -> NDArray[np.int64]:
    """Number the word of each unit: its index over the loops that the tensor depends on."""
    words = np.zeros(1, dtype=np.int64)
    for depends, factor in loops:
        digit = np.arange(factor) if depends else np.zeros(factor, dtype=np.int64)
        words = (words[:, None] * (factor if depends else 1) + digit).ravel()
    return words
