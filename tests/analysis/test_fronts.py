import gc
import weakref
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, pairwise
from math import comb, log10, prod
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pandas.testing import assert_frame_equal

from analysis.fronts import (
    hypervolume,
    hypervolume_ratio,
    non_dominated,
    pareto_front,
    pareto_front_of_chunks,
    reference_point,
)

SIDE = 6
"""Points of the grid have coordinates 0 to SIDE - 1: small, so that values tie and repeat."""

Array = np.ndarray[Any, np.dtype[Any]]


def on_grid(objectives: int, min_points: int = 0) -> st.SearchStrategy[Array]:
    shapes = st.tuples(st.integers(min_points, 12), st.just(objectives))
    return arrays(np.float64, shapes, elements=st.integers(0, SIDE - 1).map(float))


grids = st.integers(2, 5).flatmap(on_grid)
filled_grids = st.integers(2, 5).flatmap(lambda m: on_grid(m, min_points=1))
decades = filled_grids.map(lambda points: 10.0**points)
any_finite = st.integers(1, 5).flatmap(
    lambda m: arrays(
        np.float64,
        st.tuples(st.integers(0, 8), st.just(m)),
        elements=st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0]),
    )
)


def dominates(one: Array, other: Array) -> bool:
    return bool((one <= other).all() and (one < other).any())


def brute_force_mask(values: Array) -> list[bool]:
    return [not any(dominates(other, point) for other in values) for point in values]


def boxes_dominated(points: Array, reference: Array) -> int:
    """Count the unit boxes of the grid that a point dominates and the reference bounds."""
    covered = np.zeros([SIDE + 1] * points.shape[1], dtype=bool)
    for point in points:
        spans = zip(point.astype(int), reference.astype(int), strict=True)
        covered[tuple(slice(low, high) for low, high in spans)] = True
    return int(covered.sum())


def inclusion_exclusion(points: Array, reference: Array) -> Fraction:
    """Add the boxes of the points, subtract what pairs share, add what triples share, ..."""
    volume = Fraction(0)
    for size in range(1, len(points) + 1):
        for subset in combinations(points, size):
            corner = np.max(subset, axis=0)
            sides = [
                max(Fraction(0), Fraction(high) - Fraction(low))
                for low, high in zip(corner.tolist(), reference.tolist(), strict=True)
            ]
            volume -= (-1) ** size * prod(sides)
    return volume


def simplex(objectives: int, side: int) -> Array:
    """Points with non-negative whole coordinates of the sum side - 1: a linear front."""
    points = np.indices([side] * objectives).reshape(objectives, -1).T
    linear: Array = points[points.sum(axis=1) == side - 1]
    return linear.astype(np.float64)


def full(objectives: int, value: float) -> Array:
    return np.full(objectives, value, dtype=np.float64)


def labelled(values: Array) -> pd.DataFrame:
    table = pd.DataFrame({f"f{i}": column for i, column in enumerate(values.T)})
    return table.assign(design=np.arange(len(values)))


def objectives_of(table: pd.DataFrame) -> list[str]:
    return [column for column in table.columns if column != "design"]


def cut(table: pd.DataFrame, cuts: list[int]) -> list[pd.DataFrame]:
    bounds = [0, *sorted(min(at, len(table)) for at in cuts), len(table)]
    return [table.iloc[start:stop] for start, stop in pairwise(bounds)]


class TestNonDominated:
    @given(grids)
    def test_dominance_differs_from_its_definition_where_values_tie(self, values: Array) -> None:
        assert non_dominated(values).tolist() == brute_force_mask(values)

    @given(any_finite)
    def test_dominance_differs_from_its_definition_on_any_finite_value(self, values: Array) -> None:
        assert non_dominated(values).tolist() == brute_force_mask(values)

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("levels", [12, 10**9])
    def test_dominance_differs_from_its_definition_on_many_points(
        self, objectives: int, levels: int
    ) -> None:
        rng = np.random.default_rng(levels)
        values = 10.0 ** (6 * rng.integers(0, levels, (1500, objectives)) / levels)
        smaller_or_equal = (values[:, None] <= values).all(axis=2)
        smaller = (values[:, None] < values).any(axis=2)
        expected = ~(smaller_or_equal & smaller).any(axis=0)
        np.testing.assert_array_equal(non_dominated(values), expected)

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    def test_a_copy_of_a_point_of_the_front_is_dropped(self, objectives: int) -> None:
        values = np.array([full(objectives, level) for level in (1, 2, 1, 1)])
        assert non_dominated(values).tolist() == [True, False, True, True]

    def test_a_point_that_ties_in_one_objective_and_loses_another_is_kept(self) -> None:
        values = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [1.0, 3.0, 3.0], [2.0, 2.0, 3.0]])
        assert non_dominated(values).tolist() == [True, False, False, False]

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    def test_no_points_have_no_empty_mask(self, objectives: int) -> None:
        mask = non_dominated(np.empty((0, objectives)))
        assert mask.shape == (0,)
        assert mask.dtype == np.bool_

    @given(filled_grids, st.randoms(use_true_random=False))
    def test_the_mask_does_not_follow_its_rows(self, values: Array, random: Any) -> None:
        order = random.sample(range(len(values)), len(values))
        np.testing.assert_array_equal(non_dominated(values[order]), non_dominated(values)[order])

    @given(filled_grids)
    def test_a_dominated_point_changes_who_is_on_the_front(self, values: Array) -> None:
        extended = np.vstack([values, values[0] + 1])
        assert non_dominated(extended).tolist() == [*non_dominated(values), False]

    @given(filled_grids)
    def test_a_monotone_change_of_scale_changes_who_is_on_the_front(self, values: Array) -> None:
        np.testing.assert_array_equal(non_dominated(10.0**values), non_dominated(values))


