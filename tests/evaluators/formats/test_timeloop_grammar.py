"""What Timeloop's grammar allows and refuses, and what its numbers are for it."""

import re
from pathlib import Path

import pytest
from timeloop_documents import (
    ARCHITECTURE,
    FLAT_ARCHITECTURE,
    FLAT_MAPPING,
    MAPPING,
    PROBLEM,
    changed,
    refused,
    written,
)

from evaluators.formats.timeloop_yaml import count, read_case

ORDERED = """\
problem:
  version: 0.4
  shape:
    name: matmul
    dimensions: [M, N, K]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
  instance: {M: 3, N: 2, K: 8}
architecture:
  version: 0.4
  subtree:
  - name: system
    local:
    - {name: 'L0[1..1]', class: DRAM, attributes: {datawidth: 8, width: 8}}
    - {name: 'mac[1..6]', class: intmac, attributes: {datawidth: 8, meshX: 6, meshY: 1}}
mapping:
- {target: L0, type: temporal, factors: 'M=1,N=2,K=4', permutation: KNM}
- {target: L0, type: spatial, factors: 'M=3,N=1,K=2', permutation: %s, split: 2}
"""


@pytest.mark.parametrize(("order", "updates"), [("MKN", 24), ("KMN", 6)])
def test_the_order_of_spatial_loops_above_the_arithmetic_counts(
    tmp_path: Path, order: str, updates: int
):
    """Timeloop's numbers: with M inside K no unit has a neighbour with its word of Z."""
    counts = count(read_case(written(tmp_path, ORDERED % order)), wrapped=True)
    assert counts["levels"]["L0"]["Z"]["updates"] == updates
    assert counts["levels"]["L0"]["Z"]["reads"] == updates - 6


def reads_of_l3(tmp_path: Path, *contents: str) -> int:
    return count(read_case(written(tmp_path, *contents)), wrapped=True)["levels"]["L3"]["A"][
        "reads"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("factors: K=3 M1 N2", "factors: 'K = 3, N = 2 # and M 1'"),
        ("factors: K=3 M1 N2", "factors: K3N2"),
        ("factors: K=3 M1 N2", "factors: [K3, 'N = 2', M==1]"),
        ("target: PE,", "target: inter_PE_spatial,"),
        ("target: column,", "target: inter_column_spatial,"),
        ("mapping:\n", "my_mapping:\n"),
        ("- {target: column", "mapping_of_arrays:\n- {target: column"),
        (
            "- {target: DRAM",
            "- {target: inter_PE_spatial, type: bypass, bypass: [A, B, Z]}\n- {target: DRAM",
        ),
    ],
)
def test_a_mapping_may_be_spelled_as_timeloop_and_its_mapper_do(tmp_path: Path, old: str, new: str):
    plain = reads_of_l3(tmp_path, PROBLEM, ARCHITECTURE, MAPPING)
    assert reads_of_l3(tmp_path, PROBLEM, ARCHITECTURE, changed(MAPPING, old, new)) == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("depth: 1024, width: 256", "sizeKB: 1, word-bits: 8"),  # 1024 words, tiles have 112
        ("depth: 1024, width: 256", "depth: 28, block-size: 4"),  # 112 words
        ("depth: 1024, width: 256", "entries: 224, multiple-buffering: 2"),
        ("depth: 1024, width: 256", "<<<: {depth: 7, width: 256}"),
        ("depth: 1024, width: 256", "depth: 7, <<: [{width: 256, depth: 1}, {width: 8}]"),
        ("class: smartbuffer_SRAM", "class: smartbuffer_SRAM, note_to_ignore: [1]"),
    ],
)
def test_an_attribute_may_be_spelled_as_timeloop_does(tmp_path: Path, old: str, new: str):
    plain = reads_of_l3(tmp_path, PROBLEM, ARCHITECTURE, MAPPING)
    assert reads_of_l3(tmp_path, PROBLEM, changed(ARCHITECTURE, old, new), MAPPING) == plain


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("depth: 1024, width: 256", "sizeKB: 1, word-bits: 128", "L3 holds 64 words"),
        ("depth: 1024, width: 256", "depth: 27, block-size: 4", "L3 holds 108 words"),
        ("depth: 1024, width: 256", "entries: 222, multiple-buffering: 2", "L3 holds 111 words"),
        ("depth: 1024, width: 256", "<<<: {depth: 6, width: 256}", "L3 holds 96 words"),
        ("depth: 1024, width: 256", "<<: {depth: 6, width: 256}", "L3 holds 96 words"),
        ("depth: 1024, width: 256", "read_bandwidth: 1", "L3 has no size and is no DRAM"),
        (
            "depth: 1024, width: 256",
            "Depth: 7",
            "Depth: Timeloop does not read this key; write de",
        ),
        ("class: smartbuffer_SRAM", "class: SRAM, depth: 7", "line 13: depth: this key is not sup"),
        ("spatial: {meshX: 8}", "spatials: {}", "line 17: spatials: this key is not supported"),
        ("  version: 0.4", "  version: 0.3", "line 2: version is '0.3'; it must be 0.4"),
        ("spatial: {meshX: 8}", "attributes: {meshX: 8}", "write the mesh under spatial, not as"),
        ("name: column", "name: PE", "2 components are called PE; name each apart"),
        ("name: system", "name: L3", "2 components are called L3; name each apart"),
        ("name: mac", "name: 'mac[1..4]'", "is 'mac.1..4.'; it must be a name without a range"),
    ],
)
def test_a_key_is_used_or_refused(tmp_path: Path, old: str, new: str, said: str):
    sentence = refused(*written(tmp_path, PROBLEM, changed(ARCHITECTURE, old, new), MAPPING))
    assert re.search(said, sentence), sentence


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("'DRAM[1..1]', class: DRAM", "DRAM, class: SRAM", "DRAM has no size and is no DRAM"),
        (", attributes: {width: 64, datawidth: 16}", "", "DRAM has no attributes"),
        (
            "target: L3, type: bypass",
            "target: L3, type: dataspace",
            "type is 'dataspace'; .*bypass",
        ),
        (
            "target: between, type: spatial",
            "target: L3, type: spatial",
            "is 'L3'; .*: between, rows",
        ),
        ("permutation: KN", "permutation: [K, N]", "permutation is a list; it must be a printable"),
        ("factors: K3 N2", "factors: [K=3, N=2]", "factors is a list; it must be a printable text"),
        ("rows[1..8]", "rows[1..6]", "its mesh of 8 x 1 is not its 6 instances"),
        (
            "9, datawidth: 16, meshX: 8",
            "9, datawidth: 16, meshX: 2",
            "reg has 2 x 16 .* 8 x 1 of rows",
        ),
        ("mapping:", "my_mapping:", "my_mapping: .* reads one key 'mapping' alone"),
        (
            "- {target: rows, type: spatial",
            "mapping2:\n- {target: rows, type: spatial",
            "mapping2: ",
        ),
        ("version: '0.4'", "version: '0.1'", "version is '0.1'; it must be 0.4"),
    ],
)
def test_what_timeloop_refuses_in_a_flat_file_is_refused(
    tmp_path: Path, old: str, new: str, said: str
):
    content = changed(PROBLEM + FLAT_ARCHITECTURE + FLAT_MAPPING, old, new)
    sentence = refused(*written(tmp_path, content))
    assert re.search(said, sentence), sentence


