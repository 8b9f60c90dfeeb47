"""What waits in registers: tensors that an Einsum takes from an earlier one of its array.

A register file holds the words of the loops that both ends do not run together, and Einsums on the
way must not sum over what they run together (docs/model/open-bindings.md, section 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from typing import Any

import numpy as np

from evaluators.describe.cascade import Tensor
from evaluators.describe.dependences import Dependences
from evaluators.describe.machine import REGISTERS
from evaluators.describe.mapping import Loop
from evaluators.engine.nests import Nests, Run


@dataclass(frozen=True)
class Taken:
    """A tensor that waits in the registers of an array: from one Einsum, by place, to another."""

    tensor: str
    source: int
    target: int
    words: Any


def register_words(nests: Nests) -> dict[str, Any]:
    """Return array -> words of its register files, what waits there included.

    Every Einsum is run in one way.
    """
    need: dict[str, Any] = {}
    names = list(nests.einsums)
    for group in together(nests):
        found = list(taken(nests, group))
        for place in group:
            (run,) = nests.runs[names[place]]
            words = held_words(
                run, place, [each for each in found if _on(nests, each) == run.row.array]
            )
            need[run.row.array] = np.maximum(need.get(run.row.array, 0), words)
    return need


def together(nests: Nests) -> list[list[int]]:
    """Return the Einsums, by place, that overlap, group by group."""
    names = list(nests.einsums)
    if nests.accelerator.overlapped_memory:
        return [list(range(len(names)))]
    stages = [set(stage.einsums) for stage in nests.accelerator.stages]
    return [[k for k, name in enumerate(names) if name in stage] for stage in stages]


def _on(nests: Nests, taken: Taken) -> str:
    (run,) = nests.runs[nests.einsums[taken.source]]
    return run.row.array


def held_words(run: Run, place: int, taken: list[Taken]) -> Any:
    """Return the words of a register file while an Einsum runs."""
    own = {
        each.tensor: run.streamed.size(REGISTERS, each.tensor)
        for each in run.plan.levels[REGISTERS]
    }
    passing: dict[str, Any] = {}
    for each in taken:
        if each.tensor in own and place in (each.source, each.target):
            own[each.tensor] = np.maximum(own[each.tensor], each.words)
        elif each.source < place < each.target:
            passing[each.tensor] = each.words
    return sum([*own.values(), *passing.values()])


def taken(nests: Nests, group: list[int]) -> Iterator[Taken]:
    """Yield what Einsums of a group take from the nearest earlier user on their array."""
    names = list(nests.einsums)
    for target in group:
        (run,) = nests.runs[names[target]]
        above = {tensor for level in run.plan.streamed.levels[:-1] for tensor in level.keep}
        for operand in run.plan.streamed.einsum.operands:
            users = [
                place
                for place in group
                if place < target
                and nests.runs[names[place]][0].row.array == run.row.array
                and operand.name in _tensors(nests, place)
            ]
            at_hand = operand.name in above or _at_edge(nests, operand, group, target)
            if users and not at_hand:
                words = _words(nests, operand.name, users[-1], target)
                yield Taken(operand.name, users[-1], target, words)


def _at_edge(nests: Nests, tensor: Tensor, group: list[int], target: int) -> bool:
    """Tell whether an Einsum takes a tensor from the register file above the other array."""
    names = list(nests.einsums)
    maker = names.index(tensor.name) if tensor.name in names else -1
    if maker not in group:
        return False
    (made,), (reader,) = nests.runs[names[maker]], nests.runs[names[target]]
    edge = nests.accelerator.machine.arrays[made.row.array].edge
    if edge is None or edge.name not in made.plan.levels:
        return False
    kept = {each.tensor for each in made.plan.levels[edge.name]}
    one, two = (_long(run, run.plan.streamed.levels[-2].spatial[:1]) for run in (made, reader))
    if tensor.name not in kept or [each.rank for each in one] != [each.rank for each in two]:
        return False
    written = tuple(nests.plan.written[name] for name in names)
    own = [loop.rank for loop in _inner(made) if loop.rank in tensor.ranks]
    between = Dependences(written).on_path(maker, target)[1:]
    summed = {rank for place in between for rank in written[place].reduced}
    if _waits(made, reader) and any(loop.rank in tensor.ranks for loop in _inner(reader)):
        return False
    return not summed & set(own) and all(
        _leading(nests.runs[names[place]][0], tensor.ranks, own) for place in (*between, target)
    )


def _waits(source: Run, target: Run) -> bool:
    """Tell whether an Einsum runs after a shared loop that another is in."""
    return bool({x.rank for x in _outer(source)} - {x.rank for x in _outer(target)})


def _leading(run: Run, ranks: tuple[str, ...], order: list[str]) -> bool:
    """Tell whether loops over some ranks are outermost, and in an order."""
    inner = [loop.rank for loop in _inner(run)]
    mine = [rank for rank in inner if rank in ranks]
    shared = [rank for rank in mine if rank in order]
    return inner[: len(mine)] == mine and shared == [rank for rank in order if rank in mine]


def _tensors(nests: Nests, place: int) -> tuple[str, ...]:
    return tuple(each.name for each in nests.plan.written[nests.einsums[place]].tensors)


def _words(nests: Nests, tensor: str, source: int, target: int) -> Any:
    """Return the words of a tensor that wait in each register file."""
    written = [nests.plan.written[name] for name in nests.einsums]
    (run,) = nests.runs[written[source].name]
    (reader,) = nests.runs[written[target].name]
    ranks = next(each.ranks for each in written[source].tensors if each.name == tensor)
    loops = _inner(run)
    together: list[str] = []
    if not _waits(run, reader):
        order = [loop.rank for loop in loops]
        together = list(takewhile(lambda rank: rank in ranks, order))
        for place in Dependences(tuple(written)).on_path(source, target):
            (each,) = nests.runs[written[place].name]
            kept = set(ranks) - set(written[place].reduced)
            common = _common(together, [loop.rank for loop in _inner(each)])
            together = list(takewhile(kept.__contains__, common))
        together = _common(together, [loop.rank for loop in _inner(reader)])
    apart = tuple(
        sorted(each.factor for each in loops if each.rank in ranks and each.rank not in together)
    )
    return run.streamed.size(REGISTERS, tensor) * run.factors.product(apart)


def _common(one: list[str], other: list[str]) -> list[str]:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return [rank for rank, _ in pairs]


def _outer(run: Run) -> list[Loop]:
    """Return the shared loops of more than one step."""
    return _long(run, run.plan.streamed.levels[0].loops)


def _inner(run: Run) -> list[Loop]:
    """Return the loops of more than one step below the outermost store, but for the registers'."""
    levels = run.plan.streamed.levels[1:-1]
    return _long(run, reduce(lambda a, b: a + b, (level.loops for level in levels), ()))


def _long(run: Run, loops: tuple[Loop, ...]) -> list[Loop]:
    return [loop for loop in loops if np.any(run.factors.product((loop.factor,)) > 1)]
