"""`dse explain` and `dse compare`: against evaluations, published ratios, and brute force."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dse as interface
from analysis.figure_data import paper_values
from dse.results.parts import Parts

Run = Callable[..., tuple[int, str, str]]
OBJECTIVES = ["area_um2", "latency_s"]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies of BERT at 256K, one of them swept."""
    out = tmp_path_factory.mktemp("runs")
    for name, seed in (("one", 1), ("two", 2)):
        study = interface.study("binding-bert", name=name, seed=seed, trials=40, out=out)
        study.run(progress=False)
        if name == "one":
            interface.sweep(study)
    return out


@pytest.mark.parametrize(
    "design", ["binding", "flat,seq_len=16K", "cascade,lane_registers=257", "tpu"]
)
def test_shares_add_up_and_the_busiest_comes_first(design: str) -> None:
    found = interface.explain(design)
    assert found.components["energy_pj"].sum() == pytest.approx(found.metrics["energy_pj"], 1e-14)
    assert found.components["share"].sum() == pytest.approx(1, rel=1e-14)
    assert found.einsums["energy_pj"].sum() == pytest.approx(found.metrics["energy_pj"], 1e-14)
    assert found.bounds["busy_s"].is_monotonic_decreasing
    assert found.bounds["share"].max() <= 1 + 1e-12
    busy = found.bounds.set_index("resource")["busy_s"]
    by_array = found.einsums.groupby("array")["busy_s"].sum()
    assert busy["1D array"] == pytest.approx(by_array["1d"], rel=1e-12)
    assert busy["off-chip bandwidth"] == found.metrics["memory_latency_s"]


def test_a_step_is_what_the_design_one_step_away_evaluates_to() -> None:
    given = {"array_rows": 128, "seq_len": "64K", "accounting": "published", "fit": "strict"}
    found = interface.explain(given)
    base = interface.evaluate(**given).iloc[0]
    assert set(found.steps["parameter"]) == {
        "array_rows",
        "array_cols",
        "vector_lanes",
        "buffer_bytes",
        "query_tiles",
    }
    domain = [2**power for power in range(3, 11)]  # docs/model/designs.md#search-domains
    for name in ("array_rows", "array_cols"):
        place = domain.index(base[name])
        steps = found.steps[found.steps["parameter"] == name]
        assert steps["old"].tolist() == [base[name]] * 2
        assert steps["new"].tolist() == [domain[place - 1], domain[place + 1]]
    for step in found.steps.to_dict("records"):
        row = interface.evaluate(**(given | {step["parameter"]: step["new"]})).iloc[0]
        assert step["reason"] == row["reason"]
        if row["feasible"]:
            for factor, metric in zip(
                ("latency", "energy", "area"), ("latency_s", "energy_pj", "area_um2"), strict=True
            ):
                assert step[factor] == pytest.approx(row[metric] / base[metric], rel=1e-14)
    assert found.steps["reason"].astype(bool).any()


def test_a_switch_steps_to_each_of_its_other_choices() -> None:
    steps = interface.explain("flat,seq_len=4K,qk_stationarity=output").steps
    found = steps[steps["parameter"] == "qk_stationarity"]
    assert found["old"].tolist() == ["output"] * 2
    assert set(found["new"]) == {"weight", "input"}


def test_the_nearest_point_of_the_true_front_is_the_nearest(studies: Path) -> None:
    study = interface.study("one", out=studies)
    front = study.true_front
    assert front is not None
    for trial in study.trials[study.trials["feasible"]].to_dict("records")[::7]:
        found = interface.explain(f"one/{trial['trial']}", out=studies)
        assert found.metrics["latency_s"] == trial["latency_s"]
        decades, dominating = [], 0
        for point in front.to_dict("records"):
            logs = [log10(point[name] / trial[name]) for name in OBJECTIVES]
            decades.append(sum(each**2 for each in logs) ** 0.5)
            dominating += max(logs) <= 0 and min(logs) < 0
        nearest = found.nearest
        assert nearest is not None
        assert nearest.decades == pytest.approx(min(decades), abs=1e-12)
        assert nearest.dominated_by == dominating
        assert nearest.front == "true front"
        assert decades[front["design"].tolist().index(nearest.design)] == pytest.approx(
            min(decades), abs=1e-12
        )


