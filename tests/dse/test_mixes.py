"""Mixes of scenes, end to end, on one chip: against evaluations of each part by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.execution.batch import evaluate
from dse.execution.executors import Serial
from dse.results.parts import part_schema
from dse.results.trials import Trials
from evaluators.design import Designs
from evaluators.protocol import evaluator
from evaluators.workloads.workload import Workload
from studies import toml
from studies.objectives import OBJECTIVES
from studies.pins import pins
from studies.specification import Specification

Run = Callable[..., tuple[int, str, str]]
Rows = list[list[dict[str, Any]]]

ROOT = Path(__file__).parents[2]

SCENES = {
    "prefill": 'model = "llama-3-8b"\nseq_len = "2K"\nbatch = 1\nmask = "causal"\nfit = "pad"',
    "decode": 'model = "llama-3-8b"\nqueries = 1\nkeys = "8K"\nbatch = 64\nfit = "pad"',
    "BERT": 'model = "BERT"\nseq_len = "1K"\nfit = "strict"',
    "XLM": 'model = "XLM"\nseq_len = "1K"\nfit = "strict"',
}
"""Heads of 128 and 64, with a mask and padding, and without."""

TOKENS = {"prefill": 2048, "decode": 64, "BERT": 64 * 1024, "XLM": 64 * 1024}
LAYERS = {"prefill": 32, "decode": 32, "BERT": 1, "XLM": 1}

CHIPS = """
[space]
array_rows = [64, 256, 512]
array_cols = [64, 256]
vector_lanes = [64, 256]
buffer_bytes = [1048576, 16777216]
"""
SIZES = ("array_rows", "array_cols", "vector_lanes", "buffer_bytes")
REGISTERS = ("pe_registers", "lane_registers")

END_TO_END = 'linear_layers = "linear_fusemax"\nwhole_model = true\n'


def text_of(scenes: Sequence[str], weights: Sequence[float] = (), more: str = "") -> str:
    text = f'name = "s"\nconfiguration = "binding"\naccounting = "corrected"\n{more}\n'
    for place, scene in enumerate(scenes):
        weight = f"weight = {weights[place]!r}\n" if weights else ""
        text += f'[[workloads]]\nname = "{scene}"\n{weight}{SCENES[scene]}\n'
    return text + CHIPS


def study_of(scenes: Sequence[str], weights: Sequence[float] = (), more: str = "") -> Specification:
    """Return a study of all objectives, which a file may not ask for at once."""
    study = toml.parse(text_of(scenes, weights, more), "s")
    return replace(study, objectives=tuple(OBJECTIVES))


SPACE = study_of(["BERT"]).space


def rows_of(study: Specification, designs: Sequence[int]) -> Rows:
    each = [study.space.rows(number, number + 1) for number in designs]
    columns = {name: np.concatenate([one[name] for one in each]) for name in each[0]}
    return evaluate(study, columns, Serial())[0]


def values_of(study: Specification, rows: Rows) -> list[dict[str, float]]:
    """Return the objectives of the designs as the study has them, NaN of infeasible ones."""
    told = [
        {"trial": number, "pin": None, "repeated": False} | row
        for number, own in enumerate(rows)
        for row in own
    ]
    trials = Trials.of(study, pa.Table.from_pylist(told, schema=part_schema(study)))
    values = pd.DataFrame(trials.objectives, columns=list(study.objectives))
    feasible = [all(row["feasible"] for row in own) for own in rows]
    assert trials.feasible.tolist() == feasible
    return values.to_dict("records")  # type: ignore[return-value]


def alone(row: dict[str, Any], workload: Workload) -> dict[str, float]:
    """Evaluate the chip of a row on a workload by itself, every size given."""
    chip = Designs.of(**{name: row[name] for name in (*SIZES, *REGISTERS)})
    study = study_of(["BERT"])
    engine = evaluator("analytical")
    found = engine.evaluate(row["configuration"], workload, chip, study.accounting)
    return {name: float(column[0]) for name, column in found.metrics.items()}


def summed(parts: Sequence[dict[str, float]], weights: Sequence[float], name: str) -> float:
    return sum(w * part[name] for w, part in zip(weights, parts, strict=True))


mixes = st.permutations(list(SCENES)).flatmap(
    lambda order: st.integers(1, 4).map(lambda count: order[:count])
)
calls = st.lists(st.floats(1e-3, 1e6), min_size=4, max_size=4)
some_designs = st.lists(st.integers(0, SPACE.size - 1), min_size=1, max_size=3)


@settings(max_examples=12)
@given(mixes, calls, some_designs)
def test_a_mix_is_the_weighted_sum_of_its_scenes_evaluated_alone(
    scenes: list[str], weights: list[float], designs: list[int]
) -> None:
    weights = weights[: len(scenes)]
    study = study_of(scenes, weights)
    rows = rows_of(study, designs)
    for own, value in zip(rows, values_of(study, rows), strict=True):
        if not all(row["feasible"] for row in own):
            continue
        parts = [alone(*each) for each in zip(own, study.workloads, strict=True)]
        latency_s, energy_pj = (summed(parts, weights, name) for name in ("latency_s", "energy_pj"))
        tokens = sum(w * TOKENS[each] for w, each in zip(weights, scenes, strict=True))
        busy_s = [part["latency_s"] * part["util_2d"] for part in parts]
        expected = {
            "area": parts[0]["area_um2"],
            "latency": latency_s,
            "energy": energy_pj,
            "traffic": summed(parts, weights, "traffic_bytes"),
            "energy_delay": energy_pj * latency_s,
            "power": energy_pj / latency_s / 1e12,
            "tokens_per_s": tokens / latency_s,
            "energy_per_token": energy_pj / tokens,
            "util_2d": float(np.dot(weights, busy_s)) / latency_s,
        }
        assert value == pytest.approx(expected, rel=1e-12)
        assert {part["area_um2"] for part in parts} == {value["area"]}


@settings(max_examples=6)
@given(mixes, calls, some_designs)
def test_end_to_end_of_a_whole_model_is_both_halves_times_its_layers(
    scenes: list[str], weights: list[float], designs: list[int]
) -> None:
    weights = weights[: len(scenes)]
    study = study_of(scenes, weights, END_TO_END)
    rows = rows_of(study, designs)
    for own, value in zip(rows, values_of(study, rows), strict=True):
        if not all(row["feasible"] for row in own):
            continue
        assert [row["configuration"] for row in own] == ["binding", "linear_fusemax"] * len(scenes)
        parts = [alone(row, workload) for row, (workload, _) in zip(own, study.rows, strict=True)]
        layers = [w * LAYERS[each] for w, each in zip(weights, scenes, strict=True) for _ in "12"]
        assert value["latency"] == pytest.approx(summed(parts, layers, "latency_s"), rel=1e-12)
        assert value["energy"] == pytest.approx(summed(parts, layers, "energy_pj"), rel=1e-12)
        assert {part["area_um2"] for part in parts} == {value["area"]}


@pytest.mark.parametrize(
    ("configuration", "linear", "tables"),
    [
        ("binding", "linear_fusemax", ("attn-binding", "end2end-proposal")),
        ("flat", "linear_flat", ("attn-flat", "end2end-flat")),
    ],
)
def test_end_to_end_is_the_papers(configuration: str, linear: str, tables: tuple[str, str]) -> None:
    """The published rows of attention and those of the linear layers, added up."""
    attention, layers = (
        pd.read_csv(ROOT / f"tests/published_rows/{name}.csv").set_index(["model", "seq_len"])
        for name in tables
    )
    columns = ["latency", "energy", "traffic"]
    for model, seq_len in attention.index:
        study = toml.parse(
            f'name = "x"\nconfiguration = "{configuration}"\nlinear_layers = "{linear}"\n'
            f'objectives = ["latency", "energy", "traffic"]\naccounting = "published"\n'
            f'[[workloads]]\nmodel = "{model}"\nbatch = 64\nseq_len = "{seq_len}"\nfit = "strict"',
            "x",
        )
        found, _ = pins(study)
        (paper,) = (
            evaluate(study, pin.columns, Serial())[0]
            for pin in found
            if pin.id == f"attention/{configuration}/{model}/{_tokens(seq_len)}/256"
        )
        (value,) = values_of(study, paper)
        both = attention.loc[(model, seq_len), columns] + layers.loc[(model, seq_len), columns]
        assert value == pytest.approx(both.to_dict(), rel=1e-14)


def _tokens(label: str) -> int:
    return int(label[:-1]) * {"K": 1024, "M": 1024**2}[label[-1]]


@settings(max_examples=6)
@given(st.data(), mixes, calls, some_designs, st.sampled_from(["", END_TO_END]), st.booleans())
def test_the_order_of_the_scenes_changes_nothing(
    data: st.DataObject,
    scenes: list[str],
    weights: list[float],
    designs: list[int],
    more: str,
    weighted: bool,
) -> None:
    pairs = list(zip(scenes, weights, strict=False))
    found = []
    for order in (pairs, data.draw(st.permutations(pairs))):
        study = study_of(
            [scene for scene, _ in order], [w for _, w in order] if weighted else (), more
        )
        found.append(values_of(study, rows_of(study, designs)))
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-12, nan_ok=True)


def test_without_weights_an_objective_is_the_geometric_mean() -> None:
    """The square root of the product of two, of each quantity by itself."""
    study = study_of(["BERT", "XLM"])
    rows = rows_of(study, [SPACE.size - 1])
    (value,) = values_of(study, rows)
    one, other = (alone(*each) for each in zip(rows[0], study.workloads, strict=True))
    latency_s, energy_pj = ((one[name] * other[name]) ** 0.5 for name in ("latency_s", "energy_pj"))
    assert value["latency"] == pytest.approx(latency_s, rel=1e-12)
    assert value["energy_delay"] == pytest.approx(energy_pj * latency_s, rel=1e-12)
    assert value["power"] == pytest.approx(energy_pj / latency_s / 1e12, rel=1e-12)
    assert value["tokens_per_s"] == pytest.approx(64 * 1024 / latency_s, rel=1e-12)


def test_one_chip_has_the_deepest_register_files_that_any_scene_asks_for() -> None:
    """Sides of 512: 4 * 512 / 64 rows in a PE for BERT's heads, half for XLM's of 128."""
    (number,) = (
        number
        for number in range(SPACE.size)
        if [int(SPACE.rows(number, number + 1)[name][0]) for name in SIZES]
        == [512, 256, 256, 16777216]
    )
    depths = {
        scenes: {row["pe_registers"] for row in rows_of(study_of(scenes), [number])[0]}
        for scenes in (("BERT",), ("XLM",), ("XLM", "BERT"))
    }
    assert depths == {("BERT",): {32}, ("XLM",): {16}, ("XLM", "BERT"): {32}}
    areas = {row["area_um2"] for row in rows_of(study_of(["XLM", "BERT"]), [number])[0]}
    assert areas == {rows_of(study_of(["BERT"]), [number])[0][0]["area_um2"]}


FIVE = 'objectives = ["area", "tokens_per_s", "energy_per_token", "power", "util_2d"]\n'


def test_a_mix_is_searched_swept_continued_and_told(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text_of(["prefill", "decode"], [1, 500], END_TO_END + FIVE + "batch = 6\n"))
    out = ("--out", tmp_path / "runs")
    whole = ("--trials", 18, "--quiet")
    assert dse("study", "run", file, *whole, *out)[0] == 0
    assert dse("study", "run", file, "--name", "cut", "--trials", 6, "--quiet", *out)[0] == 0
    assert dse("study", "resume", "cut", *whole, *out)[0] == 0
    assert dse("sweep", "s", *out)[0] == 0
    tables = {}
    for name in ("s", "cut"):
        assert dse("study", "export", name, tmp_path / f"{name}.csv", *out)[0] == 0
        tables[name] = pd.read_csv(tmp_path / f"{name}.csv").drop(columns="study")
    pd.testing.assert_frame_equal(tables["s"], tables["cut"])
    halves = ["attention", "linear layers"]
    assert tables["s"]["scene"].tolist()[:4] == ["prefill", "prefill", "decode", "decode"]
    assert tables["s"]["layers"].tolist()[:4] == halves * 2

    told = "a mix of 1 prefill and 500 decode, attention and linear layers, all layers of the model"
    assert f"of        {told}\n" in dse("study", "show", "s", *out)[1]
    assert f"\nobjectives: {told}\n" in dse("front", "s", *out)[1]
    report = json.loads(dse("front", "s", "--json", *out)[1])
    assert report["maximised"] == ["tokens_per_s", "util_2d"]
    truth = pd.read_parquet(tmp_path / "runs/s/sweep/front.parquet")
    ways = {
        "area_um2": 1,
        "tokens_per_s": -1,
        "energy_per_token_pj": 1,
        "power_w": 1,
        "util_2d": -1,
    }
    numbers = tables["s"].groupby("trial")["design"].first()
    costs = truth[list(ways)] * list(ways.values())
    for row in report["front"]:
        own = [ways[name] * row[name] for name in ways]
        beaten = (costs <= own).all(axis=1) & (costs < own).any(axis=1)
        design = truth[truth["design"] == numbers[row["trial"]]]
        assert beaten.any() != (len(design) == 1)
        if len(design):
            assert design[list(ways)].iloc[0].tolist() == [row[name] for name in ways]
    assert 0 < report["true_front"]["hypervolume_ratio"] <= 1


@pytest.mark.parametrize(
    ("bound", "constraint", "metric"),
    [
        ("tokens_per_s = { min = 30000 }", "tokens_per_s_under", "tokens_per_s"),
        ("util_2d = { min = 0.5 }", "util_2d_under", "util_2d"),
        ("power_w = 20", "power_w_over", "power_w"),
    ],
)
def test_bounds_are_of_each_scene(bound: str, constraint: str, metric: str) -> None:
    text = text_of(["prefill", "decode"], [1, 500]) + f"[constraints]\n{bound}\n"
    rows = rows_of(toml.parse(text, "s"), range(SPACE.size))
    free = rows_of(study_of(["prefill", "decode"]), range(SPACE.size))
    limit = float(bound.split()[-2] if "{" in bound else bound.rsplit(maxsplit=1)[-1])
    told = []
    for own, unbound in zip(rows, free, strict=True):
        for scene, row, plain in zip(("prefill", "decode"), own, unbound, strict=True):
            value = {
                "tokens_per_s": TOKENS[scene] / plain["latency_s"],
                "util_2d": plain["util_2d"],
                "power_w": plain["energy_pj"] / plain["latency_s"] / 1e12,
            }[metric]
            broken = value < limit if constraint.endswith("_under") else value > limit
            told.append(broken)
            assert (constraint in row["violations"]) == broken
            assert row["feasible"] == (plain["feasible"] and not broken)
            if broken:
                assert row["violations"][constraint] == pytest.approx(abs(limit - value), rel=1e-9)
    assert any(told)
    assert not all(told)
