"""Pipelines of stages: hand counts, and the engine's latency (docs/model/pipelines.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.accounting import CORRECTED
from evaluators.describe.catalogue import canonical
from evaluators.design import Designs
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.errors import InputError
from evaluators.pipeline.pipelines import Pipeline, pipelines
from evaluators.protocol import evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.workload import Workload

BERT = Workload(transformer("BERT"), 4096)

ONE_STAGE = """
name = "overlapped"
title = "+Binding in one stage"
base = "binding"

[schedule]
stages = ["QK LM RM PRM SPD SPNV SLN SLD SLNV RD RNV AV"]
memory = "whole"
"""


def scheduled(name: str, workload: Workload) -> tuple[list[Pipeline], float]:
    """Return the pipelines of the file's own design, and the engine's latency."""
    results = evaluator("analytical").evaluate(name, workload, Designs.of(), CORRECTED).whole()
    nests = nests_of(name, workload, results.designs, CORRECTED)
    return pipelines(nests, Costs(nests)), float(results.metrics["latency_s"][0])


@pytest.fixture
def overlapped(tmp_path: Path) -> str:
    file = tmp_path / "overlapped.toml"
    file.write_text(ONE_STAGE)
    return canonical(str(file))


@pytest.mark.parametrize("name", ["unfused", "flat", "cascade", "tpu", "one_array", "linear_flat"])
def test_ideal_is_the_latency_of_the_engine(name: str) -> None:
    found, latency_s = scheduled(name, BERT)
    assert sum(each.ideal_s for each in found) == pytest.approx(latency_s, rel=1e-12)
    assert all(each.schedule.interval >= each.ideal * (1 - 1e-12) for each in found)


def test_binding_overlaps_in_three_steps_and_three_words(overlapped: str) -> None:
    """Of a column of a step: 64 cycles of SPNV and of RNV, 7 of PRM, 1 of RM, SPD and RD.

    AV, once in 16 chunks, writes 64 words of 256 lanes to a DRAM of 400 GiB/s.
    """
    (found,), _ = scheduled(overlapped, BERT)
    dram_bytes_per_cycle = 400 * 2**30 / 940e6
    lanes = 64 + 64 + 7 + 1 + 1 + 1
    assert found.loops == (("B", 64), ("H", 12), ("M1", 16), ("P", 16))
    assert found.ideal == pytest.approx(lanes + 64 / 16, rel=1e-12)
    assert found.schedule.interval == pytest.approx(
        lanes + 64 * 256 * 2 / 16 / dram_bytes_per_cycle, rel=1e-9
    )
    assert found.schedule.in_flight == 3
    needs = {need.where: need.needed for need in found.needs}
    assert needs["pe"] <= 12
    assert found.fits
    longest = 64 * 12 * 16 * 16 * found.schedule.interval + found.schedule.span + found.tail
    assert found.ideal_s < found.latency_s <= longest / 940e6


def test_flat_has_two_tiles_in_flight() -> None:
    """256 queries of 4096 keys: maxima, exponentials, sums, quotients, 256 of them a cycle."""
    (found,), _ = scheduled("flat", BERT)
    assert found.loops == (("B", 64), ("H", 12), ("P", 16))
    assert found.schedule.interval == 4 * 256 * 4096 / 256
    assert found.schedule.in_flight == 2


def test_registers_that_are_short_are_told() -> None:
    """+Cascade's lanes take a maximum over the 256 keys of a chunk, which they hold."""
    (found,), _ = scheduled("cascade", BERT)
    lanes = next(need for need in found.needs if need.where == "vector")
    assert lanes.needed > 256 > lanes.there
    assert not found.fits


def test_what_has_no_steps_of_one_length_is_refused() -> None:
    with pytest.raises(InputError, match="4 stages of tiles in turn"):
        scheduled("binding", BERT)
    causal = Workload(transformer("BERT"), 4096, causal=True)
    with pytest.raises(InputError, match="without a mask"):
        scheduled("flat", causal)
