"""Hugging Face's config.json: the fields of real files, in the names of their families."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluators.errors import InputError
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.config import read_config

FILES: dict[str, dict[str, Any]] = {
    "bert-base": {"model_type": "bert", "hidden_act": "gelu", "hidden_size": 768,
        "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12},
    "gpt2-xl": {"model_type": "gpt2", "activation_function": "gelu_new", "n_ctx": 1024,
        "n_embd": 1600, "n_head": 25, "n_layer": 48, "n_positions": 1024},
    "gpt2": {"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_inner": None, "n_layer": 12},
    "t5-small": {"model_type": "t5", "d_ff": 2048, "d_kv": 64, "d_model": 512, "num_heads": 8,
        "num_layers": 6, "is_encoder_decoder": True},
    "t5-11b": {"model_type": "t5", "d_ff": 65536, "d_kv": 128, "d_model": 1024, "num_heads": 128,
        "num_layers": 24, "is_encoder_decoder": True},
    "flan-t5-xl": {"model_type": "t5", "d_ff": 5120, "d_kv": 64, "d_model": 2048,
        "feed_forward_proj": "gated-gelu", "is_gated_act": True, "num_decoder_layers": 24,
        "num_heads": 32, "num_layers": 24, "is_encoder_decoder": True},
    "whisper-large-v3-turbo": {"model_type": "whisper", "activation_function": "gelu",
        "d_model": 1280, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
        "encoder_layers": 32, "decoder_attention_heads": 20, "decoder_ffn_dim": 5120,
        "decoder_layers": 4, "num_hidden_layers": 32, "is_encoder_decoder": True},
    "vit-b-16": {"model_type": "vit", "hidden_act": "gelu", "hidden_size": 768,
        "image_size": 224, "intermediate_size": 3072, "num_attention_heads": 12,
        "num_hidden_layers": 12, "patch_size": 16},
    "opt-6.7b": {"model_type": "opt", "activation_function": "relu", "ffn_dim": 16384,
        "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
        "word_embed_proj_dim": 4096},
    "bloom-176b": {"model_type": "bloom", "n_embed": 14336, "hidden_size": 14336, "n_layer": 70,
        "num_attention_heads": 112},
    "pythia-6.9b": {"model_type": "gpt_neox", "hidden_act": "gelu", "hidden_size": 4096,
        "intermediate_size": 16384, "num_attention_heads": 32, "num_hidden_layers": 32},
    "phi-2": {"model_type": "phi", "hidden_act": "gelu_new", "hidden_size": 2560,
        "intermediate_size": 10240, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 32},
    "phi-3-mini": {"model_type": "phi3", "hidden_act": "silu", "hidden_size": 3072,
        "intermediate_size": 8192, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 32, "sliding_window": 2047},
    "falcon-7b": {"model_type": "falcon", "hidden_size": 4544, "multi_query": True,
        "new_decoder_architecture": False, "num_attention_heads": 71, "num_hidden_layers": 32,
        "num_kv_heads": 71, "parallel_attn": True},
    "falcon-40b": {"model_type": "falcon", "hidden_size": 8192, "multi_query": True,
        "new_decoder_architecture": True, "num_attention_heads": 128, "num_hidden_layers": 60,
        "num_kv_heads": 8},
    "llama-2-7b": {"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096,
        "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 32, "rope_scaling": None},
    "llama-3-8b": {"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 8, "rope_theta": 500000.0},
    "mistral-7b": {"model_type": "mistral", "hidden_act": "silu", "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 8, "sliding_window": 4096},
    "mixtral-8x7b": {"model_type": "mixtral", "hidden_act": "silu", "hidden_size": 4096,
        "intermediate_size": 14336, "num_attention_heads": 32, "num_experts_per_tok": 2,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8,
        "sliding_window": None},
    "gemma-7b": {"model_type": "gemma", "head_dim": 256, "hidden_act": "gelu",
        "hidden_size": 3072, "intermediate_size": 24576, "num_attention_heads": 16,
        "num_hidden_layers": 28, "num_key_value_heads": 16},
    "gemma-2-9b": {"model_type": "gemma2", "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 3584, "intermediate_size": 14336,
        "num_attention_heads": 16, "num_hidden_layers": 42, "num_key_value_heads": 8,
        "sliding_window": 4096},
    "qwen2.5-0.5b": {"model_type": "qwen2", "hidden_act": "silu", "hidden_size": 896,
        "intermediate_size": 4864, "num_attention_heads": 14, "num_hidden_layers": 24,
        "num_key_value_heads": 2, "sliding_window": 32768, "use_sliding_window": False},
    "qwen3-30b-a3b": {"model_type": "qwen3_moe", "head_dim": 128, "hidden_act": "silu",
        "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768,
        "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
        "num_hidden_layers": 48, "num_key_value_heads": 4},
    "gpt-oss-20b": {"model_type": "gpt_oss", "experts_per_token": 4, "head_dim": 64,
        "hidden_act": "silu", "hidden_size": 2880, "intermediate_size": 2880,
        "layer_types": ["sliding_attention", "full_attention"] * 12, "num_attention_heads": 64,
        "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 8,
        "num_local_experts": 32, "sliding_window": 128},
    "deepseek-v2-lite": {"model_type": "deepseek_v2", "hidden_act": "silu", "hidden_size": 2048,
        "intermediate_size": 10944, "kv_lora_rank": 512, "moe_intermediate_size": 1408,
        "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 16,
        "num_experts_per_tok": 6, "num_hidden_layers": 27, "num_key_value_heads": 16,
        "q_lora_rank": None, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128},
    "deepseek-v3": {"model_type": "deepseek_v3", "hidden_act": "silu", "hidden_size": 7168,
        "intermediate_size": 18432, "kv_lora_rank": 512, "moe_intermediate_size": 2048,
        "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128,
        "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128,
        "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128},
}  # fmt: skip
"""Shipped model -> what its repository's config.json says of its layers."""


