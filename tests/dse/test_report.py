"""`dse report` of a study: its page in a real browser, its values against other commands'."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, Browser

import dse as interface
from dse.commands.cli import main

Run = Callable[..., tuple[int, str, str]]

RANDOM = ("--sampler", "random", "--seed", "1")

SUITE = """
name = "suite"
configuration = ["unfused", "binding"]
models = ["BERT", "T5"]
seq_lens = ["16K"]
objectives = ["area", "latency", "energy"]
trials = 60
seed = 1
sampler = "random"
"""


FOUND = """
name = "found"
configuration = ["two_pass", "three_pass"]
models = ["tiny"]
seq_lens = [16]
trials = 8
sampler = "grid"
[space]
array_rows = [8, 16]
array_cols = 8
vector_lanes = 8
buffer_bytes = 65536
gm_on = ["1d", "2d"]
[transformers.tiny]
batch = 1
model_width = 8
query_width = 4
value_width = 4
heads = 1
ffn_width = 8
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with its true front, and one of several configurations and workloads."""
    out = tmp_path_factory.mktemp("runs")
    common = ["--quiet", "--out", str(out)]
    assert main(["study", "run", "binding-bert", *RANDOM, "--trials", "100", *common]) == 0
    assert main(["sweep", "binding-bert", "--out", str(out)]) == 0
    (out / "suite.toml").write_text(SUITE)
    assert main(["study", "run", str(out / "suite.toml"), *common]) == 0
    (out / "found.toml").write_text(FOUND)
    assert main(["study", "run", str(out / "found.toml"), *common]) == 0
    for name in ("binding-bert", "suite", "found"):
        assert main(["report", name, "--out", str(out)]) == 0
    return out


def _page(runs: Path, study: str) -> Path:
    return runs / study / "report.html"


def _data(runs: Path, study: str) -> dict[str, Any]:
    return _data_in(_page(runs, study))


def _data_in(file: Path) -> dict[str, Any]:
    page = file.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with Browser(tmp_path_factory.mktemp("profile"), 1280) as opened:
        yield opened


PLACES = """(() => {
const box = document.getElementById("front-chart").getBoundingClientRect();
return POINTS.design.map((_, point) => {
  const { xaxis, yaxis } = CHARTS["front-chart"]._fullLayout;
  const [x, y] = [state.x, state.y].map((i) =>
    POINTS.objectives[i][point] / quantity(DATA.objectives[i]).scale);
  return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
});
})()"""
"""Where the points of the front's chart are shown."""


PLOTLY_LOOKED = "new Promise((done) => setTimeout(done, 100))"
"""Plotly looks every 50 ms what the mouse does."""

SHOW = """(async (id) => {
document.getElementById(id).scrollIntoView({block: "center"});
while (!CHARTS[id]) await new Promise(requestAnimationFrame);
})"""
"""Charts are drawn when they come near the window."""


LINES = """CHARTS["parameters-chart"].data.map(({ x, y }) =>
x.filter((each, i) => each === null && y[i] === null).length)"""
"""How many lines each trace of the parallel coordinates has; such a point ends one."""


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("study", ["binding-bert", "suite"])
def test_points_tell_on_hover_and_on_click_what_they_are(
    browser: Browser, dse: Run, runs: Path, study: str, width: int
) -> None:
    browser.resize(width, 900)
    browser.open(_page(runs, study))
    points = _data(runs, study)["points"]
    area, latency, *_ = points["objectives"]
    browser.run('document.getElementById("front-chart").scrollIntoView({block: "center"})')
    places = browser.run(PLACES)
    for place in [places[point] for point in points["front"][::6]] + places[::12]:
        browser.point(*place)
        browser.run(PLOTLY_LOOKED)
        tip = browser.run('document.querySelector(".tip").innerText')
        browser.click(*place)
        card = browser.run('document.getElementById("picked").innerText')
        command = browser.run('document.querySelector("#picked .command code").innerText')
        # Symbols overlap: the upper one is meant, which is at most its radius away.
        point = browser.run("state.chosen.at(-1)")
        assert math.dist(places[point], place) < 8
        for text in (tip, card):
            assert re.search(rf"\bdesign {points['design'][point]}\b", text.split("\n")[0])
            assert "bound by" in text
            assert command in text
        if study == "binding-bert":
            program, *words = shlex.split(command)
            assert program == "dse"
            code, text, _ = dse(*words, "--json")
            assert code == 0
            assert json.loads(text)["latency_s"] == pytest.approx(latency[point], rel=1e-7)
            assert json.loads(text)["area_um2"] == pytest.approx(area[point], rel=1e-7)
    assert browser.problems == []


