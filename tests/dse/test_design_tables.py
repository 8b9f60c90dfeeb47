"""Tables of designs from anywhere: the right result, or one sentence and nothing written."""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.results import schema_of, selected
from dse.results.design_tables import NESTED
from dse.results.table_cells import LARGEST

Run = Callable[..., tuple[int, str, str]]
Evaluate = Callable[[str, str | bytes], pd.DataFrame]
Refused = Callable[[str, str | bytes], str]

SHAPE = '"1,4096,128,128,32,14336"'
BINDING = {
    "query_rows": "1024",
    "qk_stationarity": "weight",
    "av_stationarity": "input",
    "keeps_q": "1",
    "keeps_k": "0",
    "keeps_qk": "1",
    "keeps_v": "0",
    "keeps_av": "1",
}


def parquet(table: pa.Table | pd.DataFrame, **options: Any) -> bytes:
    content = BytesIO()
    if isinstance(table, pd.DataFrame):
        table.to_parquet(content)
    else:
        pq.write_table(table, content, **options)
    return content.getvalue()


def of(**columns: Any) -> bytes:
    return parquet(pa.table(columns))


@pytest.fixture
def evaluate(dse: Run, tmp_path: Path) -> Evaluate:
    """Evaluate a table that is good, and again what it gave."""

    def evaluated(name: str, content: str | bytes) -> pd.DataFrame:
        path, once, twice = tmp_path / name, tmp_path / "once.parquet", tmp_path / "twice.parquet"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code, _, err = dse("evaluate", "--designs", path, "--out", once)
        assert (code, err) == (0, "")
        assert dse("evaluate", "--designs", once, "--out", twice)[0] == 0
        assert once.read_bytes() == twice.read_bytes(), "results are another table of designs"
        return pd.read_parquet(once)

    return evaluated


