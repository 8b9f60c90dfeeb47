"""What Timeloop can express: an accelerator's levels, letters for its ranks, no mask."""

from __future__ import annotations

from functools import lru_cache
from string import ascii_uppercase

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import REGISTERS, WORD_BITS
from evaluators.errors import InputError
from evaluators.timeloop.chip import containers
from evaluators.workloads.workload import Workload

_TAKEN = ("mac", *containers(2))
"""What the arithmetic and the fan-outs are called."""


@lru_cache(maxsize=256)
def letters(accelerator: Accelerator) -> dict[str, str]:
    """Assign the letters of all ranks: that a name begins with, or the next one that is free.

    They stand from the inside out: a rank that is looped over off chip is outside one on a side of
    an array, and that outside the others.
    """
    given: dict[str, str] = {}
    letters_first = sorted(_from_outside(accelerator), key=lambda x: x not in [*ascii_uppercase])
    for rank in letters_first:
        start = max(0, ascii_uppercase.find(rank[0].upper()))
        turn = ascii_uppercase[start:] + ascii_uppercase[:start]
        free = next((letter for letter in turn if letter not in given.values()), None)
        if free is None:
            raise InputError(
                f"{accelerator.name}: Timeloop's ranks are letters, so that a cascade has "
                f"{len(ascii_uppercase)} at most; the evaluator 'analytical' takes more"
            )
        given[rank] = free
    return {rank: given[rank] for rank in reversed(_from_outside(accelerator))}


def _from_outside(accelerator: Accelerator) -> list[str]:
    nests = [row.streamed for table in accelerator.tables for row in table.rows]
    loops = [loop for nest in nests for loop in nest.levels[0].loops]
    loops += [loop for nest in nests for level in nest.levels for loop in level.spatial]
    loops += [loop for nest in nests for loop in nest.loops]
    return list(dict.fromkeys([*(loop.rank for loop in loops), *accelerator.cascade.ranks]))


@lru_cache(maxsize=256)
def check_expressible(accelerator: Accelerator) -> None:
    """Raise `InputError` for the first width, store or level that Timeloop cannot express.

    What units take and share is no part of a loop nest: the accounting has it.
    """
    for name in accelerator.bits:
        raise InputError(
            f"{accelerator.name}: bits.{name}: a level of Timeloop's has words of one width, "
            f"{WORD_BITS}; leave out [bits], or take the evaluator 'analytical'"
        )
    machine = accelerator.machine
    first, *others = machine.stores
    where = f"{accelerator.name}: machine {machine.name}"
    for store in machine.stores:
        if (store.kind == "DRAM") != (store is first):
            raise InputError(
                f"{where}: store {store.name} is of kind {store.kind}; Timeloop is given one DRAM, "
                "the outermost store, and SRAMs below it"
            )
    for store in others:
        if store.bytes is None or store.row_words is None:
            raise InputError(
                f"{where}: store {store.name} has no size; Timeloop is given buffers of 'bytes' "
                "and 'row_words'"
            )
    names = [store.name for store in machine.stores]
    for array in machine.arrays.values():
        own = [*names, REGISTERS] + ([] if array.edge is None else [array.edge.name])
        for name in own:
            if (
                not (name.isascii() and name.isidentifier())
                or name in _TAKEN
                or own.count(name) > 1
            ):
                raise InputError(
                    f"{where}: Timeloop cannot call a level of array {array.name} '{name}'; name "
                    f"each once, in letters, digits and '_', and none {' or '.join(_TAKEN)}"
                )


def check_unmasked(workload: Workload) -> None:
    """Raise `InputError` for a mask: Timeloop counts whole loop nests."""
    if workload.masked:
        raise InputError(
            f"{workload.called}: Timeloop counts loop nests without a "
            "mask; the evaluator 'analytical' takes one, mask 'none' leaves it out"
        )
