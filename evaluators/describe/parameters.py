"""Parameters of an accelerator: what a design sets, declared once.

The search space, the columns of designs and results, options, helps and docs follow from a
declaration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluators.describe.expressions import Expression, expression
from evaluators.engine.columns import divisors
from evaluators.errors import InputError, shown
from evaluators.quantities import quantity

AUTOMATIC = 0
"""As a value: the parameter is left to its rule."""

BEST = "best"
"""The rule of a choice: the mapper enumerates its domain."""

_LARGEST = re.compile(r"largest of (.+) that fits")

_SERIES = re.compile(r"([^*,]+)\*\s*2\^(\d{1,2})\.\.(\d{1,2})\s*")
_DIVISORS = re.compile(r"\s*divisors\((.+)\)\s*")
_MOST_VALUES = 4096


@dataclass(frozen=True)
class Domain:
    """What a parameter may be searched over: values in ascending order, or divisors of an extent.

    Attributes:
        values: the values, of labels their indices; empty where `divisors_of` says them.
        divisors_of: the values are the divisors of what this comes to.

    """

    values: tuple[int | float, ...] = ()
    divisors_of: Expression | None = None

    def at(self, values: Mapping[str, Any]) -> tuple[int | float, ...]:
        """Return the values, given those of the names that the domain reads, one for each."""
        if self.divisors_of is None:
            return self.values
        return tuple(divisors(max(1, int(self.divisors_of(values)))).tolist())


@dataclass(frozen=True)
class LargestThatFits:
    """The rule of a tile: the largest of these whose footprint the buffer holds."""

    of: Domain


@dataclass(frozen=True)
class Parameter:
    """A parameter of a machine or of a binding.

    Attributes:
        name: its column, option and key; its unit ends the name.
        help: what it is, for people.
        default: its value in the paper's design; None for what the paper leaves open.
        domain: what a search may choose from; None for any value in range.
        real: its values are reals.
        labels: what its values 0, 1, ... are called; empty for numbers.
        rule: what it is where a design leaves it open: an expression (away from the default
            machine), the largest that fits, or `BEST`; None where it may not be left open.

    """

    name: str
    help: str
    default: int | float | None = None
    domain: Domain | None = None
    real: bool = False
    labels: tuple[str, ...] = ()
    rule: Expression | LargestThatFits | str | None = None

    @property
    def fixed(self) -> bool:
        """Whether a search has nothing to choose: the default unless a design says otherwise."""
        return self.domain is None and self.rule is None

    @property
    def automatic(self) -> bool:
        """Whether a design may leave it open."""
        return self.rule is not None


def parse_value(given: object, unit: str, *, real: bool = False) -> int | float:
    """Read a value: a number, or a quantity as people write it; `InputError` says what is wrong.

    Args:
        given: what stands in a file.
        unit: of the parameter, see `evaluators.quantities.unit_of`.
        real: it need not be whole.

    """
    value = quantity(given, unit) if isinstance(given, str) else given
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise InputError(f"{shown(repr(given))} is no number from 0 to 2^63 - 1")
    if real:
        return float(value)
    if value != int(value):
        raise InputError(f"'{shown(given)}' is {value:g}; give a whole number")
    return int(value)


def parse_domain(
    given: object, labels: tuple[str, ...] = (), unit: str = "", *, real: bool = False
) -> Domain:
    """Read a domain: a list of values, 'divisors(EXPRESSION)' or a series as '8 * 2^0..7'.

    Series are joined by commas; values and the first of a series may be quantities of a unit, as
    '64 KiB * 2^0..11'. `InputError` says what is wrong.
    """
    if isinstance(given, list):
        known = (*labels, *range(len(labels)))
        if not given or (labels and not all(each in known for each in given)):
            raise InputError(f"{shown(given)} is no domain; list numbers, or labels that it has")
        values = [
            labels.index(each) if each in labels else parse_value(each, unit, real=real)
            for each in given
        ]
        return Domain(tuple(sorted(set(values))))
    if isinstance(given, str):
        if match := _DIVISORS.fullmatch(given):
            return Domain(divisors_of=expression(match[1]))
        series = [_SERIES.fullmatch(term) for term in given.split(",")]
        found = [
            parse_value(match[1], unit, real=real) * 2**power
            for match in series
            if match
            for power in range(int(match[2]), int(match[3]) + 1)
        ]
        if all(series) and found and len(found) <= _MOST_VALUES and max(found) < 2**63:
            return Domain(tuple(sorted(set(found))))
    raise InputError(
        f"'{shown(given)}' is no domain; write a list of values, 'divisors(P)', or a series as "
        "'8 * 2^0..7', joined by commas"
    )


def parse_automatic(text: str) -> LargestThatFits | str:
    """Read 'best' or 'largest of DOMAIN that fits'."""
    if text == BEST:
        return BEST
    if match := _LARGEST.fullmatch(text.strip()):
        return LargestThatFits(parse_domain(match[1]))
    raise InputError(
        f"'{shown(text)}': write 'best', or 'largest of divisors(P / array_cols) that fits'"
    )
