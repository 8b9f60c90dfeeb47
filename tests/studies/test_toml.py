"""Study files: they come back as they were written, and a bad one is told by line and key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import Accounting, Correction
from evaluators.errors import InputError
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from search_spaces.domains import ATTENTION
from search_spaces.space import space
from studies import toml
from studies.builtin import STUDIES
from studies.objectives import BOUNDABLE, OBJECTIVES
from studies.scenes import SHARES
from studies.specification import SAMPLERS, Specification
from studies.toml_text import to_toml

FULL = """\
name = "mine"
configuration = "binding"
models = ["own", "BERT"]
seq_lens = ["4K", 1024]
objectives = ["area", "latency"]
sampler = "nsga2"
seed = 3
trials = 100
time_limit_s = 60
batch = 8
evaluator = "analytical"
accounting = "Q1+Q2"
pinned = false
fit = "strict"
[constraints]                           # upper bounds
area_um2 = 5e8
registers = true

[space]
vector_lanes = [128, 256]
buffer_bytes = { min = 1048576 }

[transformers.own]
batch = 4
model_width = 512
query_width = 32
value_width = 48
heads = 8
ffn_width = 1000

[made_with]
optuna = "5.0.0"
"""

OWN = Transformer("own", 4, 512, 32, 48, 8, 1000)


def test_every_key_of_a_file_is_read() -> None:
    assert toml.parse(FULL, "f") == Specification(
        name="mine",
        configurations=("binding",),
        workloads=tuple(
            Workload(shape, length)
            for shape in (OWN, TRANSFORMERS["BERT"])
            for length in (4096, 1024)
        ),
        objectives=("area", "latency"),
        bounds={"area_um2": 5e8},
        registers=True,
        overrides={"vector_lanes": [128, 256], "buffer_bytes": {"min": 1048576}},
        sampler="nsga2",
        seed=3,
        trials=100,
        time_limit_s=60.0,
        batch=8,
        evaluator="analytical",
        accounting=Accounting(frozenset({Correction.Q1, Correction.Q2}), "next larger"),
        pinned=False,
    )


def test_what_a_file_leaves_out_takes_its_default() -> None:
    short = 'name = "binding-bert"\nconfiguration = "binding"\nmodels = ["BERT"]\n'
    builtin = STUDIES["binding-bert"]
    paper = 'seq_lens = ["256K"]\naccounting = "published"\nfit = "strict"'
    assert toml.parse(short + paper, "f") == builtin
    assert toml.parse(short + 'seq_lens = ["256K"]', "f") == replace(
        builtin,
        workloads=(Workload(TRANSFORMERS["BERT"], 262144, padded=True),),
        accounting=Accounting(frozenset(Correction), "next larger"),
    )
    limited = toml.parse(short + 'seq_lens = ["256K"]\ntime_limit_s = 5', "f")
    assert (limited.trials, limited.time_limit_s) == (None, 5.0)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_built_in_studies_come_back_as_they_were_written(study: Specification) -> None:
    assert toml.parse(to_toml(study, {"optuna": "5"}), "f") == study


scene_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,20}", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
sizes = st.integers(1, 5000)
shapes = st.builds(
    Transformer,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
    *([sizes] * 6),
)
_VALUES = {each.name: each.values for each in space("binding", [1024]).parameters}
SIDES, BUFFER_BYTES = _VALUES["array_rows"], _VALUES["buffer_bytes"]

ranges = st.tuples(st.sampled_from(BUFFER_BYTES), st.sampled_from(BUFFER_BYTES)).map(
    lambda ends: {"min": min(ends), "max": max(ends)}
)
overrides: Any = st.fixed_dictionaries(
    {},
    optional={
        "array_rows": st.sampled_from(SIDES),
        "vector_lanes": st.lists(st.sampled_from(SIDES), min_size=1, unique=True),
        "buffer_bytes": ranges,
        "pe_registers": st.lists(st.integers(1, 10**6), min_size=1, unique=True),
    },
)


@st.composite
def specifications(draw: st.DrawFn) -> Specification:
    models = draw(
        st.lists(
            st.one_of(st.sampled_from(list(TRANSFORMERS.values())), shapes),
            min_size=1,
            max_size=3,
            unique_by=lambda shape: shape.name,
        )
    )
    lengths = draw(st.lists(st.integers(1, 2**16), min_size=1, max_size=3, unique=True))
    padded = draw(st.booleans())
    positive = st.floats(0, exclude_min=True, allow_infinity=False)
    limit = draw(st.none() | positive)
    configurations, linear_layers = draw(
        st.sampled_from(
            [
                (("unfused",), ("linear_flat",)),
                (("flat",), ()),
                (("binding",), ("linear_fusemax",)),
                (ATTENTION, ("linear_flat", "linear_fusemax")),
                (("flat", "one_array"), ()),
            ]
        )
    )
    workloads = tuple(
        Workload(shape, length, padded=padded) for shape in models for length in lengths
    )
    count = len(workloads)
    weight = st.floats(1e-3, 1e9)
    mixed = st.lists(weight, min_size=count, max_size=count).map(tuple)
    called = st.lists(scene_names, min_size=count, max_size=count, unique=True).map(tuple)
    pairs = st.tuples(positive, positive).map(sorted)
    limits = draw(st.dictionaries(st.sampled_from(BOUNDABLE), pairs))
    bounded = draw(st.sets(st.sampled_from(BOUNDABLE))) | set(SHARES)
    return Specification(
        name=draw(names),
        configurations=configurations,
        workloads=workloads,
        weights=draw(st.just(()) | mixed | st.just((1.0,) * count)),
        scenes=draw(st.just(()) | called),
        whole_model=draw(st.booleans()),
        linear_layers=draw(st.sampled_from([(), linear_layers])),
        objectives=tuple(
            draw(st.lists(st.sampled_from(list(OBJECTIVES)), min_size=1, max_size=5, unique=True))
        ),
        bounds={name: most for name, (_, most) in limits.items() if name in bounded},
        floors={name: least for name, (least, _) in limits.items() if name not in bounded},
        registers=draw(st.sampled_from([None, False, True])),
        overrides=draw(overrides),
        sampler=draw(st.sampled_from(SAMPLERS)),
        seed=draw(st.integers(0, 2**32 - 1)),
        trials=draw(st.integers(1, 10**9)) if limit is None else None,
        time_limit_s=limit,
        batch=draw(st.integers(1, 2**16)),
        accounting=Accounting(draw(st.frozensets(st.sampled_from(Correction)))),
        pinned=draw(st.booleans()),
    )


@given(specifications())
@settings(max_examples=60, deadline=None)
def test_any_study_comes_back_as_it_was_written(study: Specification) -> None:
    text = to_toml(study, {"optuna": "5.0"})
    again = toml.parse(text, "f")
    assert again == study
    assert again.digest() == study.digest()


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ('name = "mine"', "name = 3", 1, "name: 3 is not a name"),
        ('name = "mine"', 'name = ""', 1, "name: '' is no name; use up to 100 letters"),
        ('name = "mine"', 'name = "paper"', 1, "name: 'paper' is what the paper's own points are"),
        ('name = "mine"', 'name = "a/b"', 1, "name: 'a/b' is no name; use up to 100 letters"),
        ('"binding"', '"bnding"', 2, "configuration: 'bnding' is unknown; did you mean binding?"),
        ('models = ["own", "BERT"]', "models = []", 3, "models: [] is not a list of names"),
        ('models = ["own", "BERT"]', 'models = "BERT"', 3, "models: 'BERT' is not a list of"),
        (
            '["own", "BERT"]',
            '["GPT"]',
            3,
            "models: 'GPT' is unknown; did you mean gpt2? known",
        ),
        ('["own", "BERT"]', '["BERT", "BERT"]', 3, "models: give each one once"),
        ('["4K", 1024]', '["4Q"]', 4, "seq_lens: sequence length '4Q': write tokens, as"),
        ('["4K", 1024]', "[0]", 4, "seq_lens: sequence length 0: give 1 to 2^31 - 1 tokens"),
        ('["4K", 1024]', '["2048M"]', 4, "seq_lens: sequence length 2048M: give 1 to 2^31"),
        ('["4K", 1024]', '["4K", 4096]', 4, "seq_lens: give each one once"),
        ('["4K", 1024]', "[1.5]", 4, "seq_lens: [1.5] is not a list of lengths"),
        ('["4K", 1024]', "[true]", 4, "seq_lens: [True] is not a list of lengths"),
        ('["area", "latency"]', '["speed"]', 5, "objectives: 'speed' is unknown; known are area"),
        ('["area", "latency"]', '["area", "area"]', 5, "objectives: give each one once"),
        (
            '["area", "latency"]',
            '["area", "latency", "energy", "traffic", "power", "util_2d"]',
            5,
            "objectives: give one to 5",
        ),
        ('"nsga2"', '"best"', 6, "sampler: 'best' is unknown; known are tpe"),
        ("seed = 3", "seed = -3", 7, "seed: -3 is not an integer from 0"),
        ("seed = 3", "seed = 3.0", 7, "seed: 3.0 is not an integer from 0"),
        ("seed = 3", "seed = true", 7, "seed: True is not an integer from 0"),
        ("trials = 100", "trials = 0", 8, "trials: 0 is not an integer from 1"),
        ("= 60", "= 0", 9, "time_limit_s: 0 is not a number of seconds, above 0 and finite"),
        ("= 60", "= inf", 9, "time_limit_s: inf is not a number of seconds, above 0 and finite"),
        ("batch = 8", 'batch = "8"', 10, "batch: '8' is not an integer from 1"),
        ('"analytical"', '"guess"', 11, "evaluator: unknown evaluator 'guess'"),
        ('"analytical"', '"mapper"', 11, "evaluator: the mapper counts as the corrected"),
        ('"Q1+Q2"', '"Q99"', 12, "accounting: 'Q99' is unknown; write"),
        ('"Q1+Q2"', '"Q1+Q99"', 12, "accounting: 'Q99' of 'Q1+Q99' is unknown; write"),
        ('"Q1+Q2"', '"Q1+"', 12, "accounting: '' of 'Q1+' is unknown; write"),
        ("pinned = false", 'pinned = "no"', 13, "pinned: 'no' is not true or false"),
        (
            "pinned = false",
            "pined = false",
            13,
            "pined: a study has no such key; did you mean pinned?",
        ),
        ('fit = "strict"', 'fit = "loose"', 14, "fit: 'loose' is unknown; known are strict, pad"),
        ("area_um2 = 5e8", "area_um2 = -1", 16, "area_um2: -1 is not a number, above 0 and"),
        ("area_um2 = 5e8", "area_um2 = nan", 16, "area_um2: nan is not a number, above 0 and"),
        ("area_um2 = 5e8", f"area_um2 = {10**400}", 16, "an integer of more than 64 bits"),
        ("area_um2 = 5e8", 'area_um2 = "5e8"', 16, "area_um2: '5e8' is not a number"),
        ("area_um2 = 5e8", "util_2d = 0.8", 16, "util_2d: say which bound it is: { min = 0.8 } or"),
        ("area_um2 = 5e8", "util_2d = {}", 16, "util_2d: give min, max or both"),
        ("area_um2 = 5e8", "power_w = { least = 1 }", 16, "least: power_w has no such key; known"),
        (
            "area_um2 = 5e8",
            "power_w = { min = 2, max = 1 }",
            16,
            "power_w: min 2 is above max 1",
        ),
        ("area_um2 = 5e8", "util_2d = { min = 1.1 }", 16, "util_2d: min 1.1 is above 1"),
        ("area_um2 = 5e8", "power_w = { min = 0 }", 16, "min: 0 is not a number, above 0"),
        (
            "area_um2 = 5e8",
            "area = 5e8",
            16,
            "area: constraints has no such key; did you mean area_um2?",
        ),
        ("registers = true", "registers = 1", 17, "registers: 1 is not true or false"),
        ("[128, 256]", "[100]", 20, "vector_lanes: 100: it must be one of 8, 16"),
        ("[128, 256]", "[]", 20, "f.toml line 20: vector_lanes: the list is empty"),
        ("[128, 256]", '"many"', 20, "vector_lanes: 'many': it must be one of 8"),
        ("{ min = 1048576 }", "{ least = 1 }", 21, "a range has min, max or both, not least"),
        ("{ min = 1048576 }", "{ min = 1 }", 21, "buffer_bytes: min 1: it must be"),
        ("vector_lanes", "lanes", 20, "lanes: unknown parameter 'lanes'; known are configuration"),
        ("batch = 4", "batch = 0", 24, "batch: 0 is not an integer from 1"),
        ("heads = 8", "heads = 8.5", 28, "heads: 8.5 is not an integer from 1"),
        ("heads = 8", "", 23, "own: it lacks heads"),
        ("[transformers.own]", "[transformers.BERT]", 23, "BERT: this is a transformer of the"),
        ("heads = 8", "hats = 8", 28, "hats: transformer own has no such key; did you mean heads?"),
        ("[space]", "[[space]]", 19, "space: [{'vector_lanes'"),
    ],
)
def test_a_bad_value_is_told_by_line_and_key(old: str, new: str, line: int, sentence: str) -> None:
    assert FULL.count(old) >= 1
    with pytest.raises(InputError) as error:
        toml.parse(FULL.replace(old, new, 1), "f.toml")
    told = str(error.value)
    assert told.startswith(f"f.toml line {line}: ")
    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[transformers]\nown = { batch = 0 }\n", 6, "batch"),
        ('[transformers]\n"my own" = { batch = 0 }\n', 6, "batch"),
        ("transformers.own.batch = 0\n", 5, "batch"),
        ("[transformers.'o.w']\n\nbatch = 0\n", 7, "batch"),
        ("constraints = { area_um2 = 0 }\n", 5, "area_um2"),
        ("space.array_rows = 7\n", 5, "array_rows"),
        ("transformers = 3\n", 5, "transformers"),
        ("[transformers]\nown = 3\n", 6, "own"),
        ("constraints = 3\n", 5, "constraints"),
        ("space = 3\n", 5, "space"),
        ("[space]\nseed = 1\n", 6, "seed"),
    ],
)
def test_the_line_is_found_however_a_table_is_written(text: str, line: int, key: str) -> None:
    start = 'name = "a"\nconfiguration = "binding"\nmodels = ["BERT"]\nseq_lens = ["1K"]\n'
    with pytest.raises(InputError, match=rf"^f line {line}: {key}: "):
        toml.parse(start + text, "f")


@pytest.mark.parametrize("key", ["name", "configuration", "models", "seq_lens"])
def test_a_missing_key_is_named(key: str) -> None:
    lines = [line for line in FULL.splitlines() if not line.startswith(f"{key} =")]
    with pytest.raises(InputError, match=rf"^f: the key {key} is missing; give a"):
        toml.parse("\n".join(lines), "f")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name = \n", "line 1"),
        ('name = "a"\nname = "b"\n', "line 2"),
        ("name = [1, 2\n", "at end of document"),
        (f"seed = {'9' * 5000}", "a number is too long"),
        (f"a{'.a' * 5000} = 1", "a key has more than 8 parts"),
        (f"name = {'[' * 5000}", "nested too deep"),
    ],
)
def test_what_is_no_toml_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InputError, match=rf"^f: no TOML: .*{place}"):
        toml.parse(text, "f")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none.toml: No such file"):
        toml.load(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        toml.load(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"name = '\xff'")
    with pytest.raises(InputError, match=r"binary.toml: byte 8 is not UTF-8 text"):
        toml.load(binary)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(InputError, match=r"^f"):
        toml.parse(text, "f")
