"""Loop-nest counts against those of the real Timeloop, integer for integer."""

import csv
import gzip
import json
from itertools import groupby
from pathlib import Path

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.describe.cascade import Einsum, Tensor
from evaluators.describe.mapping import Level, Mapping, loops_named
from evaluators.engine.columns import Factors
from evaluators.engine.evaluator import AnalyticalEvaluator, nests_of
from evaluators.engine.loopnest import LoopNest
from evaluators.formats.cases import count_case, parse_case
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

CARRIED = (Path(__file__).parent / "cases.jsonl").read_text(encoding="utf-8").splitlines()
OVERFLOWING = ("L777-145", "L777-170", "L777-190")
SLICES = 8


def counts_agree(line: str) -> bool:
    return count_case(parse_case(line, "truth"), wrapped=True) == json.loads(line)["counts"]


@pytest.mark.parametrize("line", CARRIED, ids=lambda line: json.loads(line)["id"])
def test_a_carried_case_is_counted_as_timeloop_printed_it(line):
    assert count_case(parse_case(line, "carried"), wrapped=True) == json.loads(line)["counts"]


@pytest.mark.parametrize("part", range(SLICES))
def test_every_random_case_is_counted_as_timeloop_printed_it(data, part):
    with gzip.open(data / "loop_nests.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = list(file)[part::SLICES]
    assert len(lines) == 640 // SLICES
    assert [json.loads(line)["id"] for line in lines if not counts_agree(line)] == []


def test_only_overflowing_partitions_and_what_follows_differ_from_the_true_counts():
    differing = set()
    for line in CARRIED:
        case = parse_case(line, "carried")
        printed, true = (count_case(case, wrapped=wrapped) for wrapped in (True, False))
        if printed != true:
            differing.add(case.id)
    assert differing == set(OVERFLOWING)


def nest(einsum: Einsum, *levels: Level, **factors: int) -> LoopNest:
    return LoopNest(Mapping(einsum, levels), Factors(factors), wrapped=True)


def level(einsum: Einsum, name: str, loops: str = "", spatial: str = "", keep: str = "") -> Level:
    return Level(
        name, loops_named(einsum, loops), loops_named(einsum, spatial), frozenset(keep.split())
    )


def tensor(name: str, ranks: str) -> Tensor:
    return Tensor(name, tuple(ranks.split()))


def test_worked_example_1_qk_on_fusemax():
    qk = Einsum(
        "QK",
        tensor("QK", "B H M1 M0 P"),
        (tensor("Q", "B E H P"), tensor("BK", "B E H M1 M0")),
        ("B", "H", "M1", "M0", "P", "E"),
    )
    counted = nest(
        qk,
        level(qk, "DRAM", "B H M1", keep="Q BK"),
        level(qk, "L3", "P1 E", keep="Q BK"),
        level(qk, "reg_file_1d", spatial="P0 M0"),
        level(qk, "reg_file", keep="Q BK QK"),
        **{"B": 64, "H": 16, "M1": 16, "P1": 16, "E": 256, "P0": 256, "M0": 256},
    )
    assert counted.cycles == 67_108_864
    assert counted.instances == 65_536
    assert counted.cycles * counted.instances == 4_398_046_511_104
    assert counted.size("L3", "Q") == 1_048_576
    assert counted.size("L3", "BK") == 65_536
    assert counted.fills("L3", "Q") == 1_073_741_824
    assert counted.reads("DRAM", "Q") == 1_073_741_824
    assert counted.fills("L3", "BK") == 1_073_741_824
    assert counted.fills("reg_file", "Q") == 67_108_864
    assert counted.reads("reg_file", "Q") == 67_108_864
    assert counted.reads("L3", "Q") == 17_179_869_184
    assert counted.reads("L3", "BK") == 17_179_869_184
    assert counted.updates("reg_file", "QK") == 67_108_864
    assert counted.counts("reg_file", "QK").partition == 262_144
    assert counted.reads("reg_file", "QK") == 66_846_720
    assert counted.fills("reg_file", "QK") == 0


def all_words(counted: LoopNest) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    return {
        (each.name, name): (
            counted.size(each.name, name),
            counted.reads(each.name, name),
            counted.fills(each.name, name),
            counted.updates(each.name, name),
        )
        for each in counted.mapping.levels
        for name in each.keep
    }


def test_worked_example_2_slnv_on_fusemax():
    slnv = Einsum(
        "SLNV",
        tensor("SLNV", "B F H P"),
        (tensor("SLN", "B H M1 M0 P"), tensor("BV", "B F H M1 M0")),
        ("B", "F", "H", "P", "M1", "M0"),
    )
    counted = nest(
        slnv,
        level(slnv, "DRAM", "B H M1", keep="BV"),
        level(slnv, "L3", "P1 F", keep="BV"),
        level(slnv, "reg_file_1d", spatial="P0 M0", keep="SLNV"),
        level(slnv, "reg_file", keep="SLN BV SLNV"),
        **{"B": 64, "H": 12, "M1": 4, "P1": 4, "F": 64, "P0": 256, "M0": 256},
    )
    assert all_words(counted) == {
        ("DRAM", "BV"): (50_331_648, 50_331_648, 0, 0),
        ("L3", "BV"): (16_384, 201_326_592, 50_331_648, 0),
        ("reg_file_1d", "SLNV"): (256, 150_994_944, 0, 201_326_592),
        ("reg_file", "SLN"): (1, 786_432, 0, 0),
        ("reg_file", "BV"): (1, 786_432, 786_432, 0),
        ("reg_file", "SLNV"): (1, 589_824, 589_824, 786_432),
    }


def test_worked_example_3_av_of_flat_weight_stationary():
    av = Einsum(
        "AV",
        tensor("AV", "B F H P"),
        (tensor("A", "B H M P"), tensor("V", "B F H M")),
        ("B", "F", "H", "P", "M"),
    )
    counted = nest(
        av,
        level(av, "DRAM", "B H P2", keep="A V AV"),
        level(av, "L3", "M1 F1 P1", spatial="F0 M0", keep="AV"),
        level(av, "reg_file", keep="A V AV"),
        **{"B": 64, "H": 12, "P2": 256, "M1": 1024, "F1": 1, "P1": 1024, "F0": 64, "M0": 256},
    )
    assert counted.cycles == 206_158_430_208
    assert counted.instances == 16_384
    words = all_words(counted)
    assert words["L3", "AV"][0] == 65_536
    assert {key: value[1:] for key, value in words.items()} == {
        ("DRAM", "A"): (52_776_558_133_248, 0, 0),
        ("DRAM", "V"): (3_298_534_883_328, 0, 0),
        ("DRAM", "AV"): (0, 0, 12_884_901_888),
        ("L3", "AV"): (13_181_254_631_424, 0, 13_194_139_533_312),
        ("reg_file", "A"): (206_158_430_208, 206_158_430_208, 0),
        ("reg_file", "V"): (206_158_430_208, 201_326_592, 0),
        ("reg_file", "AV"): (205_957_103_616, 205_957_103_616, 206_158_430_208),
    }


VECTOR = (
    *("instances", "size", "partition", "reads", "fills", "updates"),
    *("cycles", "computes"),
)
Row = dict[tuple[str, str, str], tuple[int, ...]]


def published_rows(data: Path) -> dict[tuple[str, str, str], Row]:
    """Timeloop's counts of the paper's mappings: (configuration, model, length) -> rows."""
    with (data / "paper_loop_nests.csv").open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    points = groupby(rows, key=lambda row: (row["config"], row["model"], row["seq_len"]))
    return {
        point: {
            (row["einsum"], row["level"], row["tensor"]): tuple(
                int(row[column]) for column in VECTOR
            )
            for row in group
        }
        for point, group in points
    }


def our_rows(counted: LoopNest) -> Row:
    rows = {}
    for each in counted.mapping.levels:
        for name in each.keep:
            words = counted.counts(each.name, name)
            rows[counted.mapping.einsum.name, each.name, name] = (
                *(words.instances, words.capacity, words.partition),
                *(words.reads, words.fills, words.updates),
                *(counted.cycles, counted.cycles * counted.instances),
            )
    return rows


POINTS = (
    [("binding", "BERT", length) for length in ("1K", "64K", "256K", "1M")]
    + [("binding", "XLM", length) for length in ("64K", "256K", "1M")]
    + [("cascade", model, length) for model in ("BERT", "XLM") for length in ("1K", "16K", "256K")]
    + [
        ("flat", model, length)
        for model in ("BERT", "XLM")
        for length in ("1K", "4K", "16K", "64K", "256K", "1M")
    ]
)


@pytest.mark.parametrize(("name", "model", "length"), POINTS)
def test_the_papers_mappings_are_counted_as_timeloop_printed_them(data, name, model, length):
    workload = Workload(TRANSFORMERS[model], parse_seq_len(length))
    paper = paper_design(name, workload)
    design = AnalyticalEvaluator().evaluate(name, workload, paper, PUBLISHED).designs
    ours: Row = {}
    for (run,) in nests_of(name, workload, design, PUBLISHED).runs.values():
        ours.update(our_rows(run.streamed))
    assert ours == published_rows(data)[name, model, length]


def test_no_row_of_the_table_is_left_out(data):
    assert set(published_rows(data)) == set(POINTS)
