"""Transformers by name: the paper's four, well-known models, or a file of a user's.

The shipped table is `transformers.toml`; every row names its source.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from evaluators.errors import InputError, did_you_mean, shown
from evaluators.workloads.config import read_config
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.parts import MARK, Parts, encoder_decoder, latent_forms, part_of
from evaluators.workloads.transformer import Latent, Transformer


@dataclass(frozen=True)
class Known:
    """A well-known model.

    Attributes:
        source: where its sizes are published.
        note: what the sizes do not tell; '' for nothing.
        parts: its transformers, batch 1.

    """

    source: str
    note: str
    parts: Parts


@cache
def known() -> dict[str, Known]:
    """Return the models of the shipped table by name, in its order."""
    text = (files("evaluators.workloads") / "transformers.toml").read_text(encoding="utf-8")
    return {name: _known(name, dict(row)) for name, row in tomllib.loads(text).items()}


def _known(name: str, row: dict[str, Any]) -> Known:
    source, note = row.pop("source"), row.pop("note", "")
    decoder_layers, latent = row.pop("decoder_layers", 0), row.pop("latent", None)
    head = row.pop("head_width", 1)
    layer = Transformer(name=name, batch=1, query_width=head, value_width=head, **row)
    parts: Parts = {"": layer}
    if latent:
        parts = latent_forms(layer, Latent(**latent))
    elif decoder_layers:
        parts = encoder_decoder(layer, replace(layer, layers=decoder_layers))
    return Known(source, note, parts)


def names() -> list[str]:
    """Return the names of all transformers that ship, the paper's first."""
    models = known().values()
    return [*TRANSFORMERS, *(shape.name for each in models for shape in each.parts.values())]


def names_file(name: str) -> bool:
    """Tell whether a model's name is the path of a file."""
    path = name.partition(MARK)[0]
    return path.lower().endswith(".json") or "/" in path


def named(name: str) -> Transformer | None:
    """Return the transformer of that name that ships; None where there is none."""
    model, _, part = name.partition(MARK)
    if name in TRANSFORMERS:
        return TRANSFORMERS[name]
    return part_of(known()[model].parts, part, f"model {model}") if model in known() else None


def transformer(name: str, folder: Path | None = None) -> Transformer:
    """Return the transformer of that name: the paper's, a well-known one, or a config.json's.

    Args:
        name: perhaps with its part, as 't5-base#decoder'.
        folder: what a relative path starts from, the working directory by default.

    Raises:
        InputError: names the known ones, or says what is wrong with a file.

    """
    if names_file(name):
        model, _, part = name.partition(MARK)
        return part_of(read_config((folder or Path()) / model), part, shown(model, 200))
    found = named(name)
    if found is None:
        raise InputError(
            f"unknown model '{shown(name)}'; {did_you_mean(name, names())}known are "
            f"{', '.join(TRANSFORMERS)}, those that dse workload list lists, and the path of a "
            "config.json; --shape B,D,E,F,H,S describes any other"
        )
    return found