class TestParetoFront:
    @given(grids)
    def test_the_front_loses_or_adds_a_design(self, values: Array) -> None:
        table = labelled(values)
        front = pareto_front(table, objectives_of(table))
        assert sorted(front["design"]) == np.flatnonzero(brute_force_mask(values)).tolist()

    @given(grids)
    def test_a_design_is_parted_from_its_values(self, values: Array) -> None:
        table = labelled(values)
        front = pareto_front(table, objectives_of(table))
        np.testing.assert_array_equal(front[objectives_of(table)], values[front["design"]])

    @given(grids)
    def test_the_front_is_out_of_order(self, values: Array) -> None:
        table = labelled(values)
        rows = list(pareto_front(table, objectives_of(table)).itertuples(index=False, name=None))
        assert rows == sorted(rows)

    def test_ties_are_not_ordered_by_what_identifies_the_designs(self) -> None:
        table = pd.DataFrame({"lanes": [8, 4, 4], "area": [1.0] * 3, "name": ["a", "c", "b"]})
        front = pareto_front(table, ["area"])
        assert list(front["name"]) == ["b", "c", "a"]
        assert list(front.index) == [0, 1, 2]
        assert list(front.columns) == ["lanes", "area", "name"]

    def test_a_column_that_is_no_objective_decides_dominance(self) -> None:
        table = pd.DataFrame({"area": [1.0, 2.0], "energy": [9.0, 1.0], "latency": [1.0, 2.0]})
        assert len(pareto_front(table, ["area", "latency"])) == 1
        assert len(pareto_front(table, ["area", "energy"])) == 2

    @given(grids, st.lists(st.integers(0, 12), max_size=5), st.randoms(use_true_random=False))
    def test_the_cuts_or_the_order_of_chunks_change_the_front(
        self, values: Array, cuts: list[int], random: Any
    ) -> None:
        table = labelled(values)
        chunks = cut(table, cuts)
        random.shuffle(chunks)
        streamed = pareto_front_of_chunks(iter(chunks), objectives_of(table))
        assert_frame_equal(streamed, pareto_front(table, objectives_of(table)))

    @given(grids, st.integers(0, 12))
    def test_fronts_of_parts_do_not_merge_to_the_front_of_the_whole(
        self, values: Array, at: int
    ) -> None:
        table = labelled(values)
        objectives = objectives_of(table)
        parts = [pareto_front(part, objectives) for part in cut(table, [at])]
        merged = pareto_front_of_chunks(parts, objectives)
        assert_frame_equal(merged, pareto_front(table, objectives))

    def test_past_chunks_pile_up_in_memory(self) -> None:
        made: list[weakref.ref[pd.DataFrame]] = []

        def alive() -> int:
            gc.collect()
            return sum(frame() is not None for frame in made)

        def chunks() -> Iterator[pd.DataFrame]:
            for level in range(5):
                frame = pd.DataFrame({"area": [float(level)], "design": [level]})
                made.append(weakref.ref(frame))
                yield frame
                assert alive() <= 2

        assert len(pareto_front_of_chunks(chunks(), ["area"])) == 1
        assert len(made) == 5

    def test_no_chunks_pass_for_an_empty_front(self) -> None:
        with pytest.raises(ValueError, match="no chunk"):
            pareto_front_of_chunks([], ["area"])


