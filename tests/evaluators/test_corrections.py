"""The corrected accounting: each correction against the specification's own re-derivation."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting, Correction
from evaluators.errors import InputError
from evaluators.protocol import evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

BERT_256K = Workload(TRANSFORMERS["BERT"], 2**18)
COLUMNS = {
    "published": "published",
    "Q1": "Q1",
    "Q2": "Q2",
    "Q1Q2": "Q1+Q2",
    "Q3": "Q3",
    "Q4": "Q4",
    "Q5": "Q5",
    "Q6": "Q6",
    "Q7": "Q7",
    "Q1toQ7": "Q1+Q2+Q3+Q4+Q5+Q6+Q7",
}
CONFIGURATIONS = {
    "unfused": ("unfused",),
    "flat": ("flat",),
    "cascade": ("cascade",),
    "arch_and_binding": ("architecture", "binding"),
    "linear_flat": ("linear_flat",),
    "linear_proposal": ("linear_fusemax",),
}


def metric(configuration: str, workload: Workload, accounting: str, name: str) -> float:
    designs = paper_design(configuration, workload, Accounting.parse(accounting))
    result = evaluator("analytical").evaluate(
        configuration, workload, designs, Accounting.parse(accounting)
    )
    return float(result.metrics[name][0])


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_energy_under_a_correction_is_the_specifications(
    data: Path, config: str, column: str
) -> None:
    with (data / "corrected_energy.csv").open(newline="") as file:
        table = [row for row in csv.DictReader(file) if row["config"] == config]
    assert len(table) == 24
    for row in table:
        workload = Workload(TRANSFORMERS[row["model"]], parse_seq_len(row["seq_len"]))
        for configuration in CONFIGURATIONS[config]:
            ours = metric(configuration, workload, COLUMNS[column], "energy_pj")
            where = f"{configuration} {row['model']} {row['seq_len']}"
            assert ours == pytest.approx(float(row[column]), rel=1e-12, abs=0), where


@pytest.mark.parametrize(
    ("accounting", "unfused", "flat", "cascade", "binding"),
    [
        ("published", 1.692011033e17, 1.671229334e17, 1.545694802e17, 1.265883463e17),
        ("Q1", 2.536286554e17, 2.513592445e17, 2.388771955e17, 2.107518633e17),
        ("Q2", 1.691946795e17, 1.671129623e17, 1.545634433e17, 1.265477347e17),
        ("Q1+Q2", 1.745610830e17, 1.724675771e17, 1.599086671e17, 1.385717933e17),
        ("Q3", 1.692011033e17, 1.671229334e17, 1.595841618e17, 1.265883463e17),
        ("Q4", 1.692011033e17, 1.671229334e17, 1.549398654e17, 1.265883463e17),
        ("Q5", 1.692011000e17, 1.671220929e17, 1.447329527e17, 1.261581913e17),
        ("Q6", 1.692011033e17, 1.671229334e17, 1.545692702e17, 1.265786532e17),
        ("Q7", 1.692011033e17, 1.671229334e17, 1.545001079e17, 1.265883463e17),
        (COLUMNS["Q1toQ7"], 1.745478816e17, 1.716226868e17, 1.541451449e17, 1.361172333e17),
    ],
)
def test_energy_of_bert_at_256k_under_a_correction(
    accounting: str, unfused: float, flat: float, cascade: float, binding: float
) -> None:
    """Values: docs/model/corrections.md#effects, ten digits."""
    expected = {"unfused": unfused, "flat": flat, "cascade": cascade, "binding": binding}
    ours = {name: metric(name, BERT_256K, accounting, "energy_pj") for name in expected}
    assert ours == pytest.approx(expected, rel=5e-10)


def test_unfused_gets_the_optimal_mapping_under_q12() -> None:
    assert metric("unfused", BERT_256K, "Q12", "traffic_bytes") == 422367083888640
    assert metric("unfused", BERT_256K, "Q12", "latency_s") == pytest.approx(
        1369.1499158, rel=5e-11
    )
    assert metric("unfused", BERT_256K, "Q12", "energy_pj") == pytest.approx(
        1.691750887e17, rel=5e-10
    )
    xlm = Workload(TRANSFORMERS["XLM"], 2**18)
    assert metric("unfused", xlm, "Q12", "latency_s") == pytest.approx(1826.6532, rel=5e-8)


def test_q7_halves_the_traffic_of_cascade_and_leaves_its_latency() -> None:
    """Values: docs/model/corrections.md#q7."""
    assert metric("cascade", BERT_256K, "published", "traffic_bytes") == pytest.approx(
        1.700807e12, rel=5e-7
    )
    assert metric("cascade", BERT_256K, "Q7", "traffic_bytes") == pytest.approx(
        8.76173e11, rel=5e-6
    )
    latencies = {metric("cascade", BERT_256K, name, "latency_s") for name in ("published", "Q7")}
    assert len(latencies) == 1


@pytest.mark.parametrize("correction", ["Q1", "Q2", "Q3", "Q4", "Q5", "Q6"])
@pytest.mark.parametrize("configuration", ["unfused", "flat", "cascade", "binding"])
def test_a_correction_of_energy_changes_neither_traffic_nor_latency(
    configuration: str, correction: str
) -> None:
    for name in ("traffic_bytes", "latency_s"):
        published = metric(configuration, BERT_256K, "published", name)
        assert metric(configuration, BERT_256K, correction, name) == published


@pytest.mark.parametrize(
    ("text", "accounting"),
    [
        ("published", PUBLISHED),
        ("corrected", CORRECTED),
        ("Q2+Q1", Accounting(frozenset({Correction.Q1, Correction.Q2}))),
        ("Q1+Q2+Q3+Q4+Q5+Q6+Q7+Q12", CORRECTED),
    ],
)
def test_an_accounting_reads_back_from_its_name(text: str, accounting: Accounting) -> None:
    assert Accounting.parse(text) == accounting
    assert Accounting.parse(accounting.name) == accounting


@pytest.mark.parametrize("text", ["", "Q8", "Q1,Q2", "q1", "Publish"])
def test_an_unknown_accounting_is_named(text: str) -> None:
    with pytest.raises(InputError, match="write published, corrected"):
        Accounting.parse(text)
