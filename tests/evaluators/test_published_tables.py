"""The engine against rows of the published tables, without the project's own verification."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.protocol import Evaluations, evaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.workload import Workload
from studies.paper import paper_design, pareto_designs

SPOT_ROWS = Path(__file__).parents[1] / "published_rows"
TOLERANCE = 1e-12
CONFIGURATIONS = {
    "attn-unfused.csv": "unfused",
    "attn-flat.csv": "flat",
    "attn-cascade.csv": "cascade",
    "attn-arch.csv": "architecture",
    "attn-binding.csv": "binding",
    "end2end-flat.csv": "linear_flat",
    "end2end-proposal.csv": "linear_fusemax",
}
METRICS = {
    "traffic": "traffic_bytes",
    "latency": "latency_s",
    "energy": "energy_pj",
    "util_2d": "util_2d",
    "util_1d": "util_1d",
}
PARETO_METRICS = {
    "traffic": "traffic_bytes",
    "mem_lat": "memory_latency_s",
    "comp_2d_lat": "compute_2d_s",
    "comp_1d_lat": "compute_1d_s",
    "latency": "latency_s",
    "array_2d_area": "array_area_um2",
    "area": "area_um2",
}


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def check_attention(path: Path) -> int:
    configuration = CONFIGURATIONS[path.name]
    count = 0
    for row in rows(path):
        workload = Workload(TRANSFORMERS[row["model"]], parse_seq_len(row["seq_len"]))
        result = evaluator("analytical").evaluate(
            configuration,
            workload,
            paper_design(configuration, workload),
            PUBLISHED,
            breakdown=True,
        )
        for column, published in row.items():
            if column in METRICS or column in result.einsums:
                ours = value(result, column)
                where = f"{path.name} {row['model']} {row['seq_len']} {column}"
                assert ours == pytest.approx(float(published), rel=TOLERANCE, abs=0), where
                count += 1
    return count


def value(result: Evaluations, column: str) -> float:
    if column in METRICS:
        return float(result.metrics[METRICS[column]][0])
    return float(result.einsums[column].active_fraction[0])


def check_pareto(path: Path) -> int:
    count = 0
    for row in rows(path):
        workload = Workload(TRANSFORMERS[row["model"]], 2**18)
        designs = pareto_designs(workload)
        side = designs.columns["array_rows"] == int(row["PE_dim"])
        result = evaluator("analytical").evaluate(
            "binding", workload, designs.take(side), PUBLISHED
        )
        for column, metric in PARETO_METRICS.items():
            ours, published = float(result.metrics[metric][0]), float(row[column])
            where = f"{row['model']} {row['PE_dim']} {column}"
            assert ours == pytest.approx(published, rel=TOLERANCE, abs=0), where
            count += 1
    return count


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_engine_gives_the_spot_rows_of_a_published_table(name: str) -> None:
    assert check_attention(SPOT_ROWS / name) >= 12


def test_engine_gives_the_spot_rows_of_the_published_pareto_table() -> None:
    assert check_pareto(SPOT_ROWS / "pareto.csv") == 28
