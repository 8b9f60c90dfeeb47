"""`dse explain` and `dse compare` of mixes, against studies and evaluations of each part alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dse as interface

Run = Callable[..., tuple[int, str, str]]

SCENES = {
    "prefill": {"model": "llama-3-8b", "seq_len": "2K", "batch": 1, "fit": "pad"},
    "decode": {"model": "llama-3-8b", "queries": 1, "keys": "2K", "batch": 64, "fit": "pad"},
}
CALLS = {"prefill": 3.0, "decode": 500.0}
SIDES = {"array_rows": [128, 256], "vector_lanes": [128, 256]}


def of_scenes(out: Path, name: str, *, weighted: bool, end_to_end: bool) -> interface.Study:
    """Run a study of all designs of `SIDES`."""
    lines = [f'name = "{name}"', 'configuration = "binding"', 'sampler = "grid"', "pinned = false"]
    lines += ['objectives = ["latency", "energy", "area", "tokens_per_s"]']
    lines += ['linear_layers = "linear_fusemax"', "whole_model = true"] if end_to_end else []
    for scene, options in SCENES.items():
        weight = [f"weight = {CALLS[scene]}"] if weighted else []
        own = [f"{option} = {json.dumps(value)}" for option, value in options.items()]
        lines += ["[[workloads]]", f'name = "{scene}"', *weight, *own]
    fixed = {"array_cols": [256], "buffer_bytes": [16777216]}
    lines += ["[space]", *(f"{each} = {values}" for each, values in (SIDES | fixed).items())]
    (out / f"{name}.toml").write_text("\n".join(lines))
    return interface.study(out / f"{name}.toml", out=out).run(progress=False)


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mixes")
    of_scenes(out, "mix", weighted=True, end_to_end=True)
    of_scenes(out, "attention", weighted=True, end_to_end=False)
    of_scenes(out, "means", weighted=False, end_to_end=False)
    return out


@pytest.mark.parametrize("name", ["mix", "attention", "means"])
def test_of_a_mix_all_that_runs_is_told(dse: Run, mixes: Path, name: str) -> None:
    trials = interface.study(name, out=mixes).trials
    assert len(trials) == 4
    for trial in trials.to_dict("records"):
        found = interface.explain(f"{name}/{trial['trial']}", out=mixes)
        for objective in ("latency_s", "energy_pj", "area_um2", "tokens_per_s"):
            assert found.metrics[objective] == pytest.approx(trial[objective], rel=1e-12)
        parts = found.parts
        halves = [", attention", ", linear layers"] if name == "mix" else [""]
        layers = 32 if name == "mix" else 1
        calls = dict.fromkeys(SCENES, 1.0) if name == "means" else CALLS
        assert dict(zip(parts["part"], parts["times"], strict=True)) == {
            f"{scene}{half}": layers * calls[scene] for scene in SCENES for half in halves
        }
        if name != "means":
            runs = parts["times"] * parts["latency_s"]
            assert runs.sum() == pytest.approx(trial["latency_s"], rel=1e-12)
            assert parts["latency_share"].tolist() == pytest.approx((runs / runs.sum()).tolist())
        else:
            mean = np.exp(np.log(parts["energy_pj"]).mean())
            assert mean == pytest.approx(trial["energy_pj"], rel=1e-12)
        chip = {each: trial[each] for each in ("array_cols", "pe_registers", "lane_registers")}
        for scene, options in SCENES.items():
            sides = {each: trial[each] for each in SIDES}
            alone = interface.evaluate(**sides, **chip, **options, accounting="corrected").iloc[0]
            (part,) = parts[parts["part"] == f"{scene}{halves[0]}"].to_dict("records")
            assert part["latency_s"] == pytest.approx(alone["latency_s"], rel=1e-12)
            own = found.components[found.components["part"] == part["part"]]
            assert own["energy_pj"].sum() == pytest.approx(alone["energy_pj"], rel=1e-12)
            own = found.bounds[found.bounds["part"] == part["part"]]
            assert own["busy_s"].is_monotonic_decreasing
            assert own["resource"].iloc[0] == part["bound_by"]
    code, out, _ = dse("explain", f"{name}/0", "--out", mixes)
    assert code == 0
    for part in parts["part"]:
        assert out.count(f"\n{part}:\n") == 2


@pytest.mark.parametrize("name", ["mix", "means"])
def test_a_step_of_a_mix_is_the_trial_one_step_away(mixes: Path, name: str) -> None:
    trials = interface.study(name, out=mixes).trials.set_index(list(SIDES))
    base = trials.loc[(128, 128)]
    steps = interface.explain(f"{name}/{base['trial']}", out=mixes).steps
    for parameter, there in (("array_rows", (256, 128)), ("vector_lanes", (128, 256))):
        (step,) = steps[(steps["parameter"] == parameter) & (steps["new"] == 256)].to_dict(
            "records"
        )
        for factor, column in (("latency", "latency_s"), ("energy", "energy_pj")):
            ratio = trials.loc[there, column] / base[column]
            assert step[factor] == pytest.approx(ratio, rel=1e-12)


def test_designs_beside_a_trial_of_a_mix_run_that_mix(dse: Run, mixes: Path) -> None:
    found = interface.compare("attention/0", "binding,pe_registers=12", "attention/3", out=mixes)
    latencies = {
        scene: interface.evaluate(
            pe_registers=12, lane_registers=128, **options, accounting="corrected"
        )["latency_s"].iloc[0]
        for scene, options in SCENES.items()
    }
    row = found.designs.loc["binding,pe_registers=12"]
    for scene, latency_s in latencies.items():
        assert row[f"latency_s[{scene}]"] == pytest.approx(latency_s, rel=1e-12)
    whole = sum(CALLS[scene] * latency_s for scene, latency_s in latencies.items())
    assert row["latency_s"] == pytest.approx(whole, rel=1e-12)
    trials = interface.study("attention", out=mixes).trials.set_index("trial")
    for number in (0, 3):
        told = found.designs.loc[f"attention/{number}"]
        for column in ("latency_s", "energy_pj", "tokens_per_s"):
            assert told[column] == pytest.approx(trials.loc[number, column], rel=1e-12)
    code, out, _ = dse("compare", "attention/0", "binding,seq_len=64K", "--out", mixes)
    assert code == 0
    assert "latency_s: [2] wins" in out or "latency_s: [1] wins" in out
    assert "they run different workloads" in out


def test_a_mix_is_held_against_a_study_of_the_same_mix_alone(dse: Run, mixes: Path) -> None:
    code, _, errors = dse("explain", "mix/0", "--against", "means", "--out", mixes)
    assert (code, errors.count("\n")) == (2, 1)
    assert "means has another workload or accounting than mix/0" in errors
