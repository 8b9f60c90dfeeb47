"""Timeloop's YAML: what real runs counted, what is refused, and with how much work."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml
from timeloop_documents import (
    ARCHITECTURE,
    DRAM,
    FLAT_ARCHITECTURE,
    FLAT_MAPPING,
    MAPPING,
    PROBLEM,
    changed,
    refused,
    written,
)

from evaluators.errors import InputError
from evaluators.formats.timeloop_yaml import count, read_case

# By hand: 2 x 2 steps in DRAM (K outside M), 2 x 3 in L3 (N outside K), 2 in the registers; 8 x 4
# instances, of which M 8 and N 2 split Z, M 8 and K 2 split A, N 2 and K 2 split B.
BY_HAND = {
    ("DRAM", "A", "reads"): 192,  # all of A once
    ("DRAM", "B", "reads"): 192,  # all of B (96) for each of the 2 tiles of M
    ("DRAM", "Z", "updates"): 256,  # all of Z (128) for each of the 2 steps of K
    ("DRAM", "Z", "reads"): 128,  # but nothing to add to at first
    ("L3", "A", "capacity"): 48,  # M 8 x K 6
    ("L3", "A", "fills"): 192,
    ("L3", "A", "reads"): 384,  # each of the 24 refills of 16 words of the registers
    ("L3", "Z", "capacity"): 64,
    ("L3", "Z", "fills"): 128,
    ("L3", "Z", "updates"): 256,
}


def flat(counts: dict) -> dict[tuple[str, str, str], int]:
    return {
        (level, tensor, name): value
        for level, tensors in counts["levels"].items()
        for tensor, values in tensors.items()
        for name, value in values.items()
    }


COUNTED = {
    "Partition size": "partition",
    "Utilized capacity": "capacity",
    "Utilized instances (max)": "instances",
    "Scalar reads (per-instance)": "reads",
    "Scalar fills (per-instance)": "fills",
    "Scalar updates (per-instance)": "updates",
    "Temporal reductions (per-instance)": "temporal_reductions",
}


def recorded(statistics: str) -> dict[tuple[str, str, str], int]:
    """Return the counts of a statistics file, and its totals under empty names."""
    level = tensor = ""
    counts = {}
    for line in statistics.partition("Networks\n")[0].splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if heading := re.fullmatch(r"=== (\S+) ===", line):
            level = heading[1]
        elif re.fullmatch(r" {4}\S+:", line):
            tensor = name
        elif name in COUNTED:
            counts[level, tensor, COUNTED[name]] = int(value)
        elif name in ("Utilized instances", "Computes (total)", "Cycles") and level == "mac":
            counts["", "", name] = int(value)
    return counts


def totals(counts: dict) -> dict[tuple[str, str, str], int]:
    return {
        ("", "", "Utilized instances"): counts["utilized_instances"],
        ("", "", "Computes (total)"): counts["computes"],
        ("", "", "Cycles"): counts["cycles"],
    }


def test_every_recorded_run_is_counted_as_timeloop_did(timeloop_runs, tmp_path: Path):
    counted = 0
    for run in timeloop_runs:
        for name in run.outputs.keys() & {"timeloop-model.stats.txt", "timeloop-mapper.stats.txt"}:
            found = [text for file, text in run.outputs.items() if file.endswith(".map.yaml")]
            paths = written(tmp_path, run.inputs["input.yaml"], *found)
            counts = count(read_case(paths), wrapped=True)
            assert flat(counts) | totals(counts) == recorded(run.outputs[name]), run.program
            counted += 1
    assert counted >= 50


def test_the_documents_that_users_write_give_the_same(timeloop_runs, tmp_path: Path):
    def loop_nest(text: str) -> str:
        flat_file = yaml.safe_load(text)
        return json.dumps([flat_file[name] for name in ("problem", "mapping")], sort_keys=True)

    statistics = {
        loop_nest(run.inputs["input.yaml"]): run.outputs["timeloop-model.stats.txt"]
        for run in timeloop_runs
        if run.program.startswith("timeloop-model")
    }
    written_by_users = [run for run in timeloop_runs if run.program == "front end"]
    assert len(written_by_users) >= 50
    for run in written_by_users:
        counts = count(read_case(written(tmp_path, run.inputs["input.yaml"])), wrapped=True)
        assert flat(counts) | totals(counts) == recorded(
            statistics[loop_nest(run.outputs["input.yaml"])]
        )


def test_a_mapping_is_counted_by_hand(tmp_path: Path):
    counts = count(read_case(written(tmp_path, PROBLEM, ARCHITECTURE, MAPPING)), wrapped=True)
    assert totals(counts) == {
        ("", "", "Utilized instances"): 32,
        ("", "", "Computes (total)"): 16 * 8 * 12,
        ("", "", "Cycles"): 48,
    }
    found = flat(counts)
    assert {key: found[key] for key in BY_HAND} == BY_HAND
    assert list(counts["levels"]) == ["DRAM", "L3", "reg_a", "reg_b", "reg_z"]


def test_the_flat_form_gives_the_same(tmp_path: Path):
    nodes = flat(count(read_case(written(tmp_path, PROBLEM, ARCHITECTURE, MAPPING)), wrapped=True))
    one = read_case(written(tmp_path, PROBLEM + FLAT_ARCHITECTURE + FLAT_MAPPING))
    registers = {"A": "reg_a", "B": "reg_b", "Z": "reg_z"}
    renamed = {
        (registers[tensor] if level == "reg" else level, tensor, name): value
        for (level, tensor, name), value in flat(count(one, wrapped=True)).items()
    }
    assert renamed == nodes


def test_a_factor_of_0_is_the_whole_rank_and_an_unordered_rank_is_outermost(tmp_path: Path):
    below = f"{{name: R, {DRAM}}}, {{name: mac, class: mac}}"
    local = f"[{{name: S, {DRAM}}}, {below}]"
    chip = f"architecture: {{subtree: [{{name: chip, local: {local}}}]}}\n"
    mapping = "mapping: [{target: S, type: temporal, factors: M0 N0 K0, permutation: %s}]\n"
    fills = []
    for order in ("KM", "KMN", "NKM"):
        paths = written(tmp_path, PROBLEM + chip + mapping % order)
        fills.append(count(read_case(paths), wrapped=True)["levels"]["R"]["A"]["fills"])
    assert fills == [16 * 12 * 8, 16 * 12 * 8, 16 * 12]


@pytest.mark.parametrize(
    ("spatial", "reads"),
    [
        ("K=2", 8),  # both units share a word of A, which rests while K moves
        ("M=2", 4 * 8 * 2),  # each unit has a word of its own, read at every step
        ("M=2,K=2", 4 * 4 * 2),  # two and two share, but none with a neighbour: see test_links
        ("K=2,M=2", 4 * 4 * 2),
    ],
)
def test_a_word_that_units_below_the_innermost_level_share_rests_there(
    tmp_path: Path, spatial: str, reads: int
):
    """The counts are those that the real Timeloop gave for these inputs."""
    steps = ",".join(f"{rank}={4 if f'{rank}=2' in spatial else 8}" for rank in "MK")
    content = f"""\
