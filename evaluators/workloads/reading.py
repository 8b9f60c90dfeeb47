"""Workloads as people and tables give them: by options that are texts, and as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evaluators.errors import InputError, shown
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.transformer import Transformer, shape_label
from evaluators.workloads.workload import Workload

DEFAULT_TOKENS = "256K"
"""Of a workload without any number of tokens."""

TOKENS = ("seq_len", "queries", "keys", "batch", "window")
"""The options that are numbers: `seq_len` is as many queries as keys unless one of them is given;
`batch` replaces the transformer's; `window` 0 is none, by default it is the transformer's."""

MASKS = ("none", "causal")
"""What `mask` may be: by default causal where there is a window, else none."""

FITS = ("strict", "pad")
"""What `fit` may be: whether what a side of an array leaves over is infeasible, the first and what
is meant here where nothing is said, or padded."""

LABELS = ("model", "shape", "seq_len", "queries", "mask", "window", "fit")
"""What tells a workload in a table; `seq_len` is the number of keys."""


def workload_of(shape: Transformer, given: Mapping[str, str | int]) -> Workload:
    """Return the workload of a transformer under options; '' is not given.

    `InputError` says which option is wrong, `TooLarge` which number.
    """
    options = {name: each for name, each in given.items() if each != ""}
    numbers = {name: _tokens(name, options[name]) for name in TOKENS if name in options}
    seq_len, keys = numbers.get("seq_len"), numbers.get("keys")
    if seq_len is not None and keys is not None and seq_len != keys:
        raise InputError(f"seq_len {seq_len} and keys {keys}: give one of them, and queries")
    keys = seq_len if keys is None else keys
    queries = numbers.get("queries", keys)
    if queries is None:
        queries = parse_seq_len(DEFAULT_TOKENS)
    if "batch" in numbers:
        shape = replace(shape, batch=numbers["batch"])
    window = numbers.get("window")
    causal = _causal(str(options.get("mask", "")), shape.window if window is None else window)
    if window is None:
        window = shape.window if causal else 0
    fit = str(options.get("fit", FITS[0]))
    if fit not in FITS:
        raise InputError(f"fit '{shown(fit)}' is unknown; write {' or '.join(FITS)}")
    own = queries if keys is None else keys
    return Workload(shape, queries, own, causal, window, padded=fit == "pad")


def _tokens(name: str, given: str | int) -> int:
    number = parse_seq_len(given, "sequence length" if name == "seq_len" else name)
    if number < 1 and name not in ("seq_len", "window"):
        raise InputError(f"{name} {number}: it must be a positive integer")
    return number


def _causal(mask: str, window: int) -> bool:
    if mask and mask not in MASKS:
        raise InputError(f"mask '{shown(mask)}' is unknown; write {' or '.join(MASKS)}")
    return mask == "causal" or (not mask and window > 0)


def labels_of(workload: Workload) -> dict[str, Any]:
    """Return the columns that tell a workload, by `LABELS`: what `workload_of` reads again."""
    return {
        "model": workload.transformer.name,
        "shape": shape_label(workload.transformer),
        "seq_len": workload.keys,
        "queries": workload.queries,
        "mask": workload.mask,
        "window": workload.window,
        "fit": FITS[workload.padded],
    }


def options_of(workload: Workload) -> dict[str, str | int]:
    """Return the options beside the transformer that give a workload again."""
    options: dict[str, str | int] = {}
    if workload.keys != workload.queries:
        options |= {"queries": workload.queries}
    if workload.causal != (workload.window > 0):
        options |= {"mask": workload.mask}
    if workload.window != workload.transformer.window:
        options |= {"window": workload.window}
    return {"seq_len": workload.keys} | options | {"fit": FITS[workload.padded]}
