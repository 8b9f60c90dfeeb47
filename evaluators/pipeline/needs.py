"""What a schedule of steps holds: copies of tiles in stores, words in register files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from evaluators.describe.machine import Store
from evaluators.engine.footprint import tile_bytes
from evaluators.engine.waiting import Taken, held_words
from evaluators.pipeline.modulo import Held, Schedule
from evaluators.pipeline.steps import Steps, number


@dataclass(frozen=True)
class Need:
    """What a store, or the register files of an array, must hold, and how much there is.

    What does not fit a store that `spills` goes off chip, which its costs have.
    """

    where: str
    unit: str
    needed: int
    there: int
    spills: bool = False

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return self.spills or self.needed <= self.there


def needs(steps: Steps, schedule: Schedule) -> Iterator[Need]:
    """Yield what a schedule of steps holds: of every store on chip, and of every array."""
    machine, values = steps.nests.accelerator.machine, steps.nests.values
    for store in machine.stores[1:]:
        assert store.bytes is not None
        there = int(number(store.bytes(values)))
        spills = steps.nests.accelerator.footprint.spills
        yield Need(store.name, "bytes", _bytes(steps, schedule, store), there, spills)
    for name, array in machine.arrays.items():
        words = max(
            (_register_words(steps, each, schedule, name) for each in _on(steps, name)), default=0
        )
        yield Need(name, "words", words, int(number(array.registers(values))))


def _on(steps: Steps, array: str) -> list[str]:
    return [name for name in steps.names if steps.runs[name].row.array == array]


def _register_words(steps: Steps, name: str, schedule: Schedule, array: str) -> int:
    """Return the words of a register file while an Einsum runs."""
    place, on = steps.places[name], _on(steps, array)
    here = [each for each in steps.waiting if steps.name(each.source) in on]
    words = int(number(held_words(steps.runs[name], place, here)))
    for each in here:
        if steps.within(each):
            continue
        words -= (each.source <= place <= each.target) * int(number(each.words))
        words += _between_tasks(steps, each, name, schedule)
    return words + _resting_words(steps, name, schedule, on)


def _between_tasks(steps: Steps, each: Taken, name: str, schedule: Schedule) -> int:
    """Return the words of what waits from one task to another, while an Einsum runs."""
    source, target = (steps.blocks[steps.name(k)] for k in (each.source, each.target))
    if not steps.inside(steps.name(each.target)):
        return 2 * steps.words(each)
    held = Held(each.tensor, source, ((target, 0),))
    return steps.words(each) * schedule.copies_during(held, steps.blocks[name])


def _resting_words(steps: Steps, name: str, schedule: Schedule, on: list[str]) -> int:
    """Return the words that other Einsums of the array still hold while one runs.

    They are what those rest on from their turn before to the one after, a sum so far, say. What
    they hand on to the one that runs, or past it, is counted as that.
    """
    resting: dict[str, int] = {}
    for other in on:
        for tensor, size in steps.register_sizes(other).items() if other != name else ():
            counted = any(
                _between_tasks(steps, each, name, schedule)
                if not steps.within(each)
                else each.source <= steps.places[name] <= each.target
                for each in steps.chain(tensor, other)
            )
            if not counted and steps.rests(other, tensor, steps.depth(name, other)):
                resting[tensor] = max(size, resting.get(tensor, 0))
    return sum(resting.values())


def _bytes(steps: Steps, schedule: Schedule, store: Store) -> int:
    """Return the bytes of a store: every tile as often as steps need it at a time."""
    tiles = tile_bytes(steps.nests, store, steps.names)
    rules = steps.nests.accelerator.footprint
    if rules.copies or rules.shared or rules.staging:
        return int(sum(number(each) for each in tiles.values()))
    total = 0.0
    for tensor, size in tiles.items():
        total += _copies(steps, tensor, schedule, store) * number(size)
    return int(total)


def _copies(steps: Steps, tensor: str, schedule: Schedule, store: Store) -> float:
    """Return how many of a tensor's tiles, as the footprint counts them, there are at a time.

    What is loaded, and what is read by an Einsum that is spread over the next tile's steps, has
    two.
    """
    readers = [
        name
        for name in steps.names
        for kept in steps.kept(name, store)
        if tensor in (kept, steps.state(kept)) and name != tensor
    ]
    if tensor not in steps.blocks:
        return 1.0 + (_loads(steps, tensor) > 1)
    if not all(steps.inside(name) for name in (tensor, *readers)):
        return 2.0
    users = [
        (steps.blocks[name], 0 if tensor in steps.reads(name) else steps.between)
        for name in readers
    ]
    states = steps.nests.accelerator.cascade.previous.items()
    if any(state == tensor and name in steps.reads(tensor) for name, state in states):
        users.append((steps.blocks[tensor], steps.between))
    held = Held(tensor, steps.blocks[tensor], tuple(users) or ((steps.blocks[tensor], 0),))
    ranks = steps.ranks(tensor)
    in_tile = prod(turns for rank, turns in steps.together if rank in ranks)
    if tensor in steps.nests.accelerator.cascade.previous.values():
        in_tile = max(in_tile, steps.between)
    return max(1.0, schedule.copies(held) / in_tile)


def _loads(steps: Steps, tensor: str) -> int:
    """Return how many different tiles of an input a stage sees."""
    ranks = steps.ranks(tensor)
    return prod(turns for rank, turns in steps.shared if rank in ranks)
