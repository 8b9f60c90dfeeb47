"""`dse sweep` against brute force: every design evaluated alone, dominated ones struck out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

import dse as interface
from dse.execution.sweep_pieces import cut
from dse.results import sweep_parts
from evaluators.behaviour import behaviour
from evaluators.errors import InputError
from studies import toml

Run = Callable[..., tuple[int, str, str]]

SMALL = """
name = "small"
configuration = "binding"
models = ["BERT", "XLM"]
seq_lens = ["4K"]
[space]
array_rows = [16, 32, 64]
array_cols = [16, 64]
vector_lanes = [16, 32]
buffer_bytes = [16384, 65536, 131072]
query_tiles = [0, 2, 4]
"""
SEVERAL = """
name = "several"
configuration = "joint"
models = ["BERT", "XLM"]
seq_lens = ["4K"]
[space]
array_rows = [16, 32, 64, 128]
array_cols = [16, 64, 128]
vector_lanes = [16, 32]
buffer_bytes = [16384, 65536, 131072]
query_rows = 256
qk_stationarity = "weight"
av_stationarity = ["weight", "input"]
keeps_q = 1
keeps_k = 0
keeps_qk = 0
keeps_v = 0
keeps_av = [0, 1]
"""
SEVERAL_DESIGNS = 576
SMALL_VALUES = {
    "array_rows": [16, 32, 64],
    "array_cols": [16, 64],
    "vector_lanes": [16, 32],
    "buffer_bytes": [16384, 65536, 131072],
    "query_tiles": [0, 2, 4],
}


def _study(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text)
    return path


def _evaluate(dse: Run, *options: object) -> dict[str, Any] | None:
    """Evaluate one design as a user does; None where it is infeasible."""
    code, out, _ = dse("evaluate", *options, "--json")
    return None if code else json.loads(out)


def _options(design: dict[str, Any]) -> list[str]:
    return [
        part
        for name, value in design.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


def _brute_force(
    dse: Run, values: dict[str, list[Any]], models: list[str], *labels: str
) -> pd.DataFrame:
    """Evaluate the product of the values; a row a design that is feasible on every model."""
    rows = []
    for choice in product(*values.values()):
        design = dict(zip(values, choice, strict=True))
        results = [_evaluate(dse, "--model", each, *labels, *_options(design)) for each in models]
        if all(results):
            latencies = [each["latency_s"] for each in results]
            rows.append(
                design
                | {"area_um2": results[0]["area_um2"], "latencies": latencies}
                | {"latency_s": float(np.prod(latencies) ** (1 / len(models)))}
            )
    return pd.DataFrame(rows)


def _undominated(table: pd.DataFrame) -> pd.DataFrame:
    points = table[["area_um2", "latency_s"]].to_numpy()
    return table[
        [
            not any((other <= one).all() and (other < one).any() for other in points)
            for one in points
        ]
    ]


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def test_the_true_front_is_that_of_brute_force(dse: Run, tmp_path: Path) -> None:
    code, out, _ = dse("sweep", _study(tmp_path, SMALL), "--out", tmp_path)
    assert code == 0
    expected = _brute_force(dse, SMALL_VALUES, ["BERT", "XLM"], "--seq-len", "4K")
    best = _undominated(expected).sort_values(["area_um2", "latency_s", *SMALL_VALUES])
    assert 0 < len(expected) < 108
    assert f"108 designs, {len(expected)} of them feasible" in out
    assert f"true front of {len(best)} designs" in out

    front = pd.read_parquet(tmp_path / "small" / "sweep" / "front.parquet")
    assert list(front) == ["design", *SMALL_VALUES, "area_um2", "latency_s"]
    keys = list(SMALL_VALUES)
    assert set(front[keys].itertuples(index=False, name=None)) == set(
        best[keys].itertuples(index=False, name=None)
    )
    merged = front.merge(best, on=keys, validate="1:1")
    np.testing.assert_allclose(merged["latency_s_x"], merged["latency_s_y"], rtol=1e-12)
    np.testing.assert_array_equal(merged["area_um2_x"], merged["area_um2_y"])


def test_a_part_has_every_feasible_design_on_every_workload(dse: Run, tmp_path: Path) -> None:
    dse("sweep", _study(tmp_path, SMALL), "--out", tmp_path)
    path = tmp_path / "small" / "sweep" / "part-000000000000.parquet"
    rows = pd.read_parquet(path)
    expected = _brute_force(dse, SMALL_VALUES, ["BERT", "XLM"], "--seq-len", "4K")
    assert rows["model"].tolist() == ["BERT", "XLM"] * len(expected)
    assert (rows["seq_len"] == 4096).all()
    for name in SMALL_VALUES:
        assert rows[name].tolist() == np.repeat(expected[name], 2).tolist()
    assert rows["latency_s"].tolist() == [x for each in expected["latencies"] for x in each]
    number = np.ravel_multi_index(
        [
            [values.index(value) for value in expected[name]]
            for name, values in SMALL_VALUES.items()
        ],
        [len(values) for values in SMALL_VALUES.values()],
    )
    assert rows["design"].tolist() == np.repeat(number, 2).tolist()
    metadata = pq.read_metadata(path).metadata
    assert metadata[b"start"] == b"0"
    assert metadata[b"stop"] == b"108"
    assert metadata[b"infeasible"] == str(108 - len(expected)).encode()


def test_chunks_change_nothing(dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path / "whole")
    monkeypatch.setattr(sweep_parts, "CHUNK", 25)
    dse("sweep", study, "--out", tmp_path / "cut")
    whole, cut = (tmp_path / each / "small" / "sweep" for each in ("whole", "cut"))
    assert len(list(cut.glob("part-*"))) == 5
    assert (whole / "front.parquet").read_bytes() == (cut / "front.parquet").read_bytes()
    parts = pd.concat([pd.read_parquet(path) for path in sorted(cut.glob("part-*"))])
    pd.testing.assert_frame_equal(
        parts.reset_index(drop=True),
        pd.read_parquet(whole / "part-000000000000.parquet"),
        check_categorical=False,
    )


@pytest.mark.parametrize("chunk", [1 << 16, 250, 100])
def test_processes_write_the_same_files(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Whole parts are written as workers made them, pieces of one are put together."""
    monkeypatch.setattr(sweep_parts, "CHUNK", chunk)
    study = _study(tmp_path, SEVERAL)
    dse("sweep", study, "--out", tmp_path / "one")
    one = _files(tmp_path / "one" / "several" / "sweep")
    assert len(one) == 1 + -(-SEVERAL_DESIGNS // chunk)
    for workers in (2, 3):
        out = tmp_path / str(workers)
        processes = ("--executor", "processes", "--workers")
        code, _, _ = dse("sweep", study, "--out", out, *processes, workers)
        assert code == 0
        assert _files(out / "several" / "sweep") == one


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_every_worker_has_a_piece_of_a_small_space(tmp_path: Path, workers: int) -> None:
    study = toml.load(_study(tmp_path, SEVERAL))
    parts = sweep_parts.SweepParts(study, tmp_path)
    pieces = cut(study, parts, parts.missing(), workers)
    sizes = [piece.stop - piece.start for piece in pieces]
    assert len(sizes) >= workers
    assert max(sizes) <= -(-SEVERAL_DESIGNS // workers)
    assert [piece.start for piece in pieces] == np.cumsum([0, *sizes[:-1]]).tolist()
    assert sum(sizes) == SEVERAL_DESIGNS
    assert len(cut(study, parts, parts.missing(), 1)) == 1


def test_a_killed_worker_of_a_sweep_is_replaced(tmp_path: Path) -> None:
    study = _study(tmp_path, BIG)
    assert _start(study, tmp_path / "whole").wait(timeout=120) == 0
    process = _start(study, tmp_path / "killed", "--executor", "processes", "--workers", "2")
    workers: list[psutil.Process] = []
    deadline = time.monotonic() + 60
    while not workers and time.monotonic() < deadline:
        found = psutil.Process(process.pid).children()
        workers = [each for each in found if "spawn_main" in " ".join(each.cmdline())]
    workers[0].kill()
    assert process.wait(timeout=120) == 0
    expected, ends = (_files(tmp_path / each / "big" / "sweep") for each in ("whole", "killed"))
    assert ends == expected


def test_bounds_and_registers_are_kept(dse: Run, tmp_path: Path) -> None:
    bounded = "[constraints]\narea_um2 = 1e7\nregisters = true\n"
    registers = "[space]\nlane_registers = [0, 1]\n"
    text = SMALL.replace("[space]\n", bounded + registers)
    dse("sweep", _study(tmp_path, text), "--out", tmp_path)
    rows = pd.read_parquet(tmp_path / "small" / "sweep" / "part-000000000000.parquet")
    expected = _brute_force(dse, SMALL_VALUES, ["BERT", "XLM"], "--seq-len", "4K")
    inside = expected[expected["area_um2"] <= 1e7]
    assert 0 < len(inside) < len(expected)
    # One word holds no lane's tile, and the rule's depth holds every one.
    assert (rows["lane_registers"] == 0).all()
    assert len(rows) == 2 * len(inside)
    assert rows["area_um2"].max() == inside["area_um2"].max()


def test_the_joint_space_has_every_configurations_designs(dse: Run, tmp_path: Path) -> None:
    """Also: the paper's machine takes the paper's mapping where the space leaves it open."""
    text = """
    name = "joint"
    configuration = "joint"
    models = ["BERT"]
    seq_lens = ["1K"]
    accounting = "published"
    fit = "strict"
    [space]
    array_rows = [64, 256]
    array_cols = 256
    vector_lanes = 256
    buffer_bytes = [1048576, 16777216]
    query_rows = [256, 1024]
    qk_stationarity = "weight"
    av_stationarity = ["weight", "input"]
    keeps_q = 1
    keeps_k = 0
    keeps_qk = 0
    keeps_v = 0
    keeps_av = [0, 1]
    """
    code, _, errors = dse("sweep", _study(tmp_path, text), "--out", tmp_path)
    assert code == 0, errors
    rows = pd.read_parquet(tmp_path / "joint" / "sweep" / "part-000000000000.parquet")
    sizes = {"array_rows": [64, 256], "buffer_bytes": [1048576, 16777216]}
    rest = ["--seq-len", "1K", "--array-cols", "256", "--vector-lanes", "256"]
    rest += ["--accounting", "published", "--fit", "strict"]
    for name in ("unfused", "flat", "cascade", "architecture", "binding"):
        values: dict[str, list[Any]] = dict(sizes)
        if name == "flat":
            values |= {
                "query_rows": [256, 1024],
                "qk_stationarity": ["weight"],
                "av_stationarity": ["weight", "input"],
                **{f"keeps_{tensor}": [int(tensor == "q")] for tensor in ("q", "k", "qk", "v")},
                "keeps_av": [0, 1],
            }
        expected = _brute_force(dse, values, ["BERT"], *rest, "--configuration", name)
        found = rows[rows["configuration"] == name]
        assert len(expected) > 0
        assert found["latency_s"].tolist() == expected["latency_s"].tolist(), name
        assert found["area_um2"].tolist() == expected["area_um2"].tolist(), name


BIG = """
name = "big"
configuration = "binding"
models = ["BERT"]
seq_lens = ["256K"]
[space]
query_tiles = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256]
pe_registers = [0, 8, 16, 32]
"""
BIG_PARTS = 8


def _start(study: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dse", "sweep", str(study), "--out", str(out), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_killed_sweep_continues_and_ends_the_same(tmp_path: Path) -> None:
    study = _study(tmp_path, BIG)
    assert _start(study, tmp_path / "whole").wait(timeout=60) == 0
    expected = _files(tmp_path / "whole" / "big" / "sweep")
    assert len(expected) == BIG_PARTS + 1

    folder = tmp_path / "killed" / "big" / "sweep"
    for parts in (1, 4):
        process = _start(study, tmp_path / "killed")
        deadline = time.monotonic() + 60
        while len(list(folder.glob("part-*"))) < parts:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
        left = _files(folder)
        assert parts <= len(left) < BIG_PARTS
        assert left.items() <= expected.items()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    assert _start(study, tmp_path / "killed").wait(timeout=60) == 0
    assert _files(folder) == expected
    assert all((folder / name).stat().st_mtime_ns == time_ns for name, time_ns in kept.items())


MAPPED = """
name = "mapped"
configuration = "binding"
models = ["small"]
seq_lens = [8]
fit = "strict"
evaluator = "mapper"
[space]
array_rows = [8]
array_cols = [8]
vector_lanes = [8]
buffer_bytes = [65536]
pe_registers = [12, 16]
[transformers.small]
batch = 2
model_width = 8
query_width = 4
value_width = 4
heads = 2
ffn_width = 8
"""


def test_machines_that_were_mapped_are_not_mapped_again(dse: Run, tmp_path: Path) -> None:
    study = _study(tmp_path, MAPPED)
    assert dse("sweep", study, "--out", tmp_path)[0] == 0
    folder = tmp_path / "mapped" / "sweep"
    expected = _files(folder)
    first, second = sorted(folder.glob("part-*"))
    written_ns = first.stat().st_mtime_ns
    second.unlink()
    (folder / "front.parquet").unlink()
    assert dse("sweep", study, "--out", tmp_path)[0] == 0
    assert _files(folder) == expected
    assert first.stat().st_mtime_ns == written_ns


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncate, _flip, _empty])
def test_a_damaged_part_is_named(dse: Run, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path)
    part = tmp_path / "small" / "sweep" / "part-000000000000.parquet"
    damage(part)
    damaged = part.read_bytes()
    code, out, errors = dse("sweep", study, "--out", tmp_path)
    assert code == 2
    assert "true front" not in out
    assert f"{part} is damaged" in errors
    assert "Traceback" not in errors
    assert part.read_bytes() == damaged


def test_parts_of_another_study_are_refused(dse: Run, tmp_path: Path) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path)
    before = _files(tmp_path / "small" / "sweep")
    study.write_text(SMALL.replace('["4K"]', '["16K"]'))
    code, _, errors = dse("sweep", study, "--out", tmp_path)
    assert code == 2
    assert "is of another study or version; move it out" in errors
    assert _files(tmp_path / "small" / "sweep") == before


