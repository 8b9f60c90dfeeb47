"""Buffers that the shipped table lacks: infeasible everywhere, unless live CACTI is asked for.

CACTI is a stand-in here, a program that prints what CACTI prints: the real one is tested in
test_cacti.py where it is installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dse.commands.cli import main
from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.components import address, cacti, sram
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.errors import InputError
from evaluators.protocol import Evaluations
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
from studies import toml
from studies.toml_text import to_toml

ENGINE = AnalyticalEvaluator()
BERT = Workload(TRANSFORMERS["BERT"], 1024)
LIVE = replace(PUBLISHED, sram="cacti")
KNOWN, ODD, HOPELESS = 2**20, 5 * 2**18, 3 * 5 * 2**16

WORKS = """
[ "$1" = -infile ] || { echo 'Usage: cacti -infile <file>' >&2; exit 1; }
{
  echo 'Area (mm2), Dynamic read energy (nJ), Dynamic write energy (nJ)'
  echo '1.5, 2.5, 3.5'
} > "$2.out"
"""
FAILS_ON_ONE = f"""
grep -q 'size (bytes) {HOPELESS}' "$2" && {{ echo 'no organization found' >&2; exit 7; }}
{WORKS}"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Install a stand-in for CACTI's executable, a shell script of the given body."""

    def installed(body: str) -> None:
        executable = tmp_path / "cacti"
        executable.write_text(f"#!/bin/sh\n{body}\n")
        executable.chmod(0o755)
        monkeypatch.setattr(cacti, "_executable", lambda: executable)

    sram._live.cache_clear()
    yield installed
    sram._live.cache_clear()


def evaluate(
    accounting: Accounting, *buffers: int, name: str = "binding", side: int = 64
) -> Evaluations:
    designs = Designs.of(
        array_rows=side, array_cols=side, vector_lanes=side, buffer_bytes=np.array(buffers)
    )
    return ENGINE.evaluate(name, BERT, designs, accounting)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_is_installed_does_not_change_what_is_feasible(
    install: Callable[[str], None], name: str
) -> None:
    buffers = (8 * KNOWN, 8 * ODD)
    before = evaluate(PUBLISHED, *buffers, name=name)
    install(WORKS)
    after = evaluate(PUBLISHED, *buffers, name=name)
    assert before.feasible.tolist() == after.feasible.tolist() == [True, False]
    assert after.violations["sram_unknown"].tolist() == [0, 1]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_live_cacti_prices_what_the_table_lacks_and_nothing_else(
    install: Callable[[str], None], name: str
) -> None:
    install(WORKS)
    buffers = (8 * KNOWN, 8 * ODD)
    live, table = (evaluate(each, *buffers, name=name) for each in (LIVE, PUBLISHED))
    assert live.feasible.tolist() == [True, True]
    for metric, column in live.metrics.items():
        assert column[0] == table.metrics[metric][0]
        assert np.isfinite(column[1])
    rows = 8 * ODD // 128
    known = sram.sram(8 * KNOWN // 128, 1024)
    ours = float(live.metrics["area_um2"][1] - live.metrics["area_um2"][0] + known.area_um2)
    assert ours == pytest.approx(1.5e6 + 2 * float(address.area_um2(rows)), rel=1e-6)


def test_a_size_that_cacti_fails_on_fails_alone_and_is_not_infeasible(
    install: Callable[[str], None],
) -> None:
    install(FAILS_ON_ONE)
    results = evaluate(LIVE, KNOWN, HOPELESS, ODD, HOPELESS)
    assert list(results.failures) == [1, 3]
    assert "no organization found" in str(results.failures[1])
    assert np.isnan(results.metrics["energy_pj"]).tolist() == [False, True, False, True]
    assert results.feasible.all()


def test_what_cacti_cannot_model_is_infeasible(install: Callable[[str], None]) -> None:
    install("exit 3")
    results = evaluate(LIVE, 2**32, side=8)
    assert not results.failures
    assert results.violations["sram_unknown"].tolist() == [1]
    sentence = ENGINE.reason("binding", "sram_unknown", 1, BERT, results.designs)
    assert "CACTI cannot model it" in sentence


def test_live_cacti_that_is_not_installed_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, install: Callable[[str], None]
) -> None:
    monkeypatch.setattr(cacti.importlib.util, "find_spec", lambda _: None)
    assert evaluate(LIVE, KNOWN).feasible.all()
    with pytest.raises(InputError, match="pip install"):
        evaluate(LIVE, ODD)


