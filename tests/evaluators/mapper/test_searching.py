"""What searches share, and that it changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.mapper import moves, neighbours
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import least_latency_s, search

CASCADES = {name: structure(name) for name in NAMES}
WORKLOAD = {"B": 1, "H": 2, "P": 8, "M": 16, "E": 4, "F": 4}
OPTIMUM = Limits(chunks=(4, 8), within=0.0)


def machine(rows, lanes, buffer_bytes, dram_bytes_per_s, pe_registers=6, lane_registers=8):
    return Resources(
        rows, 8, lanes, buffer_bytes, dram_bytes_per_s, 1e9, pe_registers, lane_registers
    )


MACHINES = st.builds(
    machine,
    rows=st.sampled_from([4, 8]),
    lanes=st.sampled_from([4, 8]),
    buffer_bytes=st.sampled_from([4096, 65536]),
    dram_bytes_per_s=st.sampled_from([4e9, 2e10]),
    pe_registers=st.integers(3, 5),
    lane_registers=st.integers(4, 6),
)


def bound(resources):
    """Return the optimum and its binding; None where nothing fits."""
    found = search(CASCADES, resources, WORKLOAD, OPTIMUM)
    if not found.front:
        return None
    point = found.optimum()
    return point.latency_s, point.energy_pj, found.binding(point)


def forget():
    moves._KNOWN.clear()
    neighbours._around.cache_clear()


@settings(max_examples=2)
@given(
    rows=st.sampled_from([4, 8]),
    lanes=st.sampled_from([4, 8]),
    stores=st.lists(
        st.builds(
            dict,
            buffer_bytes=st.sampled_from([4096, 65536]),
            dram_bytes_per_s=st.sampled_from([4e9, 2e10]),
            pe_registers=st.sampled_from([3, 5]),
            lane_registers=st.sampled_from([4, 6]),
        ),
        min_size=3,
        max_size=3,
    ),
)
def test_a_machine_is_mapped_alike_whatever_was_mapped_before(rows, lanes, stores):
    machines = [machine(rows, lanes, **each) for each in stores]
    alone = []
    for each in machines:
        forget()
        alone.append(bound(each))
    forget()
    assert [bound(each) for each in machines] == alone
    forget()
    assert [bound(each) for each in machines[::-1]] == alone[::-1]


def test_neighbours_bound_a_machine_by_what_they_have_more_or_less_of():
    around = neighbours.Neighbours()
    small, large = machine(8, 8, 4096, 4e9, 3, 4), machine(8, 8, 65536, 2e10, 8, 8)
    assert around.between(small) == (0.0, float("inf"))
    around.add(large, 1.0)
    around.add(small, 3.0)
    around.add(machine(8, 8, 4096, 1e9, 3, 4), float("inf"))
    assert around.between(replace(small, pe_registers=5)) == (1.0, 3.0)
    assert around.between(replace(large, pe_registers=9)) == (0.0, 1.0)
    assert around.between(machine(8, 8, 4096, 1e9, 2, 4)) == (float("inf"), float("inf"))
    assert around.between(machine(8, 8, 2048, 8e9, 9, 4)) == (0.0, float("inf"))


def test_moves_that_are_many_are_forgotten_between_searches(monkeypatch):
    small = machine(8, 8, 4096, 2e10)
    forget()
    first = bound(small)
    known = sum(each.count for each in moves._KNOWN.values())
    assert known > 0
    monkeypatch.setattr(moves, "_MOST", known - 1)
    assert bound(replace(small, dram_bytes_per_s=1e10)) is not None
    assert bound(small) == first
    assert sum(each.count for each in moves._KNOWN.values()) <= known


@settings(max_examples=4)
@given(resources=MACHINES, share=st.sampled_from([1.0, 1.0 + 1e-9, 1.3, 4.0, float("inf")]))
def test_the_least_latency_alone_is_that_of_the_front(resources, share):
    front = search(CASCADES, resources, WORKLOAD, Limits(chunks=(4, 8))).front
    if not front:
        assert least_latency_s(CASCADES, resources, WORKLOAD, OPTIMUM, 7.0) == 7.0
        return
    known_s = front[0].latency_s * share
    found_s = least_latency_s(CASCADES, resources, WORKLOAD, OPTIMUM, known_s)
    assert found_s == pytest.approx(front[0].latency_s, rel=1e-12)


def test_what_is_known_stands_where_nothing_is_faster():
    small = machine(8, 8, 4096, 2e10)
    fastest_s = bound(small)[0]
    assert least_latency_s(CASCADES, small, WORKLOAD, OPTIMUM, fastest_s / 2) == fastest_s / 2