@pytest.mark.parametrize(
    ("edit", "difference"),
    [
        (("[16, 64]", "[16, 64, 256]"), "array_cols was [16, 64] and is [16, 64, 256]"),
        (('"binding"', '"cascade"'), 'configuration was "binding" and is "cascade"'),
    ],
)
def test_a_file_that_is_no_longer_that_of_the_study_that_was_run_is_not_swept_as_that(
    dse: Run, tmp_path: Path, edit: tuple[str, str], difference: str
) -> None:
    study = _study(tmp_path, SMALL)
    assert dse("study", "run", study, "--trials", 8, "--quiet", "--out", tmp_path)[0] == 0
    study.write_text(SMALL.replace(*edit))
    for sweep in (lambda: dse("sweep", study, "--out", tmp_path), lambda: _swept(study, tmp_path)):
        code, out, errors = sweep()
        assert (code, out) == (2, "")
        assert "the study 'small' was started with another specification: " in errors
        assert difference in errors
        assert f"dse sweep small --out {tmp_path} sweeps that, another needs another name" in errors
    assert not (tmp_path / "small" / "sweep").exists()
    study.write_text('sampler = "random"\n' + SMALL)
    for what in (study, "small"):
        assert "108 designs" in dse("sweep", what, "--out", tmp_path)[1]