@pytest.fixture
def refused(dse: Run, tmp_path: Path) -> Refused:
    """Return the one sentence that refuses a table, after which nothing else is there."""

    def sentence(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        code, out, err = dse("evaluate", "--designs", path, "--out", tmp_path / "out.csv")
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert len(err) <= 1020
        assert err[:-1].isprintable()
        assert [each.name for each in tmp_path.iterdir()] == [name]
        return err

    return sentence


WRONG = [
    *(
        [
            "nan",
            "NaN",
            "null",
            "NA",
            "N/A",
            "None",
            "true",
            "True",
            "inf",
            "-inf",
            "0x10",
            "1_000",
            "256.5",
            "-1",
            "0",
            "-0.0",
            "1e-400",
            ".5e1",
        ]
    ),
    *("256K", "128 ", " 128", "\uff11\uff12\uff18", "\u0661\u0662\u0668", "128\x00", "=1+1"),
    "1024.00000000000000000001",
]


@pytest.mark.parametrize("cell", WRONG)
def test_what_is_no_number_is_refused_with_row_and_column_in_every_format(
    refused: Refused, tmp_path: Path, cell: str
) -> None:
    rows = [{"array_rows": "128", "seq_len": "4K"}, {"array_rows": cell, "seq_len": "4K"}]
    for name, content in {
        "d.csv": f"array_rows,seq_len\n128,4K\n{cell},4K\n",
        "d.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "d.parquet": parquet(pd.DataFrame(rows)),
    }.items():
        assert "row 2: array_rows '" in refused(name, content)
        (tmp_path / name).unlink()


@pytest.mark.parametrize("cell", ["1024", "1024.0", "1024.", "1.024e3", "+1024"])
def test_a_whole_number_is_one_in_every_format(evaluate: Evaluate, cell: str) -> None:
    for name, content in {
        "d.csv": f"seq_len,array_cols\n{cell},8\n",
        "d.jsonl": json.dumps({"seq_len": cell, "array_cols": 8}),
        "d.parquet": of(seq_len=[cell], array_cols=[8]),
    }.items():
        assert evaluate(name, content)["seq_len"].tolist() == [1024]


def test_a_blank_cell_is_the_default_and_the_result_shows_it(evaluate: Evaluate) -> None:
    for name, content in {
        "d.csv": "configuration,array_rows,seq_len\n,,\nflat,,4K\n",
        "d.jsonl": '{"array_rows": null}\n{"configuration": "flat", "seq_len": "4K"}\n',
        "d.parquet": of(configuration=[None, "flat"], array_rows=pa.nulls(2), seq_len=["", "4K"]),
    }.items():
        results = evaluate(name, content)
        assert results["configuration"].tolist() == ["binding", "flat"]
        assert results["seq_len"].tolist() == [262144, 4096]
        assert results["array_rows"].tolist() == [256, 256]
        assert results["buffer_bytes"].tolist() == [16 * 2**20, 32 * 2**20]
        assert results["shape"].tolist() == ["64,768,64,64,12,3072"] * 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("array_rows,array_cols\n128,64,\n", "row 1: it has 3 cells, and the table 2 columns"),
        ("array_rows,array_cols\n128,64\n128\n", "row 2: it has 1 cells"),
        ("array_rows,\n128,\n", "unknown column ''"),
        ("array_rows, array_cols\n128,64\n", "unknown column ' array_cols'"),
        ("Array_Rows\n128\n", "unknown column Array_Rows"),
        (
            "array_rows;array_cols\n128;64\n",
            "no column describes a design, neither does 'array_rows;array_cols'",
        ),
        ("array_rows,array_rows\n128,64\n", "column array_rows is there twice"),
        ('"array_rows,array_cols\n128,64\n', "its first line cannot be read as names"),
        ('array_rows,array_cols\n"128,64\n128,64\n', "row 1: it has 1 cells"),
        ('array_rows,array_cols\n12"8,64\n', "row 1: array_rows '12\"8'"),
        ('model\n"BE\nRT"\n', "row 1: unknown model 'BE\\nRT'"),
        ("\narray_rows\n128\n", "starts with an empty line"),
        ("array\x00rows\n1\n", "unknown column 'array\\x00rows'; give it another name"),
        ("array_rows\n128\n".encode("utf-16"), "its first line is not UTF-8 text"),
        (b"model\nB\xe9RT\n", "cannot read"),
        (of(array_rows=[128]), "its first line is not UTF-8 text"),
        (gzip.compress(b"array_rows\n128\n", mtime=0), "its first line is not UTF-8 text"),
        (",".join(f"c{i}" for i in range(20)) + "\n", "neither does c0, c1, c2 and 17 more"),
        (",".join(f"c{i}" for i in range(100_000)) + "\n", "its first line has more than"),
        ("model\n" + "x" * 10_000_000 + "\n", "has more than 4194304 bytes"),
        ("model\n" + "x" * 3_000_000 + "\n", "row 1: unknown model 'xxx"),
        ("latency_s\n1.0\n", "no column describes a design"),
        ("design,array_rows\n5,128\n", "its designs are of a study that it does not tell"),
        ("evaluator,array_rows\nanalytical,8\ntimeloop,8\n", "row 2: evaluator 'timeloop'"),
        ('model,shape\nBERT,"64,768,64,64,12,3073"\n', "row 1: model BERT and shape"),
        ("configuration,query_tiles\nflat,0\nflat,\nflat,7\n", "row 3: query_tiles: flat has no"),
        ("query_tiles,configuration\n,\n7,linear_flat\n", "row 2: query_tiles: linear_flat has"),
        ("array_rows,keeps_q\n8,\n8,0\n", "row 2: keeps_q: binding has no keeps q to set"),
        ("configuration,keeps_q\nflat,2\n", "row 1: keeps_q '2': give one of 0, 1"),
        ("configuration,av_stationarity\nflat,any\n", "row 1: av_stationarity 'any': give one of"),
        (f"array_rows\n8\n{2**63}\n", f"row 2: array_rows '{2**63}': it is beyond 64 bits; give"),
        ("array_rows\n1e30\n", "row 1: array_rows '1e30': it is beyond 64 bits"),
        (f"buffer_bytes\n{'9' * 5000}\n", "it is beyond 64 bits; give at most 9223372036854775807"),
        (f"seq_len\n{2**63}\n", "row 1: seq_len '9223372036854775808': it is beyond 64 bits"),
        ("seq_len\n99999999999999M\n", "row 1: seq_len '99999999999999M': it is beyond 64 bits"),
        ("clock_hz\n-1\n", "row 1: clock_hz: '-1' is not understood; write a frequency"),
        ("clock_hz\n1e30\n", "row 1: clock_hz: '1e30' is too large"),
        ("accounting\nnan\n", "row 1: accounting 'nan'"),
        ("seq_len\n256Q\n", "row 1: seq_len '256Q': give tokens, as 262144, 256K or 1M"),
        ('shape\n"64,768,64,64,0,3072"\n', "row 1: transformer custom: heads is 0"),
    ],
)
def test_a_wrong_csv_is_refused(refused: Refused, content: str | bytes, sentence: str) -> None:
    assert sentence in refused("d.csv", content)


