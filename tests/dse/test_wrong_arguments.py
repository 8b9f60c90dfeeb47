"""Every public function with wrong kinds of values at every parameter: one sentence each."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest

import dse

WRONG = [None, 3, -1, 2.5, float("nan"), True, "x", "1%", "", b"x", [1], {"a": [1]}, object(), len]

FUNCTIONS = {
    "evaluate": dse.evaluate,
    "workload": dse.workload,
    "accelerator": dse.accelerator,
    "explain": dse.explain,
    "compare": dse.compare,
    "confirm": dse.confirm,
    "instead": dse.instead,
    "map": partial(dse.map, seq_len="1K", time_limit_s=0.01),
    "report": dse.report,
    "reproduce": dse.reproduce,
    "schedule": partial(dse.schedule, seq_len="1K"),
    "study": dse.study,
    "sweep": dse.sweep,
    "run": lambda **kwargs: dse.study("binding-bert", trials=1, out="runs").run(**kwargs),
    "resume": lambda **kwargs: dse.study("binding-bert", trials=1, out="runs").resume(**kwargs),
}
NEEDED = {"report": ("binding-bert",), "sweep": ("binding-bert",), "compare": ("binding", "flat")}
"""Arguments without which nothing goes."""

OF_VALUES = {
    "evaluate": ("seq_len", "model", "configuration", "array_rows", "mask", "accounting", "mine"),
    "workload": ("seq_len", "queries", "batch", "mask", "fit", "mine"),
    "map": ("seq_len", "model", "array_rows", "accounting", "mine"),
    "schedule": ("seq_len", "model", "array_rows", "mask", "accounting", "mine"),
    "study": ("trials", "seed", "constraints", "space", "models", "mine"),
    "run": ("executor", "workers", "ray_address", "storage", "rebuild", "mine"),
    "resume": ("trials", "workers", "mine"),
}
WORK = {
    ("reproduce", "out"),
    ("reproduce", "reference"),
    ("sweep", "progress"),
    ("confirm", "limit"),
    ("map", "time_limit_s"),
    ("instead", "freedoms"),
}
"""Some of the values are right there, and the function then works for long."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)


def _calls() -> list[tuple[str, str | None]]:
    calls: list[tuple[str, str | None]] = []
    for name, function in FUNCTIONS.items():
        parameters = signature(function).parameters.values()
        if any(each.kind in _POSITIONAL for each in parameters):
            calls.append((name, None))
        calls += [(name, each.name) for each in parameters if each.kind is Parameter.KEYWORD_ONLY]
        calls += [(name, each) for each in OF_VALUES.get(name, ())]
    return [each for each in calls if each not in WORK]


def _tried(call: Callable[[], Any]) -> str:
    """Return the sentence that refuses a call, '' where it is right."""
    try:
        call()
    except dse.Error as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("name", "parameter"), _calls())
def test_what_is_wrong_is_an_error_of_one_line(
    name: str, parameter: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function = FUNCTIONS[name]
    refused = 0
    for value in WRONG:
        if parameter is None:
            sentence = _tried(lambda value=value: function(value))  # type: ignore[misc]
        else:
            sentence = _tried(
                lambda value=value: function(*NEEDED.get(name, ()), **{parameter: value})
            )  # type: ignore[misc]
        refused += bool(sentence)
        assert "\n" not in sentence
    assert refused >= len(WRONG) // 2


@pytest.mark.parametrize(("name", "parameter"), sorted(WORK))
@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, 1j])
def test_what_cannot_be_meant_is_refused_before_work(name: str, parameter: str, value: Any) -> None:
    sentence = _tried(lambda: FUNCTIONS[name](*NEEDED.get(name, ()), **{parameter: value}))
    assert re.match(rf"{parameter}: give .*, not ", sentence)