def _swept(study: Path, out: Path) -> tuple[int, str, str]:
    """Sweep as Python does."""
    with pytest.raises(InputError) as refused:
        interface.sweep(study, out=out)
    return 2, "", str(refused.value)


def test_a_sweep_by_another_model_says_whose_evaluations_differ(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path)
    edited = {"binding": "00000000", "components": behaviour("analytical", ())["components"]}
    monkeypatch.setattr("studies.specification.Specification.behaviour", lambda _: edited)
    code, _, errors = dse("sweep", study, "--out", tmp_path)
    assert code == 2
    assert "another version of this program, whose evaluations of binding differ" in errors


def test_a_part_that_no_chunk_of_the_space_has_is_refused(dse: Run, tmp_path: Path) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path)
    stranger = tmp_path / "small" / "sweep" / "part-000000000007.parquet"
    stranger.write_bytes((stranger.parent / "part-000000000000.parquet").read_bytes())
    code, _, errors = dse("sweep", study, "--out", tmp_path)
    assert code == 2
    assert str(stranger) in errors


def test_what_searches_alone_does_not_matter(dse: Run, tmp_path: Path) -> None:
    study = _study(tmp_path, SMALL)
    dse("sweep", study, "--out", tmp_path)
    before = _files(tmp_path / "small" / "sweep")
    study.write_text('sampler = "random"\nseed = 3\nbatch = 5\npinned = false\n' + SMALL)
    assert dse("sweep", study, "--out", tmp_path)[0] == 0
    assert _files(tmp_path / "small" / "sweep") == before


def test_a_space_without_a_feasible_design_has_no_front(dse: Run, tmp_path: Path) -> None:
    text = SMALL.replace("[space]", "[constraints]\narea_um2 = 1\n[space]")
    code, out, _ = dse("sweep", _study(tmp_path, text), "--out", tmp_path)
    assert code == 1
    assert "0 of them feasible" in out
    assert "true front" not in out
    assert not (tmp_path / "small" / "sweep" / "front.parquet").exists()


def test_a_collection_sweeps_each_of_its_studies(dse: Run, tmp_path: Path) -> None:
    code, out, _ = dse("sweep", "pareto", "--out", tmp_path)
    assert code == 0
    for model in ("bert", "trxl", "t5", "xlm"):
        assert f"binding-{model} (strict, published accounting): 12800 designs" in out
        assert (tmp_path / f"binding-{model}" / "sweep" / "front.parquet").exists()


def test_an_unknown_study_is_named(dse: Run, tmp_path: Path) -> None:
    code, _, errors = dse("sweep", "bindings", "--out", tmp_path)
    assert code == 2
    assert "unknown study 'bindings'" in errors
