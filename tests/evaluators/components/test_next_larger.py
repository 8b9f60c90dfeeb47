"""Buffers of any size are priced as the next larger of the table, and said to be."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.components.cacti import TABLE
from evaluators.components.sram import missing, sram, taken
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.protocol import Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies import toml
from studies.builtin import STUDIES

MIB = 2**20
BERT = Workload(TRANSFORMERS["BERT"], 4096)
LARGER = Accounting(sram="next larger")
ENGINE = AnalyticalEvaluator()

with TABLE.open(newline="") as file:
    TABLED = [(int(row["depth"]), int(row["width_bits"])) for row in csv.DictReader(file)]


def by_hand(depth: int, width_bits: int) -> tuple[int, int]:
    """Look through the whole table."""
    if (max(64, depth), width_bits) in TABLED:
        return depth, width_bits
    fit = [size for size in TABLED if size[0] >= depth and size[1] >= width_bits]
    return min(fit, key=lambda size: (size[0] * size[1], size[1]), default=(depth, width_bits))


@given(st.integers(1, 2**24), st.integers(8, 20000) | st.sampled_from([128, 4096, 16384]))
def test_the_next_larger_is_the_smallest_that_holds_it(depth: int, width_bits: int) -> None:
    rows, bits = taken(depth, width_bits)
    assert (int(rows), int(bits)) == by_hand(depth, width_bits)


@given(st.lists(st.tuples(st.integers(1, 2**20), st.integers(8, 17000)), max_size=20))
def test_a_column_is_its_sizes_one_by_one(sizes: list[tuple[int, int]]) -> None:
    depths, widths = np.array(sizes, dtype=np.int64).reshape(-1, 2).T
    rows, bits = taken(depths, widths)
    expected = [by_hand(*size) for size in sizes]
    assert list(zip(rows.tolist(), bits.tolist(), strict=True)) == expected


def test_its_price_is_the_larger_ones() -> None:
    found, larger = sram(80 * MIB // 512 // 2, 4096, "next larger"), sram(98304, 4096)
    assert (found.read_pj, found.write_pj) == (larger.read_pj, larger.write_pj)
    assert found.area_um2 == larger.area_um2
    assert np.isnan(sram(80 * MIB // 512 // 2, 4096).area_um2)
    assert sram(32, 16384, "next larger").read_pj == sram(32, 16384).read_pj


def test_none_is_larger_than_all() -> None:
    assert np.isnan(sram([2**26, 64], [128, 16385], "next larger").area_um2).all()
    assert "nor a larger one" in missing(2**26, 128)
    assert "98304 rows of 4096 bits, with --sram 'next larger'" in missing(81920, 4096)


def evaluate(accounting: Accounting, buffer_bytes: object) -> Evaluations:
    designs = Designs.of(
        array_rows=256, array_cols=256, vector_lanes=256, buffer_bytes=np.array(buffer_bytes)
    )
    return ENGINE.evaluate("binding", BERT, designs, accounting)


def test_a_buffer_of_40_mib_holds_40_and_costs_48() -> None:
    odd, larger = 40 * MIB, 48 * MIB
    exact = evaluate(PUBLISHED, [odd, larger])
    taken_ = evaluate(LARGER, [odd, larger])
    assert exact.violations["sram_unknown"].tolist() == [1, 0]
    assert taken_.feasible.all()
    assert taken_.metrics["area_um2"][0] == taken_.metrics["area_um2"][1]
    assert taken_.metrics["energy_pj"][1] == exact.metrics["energy_pj"][1]
    # The capacity is its own: half a MiB more of queries does not fit.
    short = evaluate(LARGER, [256 * 1024]).violations["buffer_short_bytes"]
    assert short[0] == evaluate(PUBLISHED, [256 * 1024]).violations["buffer_short_bytes"][0]


def test_what_fits_no_table_is_infeasible() -> None:
    assert evaluate(LARGER, [2**29]).violations["sram_unknown"].tolist() == [1]


def test_the_defaults() -> None:
    assert Accounting.parse("published", "").sram == "exact"
    assert Accounting.parse("corrected", "").sram == "next larger"
    assert Accounting.parse("Q1", "").sram == "next larger"
    assert PUBLISHED.sram == CORRECTED.sram == "exact"
    assert {study.accounting.sram for study in STUDIES.values()} == {"exact"}


@pytest.mark.parametrize(
    ("said", "sram_"),
    [
        ("", "next larger"),
        ('accounting = "published"', "exact"),
        ('accounting = "corrected"', "next larger"),
        ('accounting = "corrected"\nsram = "exact"', "exact"),
        ('sram = "next larger"', "next larger"),
        ('sram = "table"', "exact"),
        ('accounting = "corrected"\nsram = "table"', "exact"),
    ],
)
def test_a_study_says_what_it_takes(said: str, sram_: str) -> None:
    text = f'name = "s"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n{said}\n'
    assert toml.parse(text, "x").accounting.sram == sram_
