"""`dse explain` and `dse compare` of designs whose binding the mapper finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import dse as interface

Run = Callable[..., tuple[int, str, str]]

SMALL = {"shape": "1,8,4,4,1,8", "seq_len": 8}
MACHINE = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": 65536}
SIZES = {"array_rows", "array_cols", "vector_lanes", "buffer_bytes"}
METRICS = ["latency_s", "energy_pj", "area_um2"]
STUDY = """
name = "machines"
configuration = "{configuration}"
evaluator = "mapper"
fit = "strict"
accounting = "corrected"
models = ["small"]
seq_lens = [8]
trials = 2
sampler = "grid"
[space]
array_rows = [8, 16]
array_cols = 8
vector_lanes = 8
buffer_bytes = 65536
{choices}
[transformers.small]
batch = 1
model_width = 8
query_width = 4
value_width = 4
heads = 1
ffn_width = 8
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(configuration: str, choices: str = "") -> pd.DataFrame:
    Path("machines.toml").write_text(STUDY.format(configuration=configuration, choices=choices))
    return interface.study("machines.toml").run(progress=False).trials


def test_a_step_of_the_machine_is_mapped_anew() -> None:
    """Its choices are kept, the rest of the binding follows; choices themselves are no steps."""
    given = {"configuration": "two_pass", **SMALL, **MACHINE, "gm_on": "2d"}
    base = interface.evaluate(**given).iloc[0]
    found = interface.explain(given)
    assert [found.metrics[name] for name in METRICS] == base[METRICS].tolist()
    assert found.binding == base["binding"]
    assert "2D array QK GM" in found.binding
    assert found.binding in " ".join(str(found).split())
    assert set(found.steps["parameter"]) == SIZES
    assert (found.steps["reason"] == "").all()
    for step in found.steps[found.steps["parameter"].isin(["array_rows", "buffer_bytes"])].to_dict(
        "records"
    ):
        moved = interface.evaluate(**{**given, step["parameter"]: step["new"]}).iloc[0]
        for name, metric in zip(("latency", "energy", "area"), METRICS, strict=True):
            assert step[name] == pytest.approx(moved[metric] / base[metric], rel=1e-12)
    longer = found.steps.set_index(["parameter", "new"])["latency"]
    assert longer["array_rows", 16] <= 1 <= longer["buffer_bytes", 32768]


def test_what_bounds_it_is_the_busiest_array_or_memory() -> None:
    """A group lasts as long as that: with one group its share is all of the latency."""
    found = interface.explain({"configuration": "three_pass", **SMALL, **MACHINE, "av_cut": "no"})
    assert found.bounds["busy_s"].is_monotonic_decreasing
    assert set(found.bounds["resource"]) == {"2D array", "1D array", "off-chip bandwidth"}
    assert ", then " not in found.binding
    assert found.bounds["share"][0] == pytest.approx(1, rel=1e-12)
    assert found.einsums["energy_pj"].sum() == pytest.approx(found.metrics["energy_pj"], rel=1e-12)


@pytest.mark.parametrize("configuration", ["two_pass", "binding"])
def test_a_trial_is_explained_by_what_evaluated_it(configuration: str) -> None:
    """Under an accelerator's own binding, too, whose machine the study gave the best of all."""
    trials = _run(configuration, 'gm_on = "2d"' if configuration == "two_pass" else "")
    found = interface.explain("machines/1")
    trial = trials.set_index("trial").loc[1]
    assert found.metrics["latency_s"] == pytest.approx(trial["latency_s"], rel=1e-12)
    assert found.binding
    assert found.nearest is not None
    assert (found.nearest.decades == 0) == (found.nearest.design == trial["design"])


def test_the_nearest_point_tells_its_binding() -> None:
    trials = _run("two_pass")
    choices = {"gm_on": "2d", "qk_m_tile": 8}
    near = {"configuration": "two_pass", "model": "small", **SMALL, **MACHINE, **choices}
    nearest = interface.explain(near, against="machines").nearest
    assert nearest is not None
    assert nearest.binding == trials.set_index("design")["binding"][nearest.design]


def test_mapped_designs_stand_beside_plain_ones() -> None:
    """All under one accounting, strict; each with what it evaluates to alone."""
    names = [{"configuration": each, **SMALL, **MACHINE} for each in ("two_pass", "binding")]
    both = interface.compare(*names)
    rules = {"accounting": "corrected", "fit": "strict"}
    for row, name in zip(both.designs.to_dict("records"), names, strict=True):
        alone = interface.evaluate(**name, **rules).iloc[0]
        assert [row[each] for each in METRICS] == alone[METRICS].tolist()
        assert row["accounting"] == "corrected"
    assert both.designs["binding"].iloc[0].startswith("2 passes; ")
    assert both.designs["binding"].iloc[1] is None
    wins = both.wins.set_index("metric")
    assert wins.loc["latency_s", "design"] == both.designs.index[0]
    told = str(both)
    assert both.designs["binding"].iloc[0] in " ".join(told.split())
    assert "gm_on" not in told  # +Binding has no such choice


def test_studies_with_the_mapper_are_compared(dse: Run) -> None:
    _run("two_pass")
    Path("runs/machines").rename("runs/two")
    _run("two_pass", 'gm_on = "1d"\nsnv_on = "1d"')
    code, said, _ = dse("compare", "two", "machines")
    assert code == 0
    assert "two is furthest ahead" in said
