"""Designs of any accelerator, written as a table of results and read back, are the same designs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.results import parameter_columns
from dse.results.design_tables import DesignTable
from evaluators.contract import AcceleratorContract
from evaluators.protocol import evaluator
from tests.evaluators.shipped_bindings import BOUND

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGURATIONS = [*BOUND, *(str(EXAMPLES / each) for each in ("edge.toml", "overlapped.toml"))]


@pytest.mark.parametrize("name", CONFIGURATIONS, ids=lambda each: Path(each).stem)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_columns_of_designs_come_back(tmp_path: Path, name: str, suffix: str) -> None:
    class Drawn(AcceleratorContract):
        configuration = name

    evaluated = Drawn()._evaluated
    designs = evaluated.designs.take(evaluated.feasible)
    frame = pd.DataFrame(
        {
            "configuration": name,
            "seq_len": Drawn.workload.keys,
            **parameter_columns(name, designs),
        }
    )
    file = tmp_path / f"designs.{suffix}"
    if suffix == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    table = DesignTable.in_file(file)
    (chunk,) = table.chunks()
    ((rows, told, _, read),) = table.designs(chunk, evaluator("analytical"))
    assert told == name
    assert rows.tolist() == list(range(len(designs)))
    assert read.columns.keys() == designs.columns.keys()
    for parameter, column in designs.columns.items():
        np.testing.assert_array_equal(read.columns[parameter], column, parameter)
