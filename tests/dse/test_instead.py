"""`dse instead`: its answers against `dse map`, `dse evaluate`, and areas added up by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]


def test_answers_are_what_their_commands_find_beside_fusemax(dse: Run) -> None:
    code, out, _ = dse("instead", "--json")
    assert code == 0
    answers = {each["question"]: each for each in json.loads(out)["answers"]}
    for question in ("half the area", "decoding"):
        command = shlex.split(answers[question]["command"])
        found = json.loads(dse(*command[1:], "--json")[1])["optimum"]
        for name in ("latency_s", "energy_pj"):
            assert answers[question]["optimum"][name] == found[name]
    corrected = ("--accounting", "corrected", "--json")
    own = json.loads(dse("evaluate", "--seq-len", "1K", *corrected)[1])
    for name, value in answers["short sequences"]["fusemax"].items():
        assert value == pytest.approx(own[name], rel=1e-12), name
    for each in answers.values():
        assert each["optimum"]["latency_s"] <= each["fusemax"]["latency_s"] * (1 + 1e-12)
        assert each["optimum"]["energy_pj"] <= each["fusemax"]["energy_pj"]
    same, small = answers["least latency"], answers["half the area"]
    assert same["optimum"]["area_um2"] == same["fusemax"]["area_um2"]
    chip = ("--vector-lanes", 64, "--buffer-bytes", "256KiB")
    sizes = ("--pe-registers", 4, "--lane-registers", 16)
    area = json.loads(
        dse("evaluate", *chip, *sizes, "--evaluator", "mapper", "--fit", "strict", "--json")[1]
    )["area_um2"]
    assert small["optimum"]["area_um2"] == pytest.approx(area, rel=1e-12)
