"""The built-in studies, and what makes two studies different."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evaluators.accounting import Accounting
from evaluators.errors import InputError
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from studies import specification
from studies.builtin import COLLECTIONS, OPEN, STUDIES, builtin
from studies.specification import Specification

MODELS = ("BERT", "TrXL", "T5", "XLM")
CHIPS = 8**3 * 25
"""Rows, columns and lanes of 8 to 1024; 25 buffers of 16 KiB to 128 MiB."""

FLAT = CHIPS * 19 * 3 * 3 * 2**5
"""Query rows that divide 2^18, two stationarities, five tensors to keep or not."""

SIZES = {
    "unfused": CHIPS,
    "flat": FLAT,
    "cascade": CHIPS,
    "architecture": CHIPS,
    "binding": CHIPS,
    "linear-flat": CHIPS,
    "linear-fusemax": CHIPS,
    "joint": 4 * CHIPS + FLAT,
}
"""Configuration, as names of studies have it -> designs of its default space at 256K."""

STUDY = Specification("mine", ("binding",), (Workload(TRANSFORMERS["BERT"], 1024),))


def test_every_configuration_has_a_study_of_each_model_at_256k() -> None:
    assert sorted(STUDIES) == sorted(
        f"{configuration}-{model.lower()}" for configuration in SIZES for model in MODELS
    )
    for name, study in STUDIES.items():
        (workload,) = study.workloads
        assert study.name == name
        assert workload.keys == 256 * 1024
        assert name.endswith(f"-{workload.transformer.name.lower()}")
        assert study.objectives == ("area", "latency")
        assert (study.sampler, study.trials, study.pinned) == ("tpe", 300, True)


@pytest.mark.parametrize("name", STUDIES)
def test_built_in_spaces_have_the_size_of_their_domains(name: str) -> None:
    configuration, _, _ = name.rpartition("-")
    assert STUDIES[name].space.size == SIZES[configuration]


@pytest.mark.parametrize("name", OPEN)
def test_open_studies_search_machine_and_binding_together(name: str) -> None:
    (study,) = builtin(name)
    assert study.name == name
    assert (study.evaluator, study.accounting.name) == ("mapper", "corrected")
    # A chunk and three arrays of one_pass, four of two_pass, three of three_pass; Q, K, V.
    assert study.space.size == 3**4 * 2**3 * (4 * 2**3 + 2**4 + 2**3)
    (workload,) = study.workloads
    if name == "open-llama-decode":
        assert (workload.queries, workload.keys, workload.transformer.batch) == (1, 8192, 64)
        assert workload.extents["P"] == 4  # the heads that share keys and values
    else:
        assert workload.keys == 256 * 1024


def test_collections_are_a_study_per_model() -> None:
    assert [study.name for study in builtin("pareto")] == [
        "binding-bert",
        "binding-trxl",
        "binding-t5",
        "binding-xlm",
    ]
    assert {study.configuration for study in builtin("joint")} == {"joint"}
    assert set(COLLECTIONS) == {"pareto", "joint"}
    assert builtin("flat-t5") == (STUDIES["flat-t5"],)


def test_an_unknown_built_in_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"^unknown study 'bnding'; .*pareto.*binding-bert"):
        builtin("bnding")


@pytest.mark.parametrize(
    "change",
    [
        {"configurations": ("cascade",)},
        {"workloads": (Workload(TRANSFORMERS["BERT"], 2048),)},
        {"workloads": (Workload(TRANSFORMERS["T5"], 1024),)},
        {"workloads": (Workload(Transformer("BERT", 64, 768, 64, 64, 12, 3073), 1024),)},
        {"workloads": (*STUDY.workloads, Workload(TRANSFORMERS["T5"], 1024))},
        {"objectives": ("latency", "area")},
        {"objectives": ("area", "energy")},
        {"bounds": {"area_um2": 1e9}},
        {"registers": True},
        {"overrides": {"array_rows": 64}},
        {"sampler": "random"},
        {"seed": 1},
        {"batch": 8},
        {"evaluator": "timeloop"},
        {"accounting": Accounting.parse("Q1")},
        {"pinned": False},
    ],
    ids=lambda change: f"{next(iter(change))}={str(next(iter(change.values())))[:30]}",
)
def test_the_digest_changes_with_all_that_a_result_depends_on(change: dict[str, Any]) -> None:
    assert replace(STUDY, **change).digest() != STUDY.digest()


def test_the_digest_changes_with_the_behaviour_of_its_configuration_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, every = STUDY.digest(), STUDY.behaviour()
    every |= {"unfused": "another"}
    for name, changed in ((STUDY.configuration, True), ("components", True), ("unfused", False)):
        edited = every | {name: "edited"}
        monkeypatch.setattr(
            specification,
            "behaviour",
            lambda _, names, edited=edited: {each: edited[each] for each in (*names, "components")},
        )
        assert (STUDY.digest() != before) == changed


@pytest.mark.parametrize(
    "change",
    [
        {"name": "yours"},
        {"trials": 1000},
        {"trials": None, "time_limit_s": 60.0},
        {"overrides": {"array_rows": {"min": 8}}},
        {"overrides": {"query_tiles": 0}},
    ],
    ids=str,
)
def test_the_digest_is_the_same_for_another_budget_or_an_override_of_nothing(
    change: dict[str, Any],
) -> None:
    assert replace(STUDY, **change).digest() == STUDY.digest()


def test_tiles_of_queries_divide_every_length_of_a_study() -> None:
    lengths = (12 * 1024, 18 * 1024)
    study = replace(
        STUDY,
        configurations=("flat",),
        workloads=tuple(Workload(TRANSFORMERS["BERT"], each) for each in lengths),
    )
    (rows,) = [each for each in study.space.parameters if each.name == "query_rows"]
    assert rows.values == tuple(n for n in range(1, 6145) if 6144 % n == 0)
