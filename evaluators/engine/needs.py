"""Register needs: the words that a mapping keeps in a PE or lane."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.describe.machine import REGISTERS
from evaluators.engine.nests import Nests


def register_words(nests: Nests) -> dict[str, Any]:
    """Return array -> words that its register files must hold.

    A register file holds the tile of every tensor of the Einsum that it runs; the Einsum that asks
    for most sets the need.
    """
    need: dict[str, Any] = {}
    for runs in nests.runs.values():
        for run in runs:
            words = sum(
                run.streamed.size(REGISTERS, each.tensor) for each in run.plan.levels[REGISTERS]
            )
            if run.mask is not True:
                words = np.where(run.mask, words, 0)
            array = run.row.array
            need[array] = np.maximum(need[array], words) if array in need else words
    return need


def registers_short(nests: Nests) -> dict[str, Any]:
    """Return by how many words register files are too small: constraint -> magnitude."""
    arrays = nests.accelerator.machine.arrays
    return {
        f"{arrays[name].registers.text}_short": words - arrays[name].registers(nests.values)
        for name, words in register_words(nests).items()
    }
