"""Expressions: what they come to, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.describe.expressions import expression, written
from evaluators.errors import InputError

NAMES = ("M", "array_rows", "P1")
values = st.fixed_dictionaries({name: st.integers(1, 10**6) for name in NAMES})
leaves = st.one_of(st.sampled_from(NAMES), st.integers(0, 99).map(str))


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join).map("({})".format),
        st.tuples(inner, inner).map(lambda pair: f"min({pair[0]}, {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"max({pair[0]}, {pair[1]})"),
        inner.map(lambda each: f"({each} // 7)"),
    )


texts = st.recursive(leaves, _joined, max_leaves=12)


@given(texts, values)
def test_an_expression_is_what_python_makes_of_it(text: str, names: dict[str, int]) -> None:
    right = eval(text, {"min": min, "max": max}, dict(names))
    assert expression(text)(names) == right
    columns = {name: np.array([value, 3]) for name, value in names.items()}
    assert np.broadcast_to(expression(text)(columns), 2)[0] == right


@given(texts, values)
def test_what_is_written_reads_the_same(text: str, names: dict[str, int]) -> None:
    parsed = expression(text)
    assert expression(written(parsed.root))(names) == parsed(names)


@given(st.integers(1, 10**6), st.integers(1, 10**3), st.integers(1, 10**3))
def test_an_exact_division_tells_what_would_remain(m: int, rows: int, tiles: int) -> None:
    parsed = expression("M / rows / tiles")
    names = {"M": m, "rows": rows, "tiles": tiles}
    inner, outer = parsed.divisions
    assert inner[0](names) % inner[1](names) == m % rows
    assert outer[0](names) % outer[1](names) == (m // rows) % tiles
    if m % (rows * tiles) == 0:
        assert parsed(names) == Fraction(m, rows * tiles)


def test_ceil_rounds_up_and_leaves_no_constraint() -> None:
    parsed = expression("ceil(M / 8)")
    assert [parsed({"M": m}) for m in (1, 8, 9)] == [1, 1, 2]
    assert parsed.divisions == ()


def test_among_reals_a_division_divides() -> None:
    assert expression("1 - min(1, G / 3)", real=True)({"G": 2}) == pytest.approx(1 / 3)


def test_the_time_of_an_einsum_is_a_name() -> None:
    parsed = expression("array_rows * time(LM)", real=True)
    assert parsed.names == {"array_rows", "time(LM)"}
    assert parsed({"array_rows": 4, "time(LM)": 0.5}) == 2.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M +",
        "M ** 2",
        "__import__('os').system('true')",
        "M.real",
        "M[0]",
        "lambda: M",
        "M if M else 1",
        "[M]",
        "'M'",
        "True",
        "min(M)",
        "open(M)",
        "time(M + 1)",
        "9" * 400,
        "-" * 300 + "M",
        "M" * 600,
        "M := 1",
        "f(*M)",
        "min(M, key=M)",
        "1e999",
        "M and M",
        "M < 2",
        "\x00",
    ],
)
def test_all_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as refused:
        expression(text)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400
