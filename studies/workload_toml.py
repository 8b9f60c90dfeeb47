"""The workloads of a study in TOML: `models` at `seq_lens`, or [[workloads]] one by one.

    [[workloads]]
    model = "llama-3-8b"                    # or the paper's, a config.json's path, [transformers.X]
    queries = 1
    keys = "8K"
    batch = 64

Keys of an entry are the options of the command line: seq_len, queries, keys, batch, mask, window,
fit; and what it is in a mix, its name and its weight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from evaluators.errors import InputError, did_you_mean, shown
from evaluators.foreign_toml import Table
from evaluators.workloads.catalogue import named, names, names_file, transformer
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.reading import FITS, TOKENS, options_of, workload_of
from evaluators.workloads.sizes import parse_seq_len, seq_len_label
from evaluators.workloads.transformer import LARGEST, SHAPE, Latent, Transformer
from evaluators.workloads.workload import Workload
from studies.objectives import GEOMETRIC_MEAN, OVER_WORKLOADS, WEIGHTED_SUM

_TOO_LONG = 2**31
"""Its square, the scores of one head, is past what the evaluators count exactly."""

_SCENE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")

_COUNTS = ("kv_heads", "experts", "layers", "window")
_FLAGS = ("gated", "cross")
_TEXTS = ("mask", "fit")
_LATENT = tuple(each.name for each in fields(Latent))

_IN_A_MIX = ("name", "weight")

ENTRY = ("model", *TOKENS, *_TEXTS, *_IN_A_MIX)
"""The keys of [[workloads]]."""

TRANSFORMER = (*SHAPE, *_COUNTS, *_FLAGS, "latent")
"""The keys of [transformers.X]."""


def read_workloads(table: Table, folder: Path | None, fit: str) -> tuple[Workload, ...]:
    """Read the workloads of a study.

    Args:
        table: the study.
        folder: from which relative paths of models go.
        fit: of workloads where the study says none.

    Raises:
        InputError: names the line, the key and what was expected.

    """
    own = _transformers(table.table("transformers", "a table for each"))
    fit = table.get("fit", str, "a fit", default=fit)
    table.one_of("fit", fit, FITS)
    if "workloads" in table.values:
        for key in ("models", "seq_lens"):
            if key in table.values:
                raise table.error(key, "[[workloads]] say what runs; leave this out")
        return _entries(table, own, fit, folder)
    models = table.list("models", str, "names of models")
    given = table.list("seq_lens", (str, int), "lengths as '256K' or 262144")
    shapes = [_shape(table, "models", model, own, folder) for model in models]
    seq_lens = [table.checked("seq_lens", partial(_seq_len, each)) for each in given]
    if len(set(seq_lens)) < len(seq_lens):
        raise table.error("seq_lens", "give each one once")
    return tuple(
        table.checked("seq_lens", partial(workload_of, shape, {"seq_len": seq_len, "fit": fit}))
        for shape, seq_len in product(shapes, seq_lens)
    )


def _entries(
    table: Table, own: Mapping[str, Transformer], fit: str, folder: Path | None
) -> tuple[Workload, ...]:
    entries = table.get("workloads", list, "tables [[workloads]]")
    if not entries or not all(isinstance(each, dict) for each in entries):
        raise table.error("workloads", "write tables [[workloads]], one a workload")
    found = []
    for values in entries:
        entry = Table(values, ("workloads",), table.lines)
        entry.only(ENTRY, "a workload")
        model = entry.get("model", str, "the name of a model", required=True)
        shape = _shape(entry, "model", model, own, folder)
        options = {
            key: entry.get(key, str if key in _TEXTS else (str, int), "tokens, as '8K' or 8192")
            for key in (*TOKENS, *_TEXTS)
            if key in values
        }
        found.append(entry.checked("model", partial(workload_of, shape, {"fit": fit, **options})))
    if len(set(found)) < len(found):
        raise table.error("workloads", "give each one once")
    return tuple(found)


def read_mix(table: Table, count: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Read what the workloads of a study are in its mix: the weight and the name of each.

    No weights say that objectives are geometric means over the workloads.
    """
    given = table.get("workloads", list, "tables [[workloads]]", default=[])
    entries = [Table(values, ("workloads",), table.lines) for values in given]
    weights = [entry.positive("weight", "a number of calls") for entry in entries]
    weighted = any(each is not None for each in weights)
    default = WEIGHTED_SUM if weighted else GEOMETRIC_MEAN
    rule = table.get("over_workloads", str, "what an objective is", default=default)
    table.one_of("over_workloads", rule, OVER_WORKLOADS)
    if weighted and rule == GEOMETRIC_MEAN:
        raise table.error(
            "over_workloads", f"a {rule} has no weights; leave them out, or write '{WEIGHTED_SUM}'"
        )
    names = [entry.get("name", str, "a name", default="") for entry in entries]
    for name in filter(None, names):
        if not _SCENE.fullmatch(name) or names.count(name) > 1:
            raise table.error(
                "workloads",
                f"name '{shown(name)}': give each workload another, of up to 40 letters, digits, "
                "' ', '.', '_', '-'",
            )
    calls = tuple(1.0 if each is None else each for each in weights) or (1.0,) * count
    return (
        calls if rule == WEIGHTED_SUM else (),
        tuple(names) if any(names) else (),
    )


