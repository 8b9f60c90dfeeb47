"""Legal bindings, executed on numbers in the order of their loops, compute what they are to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluators.describe.cascade import Cascade, parse_einsums
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import search
from evaluators.mapper.structure import Structure
from tests.evaluators.mapper.execution import executed
from tests.evaluators.mapper.interleaving import NoOrder
from tests.evaluators.mapper.test_truth import CASES, resources

GENERATOR = np.random.default_rng(7)
OWN = {
    "products": """
        S[B,M,P] = Q[B,E,P] * K[B,E,M]    :: sum(E)
        T[B,M,P] = relu(S[B,M,P])
        Z[B,F,P] = T[B,M,P] * V[B,F,M]    :: sum(M)""",
    "linear attention": """
        G[B,E,F] = K[B,E,M] * V[B,F,M]    :: sum(M)
        Z[B,F,P] = Q[B,E,P] * G[B,E,F]    :: sum(E)""",
    "normalised linear attention": """
        G[B,E,F] = K[B,E,M] * V[B,F,M]    :: sum(M)
        N[B,E]   = K[B,E,M]               :: sum(M)
        D[B,P]   = Q[B,E,P] * N[B,E]      :: sum(E)
        Y[B,F,P] = Q[B,E,P] * G[B,E,F]    :: sum(E)
        Z[B,F,P] = Y[B,F,P] / D[B,P]""",
}


def random(extents, ranks):
    return GENERATOR.normal(size=[extents[rank] for rank in ranks])


def attention(cascade, chunk, extents):
    """Inputs, as a cascade has them, and softmax(QK^T)V."""
    q, k, v = (random(extents, ranks) for ranks in ("BEHP", "BEHM", "BFHM"))
    weights = np.exp(np.einsum("behp,behm->bhmp", q, k))
    weights /= weights.sum(axis=2, keepdims=True)
    expected = np.einsum("bhmp,bfhm->bfhp", weights, v)
    if cascade.cascade.along:
        k, v = (each.reshape(*each.shape[:3], -1, chunk) for each in (k, v))
    return {"Q": q, "K": k, "V": v}, expected


def assert_attention(binding, machine, extents, more=0):
    """Hold that a binding runs in registers with so many more words at most, and what it gives.

    The rules count every transfer alone; a few words more are what that may miss (test_orders.py).
    """
    cascade = structure(binding.cascade)
    inputs, expected = attention(cascade, binding.chunk, extents)
    for words in range(more + 1):
        try:
            found = executed(binding, cascade, machine, extents, inputs, words)
            break
        except NoOrder:
            assert words < more
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    return words


QUICK = [case for case in CASES if case["case"] < 3000][::2]
"""The others take thousands of steps."""


@pytest.mark.parametrize("case", QUICK, ids=[str(case["case"]) for case in QUICK])
def test_the_fronts_of_the_data_compute_attention(case):
    machine, extents = resources(case), case["workload"]
    limits = Limits(tuple(case["chunks_M0"]), case["cuts"] == "all legal")
    found = search({name: structure(name) for name in case["cascades"]}, machine, extents, limits)
    for place, point in enumerate(found.front):
        assert_attention(found.binding(point), machine, extents, 2 if place else 0)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(
    lanes=st.sampled_from((2, 4, 8)),
    registers=st.tuples(st.sampled_from((4, 6, 12)), st.sampled_from((6, 16, 32))),
    name=st.sampled_from(("1-pass", "2-pass", "3-pass")),
    extents=st.tuples(*(st.sampled_from(each) for each in ((8, 12, 16), (8, 16, 24), (2, 4)))),
    chunk=st.sampled_from((4, 8)),
)
def test_fronts_of_drawn_machines_compute_attention(lanes, registers, name, extents, chunk):
    machine = Resources(8, 8, lanes, 4096, 1e10, 1e9, *registers)
    ranks = dict(zip("PME", extents, strict=True)) | {"B": 1, "H": 2, "F": 4}
    found = search({name: structure(name)}, machine, ranks, Limits((chunk,)))
    assume(found.front)
    for point in found.front:
        assert_attention(found.binding(point), machine, ranks, 2)


def two_pass(machine, extents):
    found = search({"2-pass": structure("2-pass")}, machine, extents, Limits(cuts=False))
    return found.binding(found.front[0])


def test_a_partial_sum_read_inside_the_keys_loop_is_a_wrong_number():
    machine, extents = Resources(8, 8, 8, 4096), {"B": 1, "H": 1, "P": 8, "M": 16, "E": 4, "F": 4}
    legal = two_pass(machine, extents)
    assert_attention(legal, machine, extents)
    (group,) = legal.groups
    early = replace(legal, groups=(replace(group, keys=2),))
    inputs, expected = attention(structure("2-pass"), 0, extents)
    found = executed(early, structure("2-pass"), machine, extents, inputs)
    assert not np.allclose(found, expected, rtol=0, atol=1e-6)


def test_what_waits_is_held_to_the_registers():
    machine, extents = Resources(8, 8, 8, 4096), {"B": 1, "H": 1, "P": 8, "M": 64, "E": 4, "F": 4}
    legal = two_pass(machine, extents)
    (group,) = legal.groups
    past = tuple(
        replace(step, keep={**step.keep, **dict.fromkeys({"QK"} & set(step.keep), "")})
        for step in group.steps
    )
    with pytest.raises((AssertionError, IndexError)):
        executed(
            replace(legal, groups=(replace(group, steps=past),)),
            structure("2-pass"),
            replace(machine, pe_registers=4, lane_registers=4),
            extents,
            attention(structure("2-pass"), 0, extents)[0],
        )


@pytest.mark.parametrize("name", OWN)
def test_a_users_own_cascade_is_mapped_and_computes_its_own(name):
    own = Structure.of(Cascade(parse_einsums(OWN[name]), {}, "", {}, "own"))
    machine = Resources(8, 8, 4, 4096, 1e10, 1e9, 8, 16)
    extents = {"B": 2, "P": 16, "M": 16, "E": 4, "F": 4}
    found = search({name: own}, machine, extents, Limits())
    q, k, v = (random(extents, ranks) for ranks in ("BEP", "BEM", "BFM"))
    expected = {
        "products": np.einsum("bmp,bfm->bfp", np.maximum(np.einsum("bep,bem->bmp", q, k), 0), v),
        "linear attention": np.einsum("bep,bem,bfm->bfp", q, k, v),
        "normalised linear attention": np.einsum("bep,bem,bfm->bfp", q, k, v)
        / np.einsum("bep,bem->bp", q, k)[:, None],
    }[name]
    for point in found.front:
        computed = executed(found.binding(point), own, machine, extents, {"Q": q, "K": k, "V": v})
        np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=1e-11)
