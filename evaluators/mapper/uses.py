"""What a use of a tensor costs: words off chip and energy, by the engine's loop-nest counts.

A use is a tensor at an Einsum, kept at some of the levels. Its counts depend on the sides of the
array and on the innermost loops in which it rests, not on the whole order of the loops; so few
nests are counted, each for all configurations of the shared loops at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.cascade import Einsum
from evaluators.describe.machine import REGISTERS
from evaluators.describe.mapping import Level, Loop
from evaluators.describe.mapping import Mapping as Nest
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.mapper.loops import Integers, Shared
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE

Reals = NDArray[np.float64]

OFF_CHIP, BUFFER, EDGE = "D", "L", "X"
"""Where a use may keep its tensor, beside the registers; written together, as in 'DL'."""

LAST = "1"
"""A mark beside them: what leaves goes off chip once, after the last chunk."""

_LEVELS = {OFF_CHIP: "DRAM", BUFFER: "L3", EDGE: "edge"}


@dataclass(frozen=True)
class Cost:
    """Of a use, for every configuration: words off chip, and energy in pJ."""

    words: Integers
    energy_pj: Reals


class Uses:
    """The costs of the uses and of the work of Einsums, each counted when it is first asked for.

    Args:
        shared: the configurations.

    """

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._prices = shared.resources.prices
        self._factors: dict[tuple[str, tuple[str | None, ...]], Factors] = {}
        self._known: dict[tuple[Any, ...], Cost] = {}
        self._work: dict[tuple[Any, ...], tuple[Integers, Reals]] = {}
        self._words: dict[tuple[str, ...], Integers] = {}

    def cost(self, place: int, placement: Placement, tensor: str, keep: str) -> Cost:
        """Return the cost of a use of a tensor at an Einsum, kept at those levels."""
        einsum = self.shared.structure.einsums[place]
        ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
        trailing = placement.trailing(ranks)
        key = place, placement.array, placement.sides, tensor, trailing, keep
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._counted(einsum, placement, tensor, trailing, keep)
        return known

    def work(self, place: int, placement: Placement) -> tuple[Integers, Reals]:
        """Return the cycles that an Einsum keeps its array busy, and the energy of its units."""
        key = place, placement.array, placement.sides
        known = self._work.get(key)
        if known is None:
            known = self._work[key] = self._worked(place, placement)
        return known

    def _worked(self, place: int, placement: Placement) -> tuple[Integers, Reals]:
        structure = self.shared.structure
        einsum = structure.einsums[place]
        work = self.shared.resources.work(structure.operations(place), placement.array)
        assert work is not None
        points = self.shared.words(einsum.ranks)
        instances: Any = 1
        for rank, side in placement.side_of.items():
            instances = instances * self.shared.on_side[rank, side]
        energy = sum(self._prices.units[unit] * count for unit, count in work.units.items())
        return np.asarray(points // instances * work.cycles), np.asarray(points * energy)

    def _counted(
        self,
        einsum: Einsum,
        placement: Placement,
        tensor: str,
        trailing: frozenset[str],
        keep: str,
    ) -> Cost:
        last = LAST in keep
        levels = keep.replace(LAST, "")
        if last:
            levels = levels.replace(OFF_CHIP, "")
        nest = LoopNest(
            self._nest(einsum, placement, tensor, trailing, levels),
            self._factors_of(placement),
            wrapped=False,
        )
        words: Any = 0
        energy: Any = 0.0
        prices, array = self._prices, placement.array
        if OFF_CHIP in levels:
            words = nest.reads("DRAM", tensor) + nest.updates("DRAM", tensor)
        if last:
            words = self._once(einsum)
        energy = words * prices.dram
        if BUFFER in levels:
            energy = energy + nest.reads("L3", tensor) * prices.buffer_read
            written = nest.updates("L3", tensor) + nest.fills("L3", tensor)
            energy = energy + written * prices.buffer_write
        if EDGE in levels:
            energy = energy + nest.reads("edge", tensor) * prices.register_read[LANES]
            written = nest.updates("edge", tensor) + nest.fills("edge", tensor)
            energy = energy + written * prices.register_write[LANES]
        written = nest.updates(REGISTERS, tensor) + nest.fills(REGISTERS, tensor)
        energy = energy + nest.instances * (
            nest.reads(REGISTERS, tensor) * prices.register_read[array]
            + written * prices.register_write[array]
        )
        zero = np.zeros(len(self.shared))
        return Cost(words + zero.astype(np.int64), energy + zero)

    def _once(self, einsum: Einsum) -> Integers:
        """Return the words of a state after the last chunk."""
        along = self.shared.structure.cascade.along
        return self.shared.words(tuple(rank for rank in einsum.output.ranks if rank != along))

    def _factors_of(self, placement: Placement) -> Factors:
        known = self._factors.get((placement.array, placement.sides))
        if known is None:
            shared = self.shared
            values: dict[str, Any] = {
                "queries 3": shared.outer,
                "keys 2": shared.keys,
                "queries 2": shared.inner,
            }
            values |= {f"{rank} 2": shared.extents[rank] for rank in shared.structure.batch}
            for rank in shared.inside:
                side = placement.side_of.get(rank)
                values[f"{rank} 1"] = shared.step(rank, side)
                if side is not None:
                    values[f"{rank} 0"] = shared.on_side[rank, side]
            known = self._factors[placement.array, placement.sides] = Factors(values)
        return known

    def _nest(
        self,
        einsum: Einsum,
        placement: Placement,
        tensor: str,
        trailing: frozenset[str],
        levels: str,
    ) -> Nest:
        """Return a nest that counts a tensor as all orders do in which it rests in those loops."""
        structure = self.shared.structure
        ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
        outside = [Loop(rank, f"{rank} 2") for rank in structure.batch]
        outside += [Loop(structure.queries, "queries 3")]
        if structure.keys in einsum.ranks:
            outside += [Loop(structure.keys, "keys 2")]
        outside += [Loop(structure.queries, "queries 2")]
        inner = [rank for rank in self.shared.inside if rank in einsum.ranks]
        ordered = sorted(inner, key=lambda rank: 2 if rank in trailing else rank in ranks)
        inside = tuple(Loop(rank, f"{rank} 1") for rank in ordered)
        spatial = tuple(Loop(rank, f"{rank} 0") for rank in placement.side_of)
        others = {each.name for each in einsum.tensors} - {tensor}

        def level(code: str, loops: tuple[Loop, ...], below: tuple[Loop, ...]) -> Level:
            kept = frozenset({tensor}) if code in levels else frozenset()
            return Level(_LEVELS[code], loops, below, kept)

        above = [level(OFF_CHIP, tuple(outside), ())]
        if placement.array == PE:
            above += [level(BUFFER, inside, ()), level(EDGE, (), spatial)]
        else:
            above += [level(BUFFER, inside, spatial)]
        return Nest(einsum, (*above, Level(REGISTERS, keep=frozenset({tensor, *others}))))
