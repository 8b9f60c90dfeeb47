"""A user's accelerator is a file: checked, evaluated, searched, swept as the shipped ones are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluators.protocol import METRICS

Run = Callable[..., tuple[int, str, str]]

OVERLAPPED = """\
name = "mine"
base = "binding"
[schedule]
stages = ["QK LM RM PRM SPD SPNV SLN SLD SLNV RD RNV AV"]
memory = "whole"
"""
STUDY = """\
name = "{name}"
configuration = "{configuration}"
models = ["BERT"]
seq_lens = ["4K"]
sampler = "random"
trials = 24

[space]
array_rows = [64, 128]
array_cols = [64, 128]
vector_lanes = [64, 128]
buffer_bytes = [524288, 1048576, 2097152]
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.toml"
    file.write_text(OVERLAPPED)
    return file


def edited(file: Path, text: str) -> None:
    """Write another content, seen to be newer however coarse the clock of the file system is."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 10**9, before + 10**9))


def test_five_lines_are_checked_and_evaluated(dse: Run, mine: Path) -> None:
    code, out, _ = dse("accelerator", "check", mine)
    assert code == 0
    assert "softmax" in out or "attention" in out
    code, out, _ = dse("evaluate", "--configuration", "mine.toml", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["configuration"] == str(mine)
    # All overlaps: the latency is that of the busiest of the two arrays and of DRAM.
    busiest = max(found[f"{each}_s"] for each in ("compute_2d", "compute_1d", "memory_latency"))
    assert found["latency_s"] == pytest.approx(busiest, rel=1e-14)
    # By hand, BERT at 256K: 64 sequences, 12 heads, 2^18 queries, 2^10 chunks of 256 keys. A chunk
    # keeps the PEs busy for (E + F + 1 + 7 + 1) cycles for 256 queries: QK, SLNV, LM, SLN, SLD.
    cycles = 64 * 12 * 2**10 * 2**10 * (64 + 64 + 1 + 7 + 1)
    assert found["compute_2d_s"] == pytest.approx(cycles / 940e6, rel=1e-14)


def test_a_file_without_a_change_is_its_base(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "same.toml"
    file.write_text('name = "same"\nbase = "binding"\n')
    same, base = (
        json.loads(dse("evaluate", "--configuration", each, "--accounting", "Q1", "--json")[1])
        for each in (file, "binding")
    )
    assert {name: same[name] for name in METRICS} == {name: base[name] for name in METRICS}


def test_a_table_of_designs_takes_files(dse: Run, mine: Path) -> None:
    Path("designs.csv").write_text(
        "configuration,seq_len,array_rows\nmine.toml,4096,128\ntensor_core,4096,32\n"
        "one_array,4096,128\n"
    )
    code, out, errors = dse("evaluate", "--designs", "designs.csv", "--out", "results.csv")
    assert code == 0, errors
    assert "3 designs evaluated (pad, corrected), 3 of them feasible" in out
    again = dse("evaluate", "--designs", "results.csv", "--out", "again.csv")
    assert again[0] == 0, again
    first, second = pd.read_csv("results.csv"), pd.read_csv("again.csv")
    assert list(first["configuration"]) == [str(mine), "tensor_core", "one_array"]
    pd.testing.assert_frame_equal(first, second)


def test_paths_of_a_table_start_from_its_folder(
    dse: Run, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128}
    config |= {"num_attention_heads": 4, "num_hidden_layers": 1}
    Path("config.json").write_text(json.dumps(config))
    Path("designs.csv").write_text("configuration,model,seq_len\nmine.toml,./config.json,1K\n")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    code, _, errors = dse("evaluate", "--designs", "../designs.csv", "--out", "results.csv")
    assert (code, errors) == (0, "")
    results = pd.read_csv("results.csv")
    assert results["feasible"].tolist() == [True]
    assert Path(results["configuration"][0]).samefile(mine)
    assert results["shape"].tolist() == ["1,64,16,16,4,128,gated=1"]


def test_a_joint_study_searches_files_beside_the_papers(dse: Run, mine: Path) -> None:
    text = STUDY.format(name="both", configuration="binding")
    text = text.replace('"binding"', '["binding", "mine.toml", "one_array"]')
    Path("study.toml").write_text(text)
    code, out, errors = dse("study", "run", "study.toml", "--executor", "serial", "--quiet")
    assert code == 0, errors
    code, out, errors = dse("sweep", "study.toml", "--executor", "serial")
    assert code == 0, errors
    assert (
        "both (padded, corrected accounting): 60 designs" in out
    )  # 24 each with lanes, 12 without
    assert dse("study", "export", "both", "rows.csv")[0] == 0
    rows = pd.read_csv("rows.csv")
    assert set(rows["configuration"]) == {"binding", str(mine), "one_array"}
    assert (rows["vector_lanes"].isna() == (rows["configuration"] == "one_array")).all()
    front = json.loads(dse("front", "both", "--json")[1])
    # Whatever the chip, what overlaps wholly takes no longer: no +Binding is alone on the front.
    assert {str(mine), "one_array"} & {
        each["parameters"]["configuration"] for each in front["front"]
    }


def test_a_front_of_ones_own_is_drawn_beside_another_and_the_papers(dse: Run, mine: Path) -> None:
    for name, configuration in (("own", "mine.toml"), ("papers", "binding")):
        Path(f"{name}.toml").write_text(STUDY.format(name=name, configuration=configuration))
        code, _, errors = dse("study", "run", f"{name}.toml", "--executor", "serial", "--quiet")
        assert code == 0, errors
    code, out, errors = dse("front", "own", "papers", "--figure", "fronts.svg")
    assert (code, errors) == (0, "")
    assert out.endswith("the figure is in fronts.svg\n")
    assert Path("fronts.svg").read_text().startswith("<?xml")
    code, _, errors = dse("front", "own", "--figure", "fronts.doc")
    assert (code, errors) == (2, "dse front: fronts.doc: figures are .pdf, .png, .svg\n")


def test_reals_are_searched_resumed_and_exported(dse: Run, mine: Path) -> None:
    text = STUDY.format(name="fast", configuration="mine.toml")
    bandwidths = [5e10, 1e11, 4.29e11, 800.5e9]
    text += f"dram_bytes_per_s = {bandwidths}\nclock_hz = [940e6, 1.41e9]\n"
    Path("study.toml").write_text(text)
    half = dse("study", "run", "study.toml", "--trials", "12", "--executor", "serial", "--quiet")
    assert half[0] == 0, half
    rest = dse("study", "resume", "fast", "--trials", "24", "--executor", "serial", "--quiet")
    assert rest[0] == 0, rest
    assert dse("study", "export", "fast", "rows.parquet")[0] == 0
    rows = pd.read_parquet("rows.parquet")
    assert rows["dram_bytes_per_s"].dtype == np.float64
    assert set(rows["dram_bytes_per_s"]) == set(bandwidths)
    assert set(rows["clock_hz"]) == {940e6, 1.41e9}
    seconds = rows["traffic_bytes"] / rows["dram_bytes_per_s"]
    pd.testing.assert_series_equal(rows["memory_latency_s"], seconds, check_names=False)
    again = dse("evaluate", "--designs", "rows.parquet", "--out", "again.parquet")
    assert again[0] == 0, again
    pd.testing.assert_series_equal(pd.read_parquet("again.parquet")["latency_s"], rows["latency_s"])
    assert dse("sweep", "fast", "--executor", "serial")[0] == 0


@pytest.mark.parametrize("configuration", ["mine.toml", "tensor_core", "one_array"])
def test_a_study_runs_resumes_is_swept_and_has_a_front(
    dse: Run, mine: Path, configuration: str
) -> None:
    text = STUDY.format(name="own", configuration=configuration)
    if configuration == "one_array":
        text = text.replace("vector_lanes = [64, 128]\n", "")
    Path("study.toml").write_text(text)
    code, out, errors = dse("study", "run", "study.toml", "--executor", "serial", "--quiet")
    assert code == 0, errors
    assert "own (padded, corrected accounting): 24 trials" in out
    code, out, errors = dse(
        "study", "resume", "own", "--trials", 40, "--executor", "serial", "--quiet"
    )
    assert code == 0, errors
    assert "own (padded, corrected accounting): 40 trials" in out
    assert dse("study", "show", "own")[0] == 0
    code, out, errors = dse("sweep", "own", "--executor", "serial")
    assert code == 0, errors
    code, out, errors = dse("front", "own", "--json")
    assert code == 0, errors
    report = json.loads(out)
    assert 0 < report["true_front"]["hypervolume_ratio"] <= 1 + 1e-12
    assert ("vector_lanes" in report["front"][0]["parameters"]) == (configuration != "one_array")
    assert dse("study", "export", "own", "own.csv")[0] == 0
    code, out, errors = dse("evaluate", "--designs", "own.csv", "--out", "own2.csv")
    assert code == 0, errors
    exported, evaluated = pd.read_csv("own.csv"), pd.read_csv("own2.csv")
    feasible = exported["feasible"]
    pd.testing.assert_series_equal(
        exported["latency_s"][feasible], evaluated["latency_s"][feasible]
    )


def test_an_edited_file_is_another_study(dse: Run, mine: Path) -> None:
    Path("study.toml").write_text(STUDY.format(name="own", configuration="mine.toml"))
    assert dse("study", "run", "study.toml", "--executor", "serial", "--quiet")[0] == 0
    edited(mine, OVERLAPPED.replace('"QK LM RM', '"QK LM", "RM'))
    for command in (("study", "resume", "own"), ("sweep", "own"), ("front", "own")):
        code, out, errors = dse(*command)
        assert (code, out) == (2, "")
        assert errors.count("\n") == 1
        assert str(mine) in errors
        assert "was edited; restore it" in errors
    edited(mine, OVERLAPPED)
    assert dse("front", "own")[0] == 0


def test_an_edited_file_is_read_anew(dse: Run, mine: Path) -> None:
    def latency_s() -> float:
        out = dse("evaluate", "--configuration", mine, "--json")[1]
        return float(json.loads(out)["latency_s"])

    overlapped = latency_s()
    edited(mine, OVERLAPPED.replace('"QK LM RM', '"QK LM", "RM'))
    assert latency_s() > overlapped


BROKEN = [
    ("name = 1\n", "name"),
    ('base = "nothing"\n', "unknown"),
    ('name = "x"\nbase = "x.toml"\n', "build on one another"),
    ("a" * 300_000, ""),
    ("[" * 5000, "TOML"),
    (OVERLAPPED.replace(" AV", ""), "AV is in no stage"),
    (OVERLAPPED.replace("QK LM", "QK QK LM"), "put it in one"),
    (OVERLAPPED.replace("mine", "mine\x00"), ""),
    (OVERLAPPED + '[parameters]\nx = { default = "__import__" }\n', ""),
    (OVERLAPPED + '[ranks]\nM0 = "array_rows ** 9"\n', ""),
    (OVERLAPPED + '[ranks]\nM0 = "__import__(1)"\n', ""),
]


@pytest.mark.parametrize(("text", "said"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_one_line_and_exit_code_2(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.toml").write_text(text)
    Path("study.toml").write_text(STUDY.format(name="own", configuration="x.toml"))
    Path("designs.csv").write_text("configuration\nx.toml\n")
    for command in (
        ("evaluate", "--configuration", "x.toml"),
        ("evaluate", "--designs", "designs.csv", "--out", "out.csv"),
        ("study", "run", "study.toml"),
    ):
        code, out, errors = dse(*command)
        assert (code, out) == (2, ""), command
        assert errors.count("\n") == 1
        assert said in errors
    assert not Path("runs").exists()
    assert not Path("out.csv").exists()


def test_a_file_that_is_gone_is_one_line(dse: Run, mine: Path) -> None:
    Path("study.toml").write_text(STUDY.format(name="own", configuration="mine.toml"))
    assert dse("study", "run", "study.toml", "--executor", "serial", "--quiet")[0] == 0
    mine.unlink()
    code, out, errors = dse("study", "resume", "own", "--executor", "serial", "--quiet")
    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert str(mine) in errors


def test_processes_read_the_file_too(dse: Run, mine: Path) -> None:
    Path("study.toml").write_text(STUDY.format(name="own", configuration="mine.toml"))
    code, out, errors = dse(
        "study", "run", "study.toml", "--executor", "processes", "--workers", 2, "--quiet"
    )
    assert code == 0, errors
    assert "own (padded, corrected accounting): 24 trials" in out


def test_timeloop_tells_that_it_takes_no_file_yet(dse: Run, mine: Path) -> None:
    code, _, errors = dse("evaluate", "--configuration", mine, "--evaluator", "timeloop")
    assert code == 2
    assert errors.count("\n") == 1


def test_machines_are_listed_and_shown(dse: Run) -> None:
    code, out, _ = dse("machine", "list")
    assert code == 0
    assert max(len(line) for line in out.splitlines()) <= 100
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert "pe 512 x 128, vector 1024" in rows["tpu_v4i"]
    assert rows["eyeriss"].split()[-4:] == ["108", "0.48", "200", "16"]
    code, out, _ = dse("machine", "show", "tpu_v4i")
    assert code == 0
    assert 'base   = "flat"' in out
    code, _, said = dse("machine", "show", "nobody")
    assert code == 2
    assert "known are eyeriss, flat" in said


def test_a_design_is_checked_in_sizes_as_people_write_them(dse: Run) -> None:
    design = "buffer_bytes=64 MiB,clock_hz=1.5 GHz"
    code, out, _ = dse("accelerator", "check", "tpu", "--seq-len", "4K", "--design", design)
    assert code == 0
    assert "buffer_bytes 67,108,864" in out
    assert "clock_hz 1,500,000,000.0" in out
    code, _, said = dse("accelerator", "check", "tpu", "--design", "buffer_bytes=64 MHz")
    assert code == 2
    assert "'64 MHz' is not understood; write a size" in said