class TestHypervolume:
    @given(grids, st.lists(st.integers(0, SIDE), min_size=5, max_size=5))
    def test_the_volume_is_not_the_count_of_its_boxes(
        self, points: Array, corner: list[int]
    ) -> None:
        reference = np.array(corner[: points.shape[1]], dtype=np.float64)
        assert hypervolume(points, reference) == boxes_dominated(points, reference)

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    def test_the_volume_of_real_values_differs_from_inclusion_and_exclusion(
        self, objectives: int
    ) -> None:
        rng = np.random.default_rng(objectives)
        for _ in range(20):
            points = rng.normal(size=(7, objectives))
            reference = rng.normal(size=objectives) + 1
            expected = float(inclusion_exclusion(points, reference))
            assert hypervolume(points, reference) == pytest.approx(expected, rel=1e-12, abs=1e-12)

    @pytest.mark.parametrize("side", [1, 2, 3, 10, 40])
    def test_a_staircase_is_not_half_a_square(self, side: int) -> None:
        assert hypervolume(simplex(2, side), full(2, side)) == side * (side + 1) / 2

    @pytest.mark.parametrize("side", [1, 2, 3, 10, 40])
    def test_a_staircase_in_space_is_not_a_cube_without_its_corner(self, side: int) -> None:
        volume = hypervolume(simplex(3, side), full(3, side))
        assert volume == side**3 - comb(side + 1, 3)

    @pytest.mark.parametrize("steps", [1, 2, 64, 1024])
    def test_a_linear_front_misses_its_closed_form(self, steps: int) -> None:
        first = np.linspace(0, 1, steps + 1)
        front = np.column_stack([first, 1 - first])
        assert hypervolume(front, full(2, 1)) == (1 - 1 / steps) / 2

    @pytest.mark.parametrize("steps", [10, 100, 1000])
    def test_the_convex_front_of_zdt1_strays_from_two_thirds(self, steps: int) -> None:
        first = np.linspace(0, 1, steps + 1)
        front = np.column_stack([first, 1 - np.sqrt(first)])
        assert 0 < 2 / 3 - hypervolume(front, full(2, 1)) < 1 / steps

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    def test_a_point_on_or_beyond_the_reference_adds_volume(self, objectives: int) -> None:
        reference = full(objectives, 2)
        inside = full(objectives, 1)
        level = np.append(np.zeros(objectives - 1), 2.0)
        beyond = np.append(np.zeros(objectives - 1), 3.0)
        assert hypervolume(np.array([level]), reference) == 0
        assert hypervolume(np.array([inside, level, beyond]), reference) == 1

    @pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
    def test_no_points_have_volume(self, objectives: int) -> None:
        assert hypervolume(np.empty((0, objectives)), full(objectives, 1)) == 0

    @given(filled_grids)
    def test_a_dominated_point_or_a_copy_changes_the_volume(self, points: Array) -> None:
        reference = full(points.shape[1], SIDE)
        extended = np.vstack([points, points[0] + 0.5, points[0]])
        assert hypervolume(extended, reference) == hypervolume(points, reference)

    @given(filled_grids)
    def test_a_non_dominated_point_adds_no_volume(self, points: Array) -> None:
        *others, new = points
        assume(not any(dominates(other, new) or (other == new).all() for other in others))
        reference = full(points.shape[1], SIDE)
        assert hypervolume(points, reference) > hypervolume(points[:-1], reference)

    @given(filled_grids, st.randoms(use_true_random=False))
    def test_the_order_or_a_dominated_point_changes_how_the_volume_is_rounded(
        self, points: Array, random: Any
    ) -> None:
        tenths, reference = points / 10, full(points.shape[1], 1.1)
        volume = hypervolume(tenths, reference)
        assert (
            hypervolume(tenths[random.sample(range(len(points)), len(points))], reference) == volume
        )
        assert hypervolume(tenths[non_dominated(tenths)], reference) == volume

    @given(filled_grids, st.lists(st.integers(-40, 40), min_size=5, max_size=5))
    def test_other_units_do_not_scale_the_volume(self, points: Array, powers: list[int]) -> None:
        units = 2.0 ** np.array(powers[: points.shape[1]])
        reference = full(points.shape[1], SIDE)
        scaled = hypervolume(points * units, reference * units)
        assert scaled == hypervolume(points, reference) * units.prod()

    def test_a_reference_of_other_objectives_is_taken(self) -> None:
        with pytest.raises(ValueError, match="reference of shape"):
            hypervolume(np.ones((4, 2)), full(3, 2))


