"""Modulo schedules: a step begins every interval, so that tasks of several steps run at a time.

A task keeps its array busy without a pause. Task t of step k starts at `starts[t] + k * interval`;
what a later step needs of an earlier one is a dependence with a distance in steps. Without such
recurrences every interval is possible that no array is busy longer than (Rau, MICRO 1994); what it
costs is steps in flight, and with them copies of what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

_ROUNDING = 1e-9
"""Of an interval: times this near are one."""

_ROUNDS = 64
"""How often a task is moved later for a recurrence before its interval is given up."""

_LONGER = 1.01
"""By what an interval grows that no schedule was found for."""


@dataclass(frozen=True)
class Task:
    """What runs once a step.

    Attributes:
        name: its name.
        einsums: those that it runs.
        array: what it keeps busy.
        cycles: for how long.
        memory: the share of the memory's bandwidth that it takes while it runs, 0 to 1.
        after: the tasks that must have ended before it starts, each with how many steps earlier.

    """

    name: str
    einsums: tuple[str, ...]
    array: str
    cycles: float
    memory: float = 0.0
    after: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Held:
    """A tensor's tile of one step: alive from its maker's start until its last user has ended.

    Attributes:
        tensor: its name.
        maker: the task that makes it.
        users: the tasks that read it, each with how many steps later.

    """

    tensor: str
    maker: str
    users: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Schedule:
    """When the tasks of a step start; the tasks of the next one an interval later."""

    tasks: tuple[Task, ...]
    interval: float
    starts: Mapping[str, float]

    @cached_property
    def ends(self) -> dict[str, float]:
        """When the tasks of a step end."""
        return {each.name: self.starts[each.name] + each.cycles for each in self.tasks}

    @property
    def span(self) -> float:
        """From the start of a step to its end."""
        return max(self.ends.values()) - min(self.starts.values())

    @property
    def in_flight(self) -> int:
        """Steps that have begun and not ended at a time."""
        return self._intervals(self.span)

    def life(self, held: Held) -> tuple[float, float]:
        """Return from when to when a tile of a step is alive.

        A task that replaces the value of a step before by its own may do so in place.
        """
        start = self.starts[held.maker]
        return start, max(
            (self.starts if user == held.maker else self.ends)[user] + later * self.interval
            for user, later in held.users
        )

    def copies(self, held: Held) -> int:
        """Return the tiles of a tensor, of different steps, that are alive at a time."""
        start, end = self.life(held)
        return max(1, self._intervals(end - start))

    def copies_during(self, held: Held, task: str) -> int:
        """Return the tiles of a tensor, of different steps, that are alive while a task runs."""
        start, end = self.life(held)
        first = (self.starts[task] - end) / self.interval + _ROUNDING
        last = (self.ends[task] - start) / self.interval - _ROUNDING
        return max(0, ceil(last) - 1 - floor(first))

    def _intervals(self, time: float) -> int:
        return ceil(time / self.interval - _ROUNDING)


def shortest(tasks: Sequence[Task], interval: float, fits: Callable[[Schedule], bool]) -> Schedule:
    """Return a schedule of the shortest interval found that fits.

    Intervals are tried from the given one, a per cent longer each time, to that in which every step
    is over before the next begins. Of the schedules of one interval the one is taken whose steps
    are over first. Where none fits, it is one of the shortest interval that recurrences allow.

    Args:
        tasks: in an order in which each follows those of its own step that it needs.
        interval: the shortest that is of interest.
        fits: whether what a schedule holds has room.

    """
    alone = sum(each.cycles for each in tasks)
    tried = max(interval, *_busy(tasks).values())
    first = None
    while True:
        found = sorted(_schedules(tasks, tried), key=lambda each: each.span)
        first = first or next(iter(found), None)
        fitting = next((each for each in found if fits(each)), None)
        if fitting is not None:
            return fitting
        if tried >= alone and first is not None:
            return first
        tried = min(tried * _LONGER, alone) if tried < alone else tried * _LONGER


def _busy(tasks: Sequence[Task]) -> dict[str, float]:
    busy: dict[str, float] = {}
    for each in tasks:
        busy[each.array] = busy.get(each.array, 0.0) + each.cycles
    return busy


def _schedules(tasks: Sequence[Task], interval: float) -> Iterator[Schedule]:
    """Yield schedules of an interval, as their tasks are placed with gaps between, and without."""
    for packed in (False, True):
        starts = _starts(tasks, interval, packed=packed)
        if starts is not None:
            yield Schedule(tuple(tasks), interval, starts)


def _starts(tasks: Sequence[Task], interval: float, *, packed: bool) -> dict[str, float] | None:
    """Place tasks one after the other, and again, later, those that a recurrence finds too early.

    None where that finds no end.
    """
    earliest = {each.name: 0.0 for each in tasks}
    for _ in range(_ROUNDS):
        starts = _placed(tasks, interval, earliest, packed=packed)
        if starts is None:
            return None
        late = False
        for each in tasks:
            for other, steps in each.after:
                cycles = next(task.cycles for task in tasks if task.name == other)
                ready = starts[other] + cycles - steps * interval
                if starts[each.name] < ready - _ROUNDING * interval:
                    earliest[each.name], late = ready, True
        if not late:
            return _closed_up(tasks, interval, starts)
    return None


def _closed_up(
    tasks: Sequence[Task], interval: float, starts: dict[str, float]
) -> dict[str, float]:
    """Move tasks later by whole intervals, which disturbs no other, as far as their users allow.

    Those alone that more tasks wait for than they wait for, so that less is held on the whole. A
    task that neither needs nor serves another goes to the first interval of the rest.
    """
    served = {name for task in tasks for name, _ in task.after}
    alone = [task.name for task in tasks if task.name not in served and not task.after]
    for task in reversed(tasks):
        slack = [
            starts[other.name] + steps * interval - starts[task.name] - task.cycles
            for other in tasks
            for name, steps in other.after
            if name == task.name and other.name != task.name
        ]
        if len(slack) > len(task.after):
            starts[task.name] += max(0, floor(min(slack) / interval + _ROUNDING)) * interval
    first = min([start for name, start in starts.items() if name not in alone], default=0.0)
    return {
        name: _phase(start - first, interval) if name in alone else start - first
        for name, start in starts.items()
    }


def _placed(
    tasks: Sequence[Task], interval: float, earliest: Mapping[str, float], *, packed: bool
) -> dict[str, float] | None:
    placed: list[tuple[Task, float]] = []
    starts: dict[str, float] = {}
    for task in tasks:
        ready = earliest[task.name]
        for other, steps in task.after:
            if steps == 0:
                cycles = next(each.cycles for each in tasks if each.name == other)
                ready = max(ready, starts[other] + cycles)
        free = (
            start
            for start in sorted(_candidates(task, placed, ready, interval, packed=packed))
            if _is_free(task, start, placed, interval)
        )
        start = next(free, None)
        if start is None:
            return None
        starts[task.name] = start
        placed.append((task, start))
    return starts


def _candidates(
    task: Task,
    placed: Sequence[tuple[Task, float]],
    ready: float,
    interval: float,
    *,
    packed: bool,
) -> Iterator[float]:
    """Yield when a task may start: when it is ready, or where it touches another, if not too early.

    A packed array has all its free time in one piece, so that every further task fits.
    """
    if not packed or all(other.array != task.array for other, _ in placed):
        yield ready
    for other, start in placed:
        if other.array == task.array or (not packed and other.memory and task.memory):
            for touching in (start + other.cycles, start - task.cycles):
                steps = ceil((ready - touching) / interval - _ROUNDING)
                yield max(ready, touching + steps * interval)


def _is_free(
    task: Task, start: float, placed: Sequence[tuple[Task, float]], interval: float
) -> bool:
    """Tell whether an array, and of the memory what a task takes, is free, in every interval."""
    sharing = []
    for other, begun in placed:
        behind = _phase(begun - start, interval)
        overlaps = behind < task.cycles - _ROUNDING * interval or (
            interval - behind < other.cycles - _ROUNDING * interval
        )
        if overlaps and other.array == task.array:
            return False
        if overlaps and task.memory and other.memory:
            sharing.append((other, begun))
    moments = [start, *(begun for _, begun in sharing)]
    return all(
        task.memory
        + sum(
            other.memory
            for other, begun in sharing
            if _phase(moment - begun, interval) < other.cycles - _ROUNDING * interval
        )
        <= 1 + _ROUNDING
        for moment in moments
        if _phase(moment - start, interval) < task.cycles
    )


def _phase(time: float, interval: float) -> float:
    """Return a time within an interval; what is an interval but for rounding is 0."""
    phase = time % interval
    return 0.0 if interval - phase < _ROUNDING * interval else phase
