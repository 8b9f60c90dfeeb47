"""What moves cost, by the configuration of the shared loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.mapper.loops import Factor, Flags, Integers
from evaluators.mapper.moves import AFTER, LOAD, TILES, WORK, Moves
from evaluators.mapper.placement import Placement
from evaluators.mapper.reservations import Load
from evaluators.mapper.resources import PE
from evaluators.mapper.use_costs import Uses
from evaluators.mapper.uses import BUFFER, OFF_CHIP, Use

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class MoveCosts:
    """Of moves: tables of what is asked, a column a configuration, and the rows that a move asks.

    Attributes:
        on_pe: whether a move is on the 2D array.
        use: rows of the next two, shape (moves, tensors).
        words, use_pj: off chip, and energy.
        work: rows of the next two.
        cycles, work_pj: that an array is busy, and energy.
        load: rows of the next one.
        fits: whether registers hold it.
        tile: rows of the next one.
        tiles: words in the buffer.

    """

    on_pe: Flags
    use: Integers
    words: Integers
    use_pj: Reals
    work: Integers
    cycles: Integers
    work_pj: Reals
    load: Integers
    fits: Flags
    tile: Integers
    tiles: Integers


class Costs:
    """The costs of moves under configurations of one shape.

    Args:
        uses: the costs of uses, over all configurations.
        rows: those of the shape.

    """

    def __init__(self, uses: Uses, rows: Integers) -> None:
        self._uses, self._rows = uses, rows
        self._products: dict[frozenset[Factor], Integers] = {}
        self._loads: dict[tuple[str, Load], Flags] = {}
        self._idle: dict[tuple[int, Placement, str], bool] = {}
        self._use: dict[int, tuple[Integers, Reals]] = {}
        self._work: dict[int, tuple[Integers, Reals]] = {}
        self._fits: dict[int, Flags] = {}
        self._tiles: dict[int, Integers] = {}

    def of(self, moves: Moves, rows: Integers) -> MoveCosts:
        """Return what moves cost.

        Args:
            moves: of the group.
            rows: some of them, see `Moves.at`.

        """
        use, use_of = _distinct(rows[:, AFTER + 1 :])
        work, work_of = _distinct(rows[:, WORK])
        load, load_of = _distinct(rows[:, LOAD])
        tile, tile_of = _distinct(rows[:, TILES])
        for each in use:
            if each not in self._use:
                cost = self._uses.cost(moves.uses.things[each])
                self._use[each] = cost.words[self._rows], cost.energy_pj[self._rows]
        for each in work:
            if each not in self._work:
                cycles, energy_pj = self._uses.work(*moves.works.things[each])
                self._work[each] = cycles[self._rows], energy_pj[self._rows]
        for each in load:
            if each not in self._fits:
                array, held, unless = moves.loads.things[each]
                fits = self.fits(array, held)
                for more in unless:
                    fits = fits & ~self.fits(array, more)
                self._fits[each] = fits
        for each in tile:
            if each not in self._tiles:
                place, tensors = moves.tiles.things[each]
                self._tiles[each] = self._words(place, tensors)
        arrays = np.array([moves.works.things[each][1] == PE for each in work])
        return MoveCosts(
            on_pe=arrays[work_of],
            use=use_of,
            words=np.array([self._use[each][0] for each in use]),
            use_pj=np.array([self._use[each][1] for each in use]),
            work=work_of,
            cycles=np.array([self._work[each][0] for each in work]),
            work_pj=np.array([self._work[each][1] for each in work]),
            load=load_of,
            fits=np.array([self._fits[each] for each in load]),
            tile=tile_of,
            tiles=np.array([self._tiles[each] for each in tile]),
        )

    def fits(self, array: str, load: Load) -> Flags:
        """Tell for every configuration whether registers hold a load."""
        known = self._loads.get((array, load))
        if known is None:
            known = self.register_words(load) <= self._uses.resources.registers(array)
            self._loads[array, load] = known
        return known

    def idle(self, place: int, placement: Placement, tensor: str) -> bool:
        """Tell whether a tensor from off chip is never cheaper to an Einsum through the buffer."""
        key = place, placement, tensor
        known = self._idle.get(key)
        if known is None:
            ranks = self._uses.counts.ranks(place, tensor)
            case = placement.array, placement.trailing(ranks), placement.sides
            past, through = (
                self._uses.cost(Use(place, tensor, each, case))
                for each in (OFF_CHIP, OFF_CHIP + BUFFER)
            )
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

    def _product(self, factors: frozenset[Factor]) -> Integers:
        known = self._products.get(factors)
        if known is None:
            known = self._uses.shared.product(factors)[self._rows]
            self._products[factors] = known
        return known

    def _words(self, place: int, tensors: tuple[str, ...]) -> Integers:
        """Return the words of tiles; a state's is kept for every query tile inside."""
        shared = self._uses.shared
        einsum = shared.structure.einsums[place]
        words = np.zeros(len(self._rows), np.int64)
        for tensor in tensors:
            ranks = next(each.ranks for each in einsum.tensors if each.name == tensor)
            tile = shared.tile(ranks)
            if tensor in shared.structure.previous_of:
                tile = tile * shared.inner
            words += tile[self._rows]
        return words


def _distinct(numbers: Integers) -> tuple[list[int], Integers]:
    """Return the numbers that there are, and of every one its place among them."""
    found, at = np.unique(numbers, return_inverse=True)
    return found.tolist(), at.reshape(numbers.shape)
