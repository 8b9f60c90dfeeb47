"""Workloads on the command line, in studies and in tables of designs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evaluators.errors import InputError
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.reading import workload_of
from evaluators.workloads.workload import Workload
from studies import toml
from studies.specification import Specification
from studies.toml_text import to_toml
from tests.evaluators.shipped_bindings import BOUND

Run = Callable[..., tuple[int, str, str]]

LLAMA = {
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
}
DECODE_SIDES = ("--array-cols", 4, "--vector-lanes", 4)
"""Four query rows of Llama-3-8B, a token: what the sides that carry queries divide."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "Llama-3-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    return folder / "config.json"


def test_a_decoded_token_reads_the_cache_of_its_groups_once(dse: Run, config: Path) -> None:
    options = ("--queries", 1, "--keys", "8K", "--batch", 64, *DECODE_SIDES, "--json")
    own = json.loads(dse("evaluate", "--model", config, *options)[1])
    named = json.loads(dse("evaluate", "--model", "llama-3-8b", *options)[1])
    assert own["traffic_bytes"] == 64 * 33_570_816
    assert (own["model"], named["model"]) == ("Llama-3-8B", "llama-3-8b")
    assert {**own, "model": ""} == {**named, "model": ""}
    assert (own["queries"], own["seq_len"], own["mask"], own["window"]) == (1, 8192, "none", 0)
    head = dse("evaluate", "--model", "llama-3-8b", *options[:-1])[1].split("\n")
    assert head[0] == "binding on llama-3-8b with 1 query on 8K keys, padded, corrected accounting"
    assert head[1].endswith("H=32 S=14336, 8 heads of keys and values, gated")


def test_a_causal_prefill_takes_about_half(dse: Run) -> None:
    whole, causal = (
        json.loads(dse("evaluate", "--model", "llama-3-8b", "--seq-len", "8K", *each, "--json")[1])
        for each in ((), ("--causal",))
    )
    assert 0.5 < causal["latency_s"] / whole["latency_s"] < 0.6
    assert causal["mask"] == "causal"


def test_the_linear_layers_are_those_of_the_transformer(dse: Run) -> None:
    options = ("--configuration", "linear_flat", "--seq-len", "1K", "--json")
    for model, layers in (
        ("gpt2", "Q K V Z FFN1 FFN2"),
        ("llama-3-8b", "Q K V Z GATE FFN1 FFN2"),
        ("mixtral-8x7b", "Q K V Z GATE FFN1 FFN2"),
        ("t5-3b#cross", "Q K V Z"),
    ):
        result = json.loads(dse("evaluate", *options, "--model", model)[1])
        assert [each["einsum"] for each in result["breakdown"]] == layers.split()
        tiles = [each for each in result if each.endswith(("_m1", "_n1"))]
        assert {each.rpartition("_")[0] for each in tiles} == set(layers.split())
        macs = sum(each["busy_s"] for each in result["breakdown"]) * 940e6 * 256**2
        shape = transformer(model)
        token = shape.model_width * (
            2 * shape.heads * shape.query_width
            + 2 * shape.key_heads * shape.query_width
            + (2 + shape.gated) * shape.experts * shape.ffn_width
        )
        assert macs == pytest.approx(1024 * token, rel=1e-12)


@pytest.mark.parametrize("name", ["unfused", "flat", "cascade", "architecture", "binding"])
def test_the_papers_bindings_are_those_of_its_own_workloads(dse: Run, name: str) -> None:
    options = (
        "evaluate",
        "--configuration",
        name,
        "--seq-len",
        "4K",
        "--accounting",
        "published",
        "--json",
    )
    dense, causal = (json.loads(dse(*options, *each)[1]) for each in ((), ("--causal",)))
    assert causal["latency_s"] < 0.65 * dense["latency_s"]
    decoded = json.loads(
        dse(*options, "--queries", 256, "--model", "qwen2.5-7b", "--vector-lanes", 128)[1]
    )
    assert decoded["queries"] == 256