def test_of_a_study_only_what_is_asked_for_is_read(dse: Run, tmp_path: Path) -> None:
    study = interface.study(
        "binding-bert", trials=64, batch=4, sampler="random", pinned=False, out=tmp_path
    ).run(progress=False)
    trials = study.trials
    values = trials.loc[trials["feasible"], OBJECTIVES].to_numpy()
    beaten = [(other <= own).all() and (other < own).any() for own in values for other in values]
    on_front = ~np.array(beaten).reshape(len(values), -1).any(axis=1)
    front = trials.loc[trials["feasible"], "trial"][on_front]
    assert sorted(study.front["trial"]) == sorted(front)
    asked = int(trials.loc[trials["feasible"] & ~trials["trial"].isin(front), "trial"].iloc[0])
    before = interface.explain(f"binding-bert/{asked}", out=tmp_path)
    parts = sorted((study.folder / "evaluations").glob("part-*"))
    unread = set(range(len(parts) - 1)) - {trial // 4 for trial in [asked, *front]}
    assert unread
    for place in unread:
        parts[place].write_bytes(b"PAR1" + bytes(1000))
    now = interface.explain(f"binding-bert/{asked}", out=tmp_path)
    assert str(now) == str(before)
    code, _, errors = dse("front", "binding-bert", "--out", tmp_path)
    assert (code, errors.count("\n")) == (2, 1)
    assert f"{parts[min(unread)].name} is damaged" in errors
    parts[int(front.iloc[0]) // 4].unlink()
    code, _, errors = dse("explain", f"binding-bert/{asked}", "--out", tmp_path)
    assert (code, errors.count("\n")) == (2, 1)
    assert "lacks the part that has trial " in errors


def test_a_study_whose_parts_do_not_tell_its_front_has_one(tmp_path: Path) -> None:
    study = interface.study("binding-bert", trials=24, batch=8, out=tmp_path).run(progress=False)
    told = study.front
    parts = Parts(study.specification, study.folder)
    parts.write(16, replace(parts.read(16), front=None))
    pd.testing.assert_frame_equal(study.front, told)


def test_any_design_stands_against_a_study(studies: Path) -> None:
    design = "binding,array_rows=64,accounting=published,fit=strict"
    own = interface.explain(design, against="one", out=studies).nearest
    assert own is not None
    assert own.decades < 0.1
    with pytest.raises(interface.Error, match="one has another workload or accounting than"):
        interface.explain("binding,seq_len=64K", against="one", out=studies)


@pytest.mark.parametrize(
    ("design", "sentence"),
    [
        (
            "binding,array_rows=100,fit=strict",
            "array_rows 100 leaves a remainder of 44 in the 262144 keys",
        ),
        ("binding,array_row=8", "'array_row' is unknown; did you mean array_rows?"),
        ("binding,array_rows=8,array_rows=9", "gives something twice"),
        ("bindin", "unknown configuration 'bindin'; did you mean binding?"),
        ("oen/3", "there is no study in OUT/oen; did you mean one?"),
        ("one/40", "one/40: one has 40 trials, from 0"),
        ("one/x", "design 'one/x': one has no such trial; write one of its trials as one/0"),
        ("one/0,array_rows=8", "one has no such trial; write one of its trials as one/0"),
        ("one", "design 'one': one is a study; write one of its trials as one/0"),
    ],
)
def test_what_is_no_design_is_one_line(dse: Run, studies: Path, design: str, sentence: str) -> None:
    code, out, errors = dse("explain", design, "--out", studies)
    assert (code, out) == (2, "")
    assert errors.startswith("dse explain: ")
    assert errors.count("\n") == 1
    assert sentence.replace("OUT", str(studies)) in errors


def test_a_shape_keeps_its_commas_and_a_trial_its_study(dse: Run, studies: Path) -> None:
    design = "binding,shape=64,768,64,64,12,3072,seq_len=64K"
    found, plain = interface.explain(design), interface.explain("binding,seq_len=64K")
    assert found.metrics == plain.metrics
    code, out, _ = dse("explain", "one/0", "--out", studies, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["nearest"]["study"] == "one"
    assert told["components"][0]["component"] == "arithmetic"
    code, out, _ = dse("explain", "one/0", "--out", studies)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100


def test_what_a_study_refuses_is_explained_all_the_same(tmp_path: Path) -> None:
    study = interface.study(
        name="small",
        configuration="binding",
        models=["BERT", "T5"],
        seq_lens=["64K"],
        constraints={"area_um2": 2e7},
        trials=16,
        sampler="random",
        out=tmp_path,
    ).run(progress=False)
    alone = [list(each) == ["area_um2_over"] for each in study.trials["violations"]]
    row = study.trials[alone].iloc[0]
    found = interface.explain(f"small/{row['trial']}", out=tmp_path)
    assert found.nearest is None
    excess = found.metrics["area_um2"] - 2e7
    assert found.design.endswith(
        "geometric means over 2 workloads, padded, corrected accounting; "
        f"infeasible in the study: area_um2_over {excess:.6g}"
    )
    misses = study.misses.set_index("constraint").loc["area_um2_over"]
    areas = [2e7 + each.get("area_um2_over", np.inf) for each in study.trials["violations"]]
    assert misses["nearest"] == f"area_um2 2e+07: the least reached is {min(areas):.6g}"
    assert misses["violated_by"] == np.isfinite(areas).sum()
    assert misses["tried"] == 16


# Comparisons.


def test_designs_stand_to_each_other_as_the_paper_says() -> None:
    both = interface.compare("binding,seq_len=64K", "flat,seq_len=64K")
    values = paper_values()
    at = values[(values["model"] == "BERT") & (values["seq_len"] == 65536)]
    published = {
        quantity: at[at["quantity"] == quantity].set_index("configuration")["value"]
        for quantity in ("speedup", "energy_use")
    }
    wins = both.wins.set_index("metric")
    faster = published["speedup"]["binding"] / published["speedup"]["flat"]
    frugal = published["energy_use"]["flat"] / published["energy_use"]["binding"]
    assert wins.loc["latency_s", "factor"] == pytest.approx(faster, rel=5e-4)
    assert wins.loc["energy_pj", "factor"] == pytest.approx(frugal, rel=5e-4)
    assert (wins["design"] == "binding,seq_len=64K").all()
    buffers = both.designs["energy_buffer_pj"]
    assert wins.loc["energy_pj", "why"] == (
        f"most by buffer: {buffers.iloc[0]:.4g} pJ instead of {buffers.iloc[1]:.4g}"
    )


def test_even_designs_are_said_to_be_even() -> None:
    both = interface.compare("binding", "binding,array_rows=256")
    assert (both.wins["factor"] == 1).all()
    assert str(both).count("the best are even") == 4


def staircase(points: np.ndarray, end: np.ndarray) -> float:
    """The area between points of two minimised objectives and a corner, strip by strip."""
    inside = points[(points < end).all(axis=1)]
    edges = sorted({*inside[:, 0], end[0]})
    return sum(
        (right - left) * (end[1] - inside[inside[:, 0] <= left][:, 1].min())
        for left, right in pairwise(edges)
    )


def test_studies_are_compared_as_brute_force_does(studies: Path) -> None:
    found = interface.compare("one", "two", out=studies)
    assert found.fronts == "fronts"  # the other was not swept
    fronts = {name: interface.study(name, out=studies).front for name in ("one", "two")}
    points = [(name, *row) for name, f in fronts.items() for row in f[OBJECTIVES].to_numpy()]
    kept = [
        one
        for one in points
        if not any(o[1] <= one[1] and o[2] <= one[2] and o[1:] != one[1:] for o in points)
    ]
    joint = found.joint[["study", *OBJECTIVES]].itertuples(index=False, name=None)
    assert sorted(joint) == sorted(kept)
    table = found.studies.set_index("study")
    logs = {name: np.log10(front[OBJECTIVES].to_numpy()) for name, front in fronts.items()}
    together = np.concatenate(list(logs.values()))
    # Volumes are told up to one end: from two fronts' it follows, and from the joint one's share.
    shares = table["share"] / table["share"].iloc[0]
    volumes = table["hypervolume"] / table["hypervolume"].iloc[0]
    pd.testing.assert_series_equal(shares, volumes, check_names=False)
    end = np.max([np.log10(reference_of(studies, name)) for name in fronts], axis=0)
    for name, own in logs.items():
        assert table.loc[name, "hypervolume"] == pytest.approx(staircase(own, end), rel=1e-12)
        whole = staircase(together, end)
        assert table.loc[name, "share"] == pytest.approx(staircase(own, end) / whole, rel=1e-12)
        assert table.loc[name, "joint"] == sum(each[0] == name for each in kept)
    for win in found.wins.to_dict("records"):
        others = fronts[win["rival"]][OBJECTIVES].to_numpy()
        ahead = [
            min(max(other / np.array(each[1:])) for other in others)
            for each in kept
            if each[0] == win["study"]
        ]
        assert win["ahead"] == pytest.approx(max(ahead), rel=1e-14)
        assert max(win["factors"].values()) == pytest.approx(win["ahead"], rel=1e-14)


def reference_of(studies: Path, name: str) -> np.ndarray:
    """1.1 times the largest feasible corner of the swept space, by objective."""
    del name  # both have the same space
    whole = pd.read_parquet(studies / "one" / "sweep", columns=[*OBJECTIVES, "array_rows"])
    return 1.1 * whole[OBJECTIVES].max().to_numpy()


def test_what_cannot_be_compared_is_one_line(dse: Run, studies: Path) -> None:
    for words, sentence in (
        (["one"], "give two designs or more, or two studies or more"),
        (["one", "one"], "give two studies or more, each once"),
        (["one", "flat"], "one is a study, and 'flat' is none"),
        (["one", "nobody"], "one is a study, and 'nobody' is none"),
        (
            ["binding", "flat,lane_registers=1"],
            "'flat,lane_registers=1': lane_registers 1 is 2 short",
        ),
        (["flat", "flat"], "a design is given twice"),
    ):
        code, out, errors = dse("compare", *words, "--out", studies)
        assert (code, out) == (2, "")
        assert sentence in errors
        assert errors.count("\n") == 1
    code, out, _ = dse("compare", "one", "two", "--out", studies, "--json")
    assert code == 0
    assert [row["study"] for row in json.loads(out)["studies"]] == ["one", "two"]


def test_designs_are_compared_charged_alike() -> None:
    """A point of the paper is published and strict, a smaller machine of it is not."""
    paper, half = "binding,seq_len=64K", "binding,seq_len=64K,array_rows=128"
    alike = interface.compare(paper, half).designs
    assert set(alike["accounting"]) == {"corrected"}
    said = f"{paper},accounting=published,fit=strict", f"{half},accounting=published,fit=strict"
    assert set(interface.compare(*said).designs["accounting"]) == {"published"}


def test_an_empty_value_is_no_default() -> None:
    with pytest.raises(interface.Error, match="seq_len is empty"):
        interface.explain("binding,seq_len=")
