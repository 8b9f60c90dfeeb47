"""A buffer that is priced as the next larger of the table is said to be, wherever it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

Run = Callable[..., tuple[int, str, str]]

MIB = 2**20
ODD = ("evaluate", "--seq-len", "4K", "--buffer-bytes", 40 * MIB)


def test_the_published_accounting_refuses_and_says_how_to_go_on(dse: Run) -> None:
    code, _, said = dse(*ODD, "--accounting", "published")
    assert code == 2
    assert "take the next larger, 98304 rows of 4096 bits, with --sram 'next larger'" in said


def test_an_account_warns(dse: Run) -> None:
    code, out, _ = dse(*ODD, "--sram", "next larger")
    assert code == 0
    assert (
        "warning: buffer_bytes is in no table of SRAMs; energy and area are those of the next "
        "larger, 50331648 bytes"
    ) in out
    code, out, _ = dse(*ODD, "--accounting", "corrected", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["sram"] == "next larger"
    assert any("50331648 bytes" in each for each in found["warnings"])
    code, out, _ = dse("evaluate", "--seq-len", "4K", "--sram", "next larger", "--json")
    assert json.loads(out)["warnings"] == []


def test_a_table_says_what_it_took(dse: Run, tmp_path: Path) -> None:
    designs, results = tmp_path / "in.csv", tmp_path / "out.csv"
    designs.write_text(
        "seq_len,buffer_bytes,accounting,sram\n"
        f"4K,{40 * MIB},published,\n4K,{40 * MIB},corrected,\n4K,{40 * MIB},corrected,exact\n"
    )
    code, _, _ = dse("evaluate", "--designs", designs, "--out", results)
    assert code == 0
    table = pd.read_csv(results)
    assert table["sram"].tolist() == ["exact", "next larger", "exact"]
    assert table["feasible"].tolist() == [False, True, False]
    assert table["next_larger_bytes"].tolist() == [0, 48 * MIB, 0]


def test_a_study_warns(dse: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("""
name = "mine"
base = "binding"
[parameters]
buffer_bytes = { default = "1.25 MiB", domain = ["1.25 MiB"] }
""")
    file = tmp_path / "study.toml"
    file.write_text("""
name = "odd"
configuration = "mine.toml"
models = ["BERT"]
seq_lens = ["4K"]
sampler = "grid"
pinned = false
accounting = "corrected"
[space]
array_rows = 64
array_cols = 64
vector_lanes = 64
query_tiles = [1]
""")
    code, out, _ = dse("study", "run", file, "--quiet", "--out", tmp_path)
    assert code == 0
    assert "warning: the buffers of 1 of them are in no table of SRAMs" in out