def _shape(
    table: Table, key: str, model: str, own: Mapping[str, Transformer], folder: Path | None
) -> Transformer:
    if model in own:
        return own[model]
    if names_file(model) or named(model) is not None:
        return table.checked(key, partial(transformer, model, folder))
    raise table.error(
        key,
        f"'{model}' is unknown; {did_you_mean(model, [*names(), *own])}known are "
        f"{', '.join([*TRANSFORMERS, *own])}, those that dse workload list lists, and the path of "
        f"a config.json; [transformers.{model}] would describe it",
    )


def _seq_len(given: str | int) -> int:
    seq_len = parse_seq_len(given)
    if not 1 <= seq_len < _TOO_LONG:
        raise InputError(f"sequence length {given}: give 1 to 2^31 - 1 tokens")
    return seq_len


def _transformers(table: Table) -> dict[str, Transformer]:
    shapes = {}
    for name in table.values:
        shape = table.table(name, f"a table [transformers.{name}]")
        shape.only(TRANSFORMER, f"transformer {name}")
        lacks = ("ffn_width",) if shape.values.get("cross") is True else ()
        sizes = {
            key: shape.count(key, least=int(key not in lacks), most=_TOO_LONG - 1) for key in SHAPE
        }
        lacking = [key for key, value in sizes.items() if value is None]
        if lacking:
            raise table.error(name, f"it lacks {', '.join(lacking)}")
        further: dict[str, Any] = {
            key: shape.count(key, least=0, most=LARGEST) for key in _COUNTS if key in shape.values
        }
        further |= {
            key: shape.get(key, bool, "true or false") for key in _FLAGS if key in shape.values
        }
        if "latent" in shape.values:
            ranks = shape.table("latent", "a table of widths")
            ranks.only(_LATENT, "latent attention")
            further["latent"] = Latent(
                **{key: ranks.count(key, least=0, most=LARGEST, default=0) for key in _LATENT}
            )
        shapes[name] = table.checked(name, partial(Transformer, name, **sizes, **further))
        if shapes[name] != TRANSFORMERS.get(name, shapes[name]):
            raise table.error(name, "this is a transformer of the paper's; choose another name")
    return shapes


def workload_entries(
    workloads: Sequence[Workload], weights: Sequence[float] = (), scenes: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the keys of a study that tell its workloads, as they are read."""
    shapes = {each.transformer.name: each.transformer for each in workloads}
    seq_lens = list(dict.fromkeys(each.keys for each in workloads))
    fit = FITS[workloads[0].padded]
    plain = [
        workload_of(shape, {"seq_len": seq_len, "fit": fit})
        for shape, seq_len in product(shapes.values(), seq_lens)
    ]
    if plain == list(workloads) and not scenes and set(weights) <= {1.0}:
        lengths = [seq_len_label(each) for each in seq_lens]
        return {"models": list(shapes), "seq_lens": lengths, "fit": fit}
    return {
        "fit": fit,
        "workloads": [
            ({"name": scenes[place]} if scenes and scenes[place] else {})
            | ({"weight": weights[place]} if weights else {})
            | {"model": each.transformer.name, "batch": each.transformer.batch}
            | {
                name: value if isinstance(value, str) or name == "window" else seq_len_label(value)
                for name, value in options_of(each).items()
            }
            for place, each in enumerate(workloads)
        ],
    }


def own_transformers(workloads: Sequence[Workload]) -> dict[str, dict[str, Any]]:
    """Return the tables [transformers.X] of those that are not the paper's."""
    shapes = {each.transformer.name: each.transformer for each in reversed(workloads)}
    return {
        name: {field: getattr(shape, field) for field in SHAPE}
        | {
            field: vars(value) if isinstance(value, Latent) else value
            for field, value in shape.further.items()
        }
        for name, shape in reversed(shapes.items())
        if TRANSFORMERS.get(name) != shape
    }
