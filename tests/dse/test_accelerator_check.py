"""`dse accelerator check` on broken files: every problem in one run, each with its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.results import schema_of
from dse.results.parts import TRIAL
from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.contract import AcceleratorContract
from evaluators.describe.accelerator import WORKLOAD_RANKS
from evaluators.describe.catalogue import described
from evaluators.describe.layers import ACCELERATORS, shipped
from evaluators.describe.parameters import RESERVED
from evaluators.protocol import evaluator
from studies.objectives import UNITS
from tests.evaluators.shipped_bindings import BOUND

Run = Callable[..., tuple[int, str, str]]

STAGES = 'stages = ["QK LM RD RNV AV", "RM", "SLN SLD PRM SPD", "SLNV SPNV"]'
RM = "RM     | B H P2 M1  | P1       | P0      |           | RM0 RM  | max\n"

FOUND = {
    "a loop too few": ("QK     | B H P2 M1  | P1 E  ", "QK     | B H P2 M1  | E     ", "over P"),
    "in no stage": ('"SLNV SPNV"]', '"SPNV"]', "SLNV is in no stage"),
    "in two stages": ('"SLNV SPNV"]', '"SLNV SPNV RM"]', "RM is in stages 2 and 4"),
    "no Einsum in a stage": ('"SLNV SPNV"]', '"SLNV SPNV XY"]', "XY, which is no Einsum"),
    "a partial sum": (
        "SLNV[B,F,H,M1,P] = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M0)",
        "SLNV[B,F,H,P]    = SLN[B,H,M1,M0,P] * BV[B,F,H,M1,M0]    :: sum(M1,M0)",
        "it would read a partial result",
    ),
    "mapped twice": (RM, RM * 2, "RM is mapped 2 times"),
    "mapped nowhere": (RM, "", "RM is in no table of mappings"),
    "a unit that is not there": ("| RM0 RM  | max", "| RM0 RM  | exponential", "needs the unit"),
    "a parameter that is not there": ('"steps(M, array_rows)"', '"M / chunk"', "reads chunk"),
    "a factor that reads nothing": (
        'P2 = "steps(P, array_cols,',
        'P2 = "steps(P, cols,',
        "reads cols",
    ),
    "an input that is not off chip": ("| Q BK      | Q", "| BK        | Q", "not kept in DRAM"),
    "kept nowhere": ("|         | LM        |", "|         |           |", "kept nowhere between"),
    "never written": ('Q = "Q", ', "", "reads Q, which nothing writes"),
    "no state": ('RD0 = "RD"', 'RD0 = "RQ"', "is the value of RQ, which is no Einsum"),
    "no attention": ("exp(RM0[B,H,M1,P] - RM[", "exp(RM[B,H,M1,P] - RM0[", "is not softmax"),
    "an unstable softmax": (":: max(M0)", ":: min(M0)", "large scores, which overflow"),
    "a name that is taken": (
        "query_tiles = {",
        "latency_s = {default = 1}\nquery_tiles = {",
        "called so",
    ),
    "a rank's name": ("query_tiles = {", "P = {default = 1}\nquery_tiles = {", "a rank is called"),
    "words that nothing prices": (
        "query_tiles = {",
        "word_bits = {default = 12}\nquery_tiles = {",
        "8, 16, 32 bits alone",
    ),
    "bits of no tensor": ("[ranks]", "[bits]\nQK = 8\n[ranks]", "the workload has no such tensor"),
}
READ = {  # what a file's form shows: nothing else is looked at before it is mended
    "an array that is not there": ('array   = "pe"', 'array   = "gpu"', "known are pe, vector"),
    "a store that is not there": ("| DRAM keep |", "| HBM keep  |", "column 'HBM keep'"),
    "an edge that is not there": (
        "| L3 keep | operations",
        "| edge keep | operations",
        "has no edge",
    ),
    "a rank that is not there": ("LM     | B H P2 M1", "LM     | B H P2 X1", "rank X"),
    "a tensor that is not there": ("| Q BK      |", "| Q BX      |", "no tensor of the Einsum"),
    "an odd name": ('name    = "binding"', 'name    = "my chip"', "'my chip' is no name"),
    "a default outside its domain": (
        "query_tiles = {",
        "depth = { default = 3, domain = [1, 2] }\nquery_tiles = {",
        "3 is not in its domain, 1, 2",
    ),
    "two Einsums of one name": ("RM[B,H,M1,P]     =", "QK[B,H,M1,P]     =", "QK"),
}


def broken(folder: Path, *changes: tuple[str, str]) -> Path:
    text = (ACCELERATORS / "binding.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file = folder / "broken.toml"
    file.write_text(text, encoding="utf-8")
    return file


def line_of(text: str, place: int) -> int:
    return text[:place].count("\n") + 1


@pytest.mark.parametrize("what", [*FOUND, *READ])
def test_a_broken_file_has_its_problem_with_its_line(dse: Run, tmp_path: Path, what: str) -> None:
    old, new, said = (FOUND | READ)[what]
    file = broken(tmp_path, (old, new))
    code, out, errors = dse("accelerator", "check", file)
    assert (code, errors) == (1, "")
    *found, last = out.splitlines()
    assert last == f"{len(found)} problem{'s' * (len(found) > 1)}"
    assert any(said in each for each in found), out
    for each in found:
        assert re.match(rf"{re.escape(str(file))} line \d+: ", each), each


def test_passes_are_those_of_the_paper(dse: Run) -> None:
    """One over the chunks for FuseMax, three over the keys for FLAT (sections 2 and 4)."""
    for name, told in (("binding", "1 pass over M1"), ("flat", "3 passes over M; ")):
        assert f"\n  {told}" in dse("accelerator", "check", name)[1]


def test_a_name_is_not_inherited(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('base = "binding"\n')
    code, out, _ = dse("accelerator", "check", file)
    assert (code, out) == (1, f"{file}: the key name is missing; give a name\n1 problem\n")


def test_what_cannot_be_read_is_told_in_one_run_too(dse: Run, tmp_path: Path) -> None:
    wrong = [READ["a tensor that is not there"], READ["an edge that is not there"]]
    changes = [(old, new) for old, new, _ in wrong]
    changes += [(STAGES, "stages = 4"), ('"steps(M, array_rows)"', '"M / / M0"')]
    file = broken(tmp_path, *changes)
    text = file.read_text(encoding="utf-8")
    code, out, _ = dse("accelerator", "check", file)
    assert code == 1
    assert out.endswith("\n4 problems\n")
    for _, new in changes:
        assert f"{file} line {line_of(text, text.rindex(new))}: " in out


def test_the_line_is_that_of_the_problem(dse: Run, tmp_path: Path) -> None:
    changes = [
        (STAGES, 'stages = ["QK LM RD RNV AV", "SLN SLD PRM SPD", "SLNV SPNV"]'),
        ("| Q BK      | Q BK    |", "| BK        | Q BK    |"),
        ('RD0 = "RD"', 'RD0 = "RQ"'),
        ("| RM0 RM  | max", "| RM0 RM  | exponential"),
        ('M1 = "steps(M, array_rows)"', 'M1 = "M / chunk"'),
    ]
    file = broken(tmp_path, *changes)
    text = file.read_text(encoding="utf-8")
    code, out, _ = dse("accelerator", "check", file)
    assert code == 1
    told = {int(re.match(r".*? line (\d+): ", each)[1]) for each in out.splitlines()[:-1]}
    assert {line_of(text, text.index(new)) for _, new in changes} <= told


def test_what_a_base_says_is_told_with_its_file(dse: Run, tmp_path: Path) -> None:
    broken(tmp_path, ("| RM0 RM  | max", "| RM0 RM  | exponential"))
    mine = tmp_path / "mine.toml"
    mine.write_text('name = "mine"\nbase = "broken.toml"\n', encoding="utf-8")
    _, out, _ = dse("accelerator", "check", mine)
    assert out.startswith(f"{mine}, by broken.toml line 49: RM on vector needs the unit")


@pytest.mark.parametrize("name", BOUND)
@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=lambda each: each.name)
def test_a_base_with_nothing_changed_equals_its_base(tmp_path: Path, name: str, accounting) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(f'name = "mine"\nbase = "{name}"\n', encoding="utf-8")

    class Base(AcceleratorContract):
        configuration = name

    base = Base()
    ours, theirs = (
        evaluator("analytical").evaluate(each, base.workload, base._designs, accounting)
        for each in (str(mine), name)
    )
    assert described(str(mine)).all_parameters.keys() == described(name).all_parameters.keys()
    for part in ("metrics", "violations", "busy_s", "util"):
        assert getattr(ours, part).keys() == getattr(theirs, part).keys()
        for column, values in getattr(theirs, part).items():
            assert getattr(ours, part)[column].tobytes() == values.tobytes(), column


def test_what_stands_beside_parameters_is_reserved(dse: Run) -> None:
    for name in shipped():
        beside = {*schema_of([name]).names, *TRIAL.names, *UNITS.values()}
        beside -= described(name).all_parameters.keys()
        assert {each for each in beside if "[" not in each} <= RESERVED
    options = set(re.findall(r"--([a-z][\w-]*)", dse("evaluate", "--help")[1]))
    options = {each.replace("-", "_") for each in options}
    assert "query_tiles" in options
    assert options - described("binding").all_parameters.keys() <= RESERVED
    assert not RESERVED & {*WORKLOAD_RANKS}
