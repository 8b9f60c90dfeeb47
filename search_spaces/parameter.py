"""A parameter of a design: its values, in natural units and in ascending order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.design import SIZES, Size
from evaluators.errors import InputError

Int64s = NDArray[np.int64]

_LISTED = 32
"""A domain of more values is described by its ends."""


_OWN = Size(2**31 - 1)
"""What a parameter of a user's own may be, where it has no domain."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a search space.

    Attributes:
        name: a column of a batch of designs, a binding column, or 'configuration'.
        values: what the space searches, ascending: a size in natural units, or the index of a
            choice.
        domain: what an override may choose the values from, ascending; None for any size that the
            parameter may have.
        ordered: the values are sizes, whose order a sampler may exploit; False for choices.
        labels: what choices are called, by index; empty where the values speak for themselves.

    """

    name: str
    values: tuple[int, ...]
    domain: tuple[int, ...] | None
    ordered: bool = True
    labels: tuple[str, ...] = ()

    def contains(self, column: Int64s) -> NDArray[np.bool_]:
        """Tell which entries of a column are values of this parameter."""
        values = np.array(self.values)
        nearest = np.minimum(np.searchsorted(values, column), len(values) - 1)
        found: NDArray[np.bool_] = values[nearest] == column
        return found

    def positions(self, column: Int64s) -> Int64s:
        """Return the position of each entry among the values; `InputError` names a stranger."""
        inside = self.contains(column)
        if not inside.all():
            raise InputError(f"{self.name} {column[~inside][0]}: it must be {self.described()}")
        positions: Int64s = np.searchsorted(np.array(self.values), column)
        return positions

    def at(self, positions: NDArray[Any]) -> Int64s:
        """Return the values at those positions."""
        values: Int64s = np.array(self.values, dtype=np.int64)[positions]
        return values

    @property
    def first(self) -> int | str:
        """The first value as a user writes it: by its label, where it has one."""
        return self.labels[self.values[0]] if self.labels else self.values[0]

    def allows(self, value: int) -> bool:
        """Tell whether an override may choose that value."""
        if self.domain is None:
            return self._size.least <= value <= self._size.most
        return value in self.domain

    @property
    def _size(self) -> Size:
        return SIZES.get(self.name, _OWN)

    def described(self, *, domain: bool = False) -> str:
        """Say what a value must be: one of those searched, or one of the whole domain."""
        choices = self.domain if domain else self.values
        if choices is None:
            return str(self._size)
        if len(choices) > _LISTED:
            return f"one of {len(choices)} values from {choices[0]} to {choices[-1]}"
        names = [self.labels[each] if self.labels else str(each) for each in choices]
        return f"one of {', '.join(names)}" if len(names) > 1 else names[0]