@pytest.mark.parametrize("name", BOUND)
def test_every_kind_of_transformer_is_evaluated_or_says_why_not(dse: Run, name: str) -> None:
    """On sides that divide their rows: prefill under the model's mask, and decode."""
    decode = ("--queries", 1, "--keys", 2048)
    for model in ("bert-base", "llama-3-8b", "mistral-7b", "mixtral-8x7b", "t5-base#cross",
                  "falcon-40b", "deepseek-v3#decompressed", "deepseek-v3#absorbed"):  # fmt: skip
        for tokens in (("--seq-len", 2048), decode):
            sides = ("--array-rows", 64, "--array-cols", 1, "--vector-lanes", 1)
            if name in ("flat", "unfused"):
                sides = ("--array-rows", 64, "--array-cols", 1, "--vector-lanes", 64)
            if name == "one_array":
                sides = ("--array-rows", 64, "--array-cols", 1)
            code, out, err = dse(
                *("evaluate", "--configuration", name, "--model", model, *tokens, *sides),
                *(("--buffer-bytes", 2**25) if name != "tensor_core" else ()),
            )
            assert code in (0, 2), err
            assert "bound by" in out if code == 0 else err.count("\n") == 1


def test_what_a_workload_asks_of_a_machine_is_shown(dse: Run) -> None:
    """Numbers counted by hand, see tests/evaluators/workloads/test_closed_forms.py."""
    options = ("--queries", 1, "--keys", "8K", "--batch", 64)
    shown = json.loads(dse("workload", "show", "llama-3-8b", *options, "--json")[1])
    attention, linear = shown["demands"]["attention"], shown["demands"]["linear layers"]
    assert attention["macs"] == 64 * 67_108_864
    assert attention["bytes"] == 64 * 33_570_816
    assert linear["macs"] == 64 * 218_103_808
    assert linear["weight_bytes"] == 436_207_616
    assert shown["demands"]["all layers"]["macs"] == 32 * (attention["macs"] + linear["macs"])
    machine = shown["machine"]
    assert machine["macs_per_s"] == 256 * 256 * 940e6
    assert machine["ridge_macs_per_byte"] == 256 * 256 * 940e6 / (400 * 2**30)
    assert {each["binds"] for each in shown["demands"].values()} == {"DRAM"}
    assert attention["least_s"] == 64 * 33_570_816 / (400 * 2**30)
    prefill = json.loads(dse("workload", "show", "llama-3-8b", "--seq-len", "8K", "--json")[1])
    assert prefill["demands"]["attention"]["binds"] == "pe"
    text = dse("workload", "show", "mistral-7b", "--queries", 1, "--keys", "32K")[1]
    assert "for each of 8 heads of 1 sequence, all pairs attended" in text
    own = dse("workload", "show", "BERT", "--seq-len", 4, "--causal")[1]
    assert "S=3072, 1 layer\n" in own
    assert "62.50% of the pairs attended" in own  # 1 + 2 + 3 + 4 of 16
    other = dse("workload", "show", "gpt2", "--configuration", "tensor_core")[1]
    assert "roofs of tensor_core: matrix 1.444e+12 macs/s, DRAM 1.44e+10 bytes/s" in other


def test_roofs_are_those_of_a_machines_words_and_units(dse: Run, tmp_path: Path) -> None:
    """Words of 8 bits move half the bytes; a mac of 4 PEs has a quarter of the peak."""
    (tmp_path / "m.toml").write_text(
        'name = "m"\nbase = "fusemax"\n'
        '[parameters]\nword_bits = { default = 8, help = "bits of a word" }\n'
        '[arrays.pe]\nsides = ["array_cols", "array_rows"]\nregisters = "pe_registers"\n'
        'units = ["max", { unit = "mac", shared_by = 4 }]\n'
        'edge = { name = "reg_file_1d", like = "vector" }\n'
    )
    (tmp_path / "own.toml").write_text('name = "own"\nbase = "binding"\nmachine = "m.toml"\n')
    options = ("--queries", 1, "--keys", "8K", "--json")
    own, paper = (
        json.loads(dse("workload", "show", "gpt2-xl", *options, "--configuration", name)[1])
        for name in (tmp_path / "own.toml", "binding")
    )
    for part, demand in own["demands"].items():
        assert demand["bytes"] * 2 == paper["demands"][part]["bytes"]
        assert demand["macs"] == paper["demands"][part]["macs"]
    assert own["machine"]["macs_per_s"] * 4 == paper["machine"]["macs_per_s"]
    assert own["machine"]["bytes_per_s"] == paper["machine"]["bytes_per_s"]