REFUSE_OFTEN = """
import sys
from pathlib import Path
from dse.results.table_files import chunks
from evaluators.errors import InputError

for _ in range(40):
    try:
        list(chunks(Path(sys.argv[1]), ["array_rows"], lambda names: None))
    except InputError:
        pass
    else:
        sys.exit("it was not refused")
"""


def test_refusing_leaves_no_reader_behind_that_hinders_the_end(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("array_rows\n128\n64,7\n")
    with path.open("r+b") as file:
        file.truncate(400 * 2**20)  # Arrow goes on reading what comes after
    subprocess.run([sys.executable, "-c", REFUSE_OFTEN, str(path)], check=True, timeout=300)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"array_rows":128}\n{"array_rows":true}\n', "row 2: array_rows is true or false"),
        ('{"shape":[1,768,64,64,12,3072]}\n', "row 1: shape is a list"),
        ('{"array_rows":{"a":1}}\n', "row 1: array_rows is an object"),
        ('{"array_rows":NaN}\n', "row 1: array_rows 'NaN'"),
        ('{"array_rows":25.6}\n', "row 1: array_rows '25.6'"),
        ('{"array_rows":1024.00000000000000000001}\n', "row 1: array_rows '1024.000"),
        ('{"array_rows":128,"array_rows":64}\n', "row 1: cannot read it as a JSON object: 'array"),
        ('{"array_rows":128}\n{"array_row":128}\n', "unknown column array_row;"),
        ("[1,2]\n", "row 1: '[1,2]' is no JSON object"),
        ("{}\n", "row 1: the object is empty"),
        ('{"array_rows":128}{"array_rows":64}\n', "row 1: cannot read it as a JSON object"),
        ("[" * 100_000, "row 1: cannot read it as a JSON object"),
        ('{"model":"\\ud800"}\n', "row 1: unknown model '\\ud800'"),
        (b'{"model":"\xff"}\n', "row 1: cannot read it as a JSON object"),
        ('{"model":5}\n', "row 1: unknown model '5'"),
        ('{"model":"' + "x" * 6_000_000 + '"}\n', "row 1: the line has more than 4194304 bytes"),
    ],
)
def test_wrong_json_lines_are_refused(
    refused: Refused, content: str | bytes, sentence: str
) -> None:
    assert sentence in refused("d.jsonl", content)


