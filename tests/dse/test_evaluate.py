"""`dse evaluate`: one design, and tables of designs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.results import EINSUM, schema_of

Run = Callable[..., tuple[int, str, str]]


def test_default_design_is_the_papers_binding_point(dse: Run) -> None:
    """Values: attn-binding.csv, BERT 256K."""
    code, out, _ = dse("evaluate", "--json")
    result = json.loads(out)
    assert code == 0
    assert result["configuration"] == "binding"
    assert (result["model"], result["seq_len"]) == ("BERT", 262144)
    assert result["traffic_bytes"] == 463856467968
    assert result["latency_s"] == pytest.approx(118.2793728, rel=1e-12)
    assert result["energy_pj"] == pytest.approx(1.265883463231284e17, rel=1e-12)


def test_json_has_the_columns_of_the_results_and_the_breakdown(dse: Run) -> None:
    _, out, _ = dse("evaluate", "--configuration", "flat", "--seq-len", "1K", "--json")
    result = json.loads(out)
    plain = {"feasible", "failed", "reason", "violations", "next_larger_bytes"}
    assert set(schema_of(["flat"]).names) - plain == set(result) - {"warnings"}
    assert [part["einsum"] for part in result["breakdown"]] == ["QK", "M", "SN", "SD", "A", "AV"]
    assert {field.name for field in EINSUM} == set(result["breakdown"][0])


@pytest.mark.parametrize("configuration", ["unfused", "flat", "cascade", "binding", "linear_flat"])
def test_breakdown_adds_up_to_the_evaluation(dse: Run, configuration: str) -> None:
    _, out, _ = dse("evaluate", "--configuration", configuration, "--seq-len", "4K", "--json")
    result = json.loads(out)
    parts = pd.DataFrame(result["breakdown"])
    assert parts["energy_pj"].sum() == pytest.approx(result["energy_pj"], rel=1e-12)
    assert parts["traffic_bytes"].sum() == pytest.approx(result["traffic_bytes"], rel=1e-12)
    assert parts["active_fraction"].sum() == pytest.approx(result["util_2d"], rel=1e-12)
    for array, total in (("2d", "compute_2d_s"), ("1d", "compute_1d_s")):
        busy_s = parts.loc[parts["array"] == array, "busy_s"].sum()
        assert busy_s == pytest.approx(result[total], rel=1e-12)


def test_the_account_names_what_bounds_the_design(dse: Run) -> None:
    assert "bound by the 1D array, most by SPNV" in dse("evaluate")[1]
    unfused = dse("evaluate", "--configuration", "unfused", "--seq-len", "1K")[1]
    assert "bound by its schedule" in unfused
    flat = dse("evaluate", "--configuration", "flat", "--seq-len", "1M")[1]
    assert "bound by off-chip bandwidth" in flat
    assert "keeps_q 1," in flat


@pytest.mark.parametrize("configuration", ["unfused", "flat", "architecture", "linear_fusemax"])
def test_the_account_fits_100_columns(dse: Run, configuration: str) -> None:
    _, out, _ = dse("evaluate", "--configuration", configuration)
    assert max(len(line) for line in out.splitlines()) <= 100


def test_a_shape_of_ones_own_is_the_paper_model_of_the_same_shape(dse: Run) -> None:
    own = json.loads(dse("evaluate", "--shape", "64,768,64,64,12,3072", "--json")[1])
    bert = json.loads(dse("evaluate", "--model", "BERT", "--json")[1])
    assert own["model"] == "custom"
    assert own["latency_s"] == bert["latency_s"]
    assert own["energy_pj"] == bert["energy_pj"]


STRICT = ("--fit", "strict")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "GPT"], "unknown model 'GPT'; did you mean gpt2? known are BERT"),
        (
            ["--configuration", "fused"],
            "unknown configuration 'fused'; did you mean unfused? known are",
        ),
        (["--seq-len", "3.5K"], "sequence length '3.5K': write tokens, as 262144, 256K or 1M"),
        (["--seq-len", "0"], "sequence length 0: it must be a positive integer"),
        (["--array-rows", "-4"], "array_rows '-4': give a positive integer"),
        (
            [*STRICT, "--array-rows", "100"],
            "array_rows 100 leaves a remainder of 44 in the 262144 keys",
        ),
        (
            [*STRICT, "--array-cols", "96"],
            "array_cols 96 leaves a remainder of 64 in the 262144 queries",
        ),
        (
            [*STRICT, "--seq-len", "1000"],
            "array_rows 256 leaves a remainder of 232 in the 1000 keys",
        ),
        ([*STRICT, "--query-tiles", "3"], "query_tiles 3 leaves a remainder of 1"),
        ([*STRICT, "--vector-lanes", "65536"], "vector_lanes 65536 leaves a remainder of 32768"),
        (["--buffer-bytes", "65536"], "buffer_bytes 65536 is 66560 bytes short"),
        (["--buffer-bytes", "16777217"], "buffer_bytes 16777217 leaves a remainder of 1"),
        (["--pe-registers", "x"], "pe_registers 'x': give a positive integer, or 0 for auto"),
        (["--accounting", "Q99"], "'Q99' is unknown; write published, corrected"),
        (["--shape", "1,2,3"], "shape '1,2,3': give six positive integers B,D,E,F,H,S"),
        (["--shape", "64,768,64,0,12,3072"], "value_width is 0; it must be a positive integer"),
        (["--model", "T5", "--shape", "1,1,1,1,1,1"], "give one of them"),
        (["--shape", "1048576,768,64,64,12,3072", "--seq-len", "1M"], "exceed 2^63 - 1"),
        (
            ["--configuration", "flat", "--buffer-bytes", "1000448", "--sram", "exact"],
            "the component table has no SRAM of 1954 rows of 4096 bits",
        ),
        (["--shape", f"{10**400},768,64,64,12,3072"], "is too large; sizes are below 2^63"),
        (["--designs", "d.csv"], "--designs FILE and --out FILE go together"),
        (["--out", "d.csv"], "--designs FILE and --out FILE go together"),
        (
            ["--colour", "red"],
            "unknown argument '--colour'; did you mean --out? binding has array_rows",
        ),
        (["red"], "unknown argument 'red'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    dse: Run, arguments: list[str], sentence: str
) -> None:
    code, out, err = dse("evaluate", *arguments)
    assert code == 2
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1


def test_a_table_keeps_its_rows_and_says_which_are_infeasible(dse: Run, tmp_path: Path) -> None:
    table = tmp_path / "designs.csv"
    table.write_text(
        "configuration,model,seq_len,array_rows,accounting,fit\n"
        "binding,BERT,256K,,,\n"
        "flat,XLM,1K,100,,strict\n"
        "unfused,T5,262144,256,Q12,\n"
        "flat,BERT,1K,,,\n"
    )
    code, out, _ = dse("evaluate", "--designs", table, "--out", tmp_path / "results.csv")
    results = pd.read_csv(tmp_path / "results.csv")
    assert code == 0
    assert (
        "4 designs evaluated (2 strict, published; 1 strict, corrected; 1 strict, Q12), 3 of them"
    ) in out
    assert list(results["configuration"]) == ["binding", "flat", "unfused", "flat"]
    assert list(results["feasible"]) == [True, False, True, True]
    assert "array_rows 100 leaves a remainder of 24" in results["reason"][1]
    assert np.isnan(results["latency_s"][1])
    assert results["latency_s"][0] == pytest.approx(118.2793728, rel=1e-12)
    assert results["traffic_bytes"][3] == 1308622848
    assert list(results["accounting"]) == ["published", "corrected", "Q12", "published"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_results_are_a_table_of_designs_again(dse: Run, tmp_path: Path, suffix: str) -> None:
    table, once, twice = (tmp_path / f"{name}{suffix}" for name in ("table", "once", "twice"))
    frame = pd.DataFrame({"array_cols": [64, 128, 24], "seq_len": [4096, 65536, 1024]})
    if suffix == ".csv":
        frame.to_csv(table, index=False)
    elif suffix == ".jsonl":
        frame.to_json(table, orient="records", lines=True)
    else:
        frame.to_parquet(table)
    assert dse("evaluate", "--designs", table, "--out", once)[0] == 0
    assert dse("evaluate", "--designs", once, "--out", twice)[0] == 0
    assert once.read_bytes() == twice.read_bytes()


def test_a_table_gives_what_single_evaluations_give(dse: Run, tmp_path: Path) -> None:
    rows = [
        {"array_rows": 64, "array_cols": 128, "vector_lanes": 32, "buffer_bytes": 1048576},
        {"array_rows": 512, "array_cols": 128, "vector_lanes": 64, "buffer_bytes": 3145728},
        {"array_rows": 16, "array_cols": 16, "vector_lanes": 8, "buffer_bytes": 196608},
    ]
    for configuration in ("binding", "architecture", "cascade", "flat", "unfused", "linear_flat"):
        table, out = tmp_path / "designs.jsonl", tmp_path / "results.parquet"
        pd.DataFrame(rows).assign(configuration=configuration, seq_len=4096).to_json(
            table, orient="records", lines=True
        )
        assert dse("evaluate", "--designs", table, "--out", out)[0] == 0
        results = pd.read_parquet(out)
        for row, result in zip(rows, results.to_dict("records"), strict=True):
            options = [f"--{name.replace('_', '-')}={value}" for name, value in row.items()]
            code, text, err = dse(
                "evaluate", f"--configuration={configuration}", "--seq-len=4K", "--json", *options
            )
            assert code == (0 if result["feasible"] else 2), err
            if code == 0:
                single = json.loads(text)
                for name in schema_of([configuration]).names:
                    if name in single.keys() & result.keys():
                        assert single[name] == result[name], (configuration, row, name)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "d.csv",
            "array_row\n256\n",
            "unknown column array_row; did you mean array_rows? designs have",
        ),
        ("d.csv", "array_rows\n256\n-1\n", "row 2: array_rows '-1': give a positive integer"),
        ("d.csv", "array_rows\n25.6\n", "row 1: array_rows '25.6': give a positive integer"),
        ("d.csv", "query_tiles\nmany\n", "row 1: query_tiles 'many': give a positive integer, or"),
        ("d.csv", "model\nBERT\nGPT\n", "row 2: unknown model 'GPT'"),
        ("d.csv", "", "is empty; it needs a row of column names"),
        ("d.jsonl", "{]", "cannot read"),
        ("d.parquet", "no parquet", "cannot read"),
        ("d.txt", "array_rows\n256\n", "tables of designs are .parquet, .csv, .jsonl"),
    ],
)
def test_a_bad_table_is_one_sentence_and_writes_nothing(
    dse: Run, tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    code, out, err = dse("evaluate", "--designs", tmp_path / name, "--out", tmp_path / "out.csv")
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert out == ""
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_table_is_named(dse: Run, tmp_path: Path) -> None:
    code, _, err = dse("evaluate", "--designs", tmp_path / "no.csv", "--out", tmp_path / "out.csv")
    assert code == 2
    assert "no.csv: No such file or directory; name a table of designs" in err


def test_a_place_that_cannot_be_written_is_named(dse: Run, tmp_path: Path) -> None:
    table = tmp_path / "designs.csv"
    table.write_text("array_rows\n256\n")
    code, _, err = dse("evaluate", "--designs", table, "--out", table / "out.csv")
    assert code == 2
    assert "cannot write" in err
    assert table.read_text() == "array_rows\n256\n"


@pytest.mark.parametrize("option", ["--seq-len", "--accounting", "--model", "--fit", "--sram"])
def test_an_empty_option_is_no_default(dse: Run, option: str) -> None:
    code, out, error = dse("evaluate", option, "")
    assert (code, out) == (2, "")
    assert f"{option} is empty" in error