def test_the_transformers_that_ship_are_listed_with_their_sources(dse: Run) -> None:
    rows = json.loads(dse("workload", "list", "--json")[1])
    assert len(rows) >= 34
    for row in rows:
        assert row["source"]
        text = dse("workload", "show", row["model"])[1]
        assert text.startswith(f"{row['model']} at 256K tokens")
    listed = dse("workload", "list")[1].split("\n")
    assert listed[1].split()[:8] == ["BERT", "768", "12", "12", "64", "64", "3072", "1"]
    assert any("every other layer has a window of 4096" in line for line in listed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--model", "llama-9"),
            "unknown model 'llama-9'; did you mean llama-3-8b? known are",
        ),
        (("--queries", 9, "--keys", 8, "--causal"), "keys 8: a causal mask needs 9 or more"),
        (("--seq-len", 8, "--keys", 9), "seq_len 8 and keys 9: give one of them"),
        (("--window", "4K", "--mask", "none"), "a sliding window needs a causal mask"),
        (("--mask", "prefix"), "mask 'prefix' is unknown; write none or causal"),
        (("--batch", "many"), "batch 'many': write tokens"),
        (("--shape", "1,8,4,4,4,8,kv_heads=3"), "heads is 4; kv_heads, 3, must divide it"),
        (("--shape", "1,8,4,4,4,8,gates=1"), "behind the six sizes give each of kv_heads, gated"),
        (("--shape", "1,8,4,4,4,8,gated=2"), "behind the six sizes give each of kv_heads, gated"),
    ],
)
def test_a_workload_that_is_none_is_told(dse: Run, options: tuple[object, ...], said: str) -> None:
    code, _, err = dse("evaluate", *options)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_a_table_has_the_same_options_as_columns(dse: Run, tmp_path: Path, config: Path) -> None:
    table, once, twice = tmp_path / "d.csv", tmp_path / "1.csv", tmp_path / "2.csv"
    table.write_text(
        "model,queries,keys,batch,mask,window,array_cols,vector_lanes\n"
        "llama-3-8b,1,8K,64,,,4,4\n"
        f"{config},1,8K,64,,,4,4\n"
        "mistral-7b,8192,8K,,,,,\n"
        "mistral-7b,8192,8K,,causal,0,,\n"
        "deepseek-v3#absorbed,128,4K,2,causal,,,\n"
        "BERT,,,8,causal,,,\n"
        "BERT,,2147483648,,,,,\n",
        encoding="utf-8",
    )
    assert dse("evaluate", "--designs", table, "--out", once)[0] == 0
    assert dse("evaluate", "--designs", once, "--out", twice)[0] == 0
    assert once.read_bytes() == twice.read_bytes()
    results = pd.read_csv(once)
    assert results["queries"].tolist()[:6] == [1, 1, 8192, 8192, 128, 2**18]
    assert results["seq_len"].tolist()[:6] == [8192, 8192, 8192, 8192, 4096, 2**18]
    assert results["mask"].tolist()[:6] == ["none", "none", *["causal"] * 4]
    assert results["window"].tolist()[:6] == [0, 0, 4096, 0, 0, 0]
    assert results["model"].tolist()[1] == "Llama-3-8B"
    assert results["shape"].tolist()[5] == "8,768,64,64,12,3072"
    assert results["traffic_bytes"].tolist()[:2] == [64 * 33_570_816] * 2
    assert "give 1 to 2^31 - 1 tokens" in results["reason"].tolist()[6]
    assert results["latency_s"][2] < results["latency_s"][3]


