"""Cascades of Einsums: parsed, run on numbers, their passes."""

import numpy as np
import pytest

from evaluators.describe.cascade import Cascade, Einsum, parse_einsums
from evaluators.describe.numbers import error_against_attention, run
from evaluators.describe.passes import alive, passes
from evaluators.describe.reading import accelerator
from evaluators.errors import InputError

TWO_PASS = """
QK[B,H,M,P]  = Q[B,E,H,P] * K[B,E,H,M]        :: sum(E)
GM[B,H,P]    = QK[B,H,M,P]                    :: max(M)
SN[B,H,M,P]  = exp(QK[B,H,M,P] - GM[B,H,P])
SD[B,H,P]    = SN[B,H,M,P]                    :: sum(M)
SNV[B,F,H,P] = SN[B,H,M,P] * V[B,F,H,M]       :: sum(M)
AV[B,F,H,P]  = SNV[B,F,H,P] / SD[B,H,P]
"""


def _attention(text: str) -> Cascade:
    inputs = {name: name for name in ("Q", "K", "V")}
    return Cascade(parse_einsums(text), {}, "", inputs, "attention")


def test_the_paper_counts_three_two_and_one_pass() -> None:
    """FuseMax, section 3: passes of the cascades over the keys."""
    three, one = (accelerator(name).cascade for name in ("flat", "binding"))
    two = _attention(TWO_PASS)
    assert [passes(each, "M") for each in (three, two)] == [3, 2]
    assert passes(one, "M1") == 1
    assert passes(one, "M0") == 2  # within a chunk
    assert alive(three, "M") == ("QK", "SN")
    assert alive(two, "M") == ("QK",)
    assert alive(one, "M1") == ()


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize("name", ["binding", "flat", "unfused", "tensor_core", "one_array"])
def test_the_cascades_that_ship_compute_attention(name: str, scale: float) -> None:
    assert error_against_attention(accelerator(name).cascade, scale) < 1e-11


def test_a_two_pass_softmax_is_attention_too() -> None:
    assert error_against_attention(_attention(TWO_PASS), 1000.0) < 1e-11


def test_a_softmax_without_its_maximum_overflows() -> None:
    unstable = _attention(
        TWO_PASS.replace(" - GM[B,H,P]", "").replace(
            "GM[B,H,P]    = QK[B,H,M,P]                    :: max(M)\n", ""
        )
    )
    assert error_against_attention(unstable, 1.0) < 1e-11
    assert error_against_attention(unstable, 1000.0) == float("inf")


def test_states_carry_over_the_chunks() -> None:
    einsums = parse_einsums("S[I] = S0[I] + X[I,J] :: sum(J)")
    running = Cascade(einsums, {"S0": "S"}, "I", {"X": "X"}, "own")
    x = np.arange(12.0).reshape(4, 3)
    with pytest.raises(InputError, match="I"):
        parse_einsums("S[J] = S0[I] + X[I,J] :: sum(J)")
    result = run(running, {"X": x}, {"I": 4, "J": 3})["S"]
    # S0 is added at every point of J.
    total = 0.0
    for chunk in x:
        total = 3 * total + chunk.sum()
    assert result.item() == total


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Z = A", "is no Einsum"),
        ("Z[m] = 1 + 2", "reads no tensor"),
        ("Z[m] = Z[m] + A[m]", "reads itself"),
        ("Z[m] = A[m,k]", "the ranks behind '::'"),
        ("Z[m] = A[m,k] :: prod(k)", "'prod' reduces nothing"),
        ("Z[m,m] = A[m]", "a rank occurs twice"),
        ("Z[m] = A[m] + A[k] :: sum(k)", "two lists of ranks"),
        ("Z[m] = open(A[m])", "is not known in a formula"),
        ("Z[m] = A[m].T", "is not known in a formula"),
        ("Z[m] = A[m+1]", "is not known in a formula"),
        ("Z[m] = exp(A[m], A[m])", "is not known in a formula"),
        ("Z[m] = " + "A[m] + " * 400 + "A[m]", "is no Einsum"),
    ],
)
def test_what_is_no_einsum_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Einsum.parse(text)
