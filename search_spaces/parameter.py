"""A parameter of a design: its values, in natural units and in ascending order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.parameters import Parameter as Declared
from evaluators.design import AUTOMATIC
from evaluators.errors import InputError

_LISTED = 32
"""A domain of more values is described by its ends."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a search space.

    Attributes:
        declared: what the accelerator's file, or its machine's, says of it.
        values: what the space searches, ascending: a size in natural units, or the index of a
            choice.
        domain: what an override may choose the values from, ascending; None for any that the
            parameter may have.

    """

    declared: Declared
    values: tuple[int | float, ...]
    domain: tuple[int | float, ...] | None

    @property
    def name(self) -> str:
        """A column of a batch of designs, or 'configuration'."""
        return self.declared.name

    @property
    def labels(self) -> tuple[str, ...]:
        """What choices are called, by index; empty where the values speak for themselves."""
        return self.declared.labels

    @property
    def ordered(self) -> bool:
        """Whether the values are sizes, whose order a sampler may exploit."""
        return not (self.declared.switch or self.labels)

    @property
    def kind(self) -> type[np.float64] | type[np.int64]:
        """The type of its columns."""
        return np.float64 if self.declared.real else np.int64

    def contains(self, column: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which entries of a column are values of this parameter."""
        values = np.array(self.values)
        nearest = np.minimum(np.searchsorted(values, column), len(values) - 1)
        found: NDArray[np.bool_] = values[nearest] == column
        return found

    def positions(self, column: NDArray[Any]) -> NDArray[np.int64]:
        """Return the position of each entry among the values; `InputError` names a stranger."""
        inside = self.contains(column)
        if not inside.all():
            stranger = self.declared.written(column[~inside][0])
            raise InputError(f"{self.name} {stranger}: it must be {self.described()}")
        positions: NDArray[np.int64] = np.searchsorted(np.array(self.values), column)
        return positions

    def at(self, positions: NDArray[Any]) -> NDArray[Any]:
        """Return the values at those positions."""
        values: NDArray[Any] = np.array(self.values, dtype=self.kind)[positions]
        return values

    @property
    def first(self) -> int | float | str | None:
        """The first value as a user writes it; None where that leaves it open."""
        value = self.values[0]
        return None if value == AUTOMATIC and not self.declared.switch else self.natural(value)

    def natural(self, value: float) -> int | float | str:
        """Return a value as a user writes it: by its label, where it has one."""
        if self.labels:
            return self.labels[int(value)]
        return float(value) if self.declared.real else int(value)

    def allows(self, value: float) -> bool:
        """Tell whether an override may choose that value."""
        return self.declared.allows(value) if self.domain is None else value in self.domain

    def described(self, *, domain: bool = False) -> str:
        """Say what a value must be: one of those searched, or one of the whole domain."""
        choices = self.domain if domain else self.values
        if choices is None:
            return str(self.declared)
        names = [self.declared.written(each) for each in choices]
        if len(choices) > _LISTED:
            return f"one of {len(choices)} values from {names[0]} to {names[-1]}"
        return f"one of {', '.join(names)}" if len(names) > 1 else names[0]
