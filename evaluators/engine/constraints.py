"""Constraints of a design, each with a magnitude; above zero it is infeasible.

Nothing is ever rounded to fit: what leaves a remainder, or is too small, is infeasible by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.describe.expressions import Expression
from evaluators.engine.footprint import WORD_BYTES, footprint_bytes
from evaluators.engine.nests import Nests


def magnitudes(nests: Nests) -> dict[str, Any]:
    """Return constraint -> magnitude of a batch."""
    found: dict[str, Any] = {}
    for above, below, names, mask in nests.divisions():
        rest = above(names) % np.maximum(below(names), 1)
        if mask is not True:
            rest = np.where(mask, rest, 0)
        key = f"{_parameter(nests, below)}_remainder"
        found[key] = np.maximum(found[key], rest) if key in found else rest
    for store in nests.accelerator.machine.stores:
        if store.bytes is None or store.row_words is None:
            continue
        name = (
            store.bytes.text.removesuffix("_bytes")
            if store.bytes.text.isidentifier()
            else store.name
        )
        size = store.bytes(nests.values)
        found[f"{name}_row_remainder_bytes"] = size % (WORD_BYTES * store.row_words(nests.values))
        if not nests.accelerator.footprint.spills:
            found[f"{name}_short_bytes"] = footprint_bytes(nests, store) - size
    return found


def _parameter(nests: Nests, below: Expression) -> str:
    """Return the parameter behind a denominator, its text where it is no name."""
    ranks = nests.accelerator.ranks
    text = below.text
    while text in ranks and ranks[text].text != text:
        text = ranks[text].text
    return text
