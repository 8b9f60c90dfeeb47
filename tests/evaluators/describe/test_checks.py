"""Every check finds what only it can find, in a file that is right but for that."""

import re
from pathlib import Path

import pytest

from evaluators.describe.checks import problems
from evaluators.describe.layers import ACCELERATORS, shipped
from evaluators.describe.reading import accelerator
from evaluators.errors import InputError


def _broken(tmp_path: Path, base: str, *changes: tuple[str, str]) -> Path:
    text = (ACCELERATORS / f"{base}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "broken.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("name", shipped())
def test_no_problem_is_found_in_what_ships(name: str) -> None:
    assert problems(accelerator(name)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "QK     | B H P2 M1  | P1 E  ",
            "QK     | B H P2 M1  | E     ",
            r"QK on pe: its loops over P \(P2 P0\) multiply to \d+ where P has \d+",
        ),
        ('"SLNV SPNV"]', '"SPNV"]', "Einsum SLNV is in no stage"),
        ('"SLNV SPNV"]', '"SLNV SPNV RM"]', "RM is in stages 2 and 4"),
        ('"SLNV SPNV"]', '"SLNV SPNV XY"]', "stage 4 has XY, which is no Einsum"),
        (
            'stages = ["QK LM RD RNV AV", "RM", "SLN SLD PRM SPD", "SLNV SPNV"]',
            'stages = ["SLNV SPNV", "SLN SLD PRM SPD", "RM", "QK LM RD RNV AV"]',
            "runs 2 tiles behind what it depends on",
        ),
        (
            "RM     | B H P2 M1  | P1       | P0      |           | RM0 RM  | max\n",
            "",
            "RM is in no",
        ),
        (
            "RM     | B H P2 M1  | P1       | P0      |           | RM0 RM  | max\n",
            "RM     | B H P2 M1  | P1       | P0      |           | RM0 RM  | max\n" * 2,
            "RM is mapped 2 times",
        ),
        ("| RM0 RM  | max", "| RM0 RM  | exponential", "RM on vector needs the unit exponential"),
        ('M1 = "steps(M, array_rows)"', 'M1 = "M / chunk"', "reads chunk, which is nothing"),
        ('M0 = "side(M, array_rows)"\n', "", "M0 has no extent|reads M0, which is nothing"),
        ("| Q BK      | Q BK    |", "| BK        | Q BK    |", "QK: Q is not kept in DRAM"),
        ("| AV        | RNV RD  |", "|           | RNV RD  |", "AV: AV is not kept in DRAM"),
        ('Q = "Q", ', "", "QK reads Q, which nothing writes"),
        ('RM0 = "RM", ', "", "RM reads RM0, which nothing writes"),
        ('RD0 = "RD"', 'RD0 = "RQ"', "RD0 is the value of RQ, which is no Einsum"),
        ('along    = "M1"', 'along    = "E"', "has no rank 'E'"),
        (
            "PRM[B,H,M1,P]    = exp(RM0[B,H,M1,P] - RM[B,H,M1,P])",
            "PRM[B,H,M1,P]    = exp(RM[B,H,M1,P] - RM0[B,H,M1,P])",
            r"AV is not softmax\(QK\^T\)V",
        ),
        (":: max(M0)", ":: min(M0)", "of large scores, which overflow without their maximum"),
        (
            'P0 = "side(query_tiles * side(P, array_cols, query_tiles), vector_lanes)", ',
            "",
            "factor P0 is not defined",
        ),
        (
            "SLNV[B,F,H,M1,P] = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M0)",
            "SLNV[B,F,H,P]    = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M1,M0)",
            "RNV runs inside the loop M1, over which SLNV is still being reduced",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(accelerator(str(_broken(tmp_path, "binding", (old, new)))))
    assert any(re.search(said, each) for each in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("LM     | B H P2 M1", "LM     | B H P2 M7", "factor|rank M7|loops over"),
        ("| edge keep |", "| edge hold |", "column 'edge hold'"),
        ("QK     | B H P2 M1  | P1 E     | P0 M0   | Q BK", "QK  | P0 | Q BK", "cells under"),
        (":: sum(E)", ":: sum(F)", "the ranks behind '::'"),
        ("= exp(QK[", "= evil(QK[", "is not known in a formula"),
        ('"steps(M, array_rows)"', '"__import__(1)"', "is not known here"),
        ('array   = "pe"', 'array   = "gpu"', "'gpu' is unknown; known are pe, vector"),
        ('memory = "whole"', 'memory = "hole"', "'hole' is unknown"),
        ("[schedule]", "[shedule]", "no such key"),
        ("| P0 M0   | Q BK ", "| P0 M0 E | Q BK ", "3 spatial factors on the 2 sides"),
        ("6 mac, add\nSLD", "six mac, add\nSLD", "operations 'six mac, add'"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    file = _broken(tmp_path, "binding", (old, new))
    text = file.read_text(encoding="utf-8")
    line = text[: text.index(new)].count("\n") + 1
    with pytest.raises(InputError, match=rf"broken.toml line {line}: .*({said})"):
        accelerator(str(file))
