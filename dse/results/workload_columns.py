"""The columns that tell a workload beside its model and sequence length."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from evaluators.errors import InputError
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.reading import DEFAULT_TOKENS, labels_of, workload_of
from evaluators.workloads.sizes import parse_seq_len
from evaluators.workloads.transformer import shape_label

WORKLOAD_FIELDS = (
    pa.field("queries", pa.int64()),
    pa.field("mask", pa.string()),
    pa.field("window", pa.int64()),
    pa.field("fit", pa.string()),
)
"""Queries of a sequence, 'none' or 'causal', keys of a sliding window (0 without), 'strict' or
'pad'; seq_len is the number of keys."""


def workload_as_given(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the columns of a workload that is too large to be one, as far as it can be told."""
    seq_len = labels["seq_len"] or labels["keys"] or labels["queries"] or DEFAULT_TOKENS
    told: dict[str, Any] = {
        "model": labels["model"],
        "seq_len": parse_seq_len(seq_len),
        "queries": parse_seq_len(labels["queries"] or seq_len),
        "mask": labels["mask"] or "none",
        "window": parse_seq_len(labels["window"] or "0"),
        "shape": labels["shape"],
        "fit": labels["fit"] or "strict",
    }
    if not labels["shape"]:
        shape = transformer(labels["model"])
        told |= {"model": shape.name, "shape": shape_label(shape)}
        with suppress(InputError):
            told = labels_of(workload_of(shape, labels))
    return told
