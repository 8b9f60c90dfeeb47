"""The evaluator `mapper`: the optimum of the search as any other evaluation."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dse.commands.cli import main
from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.design import Designs
from evaluators.errors import InputError
from evaluators.mapper.best import shipped_cascades
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.places import places
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import search
from evaluators.mapper.uses import counts
from evaluators.protocol import evaluator
from evaluators.workloads.transformer import parse_shape
from evaluators.workloads.workload import Workload

SMALL = Workload(parse_shape("2,8,4,4,2,8"), 32)
SIDES = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": 4096}


def machine(**sizes: int) -> Designs:
    return Designs.of(**(SIDES | sizes))


def batch(designs: Designs, workload: Workload = SMALL) -> dict[str, np.ndarray]:
    results = evaluator("mapper").evaluate("binding", workload, designs, CORRECTED).whole()
    assert results.feasible.all()
    return results.metrics


@pytest.mark.parametrize("sizes", [{}, {"vector_lanes": 4}, {"array_rows": 16, "pe_registers": 6}])
def test_a_design_is_charged_what_the_optimum_of_the_search_costs(sizes: dict[str, int]) -> None:
    found = batch(machine(**sizes))
    given = SIDES | {"pe_registers": 0, "lane_registers": 0} | sizes
    bound = evaluator("analytical").evaluate("binding", SMALL, machine(**sizes), CORRECTED).whole()
    registers = {name: int(bound.designs.columns[name][0]) for name in given if "registers" in name}
    resources = Resources(
        rows=given["array_rows"],
        columns=given["array_cols"],
        lanes=given["vector_lanes"],
        buffer_bytes=given["buffer_bytes"],
        **registers,
    )
    extents = {"B": 2, "H": 2, "E": 4, "F": 4, "P": 32, "M": 32}
    limits = Limits((given["array_rows"],))
    front = search({name: structure(name) for name in NAMES}, resources, extents, limits).front
    least_s = min(point.latency_s for point in front)
    fastest = [point for point in front if point.latency_s <= least_s * (1 + 1e-9)]
    assert found["latency_s"][0] == pytest.approx(least_s, rel=1e-12)
    assert found["energy_pj"][0] == pytest.approx(
        min(point.energy_pj for point in fastest), rel=1e-12
    )
    assert found["area_um2"][0] == bound.metrics["area_um2"][0]
    assert found["util_2d"][0] <= 1


def test_a_batch_is_its_designs_one_by_one_and_its_breakdown_adds_up() -> None:
    sides = [8, 16, 8]
    together = batch(machine(array_rows=np.array(sides)))  # type: ignore[arg-type]
    for row, rows in enumerate(sides):
        alone = batch(machine(array_rows=rows))
        for name, column in together.items():
            assert column[row] == alone[name][0] or np.isnan(column[row])
    results = (
        evaluator("mapper").evaluate("binding", SMALL, machine(), CORRECTED, breakdown=True).whole()
    )
    for name in ("energy_pj", "traffic_bytes"):
        total = sum(np.nan_to_num(getattr(each, name))[0] for each in results.einsums.values())
        assert total == pytest.approx(results.metrics[name][0], rel=1e-12)


def test_a_machine_has_the_same_optimum_whatever_was_evaluated_before_it() -> None:
    """Machines share what they count; neither values nor, among ties, bindings tell of it."""
    machines = [
        {"array_rows": rows, "array_cols": columns, "vector_lanes": lanes, "buffer_bytes": size}
        for rows, columns in ((8, 8), (16, 4))
        for lanes, size in ((8, 4096), (8, 1024))
    ]

    def told(sizes: dict[str, int]) -> tuple[object, ...]:
        results = evaluator("mapper").evaluate(
            "binding", SMALL, Designs.of(**sizes), CORRECTED, breakdown=True
        )
        metrics = {name: column.tolist() for name, column in results.metrics.items()}
        return repr(metrics), repr(results.einsums), repr(results.violations)

    def forget() -> None:
        for each in (counts, places, shipped_cascades):
            each.cache_clear()

    forwards = [told(each) for each in machines]
    backwards = [told(each) for each in reversed(machines)][::-1]
    alone = []
    for each in machines:
        forget()
        alone.append(told(each))
    assert forwards == backwards == alone


def test_a_machine_that_no_binding_fits_says_so() -> None:
    engine = evaluator("mapper")
    designs = machine(pe_registers=1, lane_registers=1)
    results = engine.evaluate("binding", SMALL, designs, CORRECTED).whole()
    assert not results.feasible[0]
    assert "no binding of any cascade fits" in engine.reason(
        "binding", "no_binding", 1, SMALL, results.designs
    )


@pytest.mark.parametrize(
    ("configuration", "workload", "accounting", "sizes", "sentence"),
    [
        ("tensor_core", SMALL, CORRECTED, {}, "tensor_core is another; take fusemax"),
        ("binding", Workload(SMALL.transformer, 32, causal=True), CORRECTED, {}, "mask none"),
        ("binding", Workload(SMALL.transformer, 32, padded=True), CORRECTED, {}, "fit strict"),
        ("binding", SMALL, PUBLISHED, {}, "not as published"),
        ("binding", SMALL, CORRECTED, {"query_tiles": 2}, "leave out query_tiles"),
        ("binding", SMALL, CORRECTED, {"word_bits": 8}, "leave out word_bits"),
    ],
)
def test_what_the_open_space_does_not_know_is_refused(
    configuration: str,
    workload: Workload,
    accounting: Accounting,
    sizes: dict[str, int],
    sentence: str,
) -> None:
    with pytest.raises(InputError, match=sentence):
        evaluator("mapper").evaluate(configuration, workload, machine(**sizes), accounting)


STUDY = """
name = "open"
configuration = "binding"
models = ["small"]
seq_lens = [32]
fit = "strict"
evaluator = "mapper"
sram = "exact"
objectives = ["area", "latency", "energy"]
trials = 6
batch = 3
pinned = false

[space]
array_rows = [8, 16]
array_cols = [8, 16]
vector_lanes = [8]
buffer_bytes = [65536]

[transformers.small]
batch = 2
model_width = 8
query_width = 4
value_width = 4
heads = 2
ffn_width = 8
"""


def test_machine_and_binding_are_searched_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sweep's front is that of the optima, on processes too, and no study finds a better.

    Fronts, reports and explanations tell of it.
    """
    monkeypatch.chdir(tmp_path)
    Path("open.toml").write_text(STUDY)
    fronts = []
    for out, more in (("one", []), ("two", ["--executor", "processes", "--workers", "2"])):
        assert main(["sweep", "open.toml", "--out", out, *more]) == 0
        fronts.append(pd.read_parquet(f"{out}/open/sweep/front.parquet"))
    pd.testing.assert_frame_equal(*fronts)
    assert main(["study", "run", "open.toml", "--out", "one"]) == 0
    (swept, _), objectives = fronts, ["area_um2", "latency_s", "energy_pj"]
    for row in pd.read_parquet("one/open/evaluations").to_dict("records"):
        assert any(
            all(best[name] <= row[name] * (1 + 1e-12) for name in objectives)
            for best in swept.to_dict("records")
        )
    capsys.readouterr()
    assert main(["front", "open", "--out", "one"]) == 0
    assert "tiles" not in capsys.readouterr().out
    assert main(["report", "open", "--out", "one"]) == 0
    assert "--evaluator mapper" in Path("one/open/report.html").read_text()
    assert main(["explain", "open/1", "--out", "one"]) == 0
    assert re.search(r"binding [123] pass", capsys.readouterr().out)
