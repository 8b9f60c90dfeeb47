"""One contract for every space: the seven configurations' and the joint one."""

from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.accounting import PUBLISHED
from evaluators.errors import InputError
from evaluators.protocol import evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.space import SearchSpace, joint_space, space
from studies.paper import points

KIB = 1024
SEQ_LEN = KIB
ATTENTION = ("unfused", "flat", "cascade", "architecture", "binding")
NAMES = (*ATTENTION, "linear_flat", "linear_fusemax")
SPACES = {name: space(name, [SEQ_LEN]) for name in NAMES} | {"joint": joint_space([SEQ_LEN])}
POINTS = points()

Column = np.ndarray[Any, np.dtype[np.int64]]

any_space = pytest.mark.parametrize("each", SPACES.values(), ids=SPACES)


def sample(each: SearchSpace, count: int, seed: int = 1) -> dict[str, Column]:
    """Draw every parameter on its own, as a sampler does."""
    rng = np.random.default_rng(seed)
    return each.at({p.name: rng.integers(len(p.values), size=count) for p in each.parameters})


def same(left: dict[str, Column], right: dict[str, Column]) -> bool:
    return left.keys() == right.keys() and all((left[k] == right[k]).all() for k in left)


def narrowed(each: SearchSpace) -> SearchSpace:
    """Leave few enough designs to list them all."""
    changes: dict[str, object] = {
        "array_rows": [8, 512],
        "array_cols": 256,
        "vector_lanes": {"min": 16, "max": 64},
        "buffer_bytes": [64 * KIB, 96 * KIB],
        "query_tiles": [0, 2],
        "lane_registers": [16, 48],
        "query_rows": {"max": 4},
        "qk_stationarity": ["weight", "output"],
        "keeps_k": 1,
    }
    names = {parameter.name for parameter in each.parameters}
    return each.override({name: change for name, change in changes.items() if name in names})


@any_space
def test_a_sampled_design_has_metrics_or_says_what_it_violates(each: SearchSpace) -> None:
    workload = Workload(TRANSFORMERS["BERT"], SEQ_LEN)
    columns = sample(each, 150)
    seen = 0
    for name, (rows, designs) in each.split(columns).items():
        result = evaluator("analytical").evaluate(name, workload, designs, PUBLISHED)
        finite = np.all([np.isfinite(values) for values in result.metrics.values()], axis=0)
        assert (finite == result.feasible).all()
        seen += len(rows)
    assert seen == 150


@any_space
def test_designs_go_there_and_back(each: SearchSpace) -> None:
    columns = sample(each, 500)
    canonical = each.canonical(columns)
    for name, (rows, designs) in each.split(columns).items():
        back = each.columns(name, designs)
        assert same(back, {key: values[rows] for key, values in canonical.items()})


@any_space
def test_positions_go_there_and_back(each: SearchSpace) -> None:
    columns = sample(each, 500)
    assert each.contains(columns).all()
    assert same(each.at(each.positions(columns)), columns)


@any_space
@given(data=st.data())
def test_numbers_go_there_and_back(each: SearchSpace, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, each.size - 1))
    row = each.rows(number, number + 1)
    assert each.index(row).tolist() == [number]
    assert each.contains(row).all()
    assert same(each.canonical(row), row)


