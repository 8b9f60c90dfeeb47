"""Transformers from the `config.json` of Hugging Face, in the field names of all common families.

What a family leaves out has the default that its code gives it; where that is not known, the file
is refused. Biases, norms, embeddings and the router of experts are no part of a workload.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from evaluators.errors import InputError, shown
from evaluators.foreign import read_text
from evaluators.workloads.parts import Parts, encoder_decoder, latent_forms
from evaluators.workloads.transformer import LARGEST, Latent, Transformer

_LARGEST_BYTES = 2**20
_LONGEST_NAME = 60

_FIELDS = {
    "model_width": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "head_width": ("head_dim", "d_kv", "kv_channels"),
    "ffn_width": ("intermediate_size", "n_inner", "d_ff", "ffn_dim", "ffn_hidden_size",
                  "hidden_dim"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads"),
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "active": ("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_top_k"),
}  # fmt: skip
"""What is wanted -> what the families call it."""

_SIDES = {
    "heads": "attention_heads",
    "ffn_width": "ffn_dim",
    "layers": "layers",
}
"""What is wanted -> what follows 'encoder_' or 'decoder_'."""

_NESTED = ("attn_config", "ffn_config")
"""Tables of a file whose fields count as its own."""

_GATES = ("silu", "swish", "swiglu", "geglu")
"""Activations that other families have in gated networks alone."""


@cache
def _families() -> dict[str, frozenset[str]]:
    """Return the families that are alike: kind -> their names."""
    text = (files("evaluators.workloads") / "families.toml").read_text(encoding="utf-8")
    return {kind: frozenset(names.split()) for kind, names in tomllib.loads(text).items()}


def read_config(path: Path) -> Parts:
    """Read the transformers of a file, batch 1; `InputError` says what is lacking or wrong."""
    where = shown(path, 200)
    text = read_text(path, "a config.json of Hugging Face", largest_bytes=_LARGEST_BYTES)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{where}: no JSON; name a config.json of Hugging Face") from None
    if not isinstance(values, dict):
        raise InputError(f"{where}: no JSON object; name a config.json of Hugging Face")
    named = path.absolute().parent.name if path.name == "config.json" else path.stem
    config = _Config(values, where)
    inner = values.get("text_config")
    if isinstance(inner, dict) and config.first("model_width") is None:
        config = _Config(inner, where)
    return _parts(config, shown(named or "config", _LONGEST_NAME))


def _parts(config: _Config, name: str) -> Parts:
    if config.has_sides:
        return encoder_decoder(
            _layer(_Side(config, "encoder"), name), _layer(_Side(config, "decoder"), name)
        )
    if config.count("kv_lora_rank"):
        latent = Latent(
            query_rank=config.count("q_lora_rank") or 0,
            key_rank=config.needed("kv_lora_rank"),
            nope_width=config.needed("qk_nope_head_dim"),
            rope_width=config.needed("qk_rope_head_dim"),
            value_width=config.needed("v_head_dim"),
        )
        return latent_forms(_layer(config, name, latent), latent)
    return {"": _layer(config, name)}


@dataclass(frozen=True)
class _Config:
    """The values of a file, and what it is called in errors."""

    values: Mapping[str, Any]
    where: str

    @property
    def family(self) -> str:
        return str(self.values.get("model_type", ""))

    def of(self, kind: str) -> bool:
        """Tell whether it is of one of the families of a kind."""
        return self.family in _families()[kind]

    @property
    def has_sides(self) -> bool:
        """Whether it has an encoder and a decoder, which share what is not said of one."""
        return bool(self.values.get("is_encoder_decoder")) or self.of("two_sided")

    def value(self, key: str) -> Any:
        """Return the value of a key, its own or that of a nested table."""
        for values in (self.values, *(self.values.get(name) for name in _NESTED)):
            if isinstance(values, Mapping) and values.get(key) is not None:
                return values[key]
        return None

    def count(self, key: str) -> int | None:
        """Return a whole number, None where there is none."""
        value = self.value(key)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= LARGEST:
            raise InputError(
                f"{self.where}: {key} is {shown(value)}; it must be a whole number of at most "
                f"{LARGEST}"
            )
        return value

    def first(self, what: str) -> int | None:
        """Return the first of the fields that may say what is wanted."""
        return next((found for key in _FIELDS[what] if (found := self.count(key))), None)

    def needed(self, key: str) -> int:
        """Return the whole number of a key that must be there."""
        found = self.count(key)
        if not found:
            raise InputError(f"{self.where}: {key} is missing; it must be a positive integer")
        return found


@dataclass(frozen=True)
class _Side(_Config):
    """The encoder's or the decoder's values of a file."""

    def __init__(self, config: _Config, side: str) -> None:
        own = {
            _FIELDS[what][0]: config.values.get(f"{side}_{called}")
            for what, called in _SIDES.items()
        }
        if side == "decoder":
            own[_FIELDS["layers"][0]] = own[_FIELDS["layers"][0]] or config.values.get(
                "num_decoder_layers"
            )
        known = {key: value for key, value in own.items() if value is not None}
        super().__init__({**config.values, **known}, config.where)


def _layer(config: _Config, name: str, latent: Latent | None = None) -> Transformer:
    width = _required(config, "model_width")
    heads = _required(config, "heads")
    head = 1 if latent else _head_width(config, width, heads)
    ffn_width, experts = _network(config, width)
    return Transformer(
        name=name,
        batch=1,
        model_width=width,
        query_width=head,
        value_width=head,
        heads=heads,
        ffn_width=ffn_width,
        kv_heads=0 if latent else _kv_heads(config, heads),
        gated=_gated(config),
        experts=experts,
        layers=_required(config, "layers"),
        window=_window(config),
    )


def _required(config: _Config, what: str) -> int:
    found = config.first(what)
    if not found:
        raise InputError(
            f"{config.where}: none of {', '.join(_FIELDS[what])} says its {what.replace('_', ' ')};"
            " describe it with --shape"
        )
    return found


def _head_width(config: _Config, width: int, heads: int) -> int:
    head = config.first("head_width")
    if head:
        return head
    if width % heads:
        raise InputError(
            f"{config.where}: {heads} heads do not divide the model width {width}, and none of "
            f"{', '.join(_FIELDS['head_width'])} says their width"
        )
    return width // heads


def _kv_heads(config: _Config, heads: int) -> int:
    """Return the heads of keys and values; of some families flags say what counts."""
    family, value = config.family, config.value
    if family in ("falcon", "RefinedWeb", "RefinedWebModel"):
        grouped = value("new_decoder_architecture") or family == "RefinedWeb"
        if not grouped:
            return 1 if value("multi_query") else heads
    elif value("multi_query_attention"):
        return config.count("multi_query_group_num") or 1
    elif value("multi_query"):
        return 1
    return config.first("kv_heads") or heads


def _network(config: _Config, width: int) -> tuple[int, int]:
    """Return the hidden width of a feed-forward network, and those that a token passes through."""
    experts = config.first("experts") or 1
    own = (config.count("moe_intermediate_size") if experts > 1 else None) or _ffn_width(
        config, width
    )
    if experts == 1:
        return own, 1
    active = config.first("active")
    if not active:
        raise InputError(
            f"{config.where}: it has {experts} experts, but none of {', '.join(_FIELDS['active'])} "
            "says how many a token passes through"
        )
    shared = (config.count("n_shared_experts") or 0) * own
    shared += config.count("shared_expert_intermediate_size") or 0
    shared += own * (config.family == "llama4_text")
    if shared % own:
        return active * own + shared, 1
    return own, active + shared // own


def _ffn_width(config: _Config, width: int) -> int:
    found = config.first("ffn_width")
    if found:
        return found // 2 if config.family == "qwen" else found  # it counts both gated matrices
    ratio = config.value("expansion_ratio") or config.value("mlp_ratio")
    if type(ratio) is int or (isinstance(ratio, float) and 0 < ratio <= LARGEST):
        return int(ratio * width)
    if config.of("four_times"):
        return 4 * width
    return _required(config, "ffn_width")


def _gated(config: _Config) -> bool:
    """Tell whether the network is gated: by the family, else by its activation."""
    projection = config.value("feed_forward_proj")
    if isinstance(projection, str) or config.family in ("t5", "mt5"):
        return str(projection).startswith("gated") or bool(config.value("is_gated_act"))
    if config.of("gated") or config.value("use_swiglu_ffn"):
        return True
    if config.of("plain"):
        return False
    act = config.value("hidden_act") or config.value("hidden_activation")
    if str(act) in _GATES:
        return True
    raise InputError(
        f"{config.where}: model_type '{shown(config.family)}' with the activation "
        f"'{shown(act)}' is not known: its feed-forward network may have two or three matrices; "
        "describe it with --shape B,D,E,F,H,S,...,gated=0 or gated=1"
    )


def _window(config: _Config) -> int:
    """Return the window of a layer, 0 for all keys; layers by turns count as those without."""
    kinds = config.value("layer_types")
    turns = isinstance(kinds, list) and set(map(str, kinds)) != {"sliding_attention"}
    off = config.value("use_sliding_window") is False or (
        config.of("flagged") and not config.value("use_sliding_window")
    )
    if off or turns or config.of("by_turns"):
        return 0
    return config.count("sliding_window") or 0