DOTS = """(() => { const dots = document.querySelector("canvas.dots");
const { data } = dots.getContext("2d").getImageData(0, 0, dots.width, dots.height);
return data.filter((value, place) => place % 4 === 3 && value > 0).length; })()"""
"""How many pixels the dots of other designs colour."""


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("study", ["binding-bert", "suite"])
def test_the_page_fits_its_window_and_every_chart_is_drawn(
    browser: Browser, runs: Path, study: str, width: int
) -> None:
    browser.resize(width, 900)
    browser.open(_page(runs, study))
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("Object.keys(CHARTS)") == ["front-chart"]
    for chart in ("parameters-chart", "convergence-chart"):
        browser.run(f'{SHOW}("{chart}")')
    assert browser.run("document.documentElement.scrollWidth") <= width
    lines = browser.run(LINES)
    data = _data(runs, study)
    front, paper = set(data["points"]["front"]), set(map(int, data["points"]["paper"]))
    others = set(range(len(data["points"]["design"]))) - front - paper
    assert lines == [len(others), len(front), len(paper)]
    dots = browser.run(DOTS)
    assert dots > 200 if study == "suite" else dots > 50
    browser.run('document.getElementById("others").click()')
    assert browser.run(DOTS) == 0
    boxes = browser.run('document.querySelectorAll(".waterfall .box").length')
    assert boxes > 10
    assert browser.run('document.querySelectorAll("#importances tbody tr").length') > 0
    assert "study.toml" in browser.run('document.getElementById("provenance").innerText')
    assert browser.problems == []


@pytest.mark.parametrize("width", [1280, 400])
def test_lines_that_pass_a_stretch_of_an_axis_are_kept(
    browser: Browser, runs: Path, width: int
) -> None:
    browser.resize(width, 900)
    browser.open(_page(runs, "binding-bert"))
    browser.run(f'{SHOW}("parameters-chart")')
    before = browser.run(LINES)
    # Of the first parameter that varies the lower half of the values.
    data = _data(runs, "binding-bert")
    varying = next(each for each in data["parameters"] if len(each["values"]) > 1)
    passing = [at / (len(varying["values"]) - 1) < 0.45 for at in varying["at"]]
    front, paper = data["points"]["front"], list(map(int, data["points"]["paper"]))
    others = [point for point in range(len(passing)) if point not in front + paper]
    corners = browser.run("""(() => {
    const { xaxis, yaxis } = CHARTS["parameters-chart"]._fullLayout;
    const box = CHARTS["parameters-chart"].getBoundingClientRect();
    return [[-0.3, -0.02], [0.3, 0.45]].map(([which, place]) => {
      const [x, y] = narrow() ? [place, which] : [which, place];
      return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
    });
    })()""")
    browser.drag(*corners[0], *corners[1])
    browser.run(PLOTLY_LOOKED)
    kept = [sum(passing[point] for point in points) for points in (others, front, paper)]
    assert browser.run(LINES) == kept != before
    browser.click(*corners[1])
    browser.click(*corners[1], count=2)
    browser.run(PLOTLY_LOOKED)
    assert browser.run(LINES) == before
    assert browser.problems == []


def test_designs_are_put_side_by_side_and_taken_away(browser: Browser, runs: Path) -> None:
    browser.resize(1280, 900)
    browser.open(_page(runs, "suite"))
    headings = (
        '[...document.querySelectorAll("#compared th")].map((e) => e.innerText.split(",")[0])'
    )
    summary = browser.run('document.getElementById("charged").innerText')
    assert "corrected accounting; objectives are of geometric means over 2 workloads" in summary
    groups = '[...document.querySelectorAll("#compared .group")].map((e) => e.innerText)'
    assert "objectives, of geometric means over 2 workloads" in browser.run(groups)
    assert "one call of BERT at 16K tokens, padded" in browser.run(groups)
    before = browser.run(headings)
    row = browser.run("""(() => { const button = document.querySelector("#table td button");
    button.click(); return button.innerText; })()""")
    assert browser.run(headings) == [*before, f"C: design {row}"]
    browser.run("""document.querySelector('[aria-label="remove A"]').click()""")
    assert [text[3:] for text in browser.run(headings)[1:]] == [
        *(text[3:] for text in before[2:]),
        f"design {row}",
    ]
    latencies = []
    for workload in (1, 0):
        latencies.append(browser.run('document.getElementById("schedule").innerText'))
        browser.run(f"""(() => {{ const select = document.getElementById("workload");
        select.value = {workload}; select.dispatchEvent(new Event("change")); }})()""")
    assert latencies[0] != latencies[1]
    assert browser.problems == []


