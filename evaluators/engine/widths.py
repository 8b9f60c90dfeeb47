"""Widths: the bits of a machine's word, and of tensors that are stored in fewer or more.

DRAM and buffers hold a tensor of the workload in the bits that the accelerator gives it; its words
are decompressed for nothing on their way into the array (docs/model/designs.md#widths).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluators.components.arithmetic import WIDTHS
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import WORD_BITS, Store
from evaluators.engine.columns import shared
from evaluators.engine.nests import Nests
from evaluators.errors import InputError

MOST_BITS = 64
"""Bits of a stored word, at most: one access of DRAM."""


def word_bytes(values: Mapping[str, Any]) -> Any:
    """Return the bytes of a word of the machine."""
    return values[WORD_BITS] // 8


def store_row_bytes(store: Store, values: Mapping[str, Any]) -> Any:
    """Return the bytes of a row of a store on chip."""
    assert store.row_words is not None
    return word_bytes(values) * store.row_words(values)


def stored_bytes(nests: Nests, tensor: str, words: Any) -> Any:
    """Return the whole bytes that words of a tensor take in a store."""
    bits = _stored_bits(nests, tensor)
    if bits is None:
        return word_bytes(nests.values) * words
    return -(-words * bits // 8)


def machine_words(nests: Nests, tensor: str, words: Any) -> Any:
    """Return how many words of the machine the words of a tensor take in stores."""
    bits = _stored_bits(nests, tensor)
    return words if bits is None else words * (bits / nests.values[WORD_BITS])


def _stored_bits(nests: Nests, tensor: str) -> Any:
    """Return the bits of a tensor's stored words, None where they are the machine's."""
    expression = nests.accelerator.stored_bits(tensor)
    return None if expression is None else expression(nests.values)


def check_widths(accelerator: Accelerator, values: Mapping[str, Any]) -> None:
    """Raise `InputError` for a width that the component tables, or a store, do not have."""
    given = {name: shared(each) if np.ndim(each) else each for name, each in values.items()}
    for width in np.unique(given[WORD_BITS]).tolist():
        if width not in WIDTHS:
            known = ", ".join(str(each) for each in WIDTHS)
            raise InputError(f"{WORD_BITS} {width}: the component tables have {known} bits alone")
    for name, expression in accelerator.bits.items():
        for bits in np.unique(expression(given)).tolist():
            if not 1 <= bits <= MOST_BITS:
                raise InputError(
                    f"bits of {name}: '{expression.text}' is {bits}; words are stored in 1 to "
                    f"{MOST_BITS} bits"
                )