@any_space
def test_rows_and_numbers_agree_on_whole_stretches(each: SearchSpace) -> None:
    for start in (0, each.size // 3, each.size - 5_000):
        numbers = each.index(each.rows(start, start + 5_000))
        assert numbers.tolist() == list(range(start, start + 5_000))


@any_space
def test_rows_list_every_design_once_in_mixed_radix_order(each: SearchSpace) -> None:
    few = narrowed(each)
    expected = []
    for name in few.configurations:
        own = space(name, [SEQ_LEN])
        names = {parameter.name for parameter in own.parameters[1:]}
        axes = [p.values if p.name in names else p.values[:1] for p in few.parameters[1:]]
        code = own.parameters[0].values[0]
        expected += [(code, *choice) for choice in product(*axes)]
    rows = few.rows(0, few.size)
    listed = list(zip(*(column.tolist() for column in rows.values()), strict=True))
    assert listed == expected
    assert len(set(listed)) == few.size


@any_space
def test_rows_are_clipped_to_the_space(each: SearchSpace) -> None:
    assert all(len(column) == 3 for column in each.rows(each.size - 3, each.size + 10).values())
    assert all(len(column) == 0 for column in each.rows(each.size, each.size + 1).values())


@any_space
def test_equal_numbers_mean_equal_designs(each: SearchSpace) -> None:
    few = narrowed(each)
    columns = sample(few, 2_000)
    numbers = few.index(columns)
    canonical = np.array(list(few.canonical(columns).values()))
    assert len(np.unique(canonical, axis=1).T) == len(np.unique(numbers))
    assert same(few.canonical(columns), few.canonical(few.canonical(columns)))


@any_space
def test_values_outside_are_found(each: SearchSpace) -> None:
    columns = sample(each, 3)
    columns["array_rows"] = np.array([7, 8, 2048])
    assert each.contains(columns).tolist() == [False, True, False]
    with pytest.raises(InputError, match=r"^array_rows 7: it must be one of 8, 16, .*, 1024$"):
        each.index(columns)


@any_space
def test_columns_must_be_complete_integers(each: SearchSpace) -> None:
    columns: dict[str, Any] = dict(sample(each, 3))
    with pytest.raises(InputError, match=r"^buffer_bytes: integers are wanted, not float64$"):
        each.split(columns | {"buffer_bytes": 65536.0})
    del columns["buffer_bytes"]
    with pytest.raises(InputError, match=r"^buffer_bytes: its column is missing$"):
        each.split(columns)


@any_space
def test_one_integer_stands_for_all_and_a_fixed_parameter_may_be_left_out(
    each: SearchSpace,
) -> None:
    fixed = each.override({"array_rows": 64})
    columns = sample(fixed, 4)
    short = {name: values for name, values in columns.items() if name != "array_rows"}
    assert same(fixed.canonical(short), fixed.canonical(columns))
    assert fixed.at({p.name: 0 for p in fixed.parameters})["array_rows"].tolist() == [64]
    assert (each.canonical(columns | {"array_cols": 8})["array_cols"] == [8] * 4).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_points_lie_inside(name: str) -> None:
    pins = [point for point in POINTS if point.configuration == name]
    assert len(pins) == (28 if name == "binding" else 24)
    for pin in pins:
        lengths = [pin.workload.keys]
        own = space(name, lengths)
        assert own.contains(own.columns(name, pin.designs)).all()
        if name in ATTENTION:
            joint = joint_space(lengths)
            assert joint.contains(joint.columns(name, pin.designs)).all()


def test_a_pin_comes_back_as_it_was() -> None:
    pin = next(point for point in POINTS if point.configuration == "flat")
    own = space("flat", [pin.workload.keys])
    back = own.split(own.columns("flat", pin.designs))["flat"][1]
    for name, column in back.columns.items():
        assert column.tolist() == pin.designs.columns.get(name, np.zeros(1)).tolist(), name
    assert pin.designs.columns.keys() < back.columns.keys()


def test_designs_must_choose_what_the_space_searches() -> None:
    flat = space("flat", [SEQ_LEN])
    machine = space("binding", [SEQ_LEN]).split(sample(SPACES["binding"], 1))["binding"][1]
    with pytest.raises(InputError, match=r"^query_rows: its column is missing$"):
        flat.columns("flat", machine)
    with pytest.raises(InputError, match=r"^configuration 'binding': it must be flat$"):
        flat.columns("binding", machine)


def test_a_joint_batch_is_split_by_configuration() -> None:
    joint = SPACES["joint"]
    columns = sample(joint, 400)
    parts = joint.split(columns)
    assert list(parts) == list(ATTENTION)
    rows = np.concatenate([rows for rows, _ in parts.values()])
    assert sorted(rows.tolist()) == list(range(400))
    for code, (name, (rows, designs)) in enumerate(parts.items()):
        assert (columns["configuration"][rows] == code).all()
        assert (designs.columns["buffer_bytes"] == columns["buffer_bytes"][rows]).all()
        assert ("keeps_q" in designs.columns) == (name == "flat")


def test_ignored_parameters_make_no_difference_in_the_joint_space() -> None:
    joint = SPACES["joint"]
    one = {p.name: p.values[-1] for p in joint.parameters}
    for code, name in enumerate(ATTENTION):
        rows = [one | {"configuration": code, "keeps_q": keeps} for keeps in (0, 1)]
        first, second = (joint.index(row)[0] for row in rows)
        assert (first == second) == (name != "flat")


def test_the_joint_space_holds_each_design_of_its_configurations_once() -> None:
    own = [SPACES[name].size for name in ATTENTION]
    assert SPACES["joint"].size == sum(own)
    few = narrowed(SPACES["joint"])
    every_cell = list(product(*(p.values for p in few.parameters)))
    names = [p.name for p in few.parameters]
    cells = dict(zip(names, np.array(every_cell).T, strict=True))
    assert sorted(set(few.index(cells).tolist())) == list(range(few.size))
    assert prod(len(p.values) for p in few.parameters) > few.size
