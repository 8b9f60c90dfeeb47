"""What moves cost, in columns: a row a move, a column a configuration of the shared loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Factor, Flags, Integers
from evaluators.mapper.placement import Placement
from evaluators.mapper.reservations import Load
from evaluators.mapper.resources import PE, Resources
from evaluators.mapper.states import Move
from evaluators.mapper.use_costs import Uses
from evaluators.mapper.uses import BUFFER, OFF_CHIP

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class MoveCosts:
    """Of moves: a row a move, a column a configuration."""

    pe: Integers
    lanes: Integers
    words: Integers
    energy_pj: Reals
    tiles: Integers
    fits: Flags


class Costs:
    """The costs of moves under configurations of one shape.

    Args:
        uses: the costs of uses, over all configurations.
        rows: those of the shape.
        roomy: whether the buffer holds all tiles, so that none need be counted.

    """

    def __init__(self, uses: Uses, rows: Integers, *, roomy: bool) -> None:
        self._uses, self._rows, self._roomy = uses, rows, roomy
        self._resources: Resources = uses.resources
        self._products: dict[frozenset[Factor], Integers] = {}
        self._loads: dict[tuple[str, Load], Flags] = {}
        self._idle: dict[tuple[int, Placement, str], bool] = {}

    def of(self, place: int, moves: list[Move]) -> MoveCosts:
        """Return what moves cost, a row a move, a column a configuration."""
        shared, rows = self._uses.shared, self._rows
        einsum = shared.structure.einsums[place]
        n = len(rows)
        tables: dict[Any, int] = {}
        words: list[Integers] = []
        energy: list[Reals] = []
        works: dict[Any, int] = {}
        cycles: list[Integers] = []
        units: list[Reals] = []
        needs: dict[Any, int] = {}
        held: list[Flags] = []
        index = np.zeros((len(moves), len(einsum.tensors)), np.int64)
        work = np.zeros(len(moves), np.int64)
        tiles = np.zeros((len(moves), n), np.int64)
        on_pe = np.array([move.placement.array == PE for move in moves])
        load = np.zeros(len(moves), np.int64)
        for k, move in enumerate(moves):
            placement = move.placement
            for t, tensor in enumerate(einsum.tensors):
                key = (placement, tensor.name, move.keep[tensor.name])
                if key not in tables:
                    cost = self._uses.cost(place, *key)
                    tables[key] = len(words)
                    words.append(cost.words[rows])
                    energy.append(cost.energy_pj[rows])
                index[k, t] = tables[key]
            where = placement.array, placement.sides
            if where not in works:
                both = self._uses.work(place, placement)
                works[where] = len(cycles)
                cycles.append(both[0][rows])
                units.append(both[1][rows])
            work[k] = works[where]
            asked = placement.array, move.load, move.unless
            if asked not in needs:
                needs[asked] = len(held)
                fits = self.fits(placement.array, move.load)
                for more in move.unless:
                    fits = fits & ~self.fits(placement.array, more)
                held.append(fits)
            load[k] = needs[asked]
            for tensor_name in () if self._roomy else move.tiles:
                tiles[k] += self._tile(tensor_name, place)
        busy = np.array(cycles)[work]
        return MoveCosts(
            pe=busy * on_pe[:, None],
            lanes=busy * ~on_pe[:, None],
            words=np.array(words)[index].sum(axis=1),
            energy_pj=np.array(energy)[index].sum(axis=1) + np.array(units)[work],
            tiles=tiles,
            fits=np.array(held)[load],
        )

    def _product(self, factors: frozenset[Factor]) -> Integers:
        known = self._products.get(factors)
        if known is None:
            known = self._uses.shared.product(factors)[self._rows]
            self._products[factors] = known
        return known

    def fits(self, array: str, load: Load) -> Flags:
        """Tell for every configuration whether registers hold a load."""
        known = self._loads.get((array, load))
        if known is None:
            known = self.register_words(load) <= self._resources.registers(array)
            self._loads[array, load] = known
        return known

    def idle(self, place: int, placement: Placement, tensor: str) -> bool:
        """Tell whether a tensor from off chip is never cheaper to an Einsum through the buffer."""
        key = place, placement, tensor
        known = self._idle.get(key)
        if known is None:
            past, through = (self._uses.cost(*key, each) for each in (OFF_CHIP, OFF_CHIP + BUFFER))
            rows = self._rows
            known = self._idle[key] = bool(
                (past.words[rows] <= through.words[rows]).all()
                and (past.energy_pj[rows] <= through.energy_pj[rows]).all()
            )
        return known

    def register_words(self, load: Load) -> Integers:
        """Return the words of a register file that a load takes under every configuration."""
        words = [np.maximum(self._product(a), self._product(b)) for a, b in load]
        return np.asarray(np.sum(words, axis=0))

    def _tile(self, tensor: str, place: int) -> Integers:
        """Return the words of a tensor's tile; a state's is kept for every query tile inside."""
        shared = self._uses.shared
        einsum = shared.structure.einsums[place]
        ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
        tile = shared.tile(ranks)
        if tensor in shared.structure.previous_of:
            tile = tile * shared.inner
        return np.asarray(tile[self._rows])
