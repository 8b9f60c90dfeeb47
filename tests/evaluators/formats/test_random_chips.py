"""Random chips: every line of counts that the real `timeloop-model` prints, and what it refuses."""

import gzip
import json
import random
import re
from pathlib import Path

import pytest
from random_chips import TIMELOOP, counted_lines, random_chip, run_timeloop

from dse.commands.model import report
from evaluators.errors import InputError
from evaluators.formats.timeloop_yaml import count, read_case

RECORDED = [
    json.loads(line)
    for line in gzip.decompress(
        (Path(__file__).parent / "data" / "chips.jsonl.gz").read_bytes()
    ).splitlines()
]
LIVE_SEEDS = [range(first, first + 25) for first in range(1_000, 1_200, 25)]


def ours(path: Path, document: str) -> list[str] | None:
    """Return what `dse model` prints of a chip, None where it refuses it."""
    path.write_text(document)
    try:
        case = read_case([path])
        return counted_lines(report(case, count(case, wrapped=True)))
    except InputError:
        return None


@pytest.mark.parametrize("chip", RECORDED, ids=lambda chip: f"{chip['form']}-{chip['seed']}")
def test_a_recorded_chip_is_counted_or_refused_as_timeloop_did(chip: dict, tmp_path: Path):
    assert ours(tmp_path / "chip.yaml", chip["input"]) == chip["statistics"]


def test_the_recorded_chips_are_those_that_the_generator_makes():
    flat = [chip for chip in RECORDED if chip["form"] == "flat"]
    assert [random_chip(chip["seed"]) for chip in flat] == [chip["input"] for chip in flat]


def test_the_recorded_chips_have_what_they_are_to_try():
    told = [chip["statistics"] for chip in RECORDED if chip["statistics"]]
    assert len(told) >= 50
    assert any("throttling : 0." in line for lines in told for line in lines)
    assert any("(Spatial-Y)" in line for lines in told for line in lines)


@pytest.mark.skipif(TIMELOOP is None, reason="timeloop-model is not installed")
@pytest.mark.parametrize("seeds", LIVE_SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_chips_are_counted_or_refused_as_the_installed_timeloop_does(seeds: range, tmp_path: Path):
    differing = []
    for seed in seeds:
        chip = random_chip(seed)
        statistics = run_timeloop(chip)
        told = counted_lines(statistics) if statistics else None
        if ours(tmp_path / "chip.yaml", chip) != told:
            differing.append(seed)
    assert differing == []


def mutated(text: str, dice: random.Random) -> str:
    """Change a document here and there: noise, dropped, repeated and exchanged pieces."""
    for _ in range(dice.choice((1, 1, 2, 8))):
        lines = text.split("\n")
        words = list(re.finditer(r"[A-Za-z_]+|[0-9.]+", text))
        at, line = dice.randrange(len(text) + 1), dice.randrange(len(lines))
        kind = dice.randrange(5)
        if kind == 0:
            text = text[:at] + dice.choice(NOISE) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + dice.randrange(20) :]
        elif kind == 2:
            lines.insert(dice.randrange(len(lines)), lines[line])
            text = "\n".join(lines)
        elif kind == 3:
            del lines[line]
            text = "\n".join(lines)
        elif words:
            word = dice.choice(words)
            instead = dice.choice((dice.choice(words).group(), dice.choice(NOISE)))
            text = text[: word.start()] + instead + text[word.end() :]
    return text


NOISE = (
    *("&a ", "*a", "<<: *a", "<<<: *a", "!!int ", "!x ", "[", "]", "{", "}", ":", ",", "- ", "\n"),
    *("#", "'", '"', "|", "?", "%", "@", "{{", "\t", "\0", "\u2028", "\x1b[2J", "é", "0", "-1"),
    *("1e999", "nan", "null", "", "9" * 30, "2147483648", "4294967296", "0x10", "[1..0]"),
)


@pytest.mark.parametrize("form", ["flat", "nodes"])
def test_a_damaged_document_is_counted_or_refused_in_one_line(form: str, tmp_path: Path):
    dice = random.Random(form)
    documents = [chip["input"].partition("\nERT:")[0] for chip in RECORDED if chip["form"] == form]
    path = tmp_path / "chip.yaml"
    refusals = set()
    for _ in range(500):
        path.write_text(mutated(dice.choice(documents), dice))
        try:
            case = read_case([path])
            assert report(case, count(case, wrapped=True))
        except InputError as error:
            refusals.add(re.sub(r"^\S+ line \d+|\d+", "", str(error)))
    assert len(refusals) > 50
    assert all(sentence.isprintable() for sentence in refusals)
