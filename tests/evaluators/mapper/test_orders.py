"""Whether the steps of a binding can follow one another in registers as deep as the rules say."""

from dataclasses import replace

import pytest

from evaluators.describe.cascade import Cascade, parse_einsums
from evaluators.mapper.binding import chunked
from evaluators.mapper.cascades import structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import Limits, search
from evaluators.mapper.structure import Structure
from tests.evaluators.mapper.interleaving import NoOrder, Steps


def orders(binding, machine, extents, **more):
    cascade = structure(binding.cascade)
    known = chunked(binding, cascade, extents)
    return [Steps(each, cascade, machine, known, **more).order() for each in binding.groups]


def bound(name, machine, extents, chunks=None, which=0):
    """Return the binding of a point of the front."""
    found = search({name: structure(name)}, machine, extents, Limits(chunks, cuts=False))
    return found.binding(found.front[which])


def test_transfers_of_both_arrays_that_wait_in_a_circle_have_an_order():
    """Scores of one pass on 4 registers: a word goes to SLN before the next comes to be reduced."""
    machine = Resources(8, 8, 2, 4096, 1e10, 1e9, 4, 32)
    extents = {"B": 1, "H": 2, "P": 16, "M": 8, "E": 4, "F": 4}
    binding = bound("1-pass", machine, extents, (8,), which=-1)
    (order,) = orders(binding, machine, extents)
    assert len(order) == len(set(order))


def test_a_partial_result_that_waits_is_missed_by_the_rules():
    """The smallest binding that they allow and that has no order: a product reduced as it comes.

    One lane, 3 registers: QK has 3 words of its own, and the maximum so far is a fourth.
    """
    machine = Resources(8, 8, 1, 4096, 1e10, 1e9, 3, 3)
    extents = {"B": 1, "H": 1, "P": 1, "M": 2, "E": 1, "F": 2}
    best = bound("2-pass", machine, extents)
    (group,) = best.groups
    (qk, gm, *_) = group.steps
    assert (qk.placement.array, gm.placement.array, gm.keep["QK"]) == ("vector", "vector", "")
    with pytest.raises(NoOrder) as none:
        orders(best, machine, extents)
    assert none.value.proven
    assert orders(best, replace(machine, lane_registers=4), extents)


def test_who_is_the_nearest_earlier_user_depends_on_the_order_as_written():
    """The smallest such cascade: what a sum and a product read, one lane, 2 keys, F = 2."""
    machine = Resources(8, 8, 1, 65536, 1e10, 1e9, 3, 8)
    extents = {"B": 1, "P": 1, "M": 2, "E": 1, "F": 2}
    score = "S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)"
    readers = ("N[B,P] = S[B,M,P] :: sum(M)", "Z[B,F,P] = S[B,M,P] * V[B,F,M] :: sum(M)")
    least = []
    for written in (readers, readers[::-1]):
        own = Structure.of(Cascade(parse_einsums("\n".join((score, *written))), {}, "", {}, "own"))
        (point,) = search({"own": own}, machine, extents, Limits(cuts=False)).front
        least.append((point.latency_s, round(point.energy_pj, 2)))
    assert least == [(2e-9, 749.08), (2e-9, 748.43)]


def test_the_edge_register_holds_what_columns_and_lanes_do_not_share():
    """16 columns meet 8 lanes: they take SNV's 4 words of the first 8 columns, then of the others.

    Case 0 of the data; SD waits there, too.
    """
    machine = Resources(16, 16, 8, 4096, 21474836480, 940e6, 12, 16)
    extents = {"B": 2, "H": 3, "P": 16, "M": 64, "E": 4, "F": 4}
    best = bound("2-pass", machine, extents)
    assert orders(best, machine, extents, edge_words=5)
    with pytest.raises(NoOrder) as none:
        orders(best, machine, extents, edge_words=4)
    assert none.value.proven
