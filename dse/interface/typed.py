"""Arguments of the interface, held to their annotations: a wrong one is told in a sentence."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from inspect import Parameter, signature
from numbers import Integral, Real
from os import PathLike
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from evaluators.errors import InputError, shown

P = ParamSpec("P")
R = TypeVar("R")

_KINDS: dict[Any, tuple[str, Any]] = {
    str: ("a text", str),
    bool: ("True or False", (bool, np.bool_)),
    int: ("a whole number", Integral),
    float: ("a number", Real),
    PathLike: ("a path", PathLike),
    Mapping: ("a mapping", Mapping),
    Sequence: ("a list", (list, tuple)),
    Callable: ("a function", Callable),
    pd.DataFrame: ("a DataFrame", pd.DataFrame),
    types.NoneType: ("None", types.NoneType),
}
"""What an annotation has -> what it is called, and what a value is to be an instance of."""


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse, as an `InputError`, arguments that are not as it annotates them."""

    @cache
    def kinds() -> dict[str, Any]:
        return get_type_hints(function)

    called = signature(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = called.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(f"{function.__name__}: {error}") from None
        for name, value, parameter in _arguments(bound.arguments, called.parameters):
            _check(name, value, kinds().get(parameter, Any))
        return function(*args, **kwargs)

    return checked


def _arguments(
    given: Mapping[str, Any], parameters: Mapping[str, Parameter]
) -> Iterator[tuple[str, Any, str]]:
    """Yield each argument: its name, its value, and the parameter that takes it."""
    for name, value in given.items():
        if parameters[name].kind is Parameter.VAR_POSITIONAL:
            yield from ((name, each, name) for each in value)
        elif parameters[name].kind is Parameter.VAR_KEYWORD:
            yield from ((own, each, name) for own, each in value.items())
        else:
            yield name, value, name


def _check(name: str, value: Any, annotation: Any) -> None:
    """Refuse a value that is none of a union's kinds, or a list with one that is none of its.

    True and False are no numbers, and a text is no list.
    """
    union = get_origin(annotation) in (types.UnionType, Union)
    kinds = [get_origin(each) or each for each in (get_args(annotation) if union else [annotation])]
    if Any in kinds:
        return
    known = [_KINDS.get(each, (f"a {getattr(each, '__name__', each)}", each)) for each in kinds]
    truth = isinstance(value, (bool, np.bool_))
    if (truth and bool not in kinds) or not any(isinstance(value, kind) for _, kind in known):
        wanted = " or ".join(dict.fromkeys(called for called, _ in known))
        raise InputError(f"{name}: give {wanted}, not {type(value).__name__} '{shown(value)}'")
    if get_origin(annotation) is Sequence:
        for each in value:
            _check(name, each, get_args(annotation)[0])
