"""`dse report` of `dse reproduce`: its page in a real browser, this run's figures and others'."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser

import dse as interface
from dse.commands.cli import main

Run = Callable[..., tuple[int, str, str]]

PUBLISHED = Path(__file__).parents[2] / "analysis" / "paper_values.csv"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the published accounting beside that of one correction."""
    out = tmp_path_factory.mktemp("runs")
    assert main(["reproduce", "--out", str(out / "paper")]) == 0
    assert main(["reproduce", "--accounting", "Q1", "--out", str(out / "mended")]) == 0
    assert main(["report", "paper", "--beside", "mended", "--out", str(out)]) == 0
    return out / "paper" / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with Browser(tmp_path_factory.mktemp("profile"), 1280) as opened:
        yield opened


def _drawn(browser: Browser, figure: str) -> list[float]:
    """Return the values that a figure's chart has, sorted."""
    values: list[float] = browser.run(
        f"""CHARTS["chart-{figure}"].data.flatMap(({{ y }}) => y).filter((each) => each !== null)"""
    )
    return sorted(values)


def _show(browser: Browser, run: str) -> None:
    browser.run(
        f"""[...document.querySelectorAll("#switch button")]
        .find((each) => each.innerText === "{run}").click()"""
    )


@pytest.mark.parametrize("width", [1280, 400])
def test_the_published_values_are_drawn_and_this_runs_are_as_near_as_their_digits(
    browser: Browser, page: Path, width: int
) -> None:
    browser.resize(width, 900)
    browser.open(page)
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    for figure in ("6a", "6b", "7", "8", "9", "10", "11"):
        published = sorted(float(row["value"]) for row in rows if row["figure"] == figure)
        assert _drawn(browser, figure) == pytest.approx(published, rel=5e-4)
    ours = _drawn(browser, "9")
    _show(browser, "published values")
    for figure in ("6a", "6b", "7", "8", "9", "10", "11"):
        published = sorted(float(row["value"]) for row in rows if row["figure"] == figure)
        assert _drawn(browser, figure) == published
    assert _drawn(browser, "9") != ours
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.problems == []


def test_another_run_is_switched_to(browser: Browser, page: Path) -> None:
    browser.resize(1280, 900)
    browser.open(page)
    energy, speedup = _drawn(browser, "9"), _drawn(browser, "8")
    assert "852 values, at most 4.5e-4" in browser.run(
        'document.getElementById("summary").innerText'
    )
    _show(browser, "mended")
    assert _drawn(browser, "8") == speedup
    assert _drawn(browser, "9") != energy
    text = browser.run('document.getElementById("headlines").innerText')
    lines = {
        line.split("\t")[0]: line.split("\t")[1:] for line in text.splitlines() if "\t" in line
    }
    # docs/model/corrections.md#effects
    assert lines["paper"] == ["6.723", "0.7875", "5.302", "0.8335"]
    assert lines["mended"][:2] == ["6.723", "0.8562"]
    browser.run('document.querySelectorAll("details").forEach((each) => (each.open = true))')
    assert browser.run("new Promise((done) => setTimeout(() => done(1), 50))") == 1
    assert browser.run('document.querySelectorAll("#figures tbody tr").length') == 852
    assert browser.problems == []


def test_a_bar_tells_every_runs_value(browser: Browser, page: Path) -> None:
    browser.resize(1280, 900)
    browser.open(page)
    x, y = browser.run(
        """(() => { document.getElementById("chart-8").scrollIntoView({ block: "center" });
        const { xaxis, yaxis } = CHARTS["chart-8"]._fullLayout;
        const box = CHARTS["chart-8"].getBoundingClientRect();
        const [x, y] = [xaxis._offset + xaxis.d2p("1K"), yaxis._offset + yaxis.d2p(0.5)];
        return [box.left + x, box.top + y]; })()"""
    )
    browser.point(x, y)
    # Of the five bars of BERT at 1K tokens the third is in the middle.
    tip = browser.run('document.querySelector("#chart-8 .tip").innerText').splitlines()
    with PUBLISHED.open() as file:
        (value,) = (
            row["value"]
            for row in csv.DictReader(file)
            if [row["figure"], row["configuration"], row["model"], row["seq_len"]]
            == ["8", "cascade", "BERT", "1024"]
        )
    assert tip[:2] == ["+Cascade, BERT, 1K", f"published values: {value}"]
    assert [line.split(":")[0] for line in tip[2:]] == ["paper", "mended"]
    assert [float(line.split(":")[1]) for line in tip[2:]] == pytest.approx(
        [float(value)] * 2, rel=5e-4
    )


def test_the_function_writes_what_the_command_does(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.html"
    assert interface.report("paper", beside=["mended"], out=page.parents[1], file=file) == file
    minute = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC")
    told, written = (minute.sub("", each.read_text(encoding="utf-8")) for each in (page, file))
    assert written == told


def test_what_is_no_run_is_refused_in_one_line(dse: Run, page: Path, tmp_path: Path) -> None:
    out = page.parents[1]
    for beside, why in (("nothing", "nothing"), ("paper", "one name")):
        code, _, errors = dse("report", "paper", "--beside", beside, "--out", out)
        assert (code, errors.count("\n")) == (2, 1)
        assert why in errors
    broken = tmp_path / "broken" / "evaluations" / "part-0.parquet"
    broken.parent.mkdir(parents=True)
    whole = (out / "paper" / "evaluations" / "part-0.parquet").read_bytes()
    for content in (b"", b"no Parquet", whole[: len(whole) // 2]):
        broken.write_bytes(content)
        code, _, errors = dse("report", "broken", "--out", tmp_path)
        assert (code, errors.count("\n")) == (2, 1)
        assert "dse reproduce writes them" in errors
    assert not (tmp_path / "broken" / "report.html").exists()