def test_a_page_can_be_read_and_used_before_its_charts_are_drawn(
    browser: Browser, runs: Path, tmp_path: Path
) -> None:
    page = _page(runs, "binding-bert").read_text(encoding="utf-8")
    assert "function(root, factory)" not in page  # what is in a function is read twice
    *before, plotly, drawing = page.split("<script>")
    assert "window.Plotly = Plotly" in plotly
    assert drawing.startswith("\nrender();\n</script>")
    unread = tmp_path / "unread.html"
    unread.write_text("<script>".join(before), encoding="utf-8")
    browser.open(unread)
    assert "100 trials" in browser.run('document.getElementById("summary").innerText')
    row = browser.run("""(() => { const button = document.querySelector("#table td button");
    button.click(); return button.innerText; })()""")
    assert f"design {row}," in browser.run('document.getElementById("picked").innerText')
    browser.run("""(() => { const select = document.getElementById("x"); select.value = 1;
    select.dispatchEvent(new Event("change")); })()""")
    assert browser.problems == []


def test_colours_differ_in_grey(browser: Browser, runs: Path) -> None:
    browser.open(_page(runs, "binding-bert"))
    lightness = []
    for colour in browser.run("COLOURS"):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        y = float(linear @ [0.2126, 0.7152, 0.0722])
        lightness.append(116 * y ** (1 / 3) - 16)
    assert min(np.diff(sorted(lightness))) > 13


@pytest.mark.parametrize("study", ["binding-bert", "suite"])
def test_fronts_are_those_of_the_evaluations(dse: Run, runs: Path, study: str) -> None:
    data = _data(runs, study)
    code, text, _ = dse("front", study, "--out", runs, "--json")
    assert code == 0
    told = json.loads(text)
    points = data["points"]
    values = np.array(points["objectives"]).T
    by_brute_force = {
        place
        for place, own in enumerate(values)
        if points["trial"][place] >= 0
        and not any(
            (other <= own).all() and (other < own).any()
            for number, other in enumerate(values)
            if points["trial"][number] >= 0
        )
    }
    assert set(points["front"]) == by_brute_force
    assert len(told["front"]) == len(by_brute_force)
    assert set(points["paper"].values()) == {each["point"] for each in told["paper_points"]}


def test_the_hypervolume_grows_to_what_dse_front_tells(dse: Run, runs: Path) -> None:
    data = _data(runs, "binding-bert")
    _, text, _ = dse("front", "binding-bert", "--out", runs, "--json")
    told = data["convergence"]
    assert told["volumes"] == sorted(told["volumes"])
    assert told["trials"] == sorted(set(told["trials"]))
    ratio = json.loads(text)["true_front"]["hypervolume_ratio"]
    assert told["volumes"][-1] == pytest.approx(ratio, rel=1e-12)
    rows = pd.read_parquet(runs / "binding-bert" / "evaluations")
    first = rows[rows["feasible"]].iloc[0]
    corner = np.log10(list(told["reference"].values()))
    area = np.prod(corner - np.log10([first["area_um2"], first["latency_s"]]))
    shares = [volume / told["volumes"][0] for volume in told["volumes"]]
    second = rows[rows["trial"] == told["trials"][1] - 1].iloc[0]
    a, b = (corner - np.log10([each["area_um2"], each["latency_s"]]) for each in (first, second))
    assert shares[1] == pytest.approx((a.prod() + b.prod() - np.minimum(a, b).prod()) / area)


def test_where_the_mapper_completes_designs_the_hypervolume_ends_at_the_front(runs: Path) -> None:
    rows = pd.read_parquet(runs / "found" / "evaluations")
    points = set(rows.loc[rows["feasible"], ["area_um2", "latency_s"]].itertuples(index=False))
    front = np.log10(
        sorted(
            (area, time)
            for area, time in points
            if not any(a <= area and t <= time and (a, t) != (area, time) for a, t in points)
        )
    )
    told = _data(runs, "found")["convergence"]
    corner = np.log10(1.1) + front.max(axis=0)
    assert list(told["reference"].values()) == pytest.approx(10**corner)
    heights = [corner[1], *front[:-1, 1]] - front[:, 1]
    assert told["volumes"][-1] == pytest.approx(((corner[0] - front[:, 0]) * heights).sum())