GOOD = of(array_rows=[128, 64])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (of(array_rows=[True]), "row 1: array_rows is of type bool"),
        (of(seq_len=pa.array([None, 1024], pa.timestamp("ms"))), "row 2: seq_len is of type time"),
        (of(seq_len=[datetime.date(2020, 1, 1)]), "row 1: seq_len is of type date32"),
        (of(array_rows=[Decimal(128)]), "row 1: array_rows is of type decimal128"),
        (of(array_rows=pa.array([128], pa.duration("s"))), "row 1: array_rows is of type duration"),
        (of(array_rows=[b"128"]), "row 1: array_rows is of type binary"),
        (of(shape=[[1, 2]]), "row 1: shape is of type list"),
        (of(array_rows=[{"a": 1}]), "row 1: array_rows is of type struct"),
        (of(array_rows=[128.0, np.nan]), "row 2: array_rows 'nan'"),
        (of(array_rows=[128.0, 64.5]), "row 2: array_rows '64.5'"),
        (of(array_rows=np.array([8, 2.5], "float16")), "row 2: array_rows '2.5'"),
        (of(array_rows=pa.array(["8", "x"]).dictionary_encode()), "row 2: array_rows 'x'"),
        (
            parquet(pd.DataFrame({"array_rows": [8], "array_cols": [8]}).set_index("array_rows")),
            "array_rows is the index of a pandas table",
        ),
        (of(array_rows=[8], mine=[[1]]), "row 1: mine is of type list"),
        (parquet(pd.DataFrame(index=range(5))), "no column describes a design"),
        (
            parquet(pa.Table.from_arrays([pa.array([8]), pa.array([4])], ["array_rows"] * 2)),
            "column array_rows is there twice",
        ),
        (GOOD[:-10], "cannot read"),
        (GOOD[:50] + GOOD[-100:], "cannot read"),
        (b"PAR1PAR1", "cannot read"),
        (b"", "cannot read"),
        (GOOD[:-4] + b"PARE", "cannot read"),
        (
            of(model=pa.array([b"\xff"], pa.binary()).view(pa.string())),
            "row 1: model: this or a later cell is not UTF-8 text",
        ),
    ],
)
def test_wrong_parquet_is_refused(refused: Refused, content: bytes, sentence: str) -> None:
    assert sentence in refused("d.parquet", content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", "\ufeffarray_rows\n128\n64\n"),
        ("D.CSV", "array_rows\r\n128\r\n\r\n64\r\n"),
        ("d.csv", '"array_rows"\r128\r"64"\r'),
        ("d.jsonl", '\ufeff{"array_rows":128}\r\n\r\n{"array_rows":"64"}'),
        *(
            ("d.parquet", of(array_rows=np.array([128, 64], kind)))
            for kind in ("uint8", "int16", "uint32", "int64", "uint64", "float16", "float64")
        ),
        ("d.parquet", of(array_rows=pa.array([128, 64]).dictionary_encode())),
        ("d.parquet", parquet(pd.DataFrame({"array_rows": [1, 128, 64]}).iloc[1:])),
        ("d.parquet", parquet(pd.DataFrame({"array_rows": pd.array([128, 64], "Int64")}))),
        *(
            ("d.parquet", parquet(pa.table({"array_rows": [128, 64]}), compression=each))
            for each in ("gzip", "zstd", "brotli")
        ),
    ],
)
def test_what_other_programs_write_is_read(
    evaluate: Evaluate, name: str, content: str | bytes
) -> None:
    assert evaluate(name, content)["array_rows"].tolist() == [128, 64]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", "array_rows,seq_len"),
        ("d.csv", "array_rows,seq_len\n\n"),
        ("d.jsonl", ""),
        ("d.parquet", of(array_rows=pa.array([], pa.int64()))),
    ],
)
def test_a_table_without_rows_gives_one_with_all_columns(
    evaluate: Evaluate, name: str, content: str | bytes
) -> None:
    assert list(evaluate(name, content)) == selected(schema_of(["binding"]), NESTED).names


def test_a_row_that_is_too_large_fails_alone_and_keeps_its_value(evaluate: Evaluate) -> None:
    results = evaluate(
        "d.csv",
        "seq_len,buffer_bytes,array_rows,pe_registers,configuration,shape\n"
        "4K,,128,,,\n"
        "4K,9007199254740993,128,,,\n"
        f"4K,{LARGEST},128,,,\n"
        f"{LARGEST},,128,,,\n"
        "2048M,,8,,flat,\n"
        "4K,1073741824,8,,,\n"
        "4K,,,100000000,,\n"
        '4K,,,,,"1,768,9223372036854775807,64,12,3072"\n'
        '1M,,,,unfused,"1048576,768,64,64,12,3072"\n'
        "4K,,128,,,\n",
    )
    assert results["feasible"].tolist() == [True, *[False] * 8, True]
    assert not results["failed"].any()
    assert results["buffer_bytes"][1] == 2**53 + 1
    assert results["buffer_bytes"][2] == LARGEST
    for row, reason in enumerate(
        [
            "",
            "buffer_bytes 9007199254740993: it must be a positive integer, 2147483648 at most",
            f"buffer_bytes {LARGEST}: it must be",
            "give 1 to 2^31 - 1 tokens",
            "sequence length 2147483648: give 1 to 2^31 - 1 tokens",
            "the component table has no SRAM of",
            "pe_registers 100000000: it must be",
            "query_width is 9223372036854775807; it may be 1048576 at most",
            "exceed 2^63 - 1",
            "",
        ]
    ):
        assert reason in results["reason"][row]
    alone = evaluate("d.csv", "seq_len,array_rows\n4K,128\n")
    assert results["latency_s"][9] == alone["latency_s"][0]


def test_results_tell_transformers_apart(evaluate: Evaluate) -> None:
    results = evaluate("d.csv", f"model,shape\n,{SHAPE}\nmine,{SHAPE}\nXLM,\n")
    assert results["model"].tolist() == ["custom", "mine", "XLM"]
    assert results["shape"].tolist() == [SHAPE.strip('"')] * 2 + ["64,2048,128,128,16,8192"]


