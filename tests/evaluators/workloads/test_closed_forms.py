"""Workloads against numbers counted by hand, published parameter counts, and brute force."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.errors import InputError
from evaluators.workloads.catalogue import known, transformer
from evaluators.workloads.closed_forms import attention, linear, linear_layers
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.reading import workload_of
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

HAND_COUNTED = [
    # model, tokens, linear macs a token, macs dense, macs under its mask, prefill bytes
    ("llama-3-8b", 8192, 218_103_808, 549_755_813_888, 274_911_461_376, 167_772_160),
    ("mistral-7b", 8192, 218_103_808, 549_755_813_888, 206_175_207_424, 167_772_160),
    ("gpt2-xl", 1024, 30_720_000, 3_355_443_200, 1_679_360_000, 13_107_200),
    ("whisper-large-v3", 1500, 19_660_800, 5_760_000_000, None, 15_360_000),
    ("vit-b-16", 197, 7_077_888, 59_610_624, None, 1_210_368),
    ("falcon-7b", 2048, 207_060_992, 38_117_834_752, 19_068_223_488, 37_748_736),
]

DECODED = [
    # model, context, keys, rows, attention macs, bytes, macs a byte
    ("llama-3-8b", 8192, 8192, 4, 67_108_864, 33_570_816, 2.00),
    ("mistral-7b", 32768, 4096, 4, 33_554_432, 16_793_600, 2.00),
    ("gpt2-xl", 1024, 1024, 1, 3_276_800, 6_560_000, 0.50),
    ("whisper-large-v3#cross", 1500, 1500, 1, 3_840_000, 7_685_120, 0.50),
    ("falcon-7b", 2048, 2048, 71, 18_612_224, 542_464, 34.3),
]

PARAMETERS = [
    # model, words of its embeddings (and of an untied head), published parameters
    ("bert-base", (30522 + 512 + 2) * 768, 110e6),
    ("gpt2", (50257 + 1024) * 768, 124e6),
    ("gpt2-xl", (50257 + 1024) * 1600, 1.558e9),
    ("gpt3-175b", (50257 + 2048) * 12288, 175e9),
    ("opt-6.7b", (50272 + 2050) * 4096, 6.7e9),
    ("bloom-176b", 250880 * 14336, 176e9),
    ("phi-2", 2 * 51200 * 2560, 2.78e9),
    ("phi-3-mini", 2 * 32064 * 3072, 3.82e9),
    ("phi-3-medium", 2 * 32064 * 5120, 13.96e9),
    ("llama-2-7b", 2 * 32000 * 4096, 6.74e9),
    ("llama-2-70b", 2 * 32000 * 8192, 68.98e9),
    ("llama-3-8b", 2 * 128256 * 4096, 8.03e9),
    ("llama-3-70b", 2 * 128256 * 8192, 70.6e9),
    ("llama-3.1-405b", 2 * 128256 * 16384, 405.9e9),
    ("llama-3.2-1b", 128256 * 2048, 1.236e9),
    ("mistral-7b", 2 * 32000 * 4096, 7.24e9),
    ("gemma-7b", 256000 * 3072, 8.54e9),
    ("gemma-2-9b", 256000 * 3584, 9.24e9),
    ("gemma-2-27b", 256000 * 4608, 27.2e9),
    ("qwen2.5-0.5b", 151936 * 896, 0.494e9),
    ("qwen2.5-7b", 2 * 152064 * 3584, 7.62e9),
    ("qwen2.5-72b", 2 * 152064 * 8192, 72.7e9),
    ("qwen3-8b", 2 * 151936 * 4096, 8.19e9),
    ("falcon-7b", 2 * 65024 * 4544, 7.22e9),
    ("falcon-40b", 65024 * 8192, 41.3e9),
    ("falcon-180b", 65024 * 14848, 179.5e9),
    ("mixtral-8x7b", 2 * 32000 * 4096, 12.9e9),  # active
    ("mixtral-8x22b", 2 * 32768 * 6144, 39.1e9),  # active
    ("qwen3-30b-a3b", 2 * 151936 * 2048, 3.3e9),  # active
    ("gpt-oss-20b", 201088 * 2880, 3.6e9),  # active; the published number has one embedding
    ("gpt-oss-120b", 201088 * 2880, 5.1e9),  # active
    ("deepseek-v2-lite", 2 * 102400 * 2048, 2.66e9),  # active
    ("deepseek-v2", 2 * 102400 * 5120, 21.4e9),  # active
    ("deepseek-v3", 2 * 129280 * 7168, 37.5e9),  # active
]


def per_token(workload: Workload) -> int:
    return sum(each.contraction * each.columns for each in linear_layers(workload))


@pytest.mark.parametrize(("name", "tokens", "per_layer", "dense", "masked", "moved"), HAND_COUNTED)
def test_a_prefill_is_what_a_hand_counts(
    name: str, tokens: int, per_layer: int, dense: int, masked: int | None, moved: int
) -> None:
    shape = transformer(name)
    whole = workload_of(shape, {"seq_len": tokens, "mask": "none"})
    assert per_token(whole) == per_layer
    assert linear(whole).weight_bytes == 2 * per_layer
    assert linear(whole).macs == tokens * per_layer
    assert attention(whole).macs == dense
    assert attention(whole).bytes == moved
    if masked is not None:
        under = workload_of(shape, {"seq_len": tokens, "mask": "causal"})
        assert attention(under).macs == masked
        assert attention(under).bytes == moved
        assert linear(under) == linear(whole)


@pytest.mark.parametrize(("name", "context", "keys", "rows", "macs", "moved", "intensity"), DECODED)
def test_a_decoded_token_is_what_a_hand_counts(
    name: str, context: int, keys: int, rows: int, macs: int, moved: int, intensity: float
) -> None:
    step = workload_of(transformer(name), {"queries": 1, "keys": context})
    assert (step.extents["M"], step.extents["P"]) == (keys, rows)
    demand = attention(step)
    assert (demand.macs, demand.bytes) == (macs, moved)
    assert demand.macs_per_byte == pytest.approx(intensity, abs=0.05)
    batch = workload_of(transformer(name), {"queries": 1, "keys": context, "batch": 64})
    assert attention(batch).macs == 64 * macs
    assert attention(batch).bytes == 64 * moved
    assert linear(batch).weight_bytes == linear(step).weight_bytes


@pytest.mark.parametrize(("name", "embeddings", "published"), PARAMETERS)
def test_a_models_parameters_are_the_published_ones(
    name: str, embeddings: int, published: float
) -> None:
    """Biases, norms and routers, which no workload has, and rounding stay within 3.5 %."""
    shape = transformer(name)
    total = shape.layers * per_token(Workload(shape, 1)) + embeddings
    assert total == pytest.approx(published, rel=0.035)


def test_the_shipped_table_has_every_family_with_its_source() -> None:
    assert len(known()) >= 30
    assert all(each.source for each in known().values())
    families = "bert gpt2 gpt3 t5 whisper vit llama-2 llama-3 mistral mixtral gemma-2 qwen2.5 phi-3"
    for family in (*families.split(), "falcon", "deepseek-v3"):
        assert any(name.startswith(family) for name in known()), family


def test_every_shipped_model_equals_the_closed_forms_of_its_sizes() -> None:
    shapes = [shape for each in known().values() for shape in each.parts.values()]
    for shape in (*shapes, *TRANSFORMERS.values()):
        n, m, b = 48, 96, 3
        work = workload_of(shape, {"queries": n, "keys": m, "batch": b, "mask": "none"})
        d, h, k = shape.model_width, shape.heads, shape.kv_heads or shape.heads
        e, f, s = shape.query_width, shape.value_width, shape.experts * shape.ffn_width
        assert attention(work).macs == b * h * n * m * (e + f)
        if shape.latent is None:
            assert attention(work).bytes == 2 * b * (h * n + k * m) * (e + f)
            tokens = b * (m if shape.cross else n)
            macs = b * n * (2 * d * h * e + (2 + shape.gated) * d * s) + tokens * 2 * d * k * e
            assert linear(work).macs == macs
        else:
            low = shape.latent
            own = low.nope_width + low.rope_width
            q = d * low.query_rank + low.query_rank * h * own if low.query_rank else d * h * own
            kv = d * (low.key_rank + low.rope_width)
            kv += low.key_rank * h * (low.nope_width + low.value_width)
            token = q + kv + h * low.value_width * d + 3 * d * s
            assert linear(work).macs == b * n * token


def test_the_forms_of_latent_attention_are_one_model() -> None:
    apart, absorbed = transformer("deepseek-v3#decompressed"), transformer("deepseek-v3#absorbed")
    assert (apart.query_width, apart.value_width, apart.key_heads) == (192, 128, 128)
    assert (absorbed.query_width, absorbed.value_width, absorbed.key_heads) == (576, 512, 1)
    assert linear(Workload(apart, 7)) == linear(Workload(absorbed, 7))
    step = Workload(absorbed, 1, 4096)
    assert step.extents["P"] == 128
    latent = 2 * 4096 * 576  # bytes of the cache: 1152 a token
    assert attention(step).bytes == latent + 2 * 128 * (576 + 512)


def test_the_projections_of_cross_attention_are_computed_once() -> None:
    shape = transformer("whisper-large-v3#cross")
    prefill, decode = Workload(shape, 4, 1500), Workload(shape, 1, 1500)
    rows = {each.name: each.rows for each in linear_layers(prefill)}
    assert rows == {"Q": 4, "K": 1500, "V": 1500, "Z": 4}
    assert [each.name for each in linear_layers(decode)] == ["Q", "Z"]
    own = Workload(transformer("whisper-large-v3#decoder"), 1, 448)
    assert {each.rows for each in linear_layers(own)} == {1}


sizes = st.integers(1, 40)


@settings(max_examples=300)
@given(queries=sizes, more=st.integers(0, 40), window=st.integers(0, 60))
def test_pairs_and_keys_are_those_that_the_mask_leaves(
    queries: int, more: int, window: int
) -> None:
    shape = Transformer("any", 1, 8, 4, 4, 2, 8)
    keys = queries + more
    work = Workload(shape, queries, keys, True, window)
    seen = {
        (q, k)
        for q in range(queries)
        for k in range(keys)
        if k <= q + more and (not window or k > q + more - window)
    }
    assert work.pairs == len(seen)
    assert work.attended == len({k for _, k in seen})
    assert work.masked or len(seen) == queries * work.attended


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"queries": 5, "keys": 4, "mask": "causal"}, "keys 4: a causal mask needs 5 or more"),
        ({"seq_len": 8, "mask": "none", "window": 4}, "window 4: a sliding window needs a causal"),
        ({"seq_len": 8, "mask": "full"}, "mask 'full' is unknown; write none or causal"),
        ({"seq_len": 8, "keys": 9}, "seq_len 8 and keys 9: give one of them"),
        ({"seq_len": 8, "queries": "x"}, "queries 'x': write tokens, as 262144, 256K or 1M"),
        ({"queries": 0}, "queries 0: it must be a positive integer"),
        ({"batch": 0}, "batch 0: it must be a positive integer"),
        ({"keys": 2**31}, "give 1 to 2\\^31 - 1 tokens"),
    ],
)
def test_what_is_no_workload_is_told(options: dict[str, int | str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        workload_of(TRANSFORMERS["BERT"], options)


def test_a_window_is_the_models_unless_it_is_given() -> None:
    mistral, llama = transformer("mistral-7b"), transformer("llama-3-8b")
    assert workload_of(mistral, {"seq_len": "8K"}) == Workload(mistral, 8192, 8192, True, 4096)
    assert workload_of(mistral, {"mask": "none"}) == Workload(mistral, 2**18)
    assert workload_of(mistral, {"window": 0, "mask": "causal"}) == Workload(
        mistral, 2**18, causal=True
    )
    assert workload_of(llama, {"seq_len": "8K"}) == Workload(llama, 8192)
    assert workload_of(llama, {"seq_len": "8K", "window": "1K"}).causal