@pytest.mark.parametrize("study", ["binding-bert", "suite"])
def test_parts_of_a_design_add_up(runs: Path, study: str) -> None:
    details = _data(runs, study)["details"]
    assert details
    for own in details.values():
        for each in own:
            metrics = each["metrics"]
            for parts in (
                each["components"],
                {e["einsum"]: e["energy_pj"] for e in each["einsums"]},
            ):
                assert sum(parts.values()) == pytest.approx(metrics["energy_pj"], rel=1e-9)
            traffic = sum(e["traffic_bytes"] for e in each["einsums"])
            assert traffic == pytest.approx(metrics["traffic_bytes"], rel=1e-9)
            stages = sum(stage["lasts_s"] for stage in each["waterfall"])
            whole = max(stages, metrics["memory_latency_s"]) if each["overlapped"] else stages
            assert whole == pytest.approx(metrics["latency_s"], rel=1e-9)
            for stage in each["waterfall"]:
                for lane, boxes in stage["lanes"].items():
                    if lane != "off-chip":
                        assert sum(time for _, time in boxes) <= stage["lasts_s"] * (1 + 1e-9)


@pytest.mark.parametrize("width", [1280, 400])
def test_bindings_that_were_found_are_told(browser: Browser, runs: Path, width: int) -> None:
    browser.resize(width, 900)
    browser.open(_page(runs, "found"))
    chosen = browser.run("state.chosen.map((point) => POINTS.design[point])")
    rows = pd.read_parquet(runs / "found" / "evaluations").drop_duplicates("design")
    rows = rows.set_index("design")
    told = browser.run('document.getElementById("schedule").innerText')
    for design in chosen:
        assert rows.loc[design, "binding"] in told
    assert browser.run('document.querySelectorAll(".waterfall").length') == 0
    table = browser.run('document.getElementById("compared-body").innerText')
    for name in ("2D array", "1D array", "off-chip", "DRAM", "registers", "arithmetic"):
        assert re.search(rf"^{name}\s+\S", table, re.M)
    for name, own in _data(runs, "found")["details"].items():
        (each,) = own
        energy_pj = rows.loc[int(name), "energy_pj"]
        assert sum(each["components"].values()) == pytest.approx(energy_pj, rel=1e-12)
        busiest_s = max(each["busy_s"].values())
        assert busiest_s <= rows.loc[int(name), "latency_s"] * (1 + 1e-12)
    browser.run(f'{SHOW}("parameters-chart")')
    axes = browser.run('CHARTS["parameters-chart"].data.length && parallelAxes().length')
    assert 3 <= axes <= 12 + len(_data(runs, "found")["objectives"])
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.problems == []


def test_a_report_needs_a_study_a_front_and_a_name_of_a_page(
    dse: Run, runs: Path, tmp_path: Path
) -> None:
    assert dse("report", "binding-bart", "--out", runs)[0] == 2
    code, _, errors = dse("report", "suite", "--out", runs, "--file", tmp_path / "x.pdf")
    assert (code, errors.count("\n")) == (2, 1)
    assert "FILE.html" in errors
    tight = tmp_path / "tight.toml"
    tight.write_text(SUITE + "[constraints]\narea_um2 = 1.0\n")
    assert (
        main(["study", "run", str(tight), "--trials", "16", "--quiet", "--out", str(tmp_path)]) == 1
    )
    code, _, errors = dse("report", "suite", "--out", tmp_path)
    assert (code, errors) == (1, "dse report: no trial of suite is feasible\n")
    assert not (tmp_path / "suite" / "report.html").exists()


def test_the_function_writes_what_the_command_does(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "suite.HTML"
    study = interface.study("suite", out=runs)
    assert interface.report(study, file=str(file)) == file
    written, told = _data_in(file), _data(runs, "suite")
    assert written["points"] == told["points"]
    assert written["details"] == told["details"]
    assert interface.report("suite", out=runs) == _page(runs, "suite")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"study": "suit"}, "did you mean suite"),
        ({"study": "x" * 300}, "there is no study in"),
        ({"study": "a\0b"}, "there is no study in"),
        ({"file": "report.pdf"}, "report.pdf: a report is FILE.html"),
        ({"file": b"report.html"}, "file: give a text or a path or None, not bytes"),
        ({"beside": ["paper"]}, "other runs stand beside one of dse reproduce"),
        ({"beside": "paper"}, "beside: give a list, not str 'paper'"),
        ({"beside": ["paper", 3]}, "beside: give a text, not int '3'"),
        ({"colour": "red"}, "report: got an unexpected keyword argument 'colour'"),
    ],
)
def test_what_is_no_report_is_refused_before_it_is_written(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    rest = {name: value for name, value in arguments.items() if name != "study"}
    with pytest.raises(interface.Error, match=sentence) as refusal:
        interface.report(arguments.get("study", "suite"), out=runs, **rest)
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_in_a_name_ends_the_data(runs: Path, tmp_path: Path) -> None:
    from dse.reports.html.page import page  # noqa: PLC0415

    written = page({"kind": "study", "name": "</script><b>", "title": "</script>"})
    assert "</script><b>" not in written
    assert "&lt;/script&gt;&lt;b&gt;" in written
