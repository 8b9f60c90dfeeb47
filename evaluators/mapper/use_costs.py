"""What a use of a tensor costs: words off chip and energy, from counts and a machine's prices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.placement import Sides
from evaluators.mapper.resources import LANES, PE, WORD_BYTES, Resources
from evaluators.mapper.uses import BUFFER, EDGE, Counted, Use, counts

Reals = NDArray[np.float64]

IMPOSSIBLE = 2**55
"""Words off chip of what cannot be."""


@dataclass(frozen=True)
class Cost:
    """Of a use, for every configuration: words off chip, and energy in pJ."""

    words: Integers
    energy_pj: Reals


class Uses:
    """The costs of the uses and of the work of Einsums, each counted when it is first asked for.

    Args:
        shared: the configurations.
        resources: the machine.

    """

    def __init__(self, shared: Shared, resources: Resources) -> None:
        self.shared, self.resources = shared, resources
        self.counts = counts(shared)
        self._known: dict[tuple[Any, ...], Cost] = {}
        self._cases: dict[tuple[int, str, str], Cost] = {}
        self._least: dict[tuple[int, str, tuple[str, ...]], Cost] = {}
        self._work: dict[tuple[int, str], tuple[Integers, Reals]] = {}

    def cost(self, use: Use) -> Cost:
        """Return the cost of a use."""
        array, trailing, sides = use.case
        side = self.counts.sides(use.place, array).index(sides)
        costs = self._on_array(use.place, array, use.tensor, trailing, use.keep)
        return Cost(costs.words[side], costs.energy_pj[side])

    def costs(self, place: int, tensor: str, keep: str) -> Cost:
        """Return the costs of all cases of a use: shapes (cases, configurations).

        The rows are those of `Counts.cases`. What an array cannot do takes infinite energy.
        """
        key = place, tensor, keep
        known = self._cases.get(key)
        if known is None:
            found = []
            for array, trailing in dict.fromkeys(
                case[:2] for case in self.counts.cases(place, tensor)
            ):
                if EDGE in keep and array != PE:
                    shape = len(self.counts.sides(place, array)), len(self.shared)
                    found.append(Cost(np.zeros(shape, np.int64), np.full(shape, np.inf)))
                else:
                    found.append(self._on_array(place, array, tensor, trailing, keep))
            known = self._cases[key] = Cost(
                np.concatenate([each.words for each in found]),
                np.concatenate([each.energy_pj for each in found]),
            )
        return known

    def least(self, place: int, tensor: str, keeps: tuple[str, ...]) -> Cost:
        """Return the least cost of a use that some stores may keep: shapes of `costs`.

        The buffer must have room for the tile.
        """
        key = place, tensor, keeps
        known = self._least.get(key)
        if known is None:
            shape = len(self.counts.cases(place, tensor)), len(self.shared)
            words, energy = np.full(shape, IMPOSSIBLE), np.full(shape, np.inf)
            tile_bytes = self.shared.tile(self.counts.ranks(place, tensor)) * WORD_BYTES
            fits = tile_bytes <= self.resources.buffer_bytes
            for keep in keeps:
                cost = self.costs(place, tensor, keep)
                where = fits if BUFFER in keep else True
                np.minimum(words, cost.words, out=words, where=where)
                np.minimum(energy, cost.energy_pj, out=energy, where=where)
            known = self._least[key] = Cost(words, energy)
        return known

    def _on_array(
        self, place: int, array: str, tensor: str, trailing: frozenset[str], keep: str
    ) -> Cost:
        """Return the cost of a use for all sides of an array."""
        key = place, array, tensor, trailing, keep
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._charged(array, self.counts.of(*key))
        return known

    def work(self, place: int, array: str, sides: Sides) -> tuple[Integers, Reals]:
        """Return the cycles that an Einsum keeps its array busy, and the energy of its units."""
        cycles, energy_pj = self.works(place, array)
        return cycles[self.counts.sides(place, array).index(sides)], energy_pj

    def works(self, place: int, array: str) -> tuple[Integers, Reals]:
        """Return the cycles of all sides of an array, and the energy, which is the same."""
        known = self._work.get((place, array))
        if known is None:
            structure, prices = self.shared.structure, self.resources.prices
            work = self.resources.work(structure.operations(place), array)
            assert work is not None
            energy = sum(prices.units[unit] * count for unit, count in work.units.items())
            points = self.shared.words(structure.einsums[place].ranks)
            cycles = self.counts.steps(place, array) * work.cycles
            known = self._work[place, array] = cycles, np.asarray(points * energy)
        return known

    @cached_property
    def roomy(self) -> Flags:
        """Whether the buffer holds all tiles of the cascade at once, so that none has to make way.

        Where an access of the buffer costs no more than one of DRAM, too, what a group produces for
        itself is then never better off chip.
        """
        prices = self.resources.prices
        cheap = max(prices.buffer_read, prices.buffer_write) <= prices.dram
        return (self.shared.tiles * WORD_BYTES <= self.resources.buffer_bytes) & cheap

    def _charged(self, array: str, counted: Counted) -> Cost:
        prices = self.resources.prices
        energy: Reals = np.asarray(counted.words * prices.dram)
        for count, price in (
            (counted.buffer_reads, prices.buffer_read),
            (counted.buffer_writes, prices.buffer_write),
            (counted.edge_reads, prices.register_read[LANES]),
            (counted.edge_writes, prices.register_write[LANES]),
            (counted.register_reads, prices.register_read[array]),
            (counted.register_writes, prices.register_write[array]),
        ):
            if count is not None:
                energy = np.asarray(energy + count * price)
        return Cost(counted.words, energy)