class TestRatio:
    def test_the_reference_is_not_the_worst_of_the_front_with_its_margin(self) -> None:
        front = np.array([[1.0, 40.0], [2.0, 20.0], [4.0, 10.0]])
        np.testing.assert_allclose(reference_point(front), [4.4, 44.0], rtol=1e-15)

    def test_points_behind_the_front_move_the_reference(self) -> None:
        values = np.array([[1.0, 40.0], [4.0, 10.0], [900.0, 900.0]])
        np.testing.assert_array_equal(reference_point(values), reference_point(values[:2]))

    def test_the_ratio_is_not_that_of_volumes_in_decades(self) -> None:
        true_front = np.array([[1.0, 100.0], [10.0, 10.0], [100.0, 1.0]])
        margin = log10(1.1)
        expected = (1 + margin) ** 2 / (1 + 4 * margin + margin**2)
        assert hypervolume_ratio(true_front[[1]], true_front) == pytest.approx(expected, rel=1e-12)

    @given(decades)
    def test_the_true_front_does_not_cover_itself(self, values: Array) -> None:
        assert hypervolume_ratio(values[non_dominated(values)], values) == 1

    @given(decades, st.data())
    def test_points_behind_the_true_front_cover_more_than_it(
        self, values: Array, data: st.DataObject
    ) -> None:
        count = data.draw(st.integers(0, len(values)))
        assert 0 <= hypervolume_ratio(values[:count], values) <= 1

    @given(decades)
    def test_a_lost_point_of_the_true_front_costs_nothing(self, values: Array) -> None:
        true_front = np.unique(values[non_dominated(values)], axis=0)
        assert hypervolume_ratio(true_front[1:], true_front) < 1

    @given(decades)
    def test_a_point_beyond_the_true_front_is_hidden(self, values: Array) -> None:
        assert hypervolume_ratio(values.min(axis=0, keepdims=True) / 2, values) > 1

    @given(decades, st.lists(st.floats(1e-9, 1e9), min_size=5, max_size=5))
    def test_units_change_the_ratio(self, values: Array, factors: list[float]) -> None:
        units = np.array(factors[: values.shape[1]])
        found = values[: (len(values) + 1) // 2]
        in_units = hypervolume_ratio(found * units, values * units)
        assert in_units == pytest.approx(hypervolume_ratio(found, values), rel=1e-9)

    @given(decades, st.data())
    def test_more_of_what_is_maximised_is_not_less_of_its_reciprocal(
        self, values: Array, data: st.DataObject
    ) -> None:
        count = values.shape[1]
        signs = np.array(
            data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=count, max_size=count))
        )
        costs, found = values**signs, values[: (len(values) + 1) // 2]
        ratio = hypervolume_ratio(found, values, signs=signs)
        assert ratio == pytest.approx(hypervolume_ratio(found**signs, costs), rel=1e-9)
        table, names = labelled(values), objectives_of(labelled(values))
        rising = [name for name, sign in zip(names, signs, strict=True) if sign < 0]
        front = pareto_front(table, names, rising)
        assert sorted(front["design"]) == np.flatnonzero(brute_force_mask(costs)).tolist()

    def test_a_front_beyond_the_reference_covers_something(self) -> None:
        true_front = np.array([[1.0, 2.0], [2.0, 1.0]])
        assert hypervolume_ratio(np.array([[1.0, 2.3], [9.0, 1.0]]), true_front) == 0

    @pytest.mark.parametrize("bad", [0.0, -1.0])
    def test_a_value_without_logarithm_is_taken(self, bad: float) -> None:
        good, values = np.array([[1.0, 2.0]]), np.array([[1.0, bad]])
        with pytest.raises(ValueError, match="positive"):
            hypervolume_ratio(values, good)
        with pytest.raises(ValueError, match="positive"):
            hypervolume_ratio(good, values)
        with pytest.raises(ValueError, match="positive"):
            reference_point(values)

    def test_a_true_front_without_points_is_taken(self) -> None:
        with pytest.raises(ValueError, match="without points"):
            hypervolume_ratio(np.ones((1, 2)), np.empty((0, 2)))


TAKE_VALUES: dict[str, Callable[[Array], object]] = {
    "non_dominated": non_dominated,
    "pareto_front": lambda values: pareto_front(labelled(values), objectives_of(labelled(values))),
    "hypervolume": lambda values: hypervolume(values, full(values.shape[-1], 9)),
    "hypervolume, reference": lambda values: hypervolume(np.ones((1, values.shape[-1])), values[0]),
    "reference_point": reference_point,
    "hypervolume_ratio": lambda values: hypervolume_ratio(values, np.ones((1, values.shape[-1]))),
    "hypervolume_ratio, true": lambda values: hypervolume_ratio(
        np.ones((1, values.shape[-1])), values
    ),
}


@pytest.mark.parametrize("take", TAKE_VALUES.values(), ids=TAKE_VALUES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
def test_a_value_that_is_not_finite_is_taken(
    take: Callable[[Array], object], bad: float, objectives: int
) -> None:
    values = np.ones((4, objectives))
    values[0, -1] = bad
    with pytest.raises(ValueError, match="finite"):
        take(values)


@pytest.mark.parametrize("shape", [(4,), (4, 0), (4, 6), (4, 2, 2)])
def test_values_that_are_not_points_of_one_to_five_objectives_are_taken(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(ValueError, match="shape"):
        non_dominated(np.ones(shape))
    with pytest.raises(ValueError, match="shape"):
        hypervolume(np.ones(shape), np.ones(shape[1:]))
