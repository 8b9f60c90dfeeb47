"""Parameters of an accelerator: what a design sets, declared once.

The search space, the columns of designs and results, options, helps and docs follow from a
declaration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluators.describe.expressions import ARITIES, Expression, expression
from evaluators.design import AUTOMATIC
from evaluators.engine.columns import divisors
from evaluators.errors import InputError, TooLarge, shown
from evaluators.foreign import integer
from evaluators.protocol import BINDING, BINDING_GAP, ENERGIES, METRICS
from evaluators.quantities import quantity, unit_of

BEST = "best"
"""The rule of a choice: the mapper enumerates its domain."""

MAPPER = "mapper"
"""The rule of a choice of an open binding: the evaluator of that name completes it."""

_LARGEST = re.compile(r"largest of (.+) that fits")

_SERIES = re.compile(r"([^*,]+)\*\s*2\^(\d{1,2})\.\.(\d{1,2})\s*")
_DIVISORS = re.compile(r"\s*divisors\((.+)\)\s*")
_DIGITS = re.compile(r"[0-9]+")
_REAL = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?")
_MOST_VALUES = 4096
_LARGEST_READ = 2**63 - 1

RESERVED = frozenset(
    (
        *("study", "configuration", "model", "shape", "accounting", "sram"),
        *("seq_len", "queries", "keys", "batch", "mask", "causal", "window", "fit"),
        *("evaluator", *METRICS, *ENERGIES, BINDING, BINDING_GAP, "energy_delay_pj_s"),
        "next_larger_bytes",
        *("power_w", "tokens_per_s", "energy_per_token_pj", "scene", "layers", "weight"),
        *("feasible", "failed", "reason", "violations", "breakdown"),
        *("trial", "pin", "design", "repeated", "on_front"),
        *("help", "designs", "out", "mapping", "json", "figure"),
        *("footprint", "resident", "divisors", *ARITIES),
    )
)
"""What no parameter may be called, beside ranks: columns of tables of results and of studies,
options of the command line, and words of expressions."""

LARGEST = 2**31 - 1
LARGEST_REAL = 1e18
"""The largest value of an integer, or of a real, that declares none."""


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
        most: the largest value that it may have.
        only: the values that it may have; empty for all above 0.
        real: its values are reals.
        labels: what its values 0, 1, ... are called; empty for numbers.
        rule: what it is where a design leaves it open: an expression (away from the default
            machine), the largest that fits, `BEST` or `MAPPER`; None where it may not be left open.

    """

    name: str
    help: str
    default: int | float | None = None
    domain: Domain | None = None
    most: int | float = LARGEST
    only: tuple[int, ...] = ()
    real: bool = False
    labels: tuple[str, ...] = ()
    rule: Expression | LargestThatFits | str | None = None

    @property
    def unit(self) -> str:
        """The unit that ends its name, one of `evaluators.quantities.UNITS`."""
        return unit_of(self.name)

    @property
    def switch(self) -> bool:
        """Whether it is one of labels, or off and on: 0 is then a value of its own.

        Of a choice of an open binding 0 leaves it open, labels or not.
        """
        if self.rule == MAPPER or self.labels or self.domain is None:
            return bool(self.labels) and self.rule != MAPPER
        return 0 in self.domain.values and set(self.domain.values) <= {0, 1}

    @property
    def automatic(self) -> bool:
        """Whether a user may ask for `AUTOMATIC`: of what has a rule."""
        return self.rule not in (None, BEST) and not self.switch

    @property
    def left_open(self) -> str:
        """Say what it is where a design leaves it open."""
        if self.rule is None:
            return f"default: {self.written(self.default or 0)}"
        if isinstance(self.rule, LargestThatFits):
            return "default: the largest that fits"
        if self.rule in (BEST, MAPPER):
            return "default: the best"
        rule = self.rule.text if isinstance(self.rule, Expression) else self.rule
        if self.default is None:
            return f"default: {rule}"
        return f"default: {self.written(self.default)} on the paper's machine, else {rule}"

    def __str__(self) -> str:
        """Say what it may be: 'a positive integer, or 0 for automatic, 1024 at most'."""
        if self.labels:
            known = (each for k, each in enumerate(self.labels) if self.allows(k))
            return f"one of {', '.join(known)}"
        if self.switch and self.domain is not None:
            return f"one of {', '.join(map(str, self.domain.values))}"
        if self.only:
            return f"one of {', '.join(map(str, self.only))}"
        kind = "a positive number" if self.real else "a positive integer"
        most = f"{self.most:g}" if self.real else str(self.most)
        return f"{kind}{', or 0 for automatic' * self.automatic}, {most} at most"

    def read(self, text: str) -> int | float:
        """Read a value as a user writes it: a number, '16 MiB' where it has a unit, or a label.

        `InputError` says what is none, `TooLarge` what is too large.
        """
        value: int | float | None
        if self.labels:
            value = self.labels.index(text) if text in self.labels else None
        elif self.unit and not _DIGITS.fullmatch(text):
            try:
                value = parse_value(text, self.unit, real=self.real)
            except InputError as error:
                raise InputError(f"{self.name}: {error}") from None
        elif self.real:
            value = float(text) if _REAL.fullmatch(text) else None
        else:
            value = integer(text, 0, _LARGEST_READ)
        if value is not None and self.allows(value):
            return value
        large = value is not None and not self.switch and value > self.most
        raise (TooLarge if large else InputError)(f"{self.name} '{shown(text)}': give {self}")

    def allows(self, value: float) -> bool:
        """Tell whether a design may have a value."""
        if self.labels and self.rule == MAPPER and self.domain is not None:
            return value in (AUTOMATIC, *self.domain.values)
        if self.labels:
            return 0 <= value < len(self.labels)
        if self.switch and self.domain is not None:
            return value in self.domain.values
        if self.only:
            return value in self.only
        return 0 < value <= self.most or (self.automatic and value == AUTOMATIC)

    def written(self, value: float) -> str:
        """Write a value as a user does: by its label, where it has one."""
        if self.labels and 0 <= value < len(self.labels):
            return self.labels[int(value)]
        return repr(float(value)) if self.real else str(int(value))


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
