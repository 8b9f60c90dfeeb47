"""Objectives and excesses, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from analysis.fronts import MAX_OBJECTIVES
from evaluators.protocol import METRICS
from studies import toml
from studies.objectives import (
    BOUNDABLE,
    OBJECTIVES,
    RISING,
    UNITS,
    excess,
    objective_values,
)
from studies.scenes import ADDED, NOT_IN_SCENES, SHARES, TOKENS

BERT = {
    "area_um2": np.array([10.0, 30.0]),
    "latency_s": np.array([2.0, 0.5]),
    "energy_pj": np.array([3.0, 4.0]),
    "traffic_bytes": np.array([100.0, 400.0]),
}
XLM = {
    "area_um2": np.array([10.0, 30.0]),
    "latency_s": np.array([8.0, 2.0]),
    "energy_pj": np.array([12.0, 9.0]),
    "traffic_bytes": np.array([400.0, 900.0]),
}


def test_one_workload_gives_its_metrics_and_their_product() -> None:
    values = objective_values(["area", "latency", "energy", "traffic", "energy_delay"], [BERT])
    assert values.tolist() == [[10.0, 2.0, 3.0, 100.0, 6.0], [30.0, 0.5, 4.0, 400.0, 2.0]]


def test_several_workloads_give_geometric_means() -> None:
    """sqrt(2 * 8) = 4; sqrt(3 * 12) = 6; sqrt(2*3 * 8*12) = 24; the chip's area."""
    values = objective_values(["area", "latency", "energy", "traffic", "energy_delay"], [BERT, XLM])
    expected = [[10.0, 4.0, 6.0, 200.0, 24.0], [30.0, 1.0, 6.0, 600.0, 6.0]]
    np.testing.assert_allclose(values, expected, rtol=1e-14)


def test_three_equal_workloads_give_what_one_gives() -> None:
    values = objective_values(["latency", "energy_delay"], [BERT] * 3)
    np.testing.assert_allclose(values, [[2.0, 6.0], [0.5, 2.0]], rtol=1e-14)


def test_means_of_huge_and_tiny_metrics_neither_overflow_nor_vanish() -> None:
    huge = {"energy_pj": np.array([1e300]), "latency_s": np.array([1e-300])}
    for count in (1, 4):
        values = objective_values(["energy", "latency"], [huge] * count)
        np.testing.assert_allclose(values, [[1e300, 1e-300]], rtol=1e-12)


def test_a_metric_that_is_none_makes_no_number() -> None:
    broken = XLM | {"latency_s": np.array([np.nan, 2.0])}
    values = objective_values(["latency", "energy_delay", "energy"], [BERT, broken])
    assert np.isnan(values).tolist() == [[True, True, False], [False, False, False]]


def test_the_excess_is_in_the_bounds_unit() -> None:
    over = excess({"latency_s": 5.0, "area_um2": 20.0}, XLM)
    assert {name: column.tolist() for name, column in over.items()} == {
        "latency_s_over": (XLM["latency_s"] - 5.0).tolist(),
        "area_um2_over": (XLM["area_um2"] - 20.0).tolist(),
    }
    assert excess({}, BERT) == {}


def test_objectives_are_made_of_metrics_and_named_with_units() -> None:
    read = {name for each in OBJECTIVES.values() for name in (*each.factors, *each.divisors)}
    assert read <= {*METRICS, TOKENS}
    assert len(set(UNITS.values())) == len(UNITS)
    assert set(BOUNDABLE) == {*METRICS, *UNITS.values()} - {*NOT_IN_SCENES}
    assert {each.column for each in OBJECTIVES.values() if each.maximised} <= set(RISING)


def test_a_study_has_as_many_objectives_as_fronts_are_made_of() -> None:
    assert toml._MOST_OBJECTIVES == MAX_OBJECTIVES


def test_every_metric_is_known_to_add_up_to_be_a_share_or_to_be_the_chips() -> None:
    areas = {name for name in METRICS if name.endswith("area_um2")}
    assert {*ADDED, *SHARES, *NOT_IN_SCENES} - {TOKENS} | areas == set(METRICS)
