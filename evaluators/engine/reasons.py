"""Why a design is infeasible, and what would be right, in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluators.components import address, sram
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.parameters import BEST
from evaluators.engine.constraints import Division, divisions, sides_taken
from evaluators.engine.costs import sram_size
from evaluators.engine.footprint import footprint_bytes
from evaluators.engine.needs import register_words
from evaluators.engine.nests import Nests
from evaluators.engine.widths import store_row_bytes

_RANKS = {
    "B": "sequences",
    "H": "heads",
    "P": "queries",
    "M": "keys",
    "E": "positions of a query",
    "F": "positions of a value",
    "D": "positions of the model's width",
    "S": "positions of the feed-forward network's width",
    "TQ": "tokens",
    "TK": "tokens of keys and values",
}


def reason(nests: Nests, constraint: str, magnitude: int) -> str:
    """Say why a design, a batch of one, violates a constraint."""
    for division in divisions(nests):
        if division.constraint == constraint and _one(division.rest()) == magnitude:
            return _remainder(nests, division, magnitude)
    for store in nests.accelerator.machine.stores:
        if store.bytes is None or store.row_words is None:
            continue
        size, name = _one(store.bytes(nests.values)), store.bytes.text
        if constraint == store.constraint("row_remainder_bytes"):
            row = _one(store_row_bytes(store, nests.values))
            return (
                f"{name} {size} leaves a remainder of {magnitude}; it must be a multiple of a row "
                f"of {store.name}, {row} bytes"
            )
        if constraint == store.constraint("short_bytes"):
            held = _one(footprint_bytes(nests, store))
            return (
                f"{name} {size} is {magnitude} bytes short of the {held} that this design keeps in "
                f"{store.name}; enlarge it, or reduce {_smaller(nests.accelerator)}"
            )
        if constraint == "sram_unknown":
            return sram.missing(*(_one(each) for each in sram_size(store, nests.values)))
    for side, taken in sides_taken(nests):
        size = _one(side(nests.values))
        if constraint == f"{side.text}_short" and taken - size == magnitude:
            return (
                f"{side.text} {size} is {magnitude} short of the {taken} that the mapping takes; "
                f"give {taken} or more"
            )
    return _registers(nests, constraint, magnitude)


def _one(column: Any) -> int:
    """Return the integer of a batch of one."""
    return int(np.ravel(column)[0])


def _remainder(nests: Nests, division: Division, magnitude: int) -> str:
    above, below = division.above, division.below
    whole = _one(above(division.names))
    what = (
        f"the {whole} {_RANKS[above.text]}" if above.text in _RANKS else f"{above.text} = {whole}"
    )
    of = f" of {division.einsum}" if division.einsum else ""
    name = division.parameter
    return (
        f"{name} {_one(below(division.names))} leaves a remainder of {magnitude} in {what}{of}; it "
        "must divide them"
    )


def _smaller(accelerator: Accelerator) -> str:
    own = [name for name, each in accelerator.parameters.items() if each.rule not in (None, BEST)]
    return " or ".join([*own, "the array"])


def _registers(nests: Nests, constraint: str, magnitude: int) -> str:
    need = {name: _one(words) for name, words in register_words(nests).items()}
    arrays = nests.accelerator.machine.arrays
    for name in sorted(arrays, key=lambda each: -need.get(each, 0)):
        depth, called = _one(arrays[name].registers(nests.values)), arrays[name].registers.text
        if constraint == f"{called}_over":
            return (
                f"{called} {depth} is {magnitude} more than the component tables' address "
                f"generators reach; give {address.MOST_ROWS} or fewer"
            )
        if constraint == f"{called}_short":
            whose = "a PE's" if len(arrays[name].sides) > 1 else "a lane's"
            return (
                f"{called} {depth} is {magnitude} short of the words that the mapping keeps in "
                f"{whose} register file; give {need.get(name, 0)} or more"
            )
    return f"{constraint} is violated by {magnitude}"
