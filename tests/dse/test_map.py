"""`dse map`: the proven optimum as it is printed, against an independent prototype's fronts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]

CASES: dict[int, dict[str, Any]] = {
    case["case"]: case
    for case in map(
        json.loads, Path("tests/data/open_bindings.jsonl").read_text("utf-8").splitlines()
    )
}
MACHINE = {
    "R": "--array-rows",
    "C": "--array-cols",
    "V": "--vector-lanes",
    "G": "--buffer-bytes",
    "bandwidth": "--dram-bytes-per-s",
    "clock": "--clock-hz",
    "d2": "--pe-registers",
    "d1": "--lane-registers",
    "exp_unit": "--exp-cycles",
}
TINY = ("--shape", "1,8,2,2,1,8", "--seq-len", "8", "--array-rows", 8, "--array-cols", 8)
TINY = (*TINY, "--vector-lanes", 8, "--buffer-bytes", "4 KiB", "--cascade", "2-pass")


def arguments(case: dict[str, Any]) -> list[object]:
    """A case of the data as options."""
    size = case["workload"]
    given: list[object] = ["--keys", size["M"], "--queries", size["P"]]
    given += ["--shape", f"{size['B']},1,{size['E']},{size['F']},{size['H']},1"]
    given += ["--cascade", ",".join(case["cascades"])]
    if "1-pass" in case["cascades"]:
        given += ["--chunks", ",".join(map(str, case["chunks_M0"]))]
    for name, option in MACHINE.items():
        if case["machine"][name] is not None:
            given += [option, case["machine"][name]]
    return given


@pytest.mark.parametrize("number", [2007, 3018])
def test_the_printed_optimum_and_front_are_the_true_ones(dse: Run, number: int) -> None:
    case = CASES[number]
    code, out, _ = dse("map", *arguments(case), "--front", "--json")
    assert code == 0
    found = json.loads(out)
    optimum, true = found["optimum"], case["optimum"]
    assert optimum["latency_s"] == pytest.approx(true["latency"], rel=1e-12)
    assert optimum["energy_pj"] == pytest.approx(true["energy"], rel=1e-12)
    assert optimum["traffic_bytes"] == true["traffic"]
    assert optimum["cascade"] == case["cascade"]
    front = [(each["latency_s"], each["energy_pj"]) for each in found["front"]]
    assert len(front) > 1
    for pair, (latency_s, energy_pj, *_) in zip(front, case["front"], strict=True):
        assert pair == pytest.approx((latency_s, energy_pj), rel=1e-12)


def test_the_optimum_alone_is_the_first_of_the_front(dse: Run) -> None:
    case = CASES[1002]
    _, out, _ = dse("map", *arguments(case), "--json")
    found = json.loads(out)
    assert "front" not in found
    for name, value in zip(("latency_s", "energy_pj"), case["front"][0], strict=False):
        assert found["optimum"][name] == pytest.approx(value, rel=1e-12)
    assert found["machine"] == {
        "name": "fusemax",
        "rows": 16,
        "columns": 16,
        "lanes": 4,
        "buffer_bytes": 8192,
        "dram_bytes_per_s": 5368709120.0,
        "clock_hz": 940e6,
        "pe_registers": 6,
        "lane_registers": 16,
        "exp_cycles": None,
        "sram_source": "exact",
    }
    assert found["extents"] == {"B": 1, "H": 3, "E": 4, "F": 4, "P": 4, "M": 16}


def test_every_rank_is_covered_and_every_tensor_of_the_workload_read(dse: Run) -> None:
    """Loops at DRAM, on the sides and below the buffer multiply to the extents."""
    _, out, _ = dse("map", *TINY, "--json")
    found = json.loads(out)
    extents, read = found["extents"], set()
    for group in found["optimum"]["groups"]:
        for run in group["einsums"]:
            steps = dict.fromkeys(extents, 1)
            for rank, count in group["loops"]:
                steps[rank] *= count
            for rank, count in [*run["sides"].values(), *run["loops"].items()]:
                steps[rank] *= count
            for rank in run["loops"].keys() | {rank for rank, _ in run["sides"].values()}:
                assert steps[rank] == extents[rank], (run["einsum"], rank)
            read |= {name for name, levels in run["keep"].items() if "DRAM" in levels}
    assert {"Q", "K", "V", "AV"} <= read


def test_the_papers_configurations_stand_beside(dse: Run) -> None:
    options = (*TINY, "--accounting", "corrected", "--sram", "exact", "--json")
    plain = [each for each in options if each not in ("--cascade", "2-pass")]
    mapped = json.loads(dse("map", *TINY, "--json")[1])
    plain += ["--pe-registers", mapped["machine"]["pe_registers"]]
    plain += ["--lane-registers", mapped["machine"]["lane_registers"]]
    found = {each["configuration"]: each for each in mapped["papers"]}
    names = ("latency_s", "energy_pj", "traffic_bytes")
    for name in ("binding", "architecture", "flat"):
        expected = json.loads(dse("evaluate", "--configuration", name, *plain)[1])
        assert [found[name][each] for each in names] == [expected[each] for each in names]
    assert found["flat"]["note"] == "has an exponential unit"
    report = dse("map", *TINY)[1]
    assert "proven: every binding of 2-pass is counted or bounded from below\n" in report
    assert "stays on chip: QK GM SN SD SNV\n" in report


@pytest.mark.parametrize(
    ("more", "note"),
    [
        (("--queries", 4), "padded"),
        (("--exp-cycles", 2), "has no exponential unit"),
        (("--pe-registers", 2), "pe_registers 2 is 1 short"),
    ],
)
def test_what_keeps_the_papers_binding_from_running_or_is_otherwise_is_told(
    dse: Run, more: tuple[object, ...], note: str
) -> None:
    code, out, _ = dse("map", *TINY, *more, "--json")
    assert code == 0
    (found,) = (x for x in json.loads(out)["papers"] if x["configuration"] == "binding")
    assert found["note"].startswith(note)
    assert (found["metrics"] is None) == (more[0] == "--pe-registers")


def test_a_tolerance_gives_the_least_energy_of_what_is_as_quick(dse: Run) -> None:
    case = CASES[2007]
    front = case["front"]
    for text, share in (("0", 0.0), ("5%", 0.05), ("0.5", 0.5)):
        _, out, _ = dse("map", *arguments(case), "--tolerance", text, "--json")
        optimum = json.loads(out)["optimum"]
        slowest_s = front[0][0] * (1 + share) * (1 + 1e-12)
        least_pj = min(energy_pj for latency_s, energy_pj, *_ in front if latency_s <= slowest_s)
        assert optimum["energy_pj"] == pytest.approx(least_pj, rel=1e-12)
        assert optimum["latency_s"] <= slowest_s


def test_a_time_limit_tells_a_gap_that_holds_the_optimum(dse: Run) -> None:
    case = CASES[3018]
    given = (*arguments(case), "--json", "--time-limit")
    _, out, _ = dse("map", *given, 600)
    assert (json.loads(out)["proven"], json.loads(out)["gaps"]) == (
        True,
        {"latency": 0, "energy": 0},
    )
    latency_s, energy_pj = case["front"][0][:2]
    for seconds in (0.01, 0.1, 0.2, 0.3, 0.4):
        code, out, errors = dse("map", *given, seconds)
        if code:
            assert (code, errors.count("\n"), "give --time-limit more" in errors) == (2, 1, True)
            continue
        found = json.loads(out)
        best, gaps = found["optimum"], found["gaps"]
        assert latency_s >= best["latency_s"] / (1 + gaps["latency"]) * (1 - 1e-12)
        assert energy_pj >= best["energy_pj"] / (1 + gaps["energy"]) * (1 - 1e-12)
        assert found["proven"] == (gaps == {"latency": 0, "energy": 0})


def test_no_freedom_less_is_better_and_those_that_are_left_are_named(dse: Run) -> None:
    _, out, _ = dse("map", *TINY, "--cascade", "2-pass,3-pass", "--freedoms", "--json")
    found = json.loads(out)
    optimum = found["optimum"]
    least = {each["fixed"]: (each["latency_s"], each["energy_pj"]) for each in found["without"]}
    assert {"2-pass alone", "3-pass alone", "one group, nothing cut"} < set(least)
    for latency_s, _ in least.values():
        assert latency_s >= optimum["latency_s"] * (1 - 1e-12)
    alone = least[f"{optimum['cascade']} alone"]
    assert alone == pytest.approx((optimum["latency_s"], optimum["energy_pj"]), rel=1e-12)
    assert least["2D array for products alone"][0] > optimum["latency_s"]
    assert "the best with a freedom less" in dse("map", *TINY, "--freedoms")[1]


def test_a_cascade_of_ones_own(dse: Run, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    products = "S[B,H,M,P] = Q[B,E,H,P] * K[B,E,H,M] :: sum(E)\n"
    products += "Z[B,F,H,P] = S[B,H,M,P] * V[B,F,H,M] :: sum(M)"
    attention = f'[cascade]\neinsums = """\n{products}\n"""\n'
    file.write_text(attention)
    code, _, errors = dse("map", *TINY, "--cascade", file)
    assert (code, errors.count("\n")) == (2, 1)
    assert "nothing writes Q; name what is Q, K and V under cascade.inputs" in errors
    file.write_text(f'{attention}inputs = {{ Q = "Q", K = "K", V = "V" }}\n')
    code, _, errors = dse("map", *TINY, "--cascade", file)
    assert (code, errors.count("\n")) == (2, 1)
    assert "its last output Z is not softmax(QK^T)V (relative error" in errors
    file.write_text(f'{attention}computes = "own"\n')
    code, out, _ = dse("map", *TINY, "--cascade", file, "--json")
    assert code == 0
    groups = json.loads(out)["optimum"]["groups"]
    assert [run["einsum"] for each in groups for run in each["einsums"]] == ["S", "Z"]
    assert json.loads(out)["papers"] == []
    shipped = "evaluators/accelerators/one_pass.toml"
    _, out, _ = dse("map", *TINY[:-2], "--cascade", shipped, "--json")
    assert json.loads(out)["papers"][0]["configuration"] == "binding"
    file.write_text('[cascade]\neinsums = "Z[D,P] = W[D,S] * X[S,P] :: sum(S)"\ncomputes = "own"\n')
    found = json.loads(dse("map", *TINY, "--cascade", file, "--json")[1])
    assert (found["extents"]["D"], found["extents"]["S"], found["papers"]) == (8, 8, [])
    file.write_text('[cascade]\neinsums = "Z[B,X,P] = Q[B,X,P] * K[B,P]"\ncomputes = "own"\n')
    code, _, errors = dse("map", *TINY, "--cascade", file)
    assert (code, errors.count("\n")) == (2, 1)
    assert "rank X is none of it; the workload has B, H, E, F, P, M" in errors


NORMALISED = """
[cascade]
einsums = '''
G[B,E,F,H] = K[B,E,H,M] * V[B,F,H,M] :: sum(M)
N[B,E,H]   = K[B,E,H,M] :: sum(M)
D[B,H,P]   = Q[B,E,H,P] * N[B,E,H] :: sum(E)
Y[B,F,H,P] = Q[B,E,H,P] * G[B,E,F,H] :: sum(E)
Z[B,F,H,P] = Y[B,F,H,P] / D[B,H,P]
'''
computes = "own"
inputs = { Q = "Q", K = "K", V = "V" }
"""


def test_what_no_rank_runs_through_is_mapped_and_inputs_are_shared(
    dse: Run, tmp_path: Path
) -> None:
    cascade, best = tmp_path / "linear.toml", tmp_path / "best.toml"
    cascade.write_text(NORMALISED)
    workload = ("--shape", "2,16,8,8,2,16", "--queries", 32, "--keys", 64)
    given = (*workload, *TINY[4:-2], "--cascade", cascade)
    code, _, errors = dse("map", *given, "--out", best)
    assert code == 0, errors
    found = json.loads(dse("map", *given, "--json")[1])
    optimum = found["optimum"]
    (group,) = optimum["groups"]
    dram = {
        each["einsum"]: [t for t, at in each["keep"].items() if "DRAM" in at]
        for each in group["einsums"]
    }
    assert dram == {"G": ["K", "V"], "N": [], "D": ["Q"], "Y": [], "Z": ["Z"]}
    inputs, outputs = 2 * 2 * (8 * 32 + 2 * 8 * 64), 2 * 2 * 8 * 32
    assert optimum["traffic_bytes"] == 2 * (inputs + outputs)
    code, out, errors = dse(
        "evaluate", "--configuration", best, *workload, "--fit", "strict", "--json"
    )
    assert code == 0, errors
    for name in ("latency_s", "energy_pj", "traffic_bytes"):
        assert json.loads(out)[name] == pytest.approx(optimum[name], rel=1e-12)
    for old, new, wrong in (
        ('["G N D Y Z"]', '["G", "N D Y Z"]', "N: K is not kept in DRAM"),
        ("| K V       |", "| V         |", "G: K is not kept in DRAM"),
    ):
        text = best.read_text()
        assert old in text
        other = tmp_path / "other.toml"
        other.write_text(text.replace(old, new))
        code, out, _ = dse("accelerator", "check", other)
        assert code == 1
        assert wrong in out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--cascade", "four"), "no cascade 'four'; known are 1-pass, 2-pass, 3-pass"),
        (("--cascade", "1-pass", "--chunks", 3), "a chunk of 3 keys does not divide 8"),
        (("--cascade", "1-pass", "--chunks", 0), "chunks '0': give keys in a chunk"),
        (("--chunks", 8), "--chunks is of cascades with one pass"),
        (("--buffer-bytes", "5000"), "5000 leaves a remainder of 8"),
        (("--buffer-bytes", "5008"), "no SRAM of 313 rows of 128 bits: choose a buffer"),
        (("--array-rows", 0), "array_rows '0': give a positive integer"),
        (("--model", "BERT"), "--model and --shape both describe the transformer"),
        (("--queries", 0), "queries 0: it must be a positive integer"),
        (("--causal",), "what is masked or padded is not mapped"),
        (("--window", "64"), "take window 0, mask none, fit strict"),
        (("--tolerance", "2"), "argument --tolerance: '2' is no share; give 0 to 1, or as 1%"),
        (("--tolerance", "x%"), "argument --tolerance: 'x%' is no share"),
        (("--exp-cycles", 0), "argument --exp-cycles: '0' is no integer"),
        (("--seq-len", "1M", "--shape", "1048576,1,1048576,1048576,1048576,1"), "exceed 2^63 - 1"),
        (("--word-bits", 8), "unknown argument '--word-bits'"),
        (("--pe-registers", 2, "--lane-registers", 1), "no binding fits this machine"),
        (("--scheduled", "--time-limit", 1e-9), "give --time-limit more"),
        (("two",), "unknown argument 'two'; see dse map --help"),
    ],
)
def test_bad_input_is_one_line(dse: Run, wrong: tuple[object, ...], message: str) -> None:
    code, out, errors = dse("map", *TINY, *wrong)
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert message in errors


def test_the_evaluator_binds_attention_alone(dse: Run) -> None:
    setting = ("--accounting", "corrected", "--fit", "strict", "--seq-len", "1K")
    wrong = ("--evaluator", "mapper", "--configuration", "linear_fusemax")
    code, out, errors = dse("evaluate", *wrong, *setting)
    assert (code, out) == (2, "")
    assert errors == (
        "dse evaluate: the mapper binds attention alone, and linear_fusemax is none; take the "
        "evaluator analytical\n"
    )


def test_the_command_that_follows_a_written_optimum_is_of_its_workload(
    dse: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sides = [
        each for side in ("array-rows", "array-cols", "vector-lanes") for each in (f"--{side}", 8)
    ]
    code, out, _ = dse(
        "map", "--shape", "1,8,4,4,1,8", "--seq-len", 40, *sides, "--out", "best.toml"
    )
    assert code == 0
    hint = re.search(r"^best\.toml; (.*) checks and describes it$", out, re.M)
    assert hint is not None
    program, *words = shlex.split(hint[1])
    assert program == "dse"
    code, out, _ = dse(*words)
    assert code == 0
    assert "on 8 x 8, for custom at 40 tokens, on " in out.split("\n")[0]
    assert "\non custom at 40 tokens, array_rows 8," in out
