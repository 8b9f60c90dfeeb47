"""`dse map` on machines that are not FuseMax's: what it finds is what the engine evaluates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluators.describe.catalogue import described
from evaluators.describe.machine_reading import machine

Run = Callable[..., tuple[int, str, str]]

TINY = ("--shape", "2,8,4,4,2,8", "--seq-len", 32)
SMALL = (*TINY, "--array-rows", 8, "--array-cols", 8, "--vector-lanes", 8)
LENGTHS = ("latency_s", "energy_pj", "traffic_bytes")

DIVIDING = """
name = "dividing"
title = "PEs that divide"
base = "fusemax"

[arrays.pe]
sides = ["array_cols", "array_rows"]
registers = "pe_registers"
units = ["mac", "max", "divide"]
edge = { name = "reg_file_1d", like = "vector" }

[arrays.vector]
sides = ["vector_lanes"]
registers = "lane_registers"
units = ["max", "mac"]
"""
"""A machine that can divide in PEs and nowhere else."""


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("fusemax", ("--buffer-bytes", "8 KiB")),
        ("flat_edge", ("--buffer-bytes", "8 KiB")),
        ("tpu_v4i", ("--buffer-bytes", "8 KiB")),
        ("tpu_v4i", ("--buffer-bytes", "8 KiB", "--exp-cycles", 3)),
        ("eyeriss", ("--sram", "next larger")),
    ],
)
@pytest.mark.parametrize("cascade", ["1-pass", "2-pass", "3-pass"])
def test_the_optimum_is_what_the_engine_evaluates(
    dse: Run, tmp_path: Path, name: str, more: tuple[object, ...], cascade: str
) -> None:
    file = tmp_path / "best.toml"
    given = (*SMALL, *more, "--machine", name, "--cascade", cascade)
    code, _, errors = dse("map", *given, "--out", file)
    assert code == 0, errors
    optimum = json.loads(dse("map", *given, "--json")[1])["optimum"]
    _, out, _ = dse("evaluate", "--configuration", file, *TINY, "--fit", "strict", "--json")
    metrics = json.loads(out)
    for each in LENGTHS:
        assert metrics[each] == pytest.approx(optimum[each], rel=1e-12)
    built = described(str(file)).machine
    assert (built.name, built.title, built.source) == _called(name)
    assert ("--exp-cycles" in more) or built.is_built_as(machine(name))


def _called(name: str) -> tuple[str, str, str]:
    own = machine(name)
    return own.name, own.title, own.source


def test_the_evaluator_maps_to_the_machine_of_an_accelerator(dse: Run) -> None:
    given = (*SMALL, "--buffer-bytes", "8 KiB")
    _, out, _ = dse("map", *given, "--machine", "tpu_v4i", "--json")
    found = json.loads(out)["optimum"]
    _, out, _ = dse("evaluate", "--configuration", "tpu", "--evaluator", "mapper", *given, "--json")
    metrics = json.loads(out)
    for each in LENGTHS:
        assert metrics[each] == pytest.approx(found[each], rel=1e-12)


def test_what_ships_for_a_machine_stands_beside_and_is_not_better(dse: Run) -> None:
    given = ("--machine", "tpu_v4i", "--model", "BERT", "--seq-len", "4K")
    _, out, _ = dse("map", *given, "--json")
    found = json.loads(out)
    (shipped,) = found["papers"]
    assert shipped["configuration"] == "tpu"
    _, out, _ = dse("evaluate", "--configuration", "tpu", "--seq-len", "4K", "--json")
    metrics = json.loads(out)
    for each in LENGTHS:
        assert shipped[each] == pytest.approx(metrics[each], rel=1e-12)
    assert found["optimum"]["latency_s"] < shipped["latency_s"]
    assert found["optimum"]["energy_pj"] < shipped["energy_pj"]


def test_an_einsum_runs_where_the_units_are_that_it_needs(dse: Run, tmp_path: Path) -> None:
    (tmp_path / "dividing.toml").write_text(DIVIDING)
    given = (*SMALL, "--buffer-bytes", "8 KiB", "--cascade", "2-pass")
    for name, array in (("fusemax", "1d"), (tmp_path / "dividing.toml", "2d")):
        _, out, _ = dse("map", *given, "--machine", name, "--json")
        groups = json.loads(out)["optimum"]["groups"]
        arrays = {each["einsum"]: each["array"] for group in groups for each in group["einsums"]}
        assert arrays["AV"] == array
    _, out, _ = dse("map", *given, "--machine", "flat", "--json")
    groups = json.loads(out)["optimum"]["groups"]
    arrays = {each["einsum"]: each["array"] for group in groups for each in group["einsums"]}
    assert arrays["GM"] == "1d", "its PEs have no unit for maxima"


SHARING = """
name = "sharing"
base = "fusemax"
[parameters]
share = { default = 3, help = "lanes that share a unit" }
[arrays.vector]
sides = ["vector_lanes"]
registers = "lane_registers"
units = ["max", "mac", "divide", { unit = "exponential", shared_by = "share" }]
"""


def test_a_unit_that_lanes_share_takes_as_many_cycles_as_share_it(dse: Run, tmp_path: Path) -> None:
    (tmp_path / "sharing.toml").write_text(SHARING)
    given = (*SMALL, "--buffer-bytes", "8 KiB", "--json")
    of_machine = json.loads(dse("map", *given, "--machine", tmp_path / "sharing.toml")[1])
    of_option = json.loads(dse("map", *given, "--exp-cycles", 3)[1])
    assert of_machine["machine"]["exp_cycles"] == 3
    assert of_machine["optimum"] == of_option["optimum"]


def test_an_einsum_that_no_array_has_units_for_is_named(dse: Run, tmp_path: Path) -> None:
    dull = SHARING.replace(', "divide", { unit = "exponential", shared_by = "share" }', "")
    (tmp_path / "dull.toml").write_text(dull.replace("sharing", "dull"))
    code, out, errors = dse("map", *TINY, "--machine", tmp_path / "dull.toml")
    assert (code, out) == (2, "")
    assert (
        errors
        == "dse map: AV of 1-pass takes divide, and no array of dull has the units for that\n"
    )


BANKED = """
name = "banked"
base = "fusemax"
[parameters]
bank_words = { default = 64, help = "words of a bank" }
[stores.L3]
kind = "SRAM"
bytes = "buffer_bytes"
row_words = "bank_words"
"""


def test_rows_of_a_parameter_of_their_own_are_refused(dse: Run, tmp_path: Path) -> None:
    (tmp_path / "banked.toml").write_text(BANKED)
    code, out, errors = dse("map", *TINY, "--machine", tmp_path / "banked.toml")
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert "rows of the buffer that follow from these, and banked is another" in errors


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gemmini", "the mapper's words have 16 bits, and those of gemmini 8; take fusemax"),
        ("tensor_core", "and tensor_core is another; take fusemax"),
        ("one_array", "and one_array is another; take fusemax"),
        ("tpu_v4", "unknown machine 'tpu_v4'; did you mean tpu_v4i?"),
        ("lost.toml", "lost.toml"),
    ],
)
def test_a_machine_that_it_does_not_know_is_refused(dse: Run, name: str, message: str) -> None:
    code, out, errors = dse("map", *TINY, "--machine", name)
    assert (code, out) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1
