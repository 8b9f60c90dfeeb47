"""How the Einsums of a stage overlap: a modulo schedule of its steps, and what that schedule holds.

A step is one turn of the loops that all Einsums of a stage run together: the shared ones at DRAM,
and those at the buffer that all have outermost, in one order, and that none of them reduces before
another reads. An Einsum that stands behind a shared loop, as the division at the end, is spread
over the steps of the tile that follows (docs/model/pipelines.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
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
from evaluators.engine.footprint import tile_bytes
from evaluators.engine.nests import Nests, Run
from evaluators.engine.waiting import Taken, held_words, taken
from evaluators.engine.widths import machine_words, word_bytes
from evaluators.errors import InputError
from evaluators.pipeline.modulo import Held, Schedule, Task, shortest


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


@dataclass(frozen=True)
class Pipeline:
    """A stage as it runs.

    Attributes:
        ideal: the interval, in cycles, of arrays and memory that overlap without a gap.
        loops: rank and turns of each loop that a step is a turn of, outermost first.
        clock_hz: the clock.
        schedule: when what runs.
        needs: what it holds; more than there is where nothing that was tried fits.
        tail: cycles in which, after the last step, what is spread over the next tile ends.

    """

    ideal: float
    loops: tuple[tuple[str, int], ...]
    clock_hz: float
    schedule: Schedule
    needs: tuple[Need, ...]
    tail: float

    @property
    def steps(self) -> int:
        """How many steps the stage has."""
        return prod(turns for _, turns in self.loops)

    @property
    def fits(self) -> bool:
        """Whether there is room for what it holds."""
        return all(each.fits for each in self.needs)

    @property
    def ideal_s(self) -> float:
        """The latency of arrays and memory that overlap without a gap, seconds."""
        return self.ideal * self.steps / self.clock_hz

    @property
    def latency_s(self) -> float:
        """The latency, seconds: an interval a step, and what the last one takes to its end."""
        cycles = (self.steps - 1) * self.schedule.interval + self.schedule.span + self.tail
        return cycles / self.clock_hz


def pipelines(nests: Nests, costs: Costs) -> list[Pipeline]:
    """Return the pipeline of every stage of a design, a batch of one.

    Raises:
        InputError: for a masked workload, whose steps are of different lengths, and an accelerator
            whose stages are themselves a schedule.

    """
    accelerator = nests.accelerator
    if accelerator.overlapped_memory and len(accelerator.stages) > 1:
        raise InputError(
            f"{accelerator.name} has a schedule of its own, {len(accelerator.stages)} stages of "
            'tiles in turn; one stage, or memory = "stage", leaves it to be found'
        )
    if nests.workload.masked:
        raise InputError("a schedule has steps of one length; take a workload without a mask")
    return [
        _Stage(nests, costs, stage).pipeline()
        for stage in accelerator.stages
        if set(stage.einsums) & set(nests.einsums)
    ]


class _Stage:
    """A stage of a design: its steps, their tasks, and what they hold."""

    def __init__(self, nests: Nests, costs: Costs, stage: Stage) -> None:
        self._nests, self._costs = nests, costs
        self._names = tuple(name for name in nests.einsums if name in stage.einsums)
        self._runs = {name: _only(nests.runs[name]) for name in self._names}
        self._places = {name: place for place, name in enumerate(nests.einsums)}
        self._clock_hz = _number(nests.values[CLOCK_HZ])

    def pipeline(self) -> Pipeline:
        """Schedule the stage."""
        busy: dict[str, float] = {}
        for name in self._names:
            array = self._runs[name].row.array
            busy[array] = busy.get(array, 0.0) + self._cycles(name)
        ideal = max(*busy.values(), sum(self._memory_cycles(name) for name in self._names))
        schedule = shortest(
            self._tasks, ideal, lambda found: all(each.fits for each in self._needs(found))
        )
        tail = sum(
            self._cycles(name) * self._steps / self._turns(name)
            for name in self._names
            if not self._inside(name)
        )
        loops = (*self._shared, *self._together)
        return Pipeline(ideal, loops, self._clock_hz, schedule, tuple(self._needs(schedule)), tail)

    def _outer(self, name: str) -> list[tuple[str, int]]:
        """Return the loops at DRAM of more than one turn."""
        run = self._runs[name]
        return _long(run, run.plan.streamed.levels[0].loops)

    def _inner(self, name: str) -> list[tuple[str, int]]:
        """Return the loops of more than one turn inside the shared ones, but for the registers'."""
        run, shared = self._runs[name], self._shared
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
    def _shared(self) -> list[tuple[str, int]]:
        """The loops at DRAM that Einsums run together; of tiles that differ, those of the largest.

        Some Einsums have the outermost of them alone.
        """
        shared: list[tuple[str, int]] = []
        for loops in zip_longest(*(self._outer(name) for name in self._names)):
            there = [each for each in loops if each is not None]
            turns = min(turns for _, turns in there)
            if len({rank for rank, _ in there}) > 1 or any(own % turns for _, own in there):
                break
            shared.append((there[0][0], turns))
            if any(own > turns for _, own in there):
                break
        return shared

    def _inside(self, name: str) -> bool:
        """Tell whether an Einsum takes part in every turn of the shared loops."""
        return len(self._outer(name)) >= len(self._shared)

    def _turns(self, name: str) -> int:
        """Return how many turns of the shared loops an Einsum takes part in."""
        return prod(turns for _, turns in self._shared[: len(self._outer(name))])

    @cached_property
    def _together(self) -> list[tuple[str, int]]:
        """The loops at the buffer that all Einsums run together."""
        inside = [name for name in self._names if self._inside(name)]
        reduced = {
            rank
            for name in inside
            for rank in self._einsum(name).reduced
            if any(name in self._reads(other) for other in self._names)
        }
        together = []
        for loops in zip(*(self._inner(name) for name in inside), strict=False):
            if len(set(loops)) > 1 or loops[0][0] in reduced:
                break
            together.append(loops[0])
        return together

    @cached_property
    def _steps(self) -> int:
        return prod(turns for _, turns in (*self._shared, *self._together))

    def _einsum(self, name: str) -> Einsum:
        return self._nests.plan.written[name]

    def _reads(self, name: str) -> set[str]:
        return {each.name for each in self._einsum(name).operands}

    def _state(self, tensor: str) -> str:
        """Return the state whose earlier value a tensor is; '' for another."""
        return self._nests.accelerator.cascade.previous.get(tensor, "")

    @cached_property
    def _between(self) -> int:
        """The steps from one value of a state to the next."""
        loops = [*self._shared, *self._together]
        along = self._nests.accelerator.cascade.along
        place = next((k for k, (rank, _) in enumerate(loops) if rank == along), len(loops) - 1)
        return prod(turns for _, turns in loops[place + 1 :])

    def _cycles(self, name: str) -> float:
        """Return the cycles of an array in a step."""
        return _number(self._costs.compute_s[name]) * self._clock_hz / self._steps

    def _memory_cycles(self, name: str, *, streams: bool = False) -> float:
        """Return the cycles of DRAM in a step; `streams` counts what flows past the buffers alone.

        What a buffer keeps comes a step ahead of its use, into a copy of its own.
        """
        dram, *buffers = self._nests.accelerator.machine.stores
        assert dram.bytes_per_s is not None
        moved = _number(self._costs.traffic_bytes[name])
        if streams:
            run = self._runs[name]
            buffered = {tensor for store in buffers for tensor in self._kept(name, store)}
            moved = _number(word_bytes(self._nests.values)) * sum(
                _number(machine_words(self._nests, each.tensor, run.words(each, dram.name, _moved)))
                for each in run.plan.levels[dram.name]
                if each.tensor not in buffered
            )
        return moved / _number(dram.bytes_per_s(self._nests.values)) * self._clock_hz / self._steps

    def _kept(self, name: str, store: Store) -> list[str]:
        """Return the tensors that an Einsum keeps in a store."""
        run = self._runs[name]
        return [
            each.tensor
            for each in run.plan.levels[store.name]
            if _number(run.words(each, store.name, _size)) > 0
        ]

    @cached_property
    def _waiting(self) -> list[Taken]:
        """The tensors that wait in registers of an array for a later Einsum there."""
        return list(taken(self._nests, [self._places[name] for name in self._names]))

    def _name(self, place: int) -> str:
        return self._nests.einsums[place]

    def _words(self, each: Taken) -> int:
        """Return the words of what waits, of one step."""
        run = self._runs[self._name(each.source)]
        ranks = self._ranks(each.tensor)
        loops = self._inner(self._name(each.source))[len(self._together) :]
        turns = prod(turns for rank, turns in loops if rank in ranks)
        return turns * int(_number(run.streamed.size(REGISTERS, each.tensor)))

    def _ranks(self, tensor: str) -> tuple[str, ...]:
        return next(
            each.ranks
            for name in self._names
            for each in self._einsum(name).tensors
            if each.name == tensor
        )

    @cached_property
    def _blocks(self) -> dict[str, str]:
        """The task of each Einsum.

        Einsums are one task where what waits between them on their array is less than a step's: the
        array then runs them in turn, loop by loop. Nothing that the other array does may have to
        come between.
        """
        written = tuple(self._nests.plan.written[name] for name in self._nests.einsums)
        of = {name: name for name in self._names}
        for each in self._waiting:
            places = {*Dependences(written).on_path(each.source, each.target)}
            path = {self._name(place) for place in places | {each.source, each.target}}
            if (
                _number(each.words) < self._words(each)
                and len({self._runs[name].row.array for name in path}) == 1
                and all(self._inside(name) for name in path)
            ):
                met = {of[name] for name in path}
                joined = {name: min(met) if of[name] in met else of[name] for name in of}
                if _ordered(self._after(joined)) is not None:
                    of = joined
        return of

    def _after(self, blocks: Mapping[str, str]) -> dict[str, set[tuple[str, int]]]:
        """Return, for every task, the tasks that it waits for, each with how many steps earlier."""
        after: dict[str, set[tuple[str, int]]] = {block: set() for block in blocks.values()}
        for name in self._names:
            for tensor in self._reads(name) if self._inside(name) else ():
                maker = self._state(tensor) or tensor
                if maker in blocks and self._inside(maker) and blocks[maker] != blocks[name]:
                    steps = self._between if self._state(tensor) else 0
                    after[blocks[name]].add((blocks[maker], steps))
        return after

    @cached_property
    def _tasks(self) -> list[Task]:
        """The tasks of a step, each behind those that it needs."""
        after = self._after(self._blocks)
        order = _ordered(after)
        assert order is not None
        tasks = []
        for block in order:
            members = [name for name in self._names if self._blocks[name] == block]
            streams = {name: self._memory_cycles(name, streams=True) for name in members}
            cycles = sum(max(self._cycles(name), streams[name]) for name in members)
            tasks.append(
                Task(
                    block,
                    tuple(members),
                    self._runs[block].row.array,
                    cycles,
                    sum(streams.values()) / cycles,
                    tuple(sorted(after[block])),
                )
            )
        return tasks

    def _needs(self, schedule: Schedule) -> Iterator[Need]:
        machine, values = self._nests.accelerator.machine, self._nests.values
        for store in machine.stores[1:]:
            assert store.bytes is not None
            there = int(_number(store.bytes(values)))
            spills = self._nests.accelerator.footprint.spills
            yield Need(store.name, "bytes", self._bytes(schedule, store), there, spills)
        for name, array in machine.arrays.items():
            words = max(
                (self._register_words(each, schedule, name) for each in self._on(name)), default=0
            )
            yield Need(name, "words", words, int(_number(array.registers(values))))

    def _on(self, array: str) -> list[str]:
        return [name for name in self._names if self._runs[name].row.array == array]

    def _register_words(self, name: str, schedule: Schedule, array: str) -> int:
        """Return the words of a register file while an Einsum runs."""
        place = self._places[name]
        here = [each for each in self._waiting if self._name(each.source) in self._on(array)]
        words = int(_number(held_words(self._runs[name], place, here)))
        for each in here:
            source, target = (self._blocks[self._name(k)] for k in (each.source, each.target))
            if source == target:
                continue
            passes = each.source <= place <= each.target
            words -= passes * int(_number(each.words))
            if self._inside(self._name(each.target)):
                held = Held(each.tensor, source, ((target, 0),))
                words += self._words(each) * schedule.copies_during(held, self._blocks[name])
            else:
                words += 2 * self._words(each)
        return words

    def _bytes(self, schedule: Schedule, store: Store) -> int:
        """Return the bytes of a store: every tile as often as steps need it at a time."""
        tiles = tile_bytes(self._nests, store, self._names)
        rules = self._nests.accelerator.footprint
        if rules.copies or rules.shared or rules.staging:
            return int(sum(_number(each) for each in tiles.values()))
        total = 0.0
        for tensor, size in tiles.items():
            total += self._copies(tensor, schedule, store) * _number(size)
        return int(total)

    def _copies(self, tensor: str, schedule: Schedule, store: Store) -> float:
        """Return how many of a tensor's tiles, as the footprint counts them, there are at a time.

        What is loaded, and what is read by an Einsum that is spread over the next tile's steps, has
        two.
        """
        readers = [
            name
            for name in self._names
            for kept in self._kept(name, store)
            if tensor in (kept, self._state(kept)) and name != tensor
        ]
        if tensor not in self._blocks:
            return 1.0 + (self._loads(tensor) > 1)
        if not all(self._inside(name) for name in (tensor, *readers)):
            return 2.0
        users = [
            (self._blocks[name], 0 if tensor in self._reads(name) else self._between)
            for name in readers
        ]
        states = self._nests.accelerator.cascade.previous.items()
        if any(state == tensor and name in self._reads(tensor) for name, state in states):
            users.append((self._blocks[tensor], self._between))
        held = Held(tensor, self._blocks[tensor], tuple(users) or ((self._blocks[tensor], 0),))
        ranks = self._ranks(tensor)
        in_tile = prod(turns for rank, turns in self._together if rank in ranks)
        if tensor in self._nests.accelerator.cascade.previous.values():
            in_tile = max(in_tile, self._between)
        return max(1.0, schedule.copies(held) / in_tile)

    def _loads(self, tensor: str) -> int:
        """Return how many different tiles of an input a stage sees."""
        ranks = self._ranks(tensor)
        return prod(turns for rank, turns in self._shared if rank in ranks)


def _only(runs: list[Run]) -> Run:
    (run,) = runs
    return run


def _long(run: Run, loops: tuple[Loop, ...]) -> list[tuple[str, int]]:
    """Return the loops of more than one turn, outermost first: rank and turns."""
    turns = [(loop.rank, int(_number(run.factors.product((loop.factor,))))) for loop in loops]
    return [each for each in turns if each[1] > 1]


def _number(column: Any) -> float:
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