def written(folder: Path, values: Any, name: str = "config.json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_the_shipped_table_says(tmp_path: Path, name: str) -> None:
    for part, shape in read_config(written(tmp_path / name, FILES[name])).items():
        called = f"{name}#{part}" if part else name
        assert shape == transformer(called)


SHAPED: list[tuple[dict[str, Any], dict[str, int | bool]]] = [
    (  # GPT-2's first decoder of its own width, GPT-J
        {"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_inner": None},
        {"query_width": 256, "ffn_width": 16384, "gated": False},
    ),
    (  # DistilBERT
        {"model_type": "distilbert", "dim": 768, "hidden_dim": 3072, "n_heads": 12, "n_layers": 6},
        {"model_width": 768, "ffn_width": 3072, "layers": 6},
    ),
    (  # StarCoder: one head of keys and values
        {"model_type": "gpt_bigcode", "n_embd": 6144, "n_head": 48, "n_inner": 24576,
         "n_layer": 40, "multi_query": True},
        {"kv_heads": 1, "gated": False},
    ),
    (  # ChatGLM3
        {"model_type": "chatglm", "hidden_size": 4096, "ffn_hidden_size": 13696, "num_layers": 28,
         "num_attention_heads": 32, "kv_channels": 128, "multi_query_attention": True,
         "multi_query_group_num": 2},
        {"kv_heads": 2, "ffn_width": 13696, "gated": True},
    ),
    (  # MPT-7B
        {"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32, "expansion_ratio": 4,
         "attn_config": {"attn_type": "multihead_attention"}},
        {"ffn_width": 16384, "kv_heads": 0},
    ),
    (  # DBRX
        {"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
         "attn_config": {"kv_n_heads": 8},
         "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4}},
        {"kv_heads": 8, "ffn_width": 10752, "experts": 4},
    ),
    (  # Qwen 1.5 MoE: the shared expert is as wide as four
        {"model_type": "qwen2_moe", "hidden_size": 2048, "num_attention_heads": 16,
         "num_hidden_layers": 24, "num_key_value_heads": 16, "intermediate_size": 5632,
         "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
         "num_experts": 60, "num_experts_per_tok": 4},
        {"experts": 8, "ffn_width": 1408},
    ),
    (  # a family that is not known, gated by its activation
        {"model_type": "new", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2,
         "intermediate_size": 100, "hidden_act": "silu"},
        {"gated": True, "query_width": 16},
    ),
    (  # the text model of Gemma 3
        {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "head_dim": 128,
         "hidden_size": 5376, "intermediate_size": 21504, "num_attention_heads": 32,
         "num_hidden_layers": 62, "num_key_value_heads": 16, "sliding_window": 1024}},
        {"model_width": 5376, "kv_heads": 16, "window": 0, "gated": True},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), SHAPED)
def test_other_families_names_are_read(
    tmp_path: Path, values: dict[str, Any], expected: dict[str, int | bool]
) -> None:
    (shape,) = read_config(written(tmp_path, values)).values()
    assert {field: getattr(shape, field) for field in expected} == expected


def test_a_model_is_called_as_its_folder_or_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "Llama-3-8B", FILES["llama-3-8b"])
    assert transformer(str(path)).name == "Llama-3-8B"
    assert transformer(f"{path}") == replace(transformer("llama-3-8b"), name="Llama-3-8B")
    other = written(tmp_path, FILES["t5-small"], "small.json")
    assert transformer(f"{other}#cross").name == "small#cross"
    assert transformer("small.json#cross", tmp_path) == transformer(f"{other}#cross")


WRONG: list[tuple[Any, str]] = [
    ("{", "no JSON; name a config.json of Hugging Face"),
    ("[" * 100_000, "no JSON; name a config.json of Hugging Face"),
    ("[]", "no JSON object; name a config.json"),
    ({}, "none of hidden_size, n_embd, d_model, dim says its model width"),
    ({"hidden_size": "wide"}, "hidden_size is wide; it must be a whole number of at most 1048576"),
    ({"hidden_size": True}, "hidden_size is True; it must be a whole number"),
    ({"hidden_size": 10**30}, "it must be a whole number of at most 1048576"),
    ({"hidden_size": 10, "num_attention_heads": 3}, "3 heads do not divide the model width 10"),
    (FILES["bert-base"] | {"model_type": "unheard"}, "model_type 'unheard' with the activation"),
    (FILES["mixtral-8x7b"] | {"num_experts_per_tok": None}, "it has 8 experts, but none of"),
    (FILES["deepseek-v3"] | {"v_head_dim": 0}, "v_head_dim is missing; it must be a positive"),
    (FILES["llama-3-8b"] | {"num_key_value_heads": 7}, "heads is 32; kv_heads, 7, must divide it"),
]


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_what_is_no_config_is_told(tmp_path: Path, values: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_config(written(tmp_path, values))


def test_a_name_that_is_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown model 'zzz'; known are BERT, TrXL, T5, XLM"):
        transformer("zzz")
    with pytest.raises(InputError, match="has no part 'middle'; its parts are #encoder, #decoder"):
        transformer("t5-base#middle")
    with pytest.raises(InputError, match="has no part 'decoder'; its parts are none"):
        transformer("llama-3-8b#decoder")
    with pytest.raises(InputError, match=r"cannot read .*nothing\.json"):
        transformer(str(tmp_path / "nothing.json"))
