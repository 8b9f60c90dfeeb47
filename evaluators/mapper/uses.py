"""How often a use of a tensor goes to each store, by the engine's loop-nest counts.

A use is a tensor at an Einsum, kept at some of the levels. Its counts depend on the sides of the
array and on the innermost loops in which it rests, not on the whole order of the loops; so few
nests are counted, each for all sides and all configurations of the shared loops at once. Nothing
here depends on prices, buffers, memories or registers, so that machines of the same sides share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, compress
from typing import Any, NamedTuple

import numpy as np

from evaluators.describe.cascade import Einsum
from evaluators.describe.machine import REGISTERS
from evaluators.describe.mapping import Level, Loop
from evaluators.describe.mapping import Mapping as Nest
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.mapper.loops import Integers, Shared
from evaluators.mapper.placement import ARRAYS, Placement, Sides, sides_of
from evaluators.mapper.resources import PE, SIDES

OFF_CHIP, BUFFER, EDGE = "D", "L", "X"
"""Where a use may keep its tensor, beside the registers; written together, as in 'DL'."""

LAST = "1"
"""A mark beside them: what leaves goes off chip once, after the last chunk."""

_LEVELS = {OFF_CHIP: "DRAM", BUFFER: "L3", EDGE: "edge"}

Case = tuple[str, frozenset[str], Sides]
"""The array of a use, the innermost loops in which its tensor rests, and the sides."""


class Use(NamedTuple):
    """A tensor at the Einsum of a place, kept at some of the levels."""

    place: int
    tensor: str
    keep: str
    case: Case


@dataclass(frozen=True)
class Counted:
    """Words off chip, and accesses of each store: shapes (sides, configurations).

    None where a level does not keep the tensor. Those of registers are of all instances.
    """

    words: Integers
    register_reads: Integers
    register_writes: Integers
    buffer_reads: Integers | None = None
    buffer_writes: Integers | None = None
    edge_reads: Integers | None = None
    edge_writes: Integers | None = None


class Counts:
    """The counts of uses, each counted when it is first asked for.

    Args:
        shared: the configurations.

    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._known: dict[tuple[Any, ...], Counted] = {}
        self._factors: dict[tuple[str, tuple[str, ...]], Factors] = {}
        self._sides: dict[tuple[str, tuple[str, ...]], tuple[Sides, ...]] = {}
        self._steps: dict[tuple[int, str], Integers] = {}
        self._cases: dict[tuple[int, str], tuple[Case, ...]] = {}

    def ranks(self, place: int, tensor: str) -> tuple[str, ...]:
        """Return a tensor's ranks as an Einsum has them."""
        tensors = self._shared.structure.einsums[place].tensors
        return next(each.ranks for each in tensors if each.name == tensor)

    def sides(self, place: int, array: str) -> tuple[Sides, ...]:
        """Return what lies on the sides of an array under some configuration."""
        key = array, self._inner(place)
        known = self._sides.get(key)
        if known is None:
            remains = [self._shared.remains[rank] > 1 for rank in key[1]]
            left = np.array(remains).reshape(len(remains), len(self._shared))
            patterns = np.unique(left, axis=1).T.tolist()
            known = self._sides[key] = tuple(
                dict.fromkeys(
                    sides
                    for pattern in patterns
                    for sides in sides_of(list(compress(key[1], pattern)), array)
                )
            )
        return known

    def cases(self, place: int, tensor: str) -> tuple[Case, ...]:
        """Return what decides on the counts of a tensor's uses: array, sides, loops of rest."""
        known = self._cases.get((place, tensor))
        if known is None:
            inner, ranks = self._inner(place), self.ranks(place, tensor)
            resting = [rank for rank in inner if rank not in ranks]
            known = self._cases[place, tensor] = tuple(
                (array, frozenset(trailing), sides)
                for array in ARRAYS
                for count in range(len(resting) + 1)
                for trailing in combinations(resting, count)
                for sides in self.sides(place, array)
            )
        return known

    def case(self, place: int, placement: Placement, tensor: str) -> int:
        """Return the row of a placement among the cases of a tensor."""
        trailing = placement.trailing(self.ranks(place, tensor))
        return self.cases(place, tensor).index((placement.array, trailing, placement.sides))

    def steps(self, place: int, array: str) -> Integers:
        """Return the points of an Einsum by the PEs or lanes that share them."""
        known = self._steps.get((place, array))
        if known is None:
            nest = self._factors_of(place, array)
            spatial = nest.product(tuple(sorted(f"{rank} 0" for rank in self._inner(place))))
            points = self._shared.words(self._shared.structure.einsums[place].ranks)
            known = self._steps[place, array] = np.asarray(points // spatial)
        return known

    def of(
        self, place: int, array: str, tensor: str, trailing: frozenset[str], keep: str
    ) -> Counted:
        """Return the counts of a use that rests in the trailing loops, kept at those levels."""
        key = place, array, tensor, trailing, keep
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._counted(*key)
        return known

    def _inner(self, place: int) -> tuple[str, ...]:
        ranks = self._shared.structure.einsums[place].ranks
        return tuple(rank for rank in self._shared.inside if rank in ranks)

    def _counted(
        self, place: int, array: str, tensor: str, trailing: frozenset[str], keep: str
    ) -> Counted:
        einsum = self._shared.structure.einsums[place]
        last = LAST in keep
        levels = keep.replace(LAST, "")
        if last:
            levels = levels.replace(OFF_CHIP, "")
        nest = LoopNest(
            self._nest(place, array, tensor, trailing, levels),
            self._factors_of(place, array),
            wrapped=False,
        )
        shape = len(self.sides(place, array)), len(self._shared)

        def whole(count: Any) -> Integers:
            return np.broadcast_to(np.asarray(count, np.int64), shape)

        def written(level: str) -> Any:
            return nest.updates(level, tensor) + nest.fills(level, tensor)

        words: Any = 0
        if OFF_CHIP in levels:
            words = nest.reads("DRAM", tensor) + nest.updates("DRAM", tensor)
        if last:
            words = self._once(einsum)
        accesses = {
            f"{store}_{way}": whole(count)
            for code, store, level in ((BUFFER, "buffer", "L3"), (EDGE, "edge", "edge"))
            if code in levels
            for way, count in (("reads", nest.reads(level, tensor)), ("writes", written(level)))
        }
        return Counted(
            whole(words),
            whole(nest.instances * nest.reads(REGISTERS, tensor)),
            whole(nest.instances * written(REGISTERS)),
            **accesses,
        )

    def _once(self, einsum: Einsum) -> Integers:
        """Return the words of a state after the last chunk."""
        along = self._shared.structure.cascade.along
        return self._shared.words(tuple(rank for rank in einsum.output.ranks if rank != along))

    def _factors_of(self, place: int, array: str) -> Factors:
        """Return the trip counts; a rank has a spatial one on every side, 1 where it is not."""
        ranks = self._inner(place)
        known = self._factors.get((array, ranks))
        if known is None:
            shared = self._shared
            values: dict[str, Any] = {
                "queries 3": shared.outer,
                "keys 2": shared.keys,
                "queries 2": shared.inner,
            }
            values |= {f"{rank} 2": shared.extents[rank] for rank in shared.structure.batch}
            for rank in ranks:
                on_side = np.ones((len(self.sides(place, array)), len(shared)), np.int64)
                for k, sides in enumerate(self.sides(place, array)):
                    if rank in sides:
                        on_side[k] = shared.on_side[rank, SIDES[array][sides.index(rank)]]
                values[f"{rank} 0"] = on_side
                values[f"{rank} 1"] = shared.remains[rank] // on_side
            known = self._factors[array, ranks] = Factors(values)
        return known

    def _nest(
        self, place: int, array: str, tensor: str, trailing: frozenset[str], levels: str
    ) -> Nest:
        """Return a nest that counts a tensor as all orders do in which it rests in those loops."""
        structure = self._shared.structure
        einsum, ranks = structure.einsums[place], self.ranks(place, tensor)
        outside = [Loop(rank, f"{rank} 2") for rank in structure.batch]
        shared = [("queries 3", structure.queries), ("keys 2", structure.keys)]
        shared += [("queries 2", structure.queries)]
        outside += [Loop(rank, name) for name, rank in shared if rank in einsum.ranks]
        inner = self._inner(place)
        ordered = sorted(inner, key=lambda rank: 2 if rank in trailing else rank in ranks)
        inside = tuple(Loop(rank, f"{rank} 1") for rank in ordered)
        spatial = tuple(Loop(rank, f"{rank} 0") for rank in inner)
        others = {each.name for each in einsum.tensors} - {tensor}

        def level(code: str, loops: tuple[Loop, ...], below: tuple[Loop, ...]) -> Level:
            kept = frozenset({tensor}) if code in levels else frozenset()
            return Level(_LEVELS[code], loops, below, kept)

        above = [level(OFF_CHIP, tuple(outside), ())]
        if array == PE:
            above += [level(BUFFER, inside, ()), level(EDGE, (), spatial)]
        else:
            above += [level(BUFFER, inside, spatial)]
        return Nest(einsum, (*above, Level(REGISTERS, keep=frozenset({tensor, *others}))))


@lru_cache(maxsize=6)
def counts(shared: Shared) -> Counts:
    """Return the counts of configurations; machines of the same sides have the same."""
    return Counts(shared)
