"""Modulo schedules, walked step by step (docs/model/pipelines.md)."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluators.pipeline.modulo import Held, Schedule, Task, shortest

STEPS = 12
"""Steps that are walked."""


def anything(_: Schedule) -> bool:
    return True


@st.composite
def tasks(draw: st.DrawFn, *, recurrences: bool = False) -> list[Task]:
    """Draw up to seven tasks on two arrays; each may need earlier ones, and those of steps ago."""
    count = draw(st.integers(1, 7))
    drawn = []
    for k in range(count):
        after = [
            (f"t{other}", 0)
            for other in draw(st.sets(st.integers(0, k - 1) if k else st.nothing()))
        ]
        if recurrences:
            later = draw(st.sets(st.integers(k, count - 1), max_size=2))
            after += [(f"t{other}", draw(st.integers(1, 3))) for other in sorted(later)]
        array = draw(st.sampled_from(["pe", "vector"]))
        memory = draw(st.sampled_from([0.0, 0.25, 0.6, 1.0]))
        cycles = float(draw(st.integers(1, 50)))
        drawn.append(Task(f"t{k}", (f"t{k}",), array, cycles, memory, tuple(after)))
    return drawn


def walk(schedule: Schedule) -> list[tuple[Task, int, float, float]]:
    """Return what runs when in so many steps: task, step, start, end."""
    return [
        (task, step, begun, begun + task.cycles)
        for task in schedule.tasks
        for step in range(STEPS)
        for begun in [schedule.starts[task.name] + step * schedule.interval]
    ]


def check(schedule: Schedule) -> None:
    """Hold a schedule against what it promises, step by step."""
    close = 1e-6 * schedule.interval
    walked = walk(schedule)
    for (one, _, start, end), (other, _, begun, over) in combinations(walked, 2):
        if one.array == other.array:
            assert end <= begun + close or over <= start + close, (one, other)
    for _, _, moment, _ in walked:
        running = [task for task, _, start, end in walked if start - close <= moment < end - close]
        assert sum(task.memory for task in running) <= 1 + 1e-6
    at = {(task.name, step): (start, end) for task, step, start, end in walked}
    for task, step, start, _ in walked:
        for other, steps in task.after:
            if step >= steps:
                assert at[other, step - steps][1] <= start + close, (task, other)


@given(tasks())
def test_without_recurrences_every_interval_is_reached(drawn: list[Task]) -> None:
    busiest = max(
        sum(task.cycles for task in drawn if task.array == array) for array in ("pe", "vector")
    )
    alone = sum(task.cycles for task in drawn)
    memory = sum(task.cycles * task.memory for task in drawn)
    schedule = shortest(drawn, busiest, anything)
    check(schedule)
    assert max(busiest, memory) - 1e-6 <= schedule.interval <= alone + 1e-6
    if memory == 0:
        assert schedule.interval == busiest


@given(tasks(recurrences=True))
def test_recurrences_are_met_by_steps_or_by_a_longer_interval(drawn: list[Task]) -> None:
    check(shortest(drawn, 1.0, anything))


@given(tasks(recurrences=True))
def test_copies_are_those_counted_at_every_moment(drawn: list[Task]) -> None:
    assume(len(drawn) > 1)
    schedule = shortest(drawn, 1.0, anything)
    maker, user = drawn[0].name, drawn[-1].name
    held = Held("T", maker, ((user, 0),))
    start, end = schedule.life(held)
    lives = [(start + k * schedule.interval, end + k * schedule.interval) for k in range(-60, 60)]
    moments = [start + 1e-6 * schedule.interval for start, _ in lives[40:80]]
    alive = [sum(start < moment < end for start, end in lives) for moment in moments]
    assert schedule.copies(held) == max(1, *alive)
    for task in drawn:
        start, end = schedule.starts[task.name], schedule.ends[task.name]
        close = 1e-6 * schedule.interval
        during = sum(born < end - close and died > start + close for born, died in lives)
        assert schedule.copies_during(held, task.name) == during


def test_what_does_not_fit_is_spread_out() -> None:
    """Two arrays in turn, 10 cycles each: at an interval of 10 the tile between them lives 20."""
    chain = [
        Task("make", ("make",), "pe", 10.0),
        Task("use", ("use",), "vector", 10.0, after=(("make", 0),)),
    ]
    tile = Held("T", "make", (("use", 0),))
    assert shortest(chain, 1.0, anything).interval == 10
    assert shortest(chain, 1.0, anything).copies(tile) == 2
    narrow = shortest(chain, 1.0, lambda each: each.copies(tile) == 1)
    assert narrow.interval == pytest.approx(20)
    assert shortest(chain, 1.0, lambda _: False).interval == 10
