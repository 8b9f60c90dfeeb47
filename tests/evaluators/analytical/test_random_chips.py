"""Random chips: every line of counts that the real `timeloop-model` prints, and what it refuses."""

import gzip
import json
from pathlib import Path

import pytest
from random_chips import TIMELOOP, counted_lines, random_chip, run_timeloop

from dse.model import report
from evaluators.analytical.timeloop_yaml import count, read_case
from evaluators.errors import InputError

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
