"""Registers short, against depths and needs counted by hand (docs/model/mappings.md#registers)."""

import numpy as np
import pytest

from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.needs import registers_short
from evaluators.errors import InputError
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies.paper import points

BERT = Workload(TRANSFORMERS["BERT"], 1024)


def designs(**changes: object) -> Designs:
    sizes = {"array_rows": 64, "array_cols": 64, "vector_lanes": 64, "buffer_bytes": 1 << 20}
    return Designs.of(**(sizes | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "pe", "lane"),
    [
        # Two operands and an output are 3 words; a lane of the linear layers does nothing.
        ("unfused", 3 - 4, 3 - 16),
        ("flat", 3 - 4, 3 - 16),
        # LM takes 256 values of QK in a lane.
        ("cascade", 3 - 4, 256 + 1 - 16),
        ("architecture", 3 - 12, 3 - 32),
        ("binding", 3 - 12, 3 - 32),
        ("linear_flat", 3 - 4, 0 - 16),
        ("linear_fusemax", 3 - 16, 0 - 32),
    ],
)
def test_the_papers_machines(name: str, pe: int, lane: int) -> None:
    machines = [
        point for point in points() if point.configuration == name and point.study != "pareto"
    ]
    for point in machines:
        short = registers_short(name, point.workload, point.designs)
        assert short["pe_registers_short"].tolist() == [pe]
        assert short["lane_registers_short"].tolist() == [lane]


def test_the_sweep_of_figure_12_has_enough() -> None:
    for point in points():
        if point.study == "pareto":
            short = registers_short("binding", point.workload, point.designs)
            assert all((magnitude <= 0).all() for magnitude in short.values())


def test_given_depths_count() -> None:
    short = registers_short(
        "binding", BERT, designs(pe_registers=[1, 2, 3, 4], lane_registers=[4, 3, 2, 1])
    )
    assert short["pe_registers_short"].tolist() == [2, 1, 0, -1]
    assert short["lane_registers_short"].tolist() == [-1, 0, 1, 2]


def test_the_cascade_needs_a_column_of_scores_in_a_lane() -> None:
    rows = np.array([8, 64, 1024])
    short = registers_short("cascade", BERT, designs(array_rows=rows, lane_registers=100))
    assert short["lane_registers_short"].tolist() == [8 + 1 - 100, 64 + 1 - 100, 1024 + 1 - 100]


def test_no_choice_of_flat_or_of_a_mapper_loops_in_the_register_files() -> None:
    rows = [row for name in ("flat", "unfused") for t in described(name).tables for row in t.rows]
    assert len(rows) == (6 + 4) + (12 + 4)
    assert all(row.streamed.levels[-1].name == "reg_file" for row in rows)
    assert not any(row.streamed.levels[-1].loops for row in rows)


def test_unknown_configuration() -> None:
    with pytest.raises(InputError, match="unknown configuration 'fusemax'"):
        registers_short("fusemax", BERT, designs())
