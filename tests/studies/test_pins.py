"""Pins: the paper's points of a study, each once, inside the space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies.builtin import STUDIES
from studies.pins import pins

ALL = [
    replace(study, name=f"{name}-{length}", workloads=(Workload(shape, length),))
    for name, study in STUDIES.items()
    for length in SEQ_LENS
    for shape in [study.workloads[0].transformer]
]


def count(name: str) -> int:
    if name.startswith("binding"):
        return 7
    return 11 if name.startswith("joint") else 1


@pytest.mark.parametrize("name", STUDIES)
def test_built_in_studies_pin_the_papers_points(name: str) -> None:
    inside, outside = pins(STUDIES[name])
    assert (len(inside), outside) == (count(name), [])


@pytest.mark.parametrize("study", ALL, ids=[study.name for study in ALL])
def test_pins_are_different_designs_of_the_space_with_ids_of_their_own(study) -> None:  # type: ignore[no-untyped-def]
    inside, outside = pins(study)
    assert inside
    assert not outside
    assert len({pin.id for pin in inside}) == len(inside)
    assert all(study.space.contains(pin.columns).all() for pin in inside)
    numbers = [int(study.space.index(pin.columns)[0]) for pin in inside]
    assert len(set(numbers)) == len(numbers)


def test_binding_bert_pins_its_attention_point_and_figure_12() -> None:
    inside, _ = pins(STUDIES["binding-bert"])
    assert [pin.id for pin in inside] == [
        "attention/binding/BERT/262144/256",
        *(f"pareto/binding/BERT/262144/{side}" for side in (16, 32, 64, 128, 256, 512)),
    ]
    sides = [int(pin.columns["array_rows"][0]) for pin in inside]
    buffers = [int(pin.columns["buffer_bytes"][0]) for pin in inside]
    assert sides == [256, 16, 32, 64, 128, 256, 512]
    assert buffers[1:] == [16 * side * 64 for side in sides[1:-1]] + [2 * 16 * 512 * 64]


def test_points_outside_a_narrowed_space_are_told() -> None:
    narrowed = replace(STUDIES["binding-bert"], overrides={"array_rows": {"max": 256}})
    inside, outside = pins(narrowed)
    assert len(inside) == 6
    assert outside == ["pareto/binding/BERT/262144/512"]


def test_points_that_are_one_design_are_pinned_once() -> None:
    shape = TRANSFORMERS["BERT"]
    suite = tuple(Workload(shape, length) for length in SEQ_LENS)
    inside, _ = pins(replace(STUDIES["binding-bert"], workloads=suite))
    assert len(inside) == 7
    numbers = {int(STUDIES["binding-bert"].space.index(pin.columns)[0]) for pin in inside}
    assert len(numbers) == 7


def test_a_study_without_pins_has_none() -> None:
    assert pins(replace(STUDIES["binding-bert"], pinned=False)) == ([], [])


def test_a_study_of_another_length_or_transformer_has_none() -> None:
    for workload in (
        Workload(TRANSFORMERS["BERT"], 2048),
        Workload(replace(TRANSFORMERS["BERT"], heads=13), 1024),
    ):
        assert pins(replace(STUDIES["binding-bert"], workloads=(workload,))) == ([], [])


def test_the_joint_study_pins_every_configuration() -> None:
    study = STUDIES["joint-bert"]
    inside, _ = pins(study)
    configurations = {pin.id.split("/")[1] for pin in inside}
    assert configurations == {"unfused", "flat", "cascade", "architecture", "binding"}
    parts = study.space.split(
        {name: np.concatenate([pin.columns[name] for pin in inside]) for name in inside[0].columns}
    )
    assert {name: len(rows) for name, (rows, _) in parts.items()} == {
        "unfused": 1,
        "flat": 1,
        "cascade": 1,
        "architecture": 1,
        "binding": 7,
    }
