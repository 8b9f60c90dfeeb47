"""Overrides: a parameter narrowed, fixed, or freed from its rule, as a user writes it.

An override is one value, a list of values, or a table {min = ..., max = ...}. Choices with labels
are written by label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evaluators.describe.parameters import LARGEST_REAL
from evaluators.design import AUTOMATIC
from evaluators.errors import InputError, shown
from search_spaces.parameter import Parameter

_ENDS = ("min", "max")


def overridden(parameter: Parameter, change: object) -> Parameter:
    """Return the parameter with the values of an override; `InputError` says what is wrong."""
    values = (
        _between(parameter, change) if isinstance(change, Mapping) else _listed(parameter, change)
    )
    return replace(parameter, values=values)


def _value_of(parameter: Parameter, entry: object) -> int | float:
    """Return what a user's entry, a number or a label, stands for; it must be in the domain."""
    value: int | float | None
    if parameter.labels:
        value = parameter.labels.index(entry) if entry in parameter.labels else None
    else:
        value = _number(parameter, entry)
    if value is None or not parameter.allows(value):
        must = parameter.described(domain=True)
        raise InputError(f"{parameter.name} {_shown(entry)}: it must be {must}")
    return value


def _listed(parameter: Parameter, change: object) -> tuple[int | float, ...]:
    entries = change if isinstance(change, (list, tuple)) else [change]
    if not entries:
        must = parameter.described(domain=True)
        raise InputError(f"{parameter.name}: the list is empty; a value must be {must}")
    return tuple(sorted({_value_of(parameter, entry) for entry in entries}))


def _between(parameter: Parameter, change: Mapping[object, object]) -> tuple[int | float, ...]:
    """Return the domain's values from min to max, both included; automatic is not among them."""
    name = parameter.name
    if not parameter.ordered or parameter.domain is None:
        must = parameter.described(domain=True)
        raise InputError(f"{name}: it has no range; list its values, each {must}")
    if not change or not change.keys() <= set(_ENDS):
        given = shown(", ".join(map(str, change)) or "nothing")
        raise InputError(f"{name}: a range has min, max or both, not {given}")
    sizes = tuple(value for value in parameter.domain if value != AUTOMATIC)
    ends = {"min": sizes[0], "max": sizes[-1]}
    for end, entry in change.items():
        bound = _number(parameter, entry)
        if bound is None or not sizes[0] <= bound <= sizes[-1]:
            kind = "a number" if parameter.declared.real else "an integer"
            must = f"{kind} from {sizes[0]} to {sizes[-1]}"
            raise InputError(f"{name} {end} {_shown(entry)}: it must be {must}")
        ends[str(end)] = bound
    values = tuple(value for value in sizes if ends["min"] <= value <= ends["max"])
    if not values:
        must = parameter.described(domain=True)
        raise InputError(
            f"{name}: no value lies between {ends['min']} and {ends['max']}; it must be {must}"
        )
    return values


def _number(parameter: Parameter, entry: object) -> int | float | None:
    """Return an entry as a number of the parameter's kind; None for what is none."""
    if isinstance(entry, str) and parameter.declared.unit:
        return parameter.declared.read(entry)
    if isinstance(entry, bool) or not isinstance(entry, (int, float)):
        return None
    if parameter.declared.real:
        return float(entry) if abs(entry) <= LARGEST_REAL else None
    return entry if isinstance(entry, int) else None


def _shown(entry: object) -> str:
    return f"'{shown(entry)}'" if isinstance(entry, str) else shown(entry)
