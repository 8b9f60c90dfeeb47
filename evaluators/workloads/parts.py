"""The layers that a model has: those of its encoder and decoder, or the forms of its attention.

A part is named behind the model, as `t5-base#cross` or `deepseek-v3#absorbed`; the first one is
meant where none is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evaluators.errors import InputError, shown
from evaluators.workloads.transformer import Latent, Transformer

MARK = "#"
"""Stands between a model and its part."""

Parts = Mapping[str, Transformer]
"""Part -> the transformer, the default first; a model of one kind of layer has the part ''."""


def encoder_decoder(encoder: Transformer, decoder: Transformer) -> Parts:
    """Return the parts of an encoder and a decoder.

    A decoder layer has two attentions: of itself, and of what the encoder came to, `cross`; its
    feed-forward network is with the first.
    """
    name = encoder.name
    return {
        "encoder": encoder,
        "decoder": replace(decoder, name=f"{name}{MARK}decoder"),
        "cross": replace(decoder, name=f"{name}{MARK}cross", cross=True, ffn_width=0),
    }


def latent_forms(layer: Transformer, latent: Latent) -> Parts:
    """Return the two published forms of multi-head latent attention (DeepSeek-V2, section 2.1).

    Decompressed, every head has keys and values of its own; absorbed in the projections of queries
    and outputs, the compressed ones are the one head that all heads of queries share.
    """
    decompressed = replace(
        layer,
        query_width=latent.nope_width + latent.rope_width,
        value_width=latent.value_width,
        kv_heads=layer.heads,
        latent=latent,
    )
    absorbed = replace(
        decompressed,
        name=f"{layer.name}{MARK}absorbed",
        query_width=latent.key_rank + latent.rope_width,
        value_width=latent.key_rank,
        kv_heads=1,
    )
    return {"decompressed": decompressed, "absorbed": absorbed}


def part_of(parts: Parts, part: str, where: str) -> Transformer:
    """Return a part, the first for ''; `InputError` lists those that there are."""
    if not part:
        return next(iter(parts.values()))
    if part not in parts:
        known = ", ".join(f"{MARK}{each}" for each in parts if each) or "none"
        raise InputError(f"{where} has no part '{shown(part)}'; its parts are {known}")
    return parts[part]