problem:
  instance: {{M: 8, K: 8}}
  shape:
    dimensions: [M, K]
    data_spaces:
    - {{name: A, projection: [[[M]]]}}
    - {{name: B, projection: [[[K]]]}}
    - {{name: Z, projection: [[[M]], [[K]]], read_write: true}}
architecture:
  subtree:
  - name: chip
    local:
    - {{name: S, {DRAM}}}
    - {{name: 'mac[1..4]', class: mac}}
mapping:
- {{target: S, type: temporal, factors: '{steps}', permutation: KM}}
- {{target: S, type: spatial, factors: '{spatial}'}}
"""
    counts = count(read_case(written(tmp_path, content)), wrapped=True)
    assert counts["levels"]["S"]["A"]["reads"] == reads


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, r"line 6: .*more than 100000 values"),
        ("a: &a {b: {c: 1}}\n" + "<<: [*a, *a]\n" * 50_001, "more than 100000 values"),
        ("problem: &p {shape: *p}", r"line 1: shape is \*p, which names nothing complete"),
        ("problem: *p", r"line 1: problem is \*p, which names nothing"),
        ("x: 1\nproblem: !!python/object/apply:os.system ['true']", "line 2: tag .* an object"),
        ("problem: !<tag:yaml.org,2002:python/name:os.system> x", "line 1: tag .* an object"),
        ("problem: !include ../../problem.yaml", "line 1: '!include' would read another file"),
        ("problem: !include_text /etc/passwd", "line 1: '!include_text' would read another file"),
        ("problem: {{include('problem.yaml')}}", "line 1: a template of Jinja; render it first"),
        ("{% set m = 4 %}\nproblem: 1", "line 1: a template of Jinja; render it first"),
        ("problem: " + "[" * 1_000_000, "line 1: nested more than 64 deep"),
        ("problem: " + "{a: " * 100_000, "line 1: nested more than 64 deep"),
        ("problem:\n" + "- " * 100_000, "line 2: nested more than 64 deep"),
        ("problem:\n" + "? " * 100_000, "line 2: a key that is no text"),
        ("problem: {}\nmapping: []\nproblem: {}", "line 3: key 'problem' occurs twice"),
        ("problem: 1\n--- \nproblem: 2", "line 2: a second document"),
        ("%TAG ! tag:yaml.org,2002:python/\n--- !name:os.system x", "line 1: a directive"),
        ("problem: [1, 2", r"line \d: not YAML"),
        ("problem: 'x", "not YAML"),
        ("\tproblem: 1", "not YAML"),
        ("\x00\x01\x02", "not YAML"),
        ("", "it is empty"),
        ("# nothing\n", "it is empty"),
        ("just text", "the document is 'just text'; it must be a table of keys"),
        ("- a\n- b", "the document is a list; it must be a table of keys"),
        ("problem: " + "x" * 10_000_000, "problem is 'xxxx"),
        ("problem: 1\n" * 100, "line 2: key 'problem' occurs twice"),
    ],
)
def test_hostile_yaml_is_refused_quickly_in_a_sentence(tmp_path: Path, content: str, said: str):
    paths = written(tmp_path, content, ARCHITECTURE, MAPPING)
    sentence = refused(*paths)
    assert re.search(said, sentence), sentence
    assert str(paths[0]) in sentence


def test_what_is_no_text_file_of_a_bearable_size_is_refused(tmp_path: Path):
    big, binary, pipe = tmp_path / "big.yaml", tmp_path / "binary.yaml", tmp_path / "pipe"
    big.touch()
    os.truncate(big, 2**30)
    binary.write_bytes(b"\x7fELF\xff\xfe\x00")
    os.mkfifo(pipe)
    assert "1073741824 bytes" in refused(big)
    assert "byte 4 is not UTF-8 text; name a YAML file" in refused(binary)
    for special in (pipe, Path("/dev/zero")):
        assert "no regular file" in refused(special)
    assert "Is a directory" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[[M]], [[K]]]", "[[[M], [K]], [[K]]]", "0.yaml line 8: .* has several ranks"),
        ("[[[M]], [[K]]]", "[[[M, stride]], [[K]]]", "0.yaml line 8: .* has several ranks or a"),
        ("[[[M]], [[K]]]", "[[[M]], [[M]]]", "0.yaml line 8: projection: M occurs 2 times"),
        ("[[[M]], [[K]]]", "'[m, k]'", "0.yaml line 8: projection is .* must be a list"),
        ("[[[M]], [[K]]]", "[[[M]], [[X]]]", "0.yaml line 8: .* is 'X'; .* dimensions M, N, K"),
        ("K: 12}", "K: 12, densities: {A: 0.5}}", "0.yaml line 3: densities: .* not supported"),
        ("K: 12}", "J: 12}", "0.yaml line 3: instance: 'K' is missing"),
        ("K: 12}", "K: -1}", "0.yaml line 3: K is '-1'; it must be an integer of at least 1"),
        ("K: 12}", "K: 99999999999999999999}", "0.yaml line 3: K is '9999"),
        ("K: 12}", "K: 999999999999999999}", "0.yaml line 3: instance: 2.* exceed 2.63 - 1"),
        ("K: 12}", "K: 24}", "2.yaml line 1: mapping: the factors of K multiply to 12; .* 24"),
        ("name: matmul", f"name: {'x' * 2000}", "0.yaml line 5: name is 'xxx"),
        ("name: matmul", "name: matmul\n    einsum: x", "0.yaml line 6: einsum: this key is not"),
        (", read_write: true", "", "0.yaml line 7: data_spaces: 0 of them are read_write"),
        ("[[[K]], [[N]]]", "[[[K]]], read_write: 1", "2 of them are read_write"),
        ("name: B", "name: A", "0.yaml line 7: data_spaces: A occurs 2 times"),
        ("[M, N, K]", "[M, N, K, M]", "0.yaml line 6: dimensions: M occurs 2 times"),
        ("class: DRAM", "class: wire", "1.yaml line 9: class is 'wire'; .* contains one of"),
        ("class: DRAM", "class: SimpleMulticast", "1.yaml line 7: .* network of its own"),
        ("{width: 64}", "{read_bandwidth: 0}", "1.yaml line 10: read_bandwidth is '0'; .* above 0"),
        ("{width: 64}", "{read_bandwidth: fast}", "read_bandwidth is 'fast'; .* a number above 0"),
        ("{width: 64}", "{read-bandwidth: 1}", "line 10: read-b.* not read .*; write read_bandwi"),
        (
            "{width: 64}",
            "{per_dataspace_bandwidth_consumption_scale: {A: 2, Q: 1}}",
            "1.yaml line 7: .* of DRAM is scaled for Q, which is no data space: A, B, Z",
        ),
        ("{width: 64}", "{network_read: x}", "1.yaml line 10: network_read: networks of their own"),
        ("{width: 64}", "{width: 40}", "1.yaml line 10: width is '40'; .* words of 16 bits"),
        ("{width: 64}", "{width: 2**6}", "1.yaml line 10: width is '2..6'; it must be an integer"),
        ("depth: 1024,", "depth: 8, multiple_buffering: 2,", "L3 holds 64 words, .* have 112"),
        ("depth: 1024,", "depth: 99, min_utilization: 0.1,", "112 words, less than its min_utili"),
        ("depth: 1024,", "depth: 8, multiple_buffering: 1e-300,", "a number of at least 0.001"),
        ("{width: 64}", "{min_utilization: 0.5}", "DRAM has no size to use a share of"),
        ("{width: 64}", "{cluster_size: 4}", "1.yaml line 10: cluster_size is '4'; .* 1"),
        ("depth: 1024", "depth: 6", "L3 holds 96 words, its tiles in the mapping have 112"),
        ("{meshX: 8}", "{meshX: 4}", "its spatial factors use 8 x 1 instances of .*; there are 4"),
        ("{meshX: 8}", "{meshZ: 4}", "1.yaml line 17: meshZ: this key is not supported"),
        (
            "{meshY: 4}",
            "{meshY: 4}\n    constraints: {spatial: {split: 1}}",
            "1.yaml line 21: constraints: constraints are a mapper's",
        ),
        (
            "class: intmac",
            "class: intmac\n    sparse_optimizations: {action_optimization: [1]}",
            "1.yaml line 29: sparse_optimizations: .* not supported",
        ),
        ("class: intmac", "class: intmac\n    name: x", "occurs twice"),
        ("name: mac", "name: L3", "1.yaml line 1: architecture: 2 components are called L3"),
        ("class: intmac", "class: SRAM", "architecture has 8 levels of storage and 0 of arithm"),
        ("!Hierarchical", "!Pipelined", "1.yaml line 11: .* has the tag !Pipelined"),
        ("- !Component {name: reg_a", "- !Container {name: reg_a", "line 23: .* below !Parallel"),
        ("[K=2, M=2, N=1]", "[K=2, 'M=2,1', N=1]", "2.yaml line 2: factors: 'M=2,1' is no perfect"),
        ("[K=2, M=2, N=1]", "[K=2, M<=2]", "2.yaml line 2: factors: 'M<=2' is no perfect factor"),
        ("[K=2, M=2, N=1]", "[K=2, K=2]", "2.yaml line 2: factors: 'K=2' is no perfect factor of"),
        ("[K=2, M=2, N=1]", "[Q=2]", "2.yaml line 2: factors: 'Q=2' is no perfect factor"),
        ("bypass: [B]", "bypass: [A]", "2.yaml line 4: bypass: A is also in keep"),
        ("bypass: [B]", "bypass: [Q]", "2.yaml line 4: .* is 'Q'; it must be a data space"),
        ("bypass: [B]", "no_coalesce: [B]", "2.yaml line 4: no_coalesce: this key is not"),
        ("split: 0", "no_reuse: [A]", "2.yaml line 6: no_reuse: this key is not supported"),
        ("factors: K=3 M1 N2", "rmw_first_update: [Z]", "2.yaml line 3: rmw_first_update: this"),
        ("permutation: KNM", "permutation: KNMK", "2.yaml line 3: permutation: a rank"),
        ("target: PE,", "target: L3,", "2.yaml line 6: target is 'L3'; .* column, PE"),
        (
            "target: DRAM, type: temporal",
            "target: DRAM, type: skew",
            "2.yaml line 2: type is 'skew'",
        ),
        (
            "target: reg_z, type: temporal",
            "target: L3, type: temporal",
            "2.yaml line 10: target: a second",
        ),
        ("keep: [Z]", "keep: []", "2.yaml line 1: mapping: 0 levels below one !Parallel hold Z"),
        (
            "{target: reg_a, type: dataspace, keep: [A]}",
            "{target: reg_a, type: dataspace, keep: [A, B]}",
            "2 levels below one !Parallel hold B",
        ),
    ],
)
def test_what_is_not_supported_is_named_by_file_line_and_key(
    tmp_path: Path, old: str, new: str, said: str
):
    contents = [
        changed(each, old, new) if each.count(old) == 1 else each
        for each in (PROBLEM, ARCHITECTURE, MAPPING)
    ]
    assert contents != [PROBLEM, ARCHITECTURE, MAPPING]
    sentence = refused(*written(tmp_path, *contents))
    assert re.search(said, sentence), sentence


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("constraints: {targets: [{target: L3}]}", "constraints for a mapper, and no mapping"),
        ("mapper: {version: 0.4}", "'mapping' is missing"),
        ("mapping: []", "'mapping' is missing"),
        ("sparse_optimizations: {targets: [{name: L3}]}", "sparse_optimizations: they are not"),
        ("problem: {version: 0.4}", r"2.yaml line 1: problem is also at .*0.yaml line 1"),
        ("mapping: {type: fused, nodes: []}", "2.yaml line 1: mapping is a table of keys; .* list"),
        ("layout: [1]", "2.yaml line 1: layout: this key is not supported"),
    ],
)
def test_files_that_make_no_whole_input_are_refused(tmp_path: Path, extra: str, said: str):
    sentence = refused(*written(tmp_path, PROBLEM, ARCHITECTURE, extra))
    assert re.search(said, sentence), sentence


def test_more_cycles_than_can_be_told_are_refused(tmp_path: Path):
    slow = changed(ARCHITECTURE, "{width: 64}", "{write_bandwidth: 1e-300}")
    case = read_case(written(tmp_path, PROBLEM, slow, MAPPING))
    with pytest.raises(InputError, match=r"1.yaml line 7: .* makes DRAM take more than 2\^63"):
        count(case, wrapped=True)


def test_several_problems_are_refused(tmp_path: Path):
    sentence = refused(*written(tmp_path, "problem: [{}, {}]", ARCHITECTURE, MAPPING))
    assert "line 1: problem is a list; it must be a table of keys" in sentence


def test_a_mapping_in_another_file_goes_with_a_flat_file_that_has_none(tmp_path: Path):
    one = PROBLEM + FLAT_ARCHITECTURE + "mapping: []\nsparse_optimizations: {version: 0.4}\n"
    assert read_case(written(tmp_path, one, FLAT_MAPPING)).case.id == "matmul"
