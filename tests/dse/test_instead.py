"""`dse instead`: its answers against `dse map`, `dse evaluate`, and areas added up by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

import pytest

from dse.reports.instead import Answer
from evaluators.mapper.best import shipped_cascades
from evaluators.mapper.reaching import reaches
from evaluators.mapper.resources import PARAMETERS, Resources

Run = Callable[..., tuple[int, str, str]]

EXTENTS = {"B": 64, "H": 12, "E": 64, "F": 64, "P": 2**18, "M": 2**18}
"""Of BERT at 256K tokens."""


def test_answers_are_what_their_commands_find_beside_fusemax(dse: Run) -> None:
    code, out, _ = dse("instead", "--json")
    assert code == 0
    answers = {each["question"]: each for each in json.loads(out)["answers"]}
    for question in ("least area", "decoding"):
        command = shlex.split(answers[question]["command"])
        found = json.loads(dse(*command[1:], "--json")[1])
        for name in ("latency_s", "energy_pj"):
            assert answers[question]["optimum"][name] == found["optimum"][name]
        if "scheduled" in found:
            scheduled_s = found["scheduled"]["latency_s"]
            assert answers[question]["optimum"]["scheduled_s"] == scheduled_s
    corrected = ("--accounting", "corrected", "--json")
    own = json.loads(dse("evaluate", "--seq-len", "1K", *corrected)[1])
    for name, value in answers["short sequences"]["fusemax"].items():
        assert value == pytest.approx(own[name], rel=1e-12), name
    for each in answers.values():
        assert each["optimum"]["latency_s"] <= each["fusemax"]["latency_s"] * (1 + 1e-12)
        assert each["optimum"]["energy_pj"] <= each["fusemax"]["energy_pj"]
    for question in ("least latency", "short sequences"):
        each = answers[question]
        assert each["optimum"]["scheduled_s"] < each["fusemax"]["latency_s"]
    assert answers["least area"]["optimum"]["scheduled_s"] is None
    same, small = answers["least latency"], answers["least area"]
    assert same["optimum"]["area_um2"] == same["fusemax"]["area_um2"]
    chip = shlex.split(small["command"])[4:]
    alone = ("--evaluator", "mapper", "--fit", "strict", "--json")
    area = json.loads(dse("evaluate", *chip, *alone)[1])["area_um2"]
    assert small["optimum"]["area_um2"] == pytest.approx(area, rel=1e-12)
    sizes = {
        name[2:].replace("-", "_"): int(n) for name, n in zip(chip[::2], chip[1::2], strict=True)
    }
    assert sizes == small["searched"]["sizes"]
    for name, less in (("buffer_bytes", 512 * 1024), ("pe_registers", 2), ("lane_registers", 2)):
        assert less < sizes[name]
        own = {PARAMETERS[each]: size for each, size in (sizes | {name: less}).items()}
        assert not reaches(
            shipped_cascades(), Resources(**own), EXTENTS, small["fusemax"]["latency_s"]
        )


def test_what_is_left_of_a_freedom_is_told_as_such() -> None:
    """Two passes alone take 4.2 times as long at 256K tokens: with them alone, not without."""
    costs = {"latency_s": 1.0, "scheduled_s": 1.0, "energy_pj": 1.0, "area_um2": 1.0}
    without = {"2-pass alone": (4.2, 1.04), "1-pass alone": (1.0, 1.0), "chunks of 8 keys": None}
    one = Answer("least latency", "dse map", "1-pass", {}, (), costs, costs, without, None)
    assert one.told().splitlines()[2:] == [
        "  with chunks of 8 keys: nothing fits",
        "  with 2-pass alone: 4.2 x the latency, 1.04 x the energy",
    ]