CONVOLUTION = """\
problem:
  shape:
    name: conv
    dimensions: [M, N, K, P, R]
    coefficients: [{name: stride, default: 2}]
    data_spaces:
    - {name: A, projection: [[[M], [R]], [[K]], [[P, stride], [R]]]}
    - {name: B, projection: [[[K]], [[N]], [[R]]]}
    - {name: Z, projection: [[[M]], [N], [[P]]], read_write: true}
  instance: {M: 16, N: 8, K: 12, P: 1, R: 1}
"""


def test_a_matrix_product_in_the_convolutions_shape_is_one(tmp_path: Path):
    plain = read_case(written(tmp_path, PROBLEM, ARCHITECTURE, MAPPING))
    content = changed(CONVOLUTION, "[N], [[P]]", "[[N]], [[P]]")
    case = read_case(written(tmp_path, content, ARCHITECTURE, MAPPING))
    assert count(case, wrapped=True) == count(plain, wrapped=True)
    moving = changed(content, "P: 1, R: 1", "P: 1, R: 3")
    sentence = refused(*written(tmp_path, moving, ARCHITECTURE, MAPPING))
    assert re.search(r"0.yaml line 7: .* has several ranks or a coefficient", sentence)


def test_the_slowest_level_decides_the_cycles(tmp_path: Path):
    """L3 reads 384 + 128 words of A and Z in 48 cycles, DRAM reads 512 and is written 256."""

    def cycles(dram: str = "", l3: str = "") -> int:
        chip = changed(ARCHITECTURE, "{width: 64}", f"{{width: 64{dram}}}")
        chip = changed(chip, "width: 256", f"width: 256{l3}")
        return count(read_case(written(tmp_path, PROBLEM, chip, MAPPING)), wrapped=True)["cycles"]

    assert cycles() == cycles(", read_bandwidth: 11", ", shared_bandwidth: 100") == 48
    assert cycles(", read_bandwidth: 8") == 512 / 8
    assert cycles(", write_bandwidth: 2") == 256 / 2
    assert cycles(", shared_bandwidth: 6") == (512 + 256) / 6
    assert cycles(", bandwidth: 4") == 512 / 2
    assert cycles(", read_bandwidth: 8", ", network_fill_latency: 5") == 512 / 8 + 5
    scaled = ", per_dataspace_bandwidth_consumption_scale: {Z: 0.5}"
    assert cycles(f", write_bandwidth: 2{scaled}") == 256 / 2 / 2


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (
            "constraints_2: {targets: [{target: L3}]}\nconstraints_3: {version: 0.4}",
            "constraints_2",
        ),
        ("mapper: {version: 0.3}", "version is '0.3'; it must be 0.4"),
        ("my_mapper: {}", "my_mapper: this key is not supported"),
    ],
)
def test_a_further_top_level_key_is_used_or_refused(tmp_path: Path, extra: str, said: str):
    assert said in refused(*written(tmp_path, PROBLEM, ARCHITECTURE, MAPPING, extra))


def test_many_files_are_refused_and_so_is_more_than_they_may_hold(tmp_path: Path):
    assert "101 files; name 100 at most" in refused(*written(tmp_path, *["a: 1"] * 101))
    half = "ignored: [" + "x, " * 60_000 + "]"
    assert "1.yaml: more than 100000 values in all" in refused(*written(tmp_path, half, half))
