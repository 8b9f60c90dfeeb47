"""Words that units below a fan-out read, against a walk over the units one by one."""

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.engine.links import LARGEST_PARTLY_USED, words_at_rest
from evaluators.errors import InputError

LOOPS = st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=3)


def walked(along_x, along_y, columns):
    """Give each unit its word, then look at its four neighbours in the physical array."""
    loops = [*along_y, *along_x]
    places = product(*(range(factor) for _, factor in loops))
    words = [
        tuple(index for index, (depends, _) in zip(place, loops, strict=True) if depends)
        for place in places
    ]
    read = set()
    for i, word in enumerate(words):
        row, column = divmod(i, columns)
        around = [(row, column - 1), (row, column + 1), (row - 1, column), (row + 1, column)]
        inside = [r * columns + c for r, c in around if r >= 0 and 0 <= c < columns]
        if word not in [words[j] for j in inside if j < len(words)]:
            read.add(word)
    return len(read)


@settings(deadline=None)
@given(LOOPS, LOOPS, st.integers(0, 5))
def test_words_at_rest_are_those_of_units_without_a_neighbour_that_has_them(along_x, along_y, idle):
    columns = prod(factor for _, factor in along_x) + idle
    assert words_at_rest(along_x, along_y, columns) == walked(along_x, along_y, columns)


@pytest.mark.parametrize(
    ("along_x", "columns", "words"),
    [
        ([(True, 3), (False, 2)], 6, 0),  # M outside K: each has a neighbour with its word of M
        ([(False, 2), (True, 3)], 6, 3),  # K outside M: none has
    ],
)
def test_the_order_of_spatial_loops_decides_who_has_a_neighbour_with_its_word(
    along_x, columns, words
):
    assert words_at_rest(along_x, [], columns) == words


def test_an_array_that_fills_its_rows_may_have_any_number_of_units():
    huge = 2**20
    assert words_at_rest([(True, huge)], [(True, huge)], huge) == huge**2
    assert words_at_rest([(True, huge)], [(False, huge)], huge) == 0


def test_a_huge_array_used_in_part_is_refused_instead_of_held():
    with pytest.raises(InputError, match=f"at most {LARGEST_PARTLY_USED} units"):
        words_at_rest([(True, 2**20)], [(True, 2**20)], 2**20 + 1)
