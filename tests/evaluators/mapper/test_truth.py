"""The search against exact fronts that an independent scalar prototype of the rules found."""

import json
from pathlib import Path

import pytest

from evaluators.mapper.binding import evaluate
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import search

CASES = [
    json.loads(line)
    for line in Path("tests/data/open_bindings.jsonl").read_text("utf-8").splitlines()
]


def resources(case):
    machine = case["machine"]
    return Resources(
        rows=machine["R"],
        columns=machine["C"],
        lanes=machine["V"],
        buffer_bytes=machine["G"],
        dram_bytes_per_s=machine["bandwidth"],
        clock_hz=machine["clock"],
        pe_registers=machine["d2"],
        lane_registers=machine["d1"],
        exp_cycles=machine["exp_unit"],
    )


@pytest.mark.parametrize("case", CASES, ids=[str(case["case"]) for case in CASES])
def test_the_whole_front_is_found_and_its_bindings_cost_what_it_says(case):
    machine, workload = resources(case), case["workload"]
    limits = Limits(tuple(case["chunks_M0"]), cuts=case["cuts"] == "all legal")
    found = search({name: structure(name) for name in case["cascades"]}, machine, workload, limits)

    assert len(found.front) == len(case["front"])
    for point, (latency_s, energy_pj, cascade, *chunk) in zip(
        found.front, case["front"], strict=True
    ):
        assert point.latency_s == pytest.approx(latency_s, rel=1e-12)
        assert point.energy_pj == pytest.approx(energy_pj, rel=1e-12)
        assert point.cascade == cascade
        assert not chunk or point.chunk == chunk[0]

    optimum = case["optimum"]
    binding = found.binding(found.front[0])
    costs = evaluate(binding, structure(binding.cascade), machine, workload)
    assert costs.latency_s == pytest.approx(optimum["latency"], rel=1e-12)
    assert costs.energy_pj == pytest.approx(optimum["energy"], rel=1e-12)
    assert costs.buffer_words * 2 <= machine.buffer_bytes
    for group in binding.groups:
        for place, step in zip(group.group, group.steps, strict=True):
            tensors = structure(binding.cascade).einsums[place].tensors
            assert step.reserved is not None
            assert len(tensors) <= step.reserved <= machine.registers(step.placement.array)
    # A point of the front may have several bindings; the group count is the same in all of these.
    assert costs.traffic_bytes / machine.dram_bytes_per_s <= costs.latency_s * (1 + 1e-12)
    assert costs.pe_busy_s <= costs.latency_s * (1 + 1e-12)