@pytest.mark.parametrize(
    "columns",
    [
        BINDING,
        {name: value for name, value in BINDING.items() if "_q" in name},
        {"qk_stationarity": "weight"},
    ],
)
def test_a_binding_in_a_table_is_the_one_of_the_command_line(
    dse: Run, evaluate: Evaluate, columns: dict[str, str]
) -> None:
    row = {"configuration": "flat", "seq_len": "4K", **columns}
    (result,) = evaluate("d.jsonl", json.dumps(row)).to_dict("records")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in columns.items()]
    single = dse("evaluate", "--configuration=flat", "--seq-len=4K", "--json", *options)[1]
    for name, value in columns.items():
        assert str(result[name]) == value
    assert result["energy_pj"] == json.loads(single)["energy_pj"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("study", ["flat-bert", "joint-t5"])
def test_an_export_is_a_table_of_designs_with_the_same_metrics(
    dse: Run, tmp_path: Path, study: str, suffix: str
) -> None:
    table, out = tmp_path / f"e.{suffix}", tmp_path / "o.parquet"
    runs = ("--out", tmp_path)
    assert dse("study", "run", study, "--trials", 16, "--quiet", *runs)[0] == 0
    assert dse("study", "export", study, table, *runs)[0] == 0
    assert dse("study", "export", study, tmp_path / "e.parquet", *runs)[0] == 0
    assert dse("evaluate", "--designs", table, "--out", out)[0] == 0
    exported, again = pd.read_parquet(tmp_path / "e.parquet"), pd.read_parquet(out)
    chosen = ["query_rows", "qk_stationarity", "keeps_qk"]
    for name in ["configuration", "array_rows", *chosen, "latency_s", "energy_pj"]:
        pd.testing.assert_series_equal(exported[name], again[name], check_dtype=False)


OWN = """
name = "own"
configuration = "joint"
models = ["mine"]
seq_lens = ["1K"]
[space]
array_rows = [32, 64]
array_cols = 32
vector_lanes = 32
buffer_bytes = [65536, 131072]
keeps_q = 0
[transformers.mine]
batch = 1
model_width = 128
query_width = 32
value_width = 32
heads = 2
ffn_width = 256
"""


def test_a_front_and_an_export_of_an_own_transformer_are_evaluated_as_they_were(
    dse: Run, tmp_path: Path
) -> None:
    study, out = tmp_path / "own.toml", tmp_path / "o.parquet"
    study.write_text(OWN, encoding="utf-8")
    runs = ("--out", tmp_path)
    assert dse("sweep", study, *runs)[0] == 0
    front = tmp_path / "own" / "sweep" / "front.parquet"
    assert dse("evaluate", "--designs", front, "--out", out)[0] == 0
    true_front, again = pd.read_parquet(front), pd.read_parquet(out)
    pd.testing.assert_series_equal(true_front["latency_s"], again["latency_s"])
    pd.testing.assert_series_equal(true_front["area_um2"], again["area_um2"])
    assert dse("study", "run", study, "--trials", 16, "--quiet", *runs)[0] == 0
    assert dse("study", "export", "own", tmp_path / "e.csv", *runs)[0] == 0
    assert dse("evaluate", "--designs", tmp_path / "e.csv", "--out", out)[0] == 0
    exported, again = pd.read_csv(tmp_path / "e.csv"), pd.read_parquet(out)
    assert exported["shape"].unique().tolist() == ["1,128,32,32,2,256"]
    pd.testing.assert_series_equal(exported["energy_pj"], again["energy_pj"])


def test_many_chunks_are_one_table(dse: Run, tmp_path: Path) -> None:
    frame = pd.DataFrame({"array_rows": np.tile([8, 16, 100, 64], 50_000), "fit": "strict"})
    tables = {}
    for suffix in ("csv", "jsonl", "parquet"):
        path, out = tmp_path / f"d.{suffix}", tmp_path / f"{suffix}.parquet"
        if suffix == "csv":
            frame.to_csv(path, index=False)
        elif suffix == "jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            frame.to_parquet(path, index=False)
        assert dse("evaluate", "--designs", path, "--out", out)[0] == 0
        tables[suffix] = pd.read_parquet(out)
        pd.testing.assert_series_equal(tables[suffix]["array_rows"], frame["array_rows"])
        pd.testing.assert_frame_equal(tables[suffix], tables["csv"])
    assert tables["csv"]["feasible"].sum() == 150_000


def test_a_wrong_row_far_down_leaves_the_old_results(dse: Run, tmp_path: Path) -> None:
    table, out = tmp_path / "d.csv", tmp_path / "out.csv"
    table.write_text("array_rows\n" + "128\n" * 150_000 + "x\n")
    out.write_text("before")
    code, _, err = dse("evaluate", "--designs", table, "--out", out)
    assert code == 2
    assert "row 150001: array_rows 'x'" in err
    assert out.read_text() == "before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["d.csv", "out.csv"]


def test_results_never_overwrite_the_designs(dse: Run, tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text("array_rows\n128\n")
    (tmp_path / "soft.csv").symlink_to(table)
    (tmp_path / "hard.csv").hardlink_to(table)
    (tmp_path / "sub").mkdir()
    for out in ("d.csv", "sub/../d.csv", "soft.csv", "hard.csv"):
        code, _, err = dse("evaluate", "--designs", table, "--out", tmp_path / out)
        assert code == 2
        assert "is the table of designs itself" in err
        assert table.read_text() == "array_rows\n128\n"


def test_a_parameter_that_a_configuration_lacks_is_refused(dse: Run) -> None:
    for name in ("flat", "unfused", "linear_flat", "linear_fusemax"):
        code, out, err = dse("evaluate", "--configuration", name, "--query-tiles", 7)
        assert (code, out) == (2, "")
        assert "unknown argument '--query-tiles'" in err
        assert f"{name} has array_rows, array_cols" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--pe-registers", "100000000"], "pe_registers '100000000': give a positive integer, or"),
        (["--seq-len", "99999999999999M"], "give 1 to 2^31 - 1 tokens"),
        (["--seq-len", "9" * 5000], "is too large"),
        (["--array-rows", "9" * 5000], "array_rows '999"),
        (["--array-rows", "\u0661\u0662\u0668"], "give a positive integer, 65536 at most"),
        (["--shape", ""], "shape '': give six positive integers"),
        (["--shape", "1,1,9223372036854775807,1,1,1"], "query_width is 9223372036854775807; it"),
        (["--buffer-bytes", str(2**30), "--array-rows=8", "--array-cols=8"], "no SRAM of 67108864"),
        (["--query-rows", "3"], "unknown argument '--query-rows'; did you mean --"),
        (["--configuration=flat", "--query-rows=3"], "query_rows 3 leaves a remainder of 1 in"),
        (["--configuration=flat", "--keeps-q=2"], "keeps_q '2': give one of 0, 1"),
        (["--configuration"], "argument --configuration: expected one argument"),
        (["--configuration", "x" * 5000], "unknown configuration"),
    ],
)
def test_wrong_options_are_one_sentence(dse: Run, arguments: list[str], sentence: str) -> None:
    code, out, err = dse("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert len(err) <= 1020


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_columns_of_the_users_own_are_in_the_results_as_they_were(
    dse: Run, tmp_path: Path, suffix: str
) -> None:
    table, out = tmp_path / f"d.{suffix}", tmp_path / f"o.{suffix}"
    frame = pd.DataFrame(
        {"id": ["a", None, "c, d"], "array_rows": [64, 100, 128], "run of mine": [3, 1, 2]}
    ).assign(fit="strict")
    if suffix == "csv":
        frame.to_csv(table, index=False)
    elif suffix == "jsonl":
        frame.to_json(table, orient="records", lines=True)
    else:
        frame.set_index("id").to_parquet(table)
    assert dse("evaluate", "--designs", table, "--out", out)[0] == 0
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}
    results = read[suffix](out) if suffix in read else pd.read_json(out, lines=True)
    assert results["id"].fillna("").tolist() == ["a", "", "c, d"]
    assert results["run of mine"].tolist() == [3, 1, 2]
    assert results["feasible"].tolist() == [True, False, True]


def test_reals_are_parameters_as_sizes_are(evaluate: Evaluate) -> None:
    """A memory of twice the bandwidth takes half the time; a clock scales busy times."""
    results = evaluate(
        "d.csv",
        "dram_bytes_per_s,clock_hz,accounting\n,,published\n8.589934592e11,,published\n"
        ",4.7e8,published\n429496729600,9.4e8,published\n",
    )
    memory, busy = results["memory_latency_s"], results["compute_2d_s"]
    assert memory.tolist() == [memory[0], memory[0] / 2, memory[0], memory[0]]
    assert busy.tolist() == pytest.approx([busy[0], busy[0], 2 * busy[0], busy[0]], rel=1e-15)
    assert results["clock_hz"].tolist() == [9.4e8, 9.4e8, 4.7e8, 9.4e8]
    assert results["energy_pj"].tolist() == [results["energy_pj"][0]] * 4
