"""`dse model`: the statistics file of a real run, line by line, and what a user meets."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dse.commands.cli import main

INPUT = """\
problem:
  instance: {M: 4, N: 2, K: 3}
  shape:
    name: matmul
    dimensions: [M, N, K]
    data_spaces:
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
architecture:
  nodes:
  - !Component {name: DRAM, class: DRAM, attributes: {width: 64, datawidth: 16}}
  - !Component
    name: buffer
    class: SRAM
    attributes: {depth: 4, width: 32, datawidth: 16}
  - !Component {name: mac, class: intmac, spatial: {meshX: 2, meshY: 2}}
mapping:
- {target: DRAM, type: temporal, factors: M2 K3, permutation: KM}
- {target: DRAM, type: dataspace, bypass: [B]}
- {target: buffer, type: temporal, factors: N2, permutation: NMK}
- {target: mac, type: spatial, factors: [M=2], permutation: [M, N, K]}
"""
ALL_OF_IT = """\
Counts of matmul; energy and area come from dse evaluate.

Buffer and Arithmetic Levels
----------------------------
Level 0
-------
=== mac ===

    SPECS
    -----
    Word bits             : 16
    Instances             : 4 (2*2)

    STATS
    -----
    Utilized instances      : 2
    Computes (total)        : 24
    Cycles                  : 12

Level 2
-------
=== buffer ===

    SPECS
    -----
        Technology                      : SRAM
        Size                            : 8
        Word bits                       : 16
        Block size                      : 2
        Cluster size                    : 1
        Instances                       : 1 (1*1)
        Shared bandwidth                : -
        Read bandwidth                  : -
        Write bandwidth                 : -
        Multiple buffering              : 1.00
        Effective size                  : 8
        Min utilization                 : 0.00

    MAPPING
    -------
    Loop nest:
      for N in [0:2)

    STATS
    -----
    Cycles               : 12
    Bandwidth throttling : 1.00
"""
ENERGY = re.compile(r"nergy|Area|leakage|power|fJ|EDP| += \d+\.\d\d$")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "input.yaml"
    path.write_text(INPUT)
    return path


def without_energies(statistics: str) -> list[str]:
    """Return the lines of statistics but for energies and levels that hold nothing."""
    blocks = re.split(r"(?m)^(?=Level \d+$|Networks$)", statistics)
    return [
        line
        for block in blocks
        if re.search(r"Computes|Partition size", block) or not block.startswith("Level")
        for line in block.splitlines()
        if line.strip() and not ENERGY.search(line)
    ]


def test_the_statistics_of_every_recorded_run_differ_in_no_count(  # type: ignore[no-untyped-def]
    timeloop_runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    counted = 0
    for run in timeloop_runs:
        for name in run.outputs.keys() & {"timeloop-model.stats.txt", "timeloop-mapper.stats.txt"}:
            texts = [run.inputs["input.yaml"]]
            texts += [text for file, text in run.outputs.items() if file.endswith(".map.yaml")]
            files = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
            for path, text in zip(files, texts, strict=True):
                path.write_text(text)
            assert main(["model", *map(str, files)]) == 0
            ours = without_energies(capsys.readouterr().out)
            assert ours == without_energies(run.outputs[name]), run.inputs
            counted += 1
    assert counted >= 50


def test_the_text_has_the_layout_of_timeloop(file: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["model", str(file)]) == 0
    text = capsys.readouterr().out
    assert text.startswith(ALL_OF_IT)
    tensors = re.findall(r"(?m)^    (\w+):$", text)
    assert tensors == ["Z", "A", "B", "Z", "A"]
    assert "Utilization: 50.00%\nCycles: 12\n\nComputes = 24\n" in text


def test_the_json_has_the_counts_of_dse_loopnest(file: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["model", str(file), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["id"] == "matmul"
    assert set(record["counts"]) == {"levels", "utilized_instances", "computes", "cycles"}
    assert {name: set(held) for name, held in record["counts"]["levels"].items()} == {
        "DRAM": {"A", "Z"},
        "buffer": {"A", "B", "Z"},
    }
    # Z rests in the buffer while K moves: 2 tiles of 2 x 2 words, written once.
    assert record["counts"]["levels"]["DRAM"]["Z"]["updates"] == 8
    # A: 12 words, each for 2 instances, and again for none of the N inside it.
    assert record["counts"]["levels"]["DRAM"]["A"]["reads"] == 12


def test_exact_partitions_are_not_taken_modulo_2_to_the_64(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    large = tmp_path / "large.yaml"
    # 2^40 words of Z in tiles of 2^30: the product of the two passes 2^64.
    large.write_text(
        """\
problem:
  instance: {M: 1048576, N: 1048576}
  shape:
    dimensions: [M, N]
    data_spaces:
    - {name: A, projection: [[[M]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
architecture:
  subtree:
  - name: chip
    local:
    - {name: S, class: DRAM, attributes: {datawidth: 8}}
    - {name: R, class: DRAM, attributes: {datawidth: 8}}
    - {name: mac, class: mac}
mapping:
- {target: S, type: temporal, factors: M1024, permutation: MN}
- {target: R, type: temporal, factors: M1024 N1048576, permutation: MN}
"""
    )
    partitions = []
    for exact in ([], ["--exact"]):
        assert main(["model", str(large), "--json", *exact]) == 0
        counts = json.loads(capsys.readouterr().out)["counts"]
        partitions.append(counts["levels"]["R"]["Z"]["partition"])
    assert partitions == [0, 2**40]


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("problem: !!python/object/apply:os.system ['touch owned']\n")
    done = subprocess.run(
        [sys.executable, "-m", "dse", "model", str(bad)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"dse model: {bad} line 1: tag 'tag:yaml.org,2002:python/object/apply:os.system' names an "
        "object; write plain data\n"
    )
    assert not (tmp_path / "owned").exists()
