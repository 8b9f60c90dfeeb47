"""Documents of Timeloop's that tests change, and how a changed one is refused."""

import sys
from pathlib import Path

import pytest

from evaluators.errors import LONGEST_SENTENCE, InputError
from evaluators.formats.timeloop_yaml import read_case
from evaluators.safe_yaml import MOST_NODES

PROBLEM = """\
problem:
  version: 0.4
  instance: {M: 16, N: 8, K: 12}
  shape:
    name: matmul
    dimensions: [M, N, K]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
"""
ARCHITECTURE = """\
architecture:
  version: 0.4
  nodes:
  - !Container
    name: system
    attributes: {technology: "45nm", datawidth: 16}
  - !Component
    name: DRAM
    class: DRAM
    attributes: {width: 64}
  - !Hierarchical
    nodes:
    - !Component {name: L3, class: smartbuffer_SRAM, attributes: {depth: 1024, width: 256}}
    - !Nothing {name: gap}
  - !Container
    name: column
    spatial: {meshX: 8}
  - !Container
    name: PE
    spatial: {meshY: 4}
  - !Parallel
    nodes:
    - !Component {name: reg_a, class: reg_storage, attributes: &reg {depth: 4, width: 16}}
    - !Component {name: reg_b, class: reg_storage, attributes: *reg}
    - !Component {name: reg_z, class: reg_storage, attributes: {<<: *reg, depth: 8}}
  - !Component
    name: mac
    class: intmac
"""
MAPPING = """\
mapping:
- {target: DRAM, type: temporal, factors: [K=2, M=2, N=1], permutation: [N, M, K]}
- {target: L3, type: temporal, factors: K=3 M1 N2, permutation: KNM}
- {target: L3, type: dataspace, keep: [A], bypass: [B]}
- {target: column, type: spatial, factors: [M=8], permutation: [K, M, N]}
- {target: PE, type: spatial, factors: "N=2,K=2", permutation: "M,N,K", split: 0}
- {target: reg_a, type: dataspace, keep: [A]}
- {target: reg_b, type: datatype, keep: [B]}
- {target: reg_z, type: bypass, keep: [Z]}
- {target: reg_z, type: temporal, factors: [N=2], permutation: [N, M, K]}
"""
FLAT_ARCHITECTURE = """\
architecture:
  version: '0.4'
  subtree:
  - name: system
    local:
    - {name: 'DRAM[1..1]', class: DRAM, attributes: {width: 64, datawidth: 16}}
    - {name: L3, class: smartbuffer_SRAM, attributes: {depth: 1024, width: 256, datawidth: 16}}
    - {name: 'between[1..1]', class: dummy_storage, attributes: {width: 1, depth: 1, datawidth: 1}}
    - name: rows[1..8]
      class: dummy_storage
      attributes: {width: 1, depth: 1, datawidth: 1, meshX: 8, meshY: 1}
    - {name: 'reg[1..32]', class: storage, attributes: {entries: 9, datawidth: 16, meshX: 8}}
    - {name: 'mac[1..32]', class: fpmac, attributes: {meshY: 4}}
"""
FLAT_MAPPING = """\
mapping:
- {target: DRAM, type: temporal, factors: 'K=2,M=2,N=1', permutation: NMK}
- {target: L3, type: temporal, factors: K3 N2, permutation: KN}
- {target: L3, type: bypass, bypass: [B]}
- {target: between, type: spatial, factors: M8, permutation: KMN}
- {target: between, type: bypass, bypass: [A, B, Z]}
- {target: rows, type: spatial, factors: 'N=2,K=2', permutation: MNK, split: 0}
- {target: rows, type: bypass, bypass: [A, B, Z]}
- {target: reg, type: temporal, factors: N2}
"""

DRAM = "class: DRAM, attributes: {datawidth: 16}"


def written(folder: Path, *contents: str) -> list[Path]:
    paths = [folder / f"{number}.yaml" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content)
    return paths


MOST_WORK = 40 * MOST_NODES
"""Calls of functions that refusing a document may take, however hostile it is."""


def refused(*paths: Path) -> str:
    """Return the one sentence with which files are refused, in a bounded number of calls."""
    calls = 0

    def tally(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        with pytest.raises(InputError) as error:
            read_case(paths)
    finally:
        sys.setprofile(None)
    assert calls < MOST_WORK
    sentence = str(error.value)
    assert "\n" not in sentence
    assert len(sentence) <= LONGEST_SENTENCE
    return sentence


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)