def test_the_command_tells_infeasible_from_failed(
    install: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install(FAILS_ON_ONE)
    sizes = "--seq-len 1K --array-rows 64 --array-cols 64 --vector-lanes 64 --json --buffer-bytes"

    def run(buffer_bytes: int, *options: str) -> tuple[int, str]:
        code = main(["evaluate", *sizes.split(), str(buffer_bytes), *options])
        return code, "".join(capsys.readouterr())

    code, said = run(ODD, "--sram", "exact")
    assert (code, "--sram cacti" in said) == (2, True)
    code, said = run(ODD, "--sram", "cacti")
    assert (code, json.loads(said)["sram"]) == (0, "cacti")
    code, said = run(HOPELESS, "--sram", "cacti")
    assert (code, "no organization found" in said) == (1, True)
    code, said = run(KNOWN, "--sram", "guess")
    assert (code, said) == (
        2,
        "dse evaluate: sram 'guess' is unknown; write 'exact', 'next larger' or 'cacti'\n",
    )


def test_a_table_has_a_column_for_it_and_round_trips(
    install: Callable[[str], None], tmp_path: Path
) -> None:
    install(WORKS)
    designs, results, again = (tmp_path / f"{name}.csv" for name in ("in", "out", "again"))
    columns = "seq_len,array_rows,array_cols,vector_lanes,buffer_bytes,sram"
    designs.write_text(f"{columns}\n1K,64,64,64,{ODD},exact\n1K,64,64,64,{ODD},cacti\n")
    assert main(["evaluate", "--designs", str(designs), "--out", str(results)]) == 0
    table = pd.read_csv(results)
    assert table["feasible"].tolist() == [False, True]
    assert table["sram"].tolist() == ["exact", "cacti"]
    assert main(["evaluate", "--designs", str(results), "--out", str(again)]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(again), table)


def test_a_study_asks_for_it_and_is_another_study_then(
    install: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(FAILS_ON_ONE)
    text = f"""
    name = "live"
    configuration = "binding"
    models = ["BERT"]
    seq_lens = ["1K"]
    sampler = "grid"
    pinned = false
    accounting = "corrected"
    {{sram}}
    [space]
    array_rows = 64
    array_cols = 64
    vector_lanes = 64
    buffer_bytes = [{KNOWN}]
    query_tiles = [0, 1, 2]
    """
    plain, live = (toml.parse(text.format(sram=each), "x") for each in ("", 'sram = "cacti"'))
    assert plain.accounting == replace(CORRECTED, sram="next larger")
    assert live.accounting == replace(CORRECTED, sram="cacti")
    assert plain.enforce_registers
    assert live.enforce_registers
    assert plain.digest() != live.digest()
    assert toml.parse(to_toml(live, {}), "x") == live
    with pytest.raises(InputError, match="sram: 'guess' is unknown; write 'exact', "):
        toml.parse(text.format(sram='sram = "guess"'), "x")
    file = tmp_path / "study.toml"
    file.write_text(text.format(sram='sram = "cacti"'))
    out = ["--quiet", "--accounting", "published", "--out", str(tmp_path)]
    assert main(["study", "run", str(file), *out]) == 0
    assert 'sram = "cacti"' in (tmp_path / "live" / "study.toml").read_text()
    capsys.readouterr()
