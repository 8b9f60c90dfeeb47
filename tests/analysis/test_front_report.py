"""Who dominates whom, how good a front is, and the points of figure 12: values by hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.figure_files import write_figures
from analysis.front_figure import (
    DOMINATED,
    PAPER,
    SEARCHED,
    TRUE,
    figure_points,
    fronts_figure,
    published_points,
)
from analysis.front_report import dominators, quality

OBJECTIVES = ["area", "latency"]
FRONT = pd.DataFrame(
    {"design": [1, 2, 3, 4], "area": [1.0, 2.0, 4.0, 8.0], "latency": [8.0, 4.0, 2.0, 1.0]}
)


def test_dominators_come_with_their_factors_the_best_product_first() -> None:
    found = dominators(FRONT, {"area": 8.0, "latency": 5.0}, OBJECTIVES)
    # Products: design 2 is 2/8 * 4/5 = 0.2, design 3 is 4/8 * 2/5 = 0.2, design 4 is 1 * 1/5 = 0.2.
    assert found["design"].tolist() == [2, 3, 4]
    found = dominators(FRONT, {"area": 9.0, "latency": 4.0}, OBJECTIVES).to_dict("list")
    assert found["design"] == [2, 3, 4]
    assert found["area"] == [2 / 9, 4 / 9, 8 / 9]
    assert found["latency"] == [1.0, 0.5, 0.25]
    uneven = FRONT.assign(area=[1.0, 2.0, 3.0, 8.0])
    assert dominators(uneven, {"area": 9.0, "latency": 4.0}, OBJECTIVES)["design"].tolist() == [
        3,
        2,
        4,
    ]


def test_of_what_is_maximised_more_dominates_and_factors_count_inverted() -> None:
    front = pd.DataFrame({"design": [1, 2, 3], "area": [1.0, 2.0, 4.0], "rate": [1.0, 3.0, 8.0]})
    found = dominators(front, {"area": 4.0, "rate": 2.0}, ["area", "rate"], ["rate"])
    # Products: design 2 is 2/4 * 2/3 = 1/3, design 3 is 4/4 * 2/8 = 1/4; design 1 has a rate of 1.
    assert found["design"].tolist() == [3, 2]
    assert found["rate"].tolist() == [4.0, 1.5]


@pytest.mark.parametrize(
    ("area", "latency"),
    [(1.0, 8.0), (2.0, 4.0), (0.5, 100.0), (3.0, 3.0)],
    ids=["end", "middle", "beyond the end", "before the front"],
)
def test_nothing_dominates_a_point_of_the_front_or_before_it(area: float, latency: float) -> None:
    assert dominators(FRONT, {"area": area, "latency": latency}, OBJECTIVES).empty


@given(
    st.lists(st.tuples(*[st.integers(1, 5)] * 3), min_size=1, max_size=12),
    st.tuples(*[st.integers(1, 5)] * 3),
)
def test_dominators_are_those_of_the_definition(
    designs: list[tuple[int, ...]], point: tuple[int, ...]
) -> None:
    names = ["a", "b", "c"]
    front = pd.DataFrame(designs, columns=names, dtype=float).assign(design=range(len(designs)))
    expected = {
        number
        for number, values in enumerate(designs)
        if all(x <= y for x, y in zip(values, point, strict=True)) and values != point
    }
    found = dominators(front, dict(zip(names, map(float, point), strict=True)), names)
    assert set(found["design"]) == expected
    assert (np.diff(found[names].prod(axis=1)) >= -1e-12).all()


def test_the_true_front_has_all_of_its_own_hypervolume() -> None:
    whole = quality(FRONT, FRONT, OBJECTIVES)
    assert whole.hypervolume_ratio == 1
    assert whole.reference == pytest.approx({"area": 8.8, "latency": 8.8})


def test_hypervolume_ratio_by_hand() -> None:
    true = pd.DataFrame({"area": [1.0, 10.0], "latency": [10.0, 1.0]})
    half = quality(true[:1], true, OBJECTIVES)
    margin = np.log10(1.1)
    one = (1 + margin) * margin  # from (1, 10) to the reference (11, 11), in decades
    assert half.hypervolume_ratio == pytest.approx(one / (2 * one - margin**2))


def test_published_points_are_those_of_the_papers_table(tables: Path) -> None:
    table = pd.read_csv(tables / "pareto.csv")
    points = published_points()
    assert len(points) == len(table) == 24
    np.testing.assert_allclose(points["area_cm2"], table["area"] * 1e-8, rtol=1e-3)
    np.testing.assert_allclose(points["latency_s"], table["latency"], rtol=1e-3)
    assert points["model"].tolist() == table["model"].tolist()


def _points(*, swept: bool) -> pd.DataFrame:
    designs = pd.DataFrame({"area_um2": [4e8, 1e8, 2e8], "latency_s": [1.0, 3.0, 2.0]})
    series = [(PAPER, designs[:1]), (DOMINATED, designs[1:2]), (SEARCHED, designs)]
    if swept:
        series.append((TRUE, designs))
    return pd.concat(
        [figure_points(model, name, each) for model in ("BERT", "T5") for name, each in series]
    )


def test_points_are_in_square_centimetres_and_sorted_by_area() -> None:
    points = _points(swept=False)
    own = points[(points["line"] == "BERT") & (points["series"] == SEARCHED)]
    assert own["area_cm2"].tolist() == pytest.approx([1.0, 2.0, 4.0])
    assert own["latency_s"].tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("swept", [False, True])
def test_the_figure_shows_the_papers_figure_and_every_series(swept: bool) -> None:
    left, right = fronts_figure(_points(swept=swept)).axes
    published = published_points()
    assert [line.get_label() for line in left.lines] == ["BERT", "TrXL", "T5", "XLM"]
    for line in left.lines:
        own = published[published["model"] == line.get_label()]
        np.testing.assert_array_equal(line.get_xydata(), own[["area_cm2", "latency_s"]])
    drawn = [np.asarray(line.get_xydata()).round(9).tolist() for line in right.lines]
    staircase = [[1.0, 3.0], [2.0, 2.0], [4.0, 1.0]]
    assert drawn == 2 * ([staircase] * (1 + swept) + [[[4.0, 1.0]], [[1.0, 3.0]]])
    assert all(axes.get_xscale() == axes.get_yscale() == "log" for axes in (left, right))


def test_both_files_are_written_the_same_each_time(tmp_path: Path) -> None:
    first, second = (
        [tmp_path / folder / f"fig12.{suffix}" for suffix in ("pdf", "png", "svg")]
        for folder in ("a", "b")
    )
    for files in (first, second):
        write_figures(partial(fronts_figure, _points(swept=True)), files)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    height, width, _ = matplotlib.image.imread(first[1]).shape
    assert (width, height) == (1400, 580)
