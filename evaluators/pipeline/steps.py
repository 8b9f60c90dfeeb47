"""The steps of a stage: what all of its Einsums do in one turn of the loops that they run together.

A step is one turn of the loops that all Einsums of a stage run together: the shared ones at DRAM,
and those at the buffer that all have outermost, in one order, and that none of them reduces before
another reads. An Einsum that stands behind a shared loop, as the division at the end, is spread
over the steps of the tile that follows (docs/model/pipelines.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import takewhile, zip_longest
from math import prod
from typing import Any

import numpy as np

from evaluators.describe.accelerator import Stage
from evaluators.describe.cascade import Einsum
from evaluators.describe.dependences import Dependences
from evaluators.describe.machine import CLOCK_HZ, REGISTERS, Store
from evaluators.describe.mapping import Loop
from evaluators.engine.costs import Costs
from evaluators.engine.counting import Counts
from evaluators.engine.nests import Nests, Run
from evaluators.engine.waiting import Taken, taken
from evaluators.engine.widths import machine_words, word_bytes
from evaluators.pipeline.modulo import Task


class Steps:
    """The steps of a stage of a design, a batch of one.

    Attributes:
        nests, costs: of the design.
        names: the Einsums of the stage, in the cascade's order.
        runs: Einsum -> its row of the mapping tables.
        places: Einsum -> its place in the cascade.
        clock_hz: the clock.

    """

    def __init__(self, nests: Nests, costs: Costs, stage: Stage) -> None:
        self.nests, self.costs = nests, costs
        self.names = tuple(name for name in nests.einsums if name in stage.einsums)
        self.runs = {name: _only(nests.runs[name]) for name in self.names}
        self.places = {name: place for place, name in enumerate(nests.einsums)}
        self.clock_hz = number(nests.values[CLOCK_HZ])

    def _outer(self, name: str) -> list[tuple[str, int]]:
        """Return the loops at DRAM of more than one turn."""
        run = self.runs[name]
        return _long(run, run.plan.streamed.levels[0].loops)

    def _inner(self, name: str) -> list[tuple[str, int]]:
        """Return the loops of more than one turn inside the shared ones, but for the registers'."""
        run, shared = self.runs[name], self.shared
        levels = run.plan.streamed.levels[1:-1]
        below = _long(run, tuple(loop for level in levels for loop in level.loops))
        outer = self._outer(name)
        finer = [
            (rank, turns // coarser)
            for (rank, turns), (_, coarser) in zip(outer, shared, strict=False)
            if turns > coarser
        ]
        return [*finer, *outer[len(shared) :], *below]

    @cached_property
    def shared(self) -> list[tuple[str, int]]:
        """The loops at DRAM that Einsums run together; of tiles that differ, those of the largest.

        Some Einsums have the outermost of them alone.
        """
        shared: list[tuple[str, int]] = []
        for loops in zip_longest(*(self._outer(name) for name in self.names)):
            there = [each for each in loops if each is not None]
            turns = min(turns for _, turns in there)
            if len({rank for rank, _ in there}) > 1 or any(own % turns for _, own in there):
                break
            shared.append((there[0][0], turns))
            if any(own > turns for _, own in there):
                break
        return shared

    def inside(self, name: str) -> bool:
        """Tell whether an Einsum takes part in every turn of the shared loops."""
        return len(self._outer(name)) >= len(self.shared)

    def turns(self, name: str) -> int:
        """Return how many turns of the shared loops an Einsum takes part in."""
        return prod(turns for _, turns in self.shared[: len(self._outer(name))])

    @cached_property
    def together(self) -> list[tuple[str, int]]:
        """The loops at the buffer that all Einsums run together."""
        inside = [name for name in self.names if self.inside(name)]
        reduced = {
            rank
            for name in inside
            for rank in self.einsum(name).reduced
            if any(name in self.reads(other) for other in self.names)
        }
        together = []
        for loops in zip(*(self._inner(name) for name in inside), strict=False):
            if len(set(loops)) > 1 or loops[0][0] in reduced:
                break
            together.append(loops[0])
        return together

    @cached_property
    def count(self) -> int:
        """How many steps there are."""
        return prod(turns for _, turns in (*self.shared, *self.together))

    def einsum(self, name: str) -> Einsum:
        """Return an Einsum as the accounting has it."""
        return self.nests.plan.written[name]

    def reads(self, name: str) -> set[str]:
        """Return the tensors that an Einsum reads."""
        return {each.name for each in self.einsum(name).operands}

    def state(self, tensor: str) -> str:
        """Return the state whose earlier value a tensor is; '' for another."""
        return self.nests.accelerator.cascade.previous.get(tensor, "")

    @cached_property
    def between(self) -> int:
        """The steps from one value of a state to the next."""
        loops = [*self.shared, *self.together]
        along = self.nests.accelerator.cascade.along
        place = next((k for k, (rank, _) in enumerate(loops) if rank == along), len(loops) - 1)
        return prod(turns for _, turns in loops[place + 1 :])

    def cycles(self, name: str) -> float:
        """Return the cycles of an array in a step."""
        return number(self.costs.compute_s[name]) * self.clock_hz / self.count

    def memory_cycles(self, name: str, *, streams: bool = False) -> float:
        """Return the cycles of DRAM in a step; `streams` counts what flows past the buffers alone.

        What a buffer keeps comes a step ahead of its use, into a copy of its own.
        """
        dram, *buffers = self.nests.accelerator.machine.stores
        assert dram.bytes_per_s is not None
        moved = number(self.costs.traffic_bytes[name])
        if streams:
            run = self.runs[name]
            buffered = {tensor for store in buffers for tensor in self.kept(name, store)}
            moved = number(word_bytes(self.nests.values)) * sum(
                number(machine_words(self.nests, each.tensor, run.words(each, dram.name, _moved)))
                for each in run.plan.levels[dram.name]
                if each.tensor not in buffered
            )
        return moved / number(dram.bytes_per_s(self.nests.values)) * self.clock_hz / self.count

    def kept(self, name: str, store: Store) -> list[str]:
        """Return the tensors that an Einsum keeps in a store."""
        run = self.runs[name]
        return [
            each.tensor
            for each in run.plan.levels[store.name]
            if number(run.words(each, store.name, _size)) > 0
        ]

    @cached_property
    def waiting(self) -> list[Taken]:
        """The tensors that wait in registers of an array for a later Einsum there."""
        return list(taken(self.nests, [self.places[name] for name in self.names]))

    def depth(self, one: str, other: str) -> int:
        """Return how many of another's loops an Einsum's turns come between: the innermost is last.

        That is the steps', or inside a task all that both have outermost.
        """
        if self.blocks[one] != self.blocks[other]:
            return len(self.shared) + len(self.together)
        pairs = zip(self._loops(one), self._loops(other), strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    def rests(self, name: str, tensor: str, depth: int) -> bool:
        """Tell whether an Einsum has one word of a tensor in turn after turn of its loop there.

        One behind a shared loop runs in pieces between which it has none.
        """
        inner = self._loops(name)[depth - 1 :] if depth and self.inside(name) else []
        return bool(inner) and not {rank for rank, _ in inner} & {*self.ranks(tensor)}

    def register_sizes(self, name: str) -> dict[str, int]:
        """Return the words of an Einsum's own tensors in a register file."""
        run = self.runs[name]
        return {
            each.tensor: int(number(run.streamed.size(REGISTERS, each.tensor)))
            for each in run.plan.levels[REGISTERS]
        }

    def _loops(self, name: str) -> list[tuple[str, int]]:
        return [*self.shared[: len(self._outer(name))], *self._inner(name)]

    def name(self, place: int) -> str:
        """Return the Einsum at a place of the cascade."""
        return self.nests.einsums[place]

    def within(self, each: Taken) -> bool:
        """Tell whether what waits does so inside a task."""
        return self.blocks[self.name(each.source)] == self.blocks[self.name(each.target)]

    def chain(self, tensor: str, name: str) -> list[Taken]:
        """Return how a tensor goes from user to user on an array, by one of these Einsums."""
        places, found = {self.places[name]}, []
        left = [each for each in self.waiting if each.tensor == tensor]
        while more := [each for each in left if {each.source, each.target} & places]:
            found += more
            places |= {place for each in more for place in (each.source, each.target)}
            left = [each for each in left if each not in more]
        return found

    def words(self, each: Taken) -> int:
        """Return the words of what waits, of one step."""
        run = self.runs[self.name(each.source)]
        ranks = self.ranks(each.tensor)
        loops = self._inner(self.name(each.source))[len(self.together) :]
        turns = prod(turns for rank, turns in loops if rank in ranks)
        return turns * int(number(run.streamed.size(REGISTERS, each.tensor)))

    def ranks(self, tensor: str) -> tuple[str, ...]:
        """Return the ranks of a tensor."""
        return next(
            each.ranks
            for name in self.names
            for each in self.einsum(name).tensors
            if each.name == tensor
        )

    @cached_property
    def blocks(self) -> dict[str, str]:
        """The task of each Einsum.

        Einsums are one task where what waits between them on their array is less than a step's: the
        array then runs them in turn, loop by loop. Nothing that the other array does may have to
        come between.
        """
        written = tuple(self.nests.plan.written[name] for name in self.nests.einsums)
        of = {name: name for name in self.names}
        for each in self.waiting:
            places = {*Dependences(written).on_path(each.source, each.target)}
            path = {self.name(place) for place in places | {each.source, each.target}}
            if (
                number(each.words) < self.words(each)
                and len({self.runs[name].row.array for name in path}) == 1
                and all(self.inside(name) for name in path)
            ):
                met = {of[name] for name in path}
                joined = {name: min(met) if of[name] in met else of[name] for name in of}
                if _ordered(self._after(joined)) is not None:
                    of = joined
        return of

    def _after(self, blocks: Mapping[str, str]) -> dict[str, set[tuple[str, int]]]:
        """Return, for every task, the tasks that it waits for, each with how many steps earlier."""
        after: dict[str, set[tuple[str, int]]] = {block: set() for block in blocks.values()}
        for name in self.names:
            for tensor in self.reads(name) if self.inside(name) else ():
                maker = self.state(tensor) or tensor
                if maker in blocks and self.inside(maker) and blocks[maker] != blocks[name]:
                    steps = self.between if self.state(tensor) else 0
                    after[blocks[name]].add((blocks[maker], steps))
        return after

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks of a step, each behind those that it needs."""
        after = self._after(self.blocks)
        order = _ordered(after)
        assert order is not None
        tasks = []
        for block in order:
            members = [name for name in self.names if self.blocks[name] == block]
            streams = {name: self.memory_cycles(name, streams=True) for name in members}
            cycles = sum(max(self.cycles(name), streams[name]) for name in members)
            tasks.append(
                Task(
                    block,
                    tuple(members),
                    self.runs[block].row.array,
                    cycles,
                    sum(streams.values()) / cycles,
                    tuple(sorted(after[block])),
                )
            )
        return tasks


def _only(runs: list[Run]) -> Run:
    (run,) = runs
    return run


def _long(run: Run, loops: tuple[Loop, ...]) -> list[tuple[str, int]]:
    """Return the loops of more than one turn, outermost first: rank and turns."""
    turns = [(loop.rank, int(number(run.factors.product((loop.factor,))))) for loop in loops]
    return [each for each in turns if each[1] > 1]


def number(column: Any) -> float:
    """Return what a batch of one has, as a number."""
    return float(np.max(column))


def _moved(nest: Counts, level: str, tensor: str) -> Any:
    return nest.reads(level, tensor) + nest.updates(level, tensor)


def _size(nest: Counts, level: str, tensor: str) -> Any:
    return nest.size(level, tensor)


def _ordered(after: Mapping[str, set[tuple[str, int]]]) -> list[str] | None:
    """Return tasks so that each is behind those of its own step that it needs; None in a circle."""
    ordered: list[str] = []
    while len(ordered) < len(after):
        free = [
            block
            for block, needed in after.items()
            if block not in ordered and all(steps or other in ordered for other, steps in needed)
        ]
        if not free:
            return None
        ordered.append(free[0])
    return ordered
