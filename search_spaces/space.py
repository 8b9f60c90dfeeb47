"""A search space: what its parameters span, as columns of natural values, positions and numbers.

Every space has the parameter 'configuration'; a space of one configuration gives it one value. The
joint space gives it several, and a configuration ignores the parameters that it does not have.
`canonical` sets them to their first value, so that equal designs are equal rows with one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluators.describe.parameters import BEST
from evaluators.design import AUTOMATIC, Designs
from evaluators.errors import InputError, known_are
from search_spaces.domains import ATTENTION, parameters, parameters_of
from search_spaces.overrides import overridden
from search_spaces.parameter import Parameter

Int64s = NDArray[np.int64]
Columns = Mapping[str, ArrayLike]
"""Parameter -> numbers, one a design. One number may stand for all designs, and a parameter of
one value may be left out."""

_LARGEST_SIZE = 2**63 - 1


@dataclass(frozen=True)
class SearchSpace:
    """The designs that parameters span.

    Attributes:
        parameters: 'configuration', then those of its configurations.

    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if self.size > _LARGEST_SIZE:
            raise InputError(
                f"the space has {self.size:.1e} designs, more than 2^63 - 1; narrow a parameter"
            )

    @property
    def configurations(self) -> tuple[str, ...]:
        """The configurations that are searched."""
        labels = self.parameters[0].labels
        return tuple(labels[int(code)] for code in self.parameters[0].values)

    @property
    def size(self) -> int:
        """The number of different designs."""
        return sum(prod(self._shape(name)) for name in self.configurations)

    def rows(self, start: int, stop: int) -> dict[str, NDArray[Any]]:
        """Return the designs of number start to stop - 1, clipped to the space, as columns."""
        return self.numbered(np.arange(max(start, 0), min(stop, self.size), dtype=np.int64))

    def numbered(self, numbers: Int64s) -> dict[str, NDArray[Any]]:
        """Return the designs of those numbers, ascending, as columns.

        Configurations follow one another; within one the last parameter varies fastest.
        """
        parts: list[tuple[NDArray[np.intp], ...]] = []
        first = 0
        for place, name in enumerate(self.configurations):
            shape = self._shape(name)
            own = numbers[(numbers >= first) & (numbers < first + prod(shape))] - first
            _, *positions = np.unravel_index(own, shape)
            parts.append((np.full(len(own), place), *positions))
            first += prod(shape)
        return {
            parameter.name: np.concatenate([parameter.at(each) for each in column])
            for parameter, column in zip(self.parameters, zip(*parts, strict=True), strict=True)
        }

    def index(self, columns: Columns) -> Int64s:
        """Return the number of each design, shape (n,): the inverse of `rows`.

        Designs are equal where their numbers are. `InputError` names a value outside the space.
        """
        positions = self.positions(self.canonical(columns))
        places, *rest = positions.values()
        numbers = np.zeros(len(places), dtype=np.int64)
        first = 0
        for place, name in enumerate(self.configurations):
            shape = self._shape(name)
            rows = places == place
            digits = tuple(position[rows] for position in rest)
            numbers[rows] = first + np.ravel_multi_index(digits, shape[1:])
            first += prod(shape)
        return numbers

    def positions(self, columns: Columns) -> dict[str, Int64s]:
        """Turn natural values into positions in the values of each parameter, shape (n,).

        `InputError` names a value outside the space.
        """
        values = self._values(columns)
        return {each.name: each.positions(values[each.name]) for each in self.parameters}

    def at(self, positions: Columns) -> dict[str, NDArray[Any]]:
        """Turn positions in the values of each parameter into natural values, shape (n,)."""
        fixed = dict.fromkeys(self._fixed(), 0)
        given = {**fixed, **positions}
        columns = np.broadcast_arrays(
            *(np.atleast_1d(given[each.name]) for each in self.parameters)
        )
        places = {each.name: column for each, column in zip(self.parameters, columns, strict=True)}
        return {each.name: each.at(places[each.name]) for each in self.parameters}

    def contains(self, columns: Columns) -> NDArray[np.bool_]:
        """Tell which designs have every parameter among its values, shape (n,)."""
        values = self._values(columns)
        inside: NDArray[np.bool_] = np.all(
            [each.contains(values[each.name]) for each in self.parameters], axis=0
        )
        return inside

    def canonical(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Return natural values with every ignored parameter at its first value."""
        values = self._values(columns)
        for parameter in self.parameters[1:]:
            ignoring = [
                self.parameters[0].labels.index(name)
                for name in self.configurations
                if parameter.name not in parameters_of(name)
            ]
            if ignoring:
                ignored = np.isin(values["configuration"], ignoring)
                column = values[parameter.name]
                values[parameter.name] = np.where(ignored, parameter.values[0], column)
        return values

    def split(self, columns: Columns) -> dict[str, tuple[NDArray[np.intp], Designs]]:
        """Turn natural values into designs: configuration -> its rows in the columns, its designs.

        Configurations without a row are left out. Values need not lie inside the space, but
        `InputError` names a configuration outside it, or what is no design.
        """
        values = self._values(columns)
        places = self.parameters[0].positions(values["configuration"])
        parts = {}
        for place, name in enumerate(self.configurations):
            rows = np.flatnonzero(places == place)
            if len(rows):
                own = {each: values[each][rows] for each in parameters_of(name)}
                parts[name] = rows, Designs(own, len(rows))
        return parts

    def columns(self, configuration: str, designs: Designs) -> dict[str, NDArray[Any]]:
        """Turn designs of one configuration into natural values, inside the space or not.

        What the designs leave open is `AUTOMATIC`. `InputError` names a configuration outside the
        space, or a choice that the designs leave open.
        """
        if configuration not in self.configurations:
            must = self.parameters[0].described()
            raise InputError(f"configuration '{configuration}': it must be {must}")
        own = parameters_of(configuration)
        values: dict[str, ArrayLike] = {
            each.name: AUTOMATIC if each.name in own else each.values[0]
            for each in self.parameters
            if each.name not in own or not (each.declared.switch or each.declared.rule == BEST)
        }
        values["configuration"] = self.parameters[0].labels.index(configuration)
        values |= {name: each for name, each in designs.columns.items() if name in own}
        return self._aligned(values, {})

    def override(self, changes: Mapping[str, object]) -> SearchSpace:
        """Return the space with some parameters narrowed, fixed or freed.

        Args:
            changes: parameter -> one value, a list of values, or a table of min, max or both.
                Each value must be in the parameter's domain; choices are written by label.

        Raises:
            InputError: names the parameter, the value and the domain.

        """
        names = [each.name for each in self.parameters]
        for name in changes:
            if name not in names:
                raise InputError(f"unknown parameter '{name}'; {known_are(name, names)}")
        return SearchSpace(
            tuple(
                overridden(each, changes[each.name]) if each.name in changes else each
                for each in self.parameters
            )
        )

    def _shape(self, configuration: str) -> tuple[int, ...]:
        """How many values each parameter takes under one configuration; 1 where it is ignored."""
        own = parameters_of(configuration)
        return tuple(len(each.values) if each.name in own else 1 for each in self.parameters)

    def _fixed(self) -> dict[str, int | float]:
        return {each.name: each.values[0] for each in self.parameters if len(each.values) == 1}

    def _values(self, columns: Columns) -> dict[str, NDArray[Any]]:
        return self._aligned(columns, self._fixed())

    def _aligned(
        self, columns: Columns, defaults: Mapping[str, int | float]
    ) -> dict[str, NDArray[Any]]:
        """Return one column of numbers for every parameter, all of one length."""
        given = []
        for each in self.parameters:
            if each.name not in columns and each.name not in defaults:
                raise InputError(f"{each.name}: its column is missing")
            column = np.atleast_1d(np.asarray(columns.get(each.name, defaults.get(each.name))))
            wanted = "iuf" if each.declared.real else "iu"
            if column.dtype.kind not in wanted:
                kind = "numbers" if each.declared.real else "integers"
                raise InputError(f"{each.name}: {kind} are wanted, not {column.dtype}")
            given.append(column.astype(each.kind))
        aligned = np.broadcast_arrays(*given)
        return {each.name: column for each, column in zip(self.parameters, aligned, strict=True)}


def space(configuration: str, seq_lens: Sequence[int | Mapping[str, int]]) -> SearchSpace:
    """Return the default space of a configuration for workloads of those sequence lengths.

    A workload that is no self-attention is what `tokens_of` says of it.

    `InputError` names an unknown configuration, or a sequence length that is not positive.
    """
    return SearchSpace(parameters([configuration], seq_lens))


def joint_space(
    seq_lens: Sequence[int | Mapping[str, int]], configurations: Sequence[str] = ATTENTION
) -> SearchSpace:
    """Return the default space of several configurations together, the five of attention."""
    return SearchSpace(parameters(configurations, seq_lens))