STUDY = """
name = "service"
configuration = "binding"
trials = 24
[[workloads]]
model = "Llama-3-8B/config.json"
queries = 2                                               # 8 rows of a key head
keys = "8K"
batch = 64
[[workloads]]
model = "Llama-3-8B/config.json"
seq_len = 8192
mask = "causal"
[[workloads]]
model = "mistral-7b"
seq_len = "8K"
[space]
array_cols = 8
array_rows = [64, 128]
vector_lanes = 8
"""


def test_a_study_of_prefill_and_decode_runs_and_is_exported(
    dse: Run, tmp_path: Path, config: Path
) -> None:
    study = tmp_path / "service.toml"
    study.write_text(STUDY, "utf-8")
    shape = transformer(str(config))
    read = toml.load(study)
    assert read.workloads == (
        workload_of(shape, {"queries": 2, "keys": 8192, "batch": 64, "fit": "pad"}),
        Workload(shape, 8192, causal=True, padded=True),
        Workload(transformer("mistral-7b"), 8192, 8192, True, 4096, padded=True),
    )
    assert toml.parse(to_toml(read, {}), "again").workloads == read.workloads
    runs = ("--out", tmp_path / "runs")
    assert dse("study", "run", study, "--quiet", *runs)[0] == 0
    exported, again = tmp_path / "e.csv", tmp_path / "a.csv"
    assert dse("study", "export", "service", exported, *runs)[0] == 0
    assert dse("evaluate", "--designs", exported, "--out", again)[0] == 0
    was, came = pd.read_csv(exported), pd.read_csv(again)
    assert was["queries"].tolist()[:3] == [2, 8192, 8192]
    assert was["shape"].tolist()[0].startswith("64,4096,128,128,32,14336,kv_heads=8")
    pd.testing.assert_series_equal(was["latency_s"], came["latency_s"])
    assert dse("study", "resume", "service", "--trials", 26, "--quiet", *runs)[0] == 0


def test_workloads_of_the_paper_are_written_as_they_were() -> None:
    """A study that was stored before other workloads were known stays what it is."""
    bert = transformer("BERT")
    study = Specification("s", ("binding",), (Workload(bert, 1024), Workload(bert, 4096)))
    text = to_toml(study, {})
    assert 'models = ["BERT"]\nseq_lens = ["1K", "4K"]\nfit = "strict"\n' in text
    assert study.identity()["workloads"][0] == (
        "1K {'name': 'BERT', 'batch': 64, 'model_width': 768, 'query_width': 64, "
        "'value_width': 64, 'heads': 12, 'ffn_width': 3072}"
    )


HEAD = 'name = "a"\nconfiguration = "binding"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'models = ["GPT-9"]\nseq_lens = ["1K"]\n',
            "models: 'GPT-9' is unknown; did you mean",
        ),
        ('models = ["BERT"]\n[[workloads]]\nmodel = "BERT"\n', "line 3: models: [[workloads]] say"),
        ("[[workloads]]\nqueries = 1\n", "the key workloads.model is missing; give the name of a"),
        ('[[workloads]]\nmodel = "BERT"\ntokens = 1\n', "tokens: a workload has no such key"),
        ('[[workloads]]\nmodel = "BERT"\nqueries = 0\n', "queries 0: it must be a positive"),
        ('[[workloads]]\nmodel = "BERT"\nkeys = 1.5\n', "keys: 1.5 is not tokens, as '8K'"),
        ('workloads = ["BERT"]\n', "workloads: write tables [[workloads]], one a workload"),
        ('[[workloads]]\nmodel = "BERT"\n[[workloads]]\nmodel = "BERT"\n', "give each one once"),
        ('models = ["none.json"]\nseq_lens = ["1K"]\n', "models: cannot read none.json: No such"),
    ],
)
def test_a_study_of_no_workload_is_told_by_line_and_key(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        toml.parse(HEAD + text, "f")
    assert said in str(error.value)
