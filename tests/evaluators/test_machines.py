"""Machines that ship: published chips have their published numbers, and run the cascade.

The numbers are peaks and sizes that the sources named in the files state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.describe.catalogue import described
from evaluators.describe.layers import MACHINES, shipped
from evaluators.describe.machine import Machine
from evaluators.describe.machine_reading import machine
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.engine.needs import registers_short
from evaluators.protocol import Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload

KIB = 2**10
CHIPS = shipped(MACHINES)
BASES = {"fusemax": "binding", "one_array": "one_array", "tensor_core": "tensor_core"}
"""The accelerator that fits a machine: 'tpu' where PEs only multiply and add."""

LARGER = Accounting(CORRECTED.corrections, "next larger")


def sizes(chip: Machine) -> dict[str, float]:
    return {name: each.default for name, each in chip.parameters.items()}  # type: ignore[misc]


def defaults(chip: Machine, **changed: int) -> Designs:
    return Designs.of(**changed).only(chip.parameters)


def workload(chip: str) -> Workload:
    """Return BERT at a length that the chip's sides divide."""
    return Workload(TRANSFORMERS["BERT"], 12 * 14 * 64 if chip == "eyeriss" else 4096)


def built_on(folder: Path, base: str, chip: str) -> str:
    file = folder / "mine.toml"
    file.write_text(f'name = "mine"\nbase = "{base}"\nmachine = "{chip}"\n', encoding="utf-8")
    return str(file)


def evaluate(name: str, chip: str, accounting: Accounting = LARGER) -> Evaluations:
    designs = defaults(described(name).machine)
    return AnalyticalEvaluator().evaluate(name, workload(chip), designs, accounting)


@pytest.mark.parametrize("chip", CHIPS)
def test_every_machine_runs_a_cascade_that_fits_it(tmp_path: Path, chip: str) -> None:
    name = built_on(tmp_path, BASES.get(chip, "tpu"), chip)
    result = evaluate(name, chip)
    assert result.feasible[0]
    metrics = {metric: float(column[0]) for metric, column in result.metrics.items()}
    assert all(np.isfinite(value) for value in metrics.values())
    # The matrix products alone take no less than the array's peak allows.
    shape, seq_len = workload(chip).transformer, workload(chip).keys
    macs = shape.batch * shape.heads * seq_len**2 * (shape.query_width + shape.value_width)
    own = sizes(machine(chip))
    busy_s = macs / (own["array_rows"] * own["array_cols"] * own["clock_hz"])
    assert metrics["latency_s"] >= busy_s * (1 - 1e-12)
    # Every query, key, value and output passes at least once.
    least = 4 * shape.batch * shape.heads * seq_len * shape.query_width * own["word_bits"] / 8
    assert metrics["traffic_bytes"] >= least
    assert metrics["memory_latency_s"] == pytest.approx(
        metrics["traffic_bytes"] / own["dram_bytes_per_s"], rel=1e-12
    )


@pytest.mark.parametrize("chip", sorted({*CHIPS} - {"one_array", "tensor_core"}))
def test_binding_runs_where_pes_take_a_maximum(tmp_path: Path, chip: str) -> None:
    """+Binding itself, on every chip of PEs and lanes whose PEs get FuseMax's comparator."""
    (tmp_path / "chip.toml").write_text(
        f'name = "chip"\nbase = "{chip}"\n[arrays.pe]\nsides = ["array_cols", "array_rows"]\n'
        'registers = "pe_registers"\nunits = ["mac", "max"]\n'
        'edge = { name = "reg_file_1d", like = "vector" }\n',
        encoding="utf-8",
    )
    result = evaluate(built_on(tmp_path, "binding", "./chip.toml"), chip)
    assert result.feasible[0]


@pytest.mark.parametrize("chip", CHIPS)
def test_registers_that_a_binding_needs_are_enforced_on_every_machine(
    tmp_path: Path, chip: str
) -> None:
    name = built_on(tmp_path, BASES.get(chip, "tpu"), chip)
    enough = registers_short(name, workload(chip), defaults(described(name).machine))
    assert all(short[0] <= 0 for short in enough.values())
    one = registers_short(name, workload(chip), defaults(described(name).machine, pe_registers=1))
    assert one["pe_registers_short"][0] > 0


def test_flats_cloud_is_the_papers_flat() -> None:
    ours, papers = machine("flat_cloud"), machine("flat")
    assert sizes(ours) == sizes(papers)
    assert evaluate("flat", "flat", PUBLISHED).feasible[0]


@pytest.mark.parametrize(
    ("chip", "macs_per_s"),
    [
        ("eyeriss", 33.6e9),
        ("tpu_v4i", 137.6256e12 / 2),
        ("tensor_core", 311.87e12 / 2 / 108),
        ("nvdla", 2048e9),
        ("gemmini", 256e9),
        ("flat_edge", 32 * 32 * 940e6),
    ],
)
def test_peaks_are_the_published_ones(chip: str, macs_per_s: float) -> None:
    own = sizes(machine(chip))
    peak = own["array_rows"] * own["array_cols"] * own["clock_hz"]
    assert peak == pytest.approx(macs_per_s, rel=1e-4)


@pytest.mark.parametrize(
    ("chip", "parameter", "value"),
    [
        ("eyeriss", "buffer_bytes", 108 * KIB),
        ("eyeriss", "pe_registers", 224 + 12 + 24),
        ("eyeriss", "dram_bytes_per_s", 8 * 60e6),
        ("tpu_v4i", "buffer_bytes", 128 * KIB**2),
        ("tpu_v4i", "dram_bytes_per_s", 614e9),
        ("nvdla", "buffer_bytes", 16 * 64 * 512),
        ("nvdla", "dram_bytes_per_s", 256 / 8 * 1e9),
        ("nvdla", "word_bits", 8),
        ("gemmini", "buffer_bytes", 4 * 4096 * 16),
        ("gemmini", "word_bits", 8),
        ("flat_edge", "buffer_bytes", 512 * KIB),
        ("flat_edge", "dram_bytes_per_s", 50 * KIB**3),
        ("flat_cloud", "dram_bytes_per_s", 400 * KIB**3),
        ("tensor_core", "buffer_bytes", 192 * KIB),
        ("tensor_core", "dram_bytes_per_s", pytest.approx(1555e9 / 108, rel=1e-4)),
    ],
)
def test_sizes_are_the_published_ones(chip: str, parameter: str, value: float) -> None:
    assert sizes(machine(chip))[parameter] == value
