"""The binding whose schedule is shortest: what is fastest as it runs, not as it ideally overlaps.

The optimum fills registers and buffer with one step, which leaves no room for steps in flight. So
the tiles of the shared loops are tried one by one, each with the best binding of few registers and
of more; of all the schedules (docs/model/pipelines.md) the shortest is taken. No schedule is
shorter than the binding's ideal latency, which leaves most tiles out. The choice is not proven, but
its distance from the least ideal latency is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from time import process_time

import numpy as np

from evaluators.accounting import CORRECTED
from evaluators.describe.machine import WORD_BITS
from evaluators.describe.reading import written
from evaluators.engine.costs import Costs
from evaluators.engine.nests import Nests
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.binding import Binding, evaluate
from evaluators.mapper.cascade_search import CascadeSearch, Limits
from evaluators.mapper.pareto import Fastest
from evaluators.mapper.reaching import fastest_within, least_within
from evaluators.mapper.resources import PARAMETERS, WORD_BYTES, Resources
from evaluators.mapper.searching import searching
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Structure
from evaluators.mapper.watching import tell
from evaluators.pipeline.pipelines import pipelines
from evaluators.workloads.workload import Workload

_GAIN = 1e-4
"""What a schedule must gain at least to be worth the search for it: so much a first and last step
take anyway."""

_SAVING = 5e-3
"""What of the energy a binding must save at least."""

_SHARES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, np.inf)
"""By what a schedule may be above the least ideal latency, as long as none is found below."""

_WORDS = (3, 4, 6, 8, 12, 16, 24, 32)
"""Words of a register file that one step may fill, where there are more."""

_NEAR = 0.05
"""By what the shortest schedule may be above the least ideal latency for energy to be looked for:
what is slower leaves too many bindings that are as fast."""

_EACH = 2
"""How many bindings of a tile are scheduled for the latency: those of the fewest words."""


@dataclass(frozen=True)
class Runs:
    """A binding as it runs.

    Attributes:
        binding: of the cascades.
        latency_s: of its schedule; infinite where that does not fit the machine.
        energy_pj: of it.
        tried: schedules of bindings that were made to find it.

    """

    binding: Binding
    latency_s: float
    energy_pj: float
    tried: int = 1


@dataclass(frozen=True)
class _Tile:
    """Shared loops of a whole cascade.

    Attributes:
        cascade: its name.
        chunk: keys in a chunk, 0 without chunks.
        sizes: of each rank that is tiled.
        least_s, least_pj: what the cascade takes at least so; they are no part of what it is.

    """

    cascade: str
    chunk: int
    sizes: tuple[tuple[str, int], ...]
    least_s: float = field(compare=False)
    least_pj: float = field(compare=False)


def as_it_runs(
    binding: Binding,
    structure: Structure,
    resources: Resources,
    workload: Workload,
    extents: Mapping[str, int],
) -> Runs:
    """Schedule a binding on a machine."""
    accelerator = written(accelerator_file("found", "", binding, structure, resources, extents))
    values = {name: getattr(resources, own) for name, own in PARAMETERS.items()}
    values[WORD_BITS] = 8 * WORD_BYTES
    nests = Nests(accelerator, workload, values, CORRECTED)
    found = pipelines(nests, Costs(nests))
    latency_s = sum(each.latency_s for each in found) if all(x.fits for x in found) else np.inf
    return Runs(binding, latency_s, evaluate(binding, structure, resources, extents).energy_pj)


class _OutOfTime(Exception):
    """The seconds of a search are over."""


def shortest_schedule(
    cascades: Mapping[str, Structure],
    resources: Resources,
    workload: Workload,
    extents: Mapping[str, int],
    limits: Limits,
    optimum: Binding,
    least_s: float,
) -> Runs:
    """Search for the binding whose schedule is shortest.

    Args:
        cascades: by name.
        resources: the machine.
        workload: that is run.
        extents: rank -> its extent.
        limits: what is searched, and for how long.
        optimum: of the ideal latency, which is scheduled first.
        least_s: what no binding is faster than.

    """
    ends_s = np.inf if limits.seconds is None else process_time() + limits.seconds

    def alive() -> None:
        tell()
        if process_time() > ends_s:
            raise _OutOfTime

    search = _Search(cascades, resources, workload, extents, limits, alive)
    with suppress(_OutOfTime), searching():
        search.run(optimum, least_s)
    return replace(search.best, tried=len(search.known))


class _Search:
    """The search for the shortest schedule; `alive` raises to end it."""

    def __init__(
        self,
        cascades: Mapping[str, Structure],
        resources: Resources,
        workload: Workload,
        extents: Mapping[str, int],
        limits: Limits,
        alive: Callable[[], None],
    ) -> None:
        self._cascades, self._resources, self._workload = cascades, resources, workload
        self._extents, self._limits, self._alive = extents, limits, alive
        self.known: dict[str, Runs] = {}
        self._within = max(_GAIN, limits.within or 0.0)
        self._bound: set[_Tile] = set()

    @property
    def best(self) -> Runs:
        """The one of least energy of those found that are as short as any, within the limit."""
        most_s = self._shortest_s * (1 + self._within)
        short = [each for each in self.known.values() if each.latency_s <= most_s]
        return min(short, key=lambda each: each.energy_pj)

    @property
    def _shortest_s(self) -> float:
        return min(each.latency_s for each in self.known.values())

    def run(self, optimum: Binding, least_s: float) -> None:
        """Search below ceilings above the least latency until something is found."""
        self._try(optimum)
        for share in _SHARES:
            ceiling_s = least_s * (1 + share)
            for tile in self._tiles(ceiling_s):
                if self._shortest_s > least_s * (1 + _GAIN):
                    self._shorten(tile, ceiling_s)
            if self._shortest_s <= ceiling_s:
                break
        if self._shortest_s <= least_s * (1 + _NEAR):
            self._lean()

    def _lean(self) -> None:
        """Look for less energy among what is as short."""
        most_s = self._shortest_s * (1 + self._within)
        for tile in sorted(self._tiles(most_s), key=lambda each: each.least_pj):
            for words, streams in product(self._words[::-1], (True, False)):
                most_pj = self.best.energy_pj / (1 + _SAVING)
                if tile.least_pj > most_pj:
                    return
                for searched in self._searches(tile, words, streams=streams):
                    binding = least_within(searched, most_s, most_pj)
                    if binding is not None:
                        self._try(binding)
                        break

    def _tiles(self, ceiling_s: float) -> list[_Tile]:
        """Return the tiles that may be fast enough, small ones first."""
        return sorted(
            (tile for name in self._cascades for tile in self._tiles_of(name, ceiling_s)),
            key=lambda each: (each.chunk, each.sizes),
        )

    def _tiles_of(self, name: str, ceiling_s: float) -> set[_Tile]:
        structure = self._cascades[name]
        searched = CascadeSearch(
            name, structure, self._resources, self._extents, self._limits, self._alive
        )
        searched.start(Fastest(ceiling_s))
        least_s, least_pj, rows = searched.promises.open(structure.whole)
        shared = searched.shared
        ranks = [structure.queries, "" if structure.cascade.along else structure.keys]
        left = {rank: shared.left(rank) for rank in ranks if rank}
        least: dict[tuple[int, tuple[tuple[str, int], ...]], tuple[float, float]] = {}
        for row in rows.tolist():
            sizes = tuple((rank, int(each[row])) for rank, each in left.items())
            loops = int(shared.chunk[row]), sizes
            known_s, known_pj = least.get(loops, (np.inf, np.inf))
            least[loops] = min(known_s, float(least_s[row])), min(known_pj, float(least_pj[row]))
        return {_Tile(name, *loops, *bounds) for loops, bounds in least.items()}

    @property
    def _words(self) -> list[int]:
        """The words of a PE that one step may fill."""
        most = self._resources.pe_registers
        return [*(each for each in _WORDS if each < most), most]

    def _shorten(self, tile: _Tile, ceiling_s: float) -> None:
        """Try the fastest bindings of a tile of the fewest words, if one may be the shortest."""
        if tile in self._bound:
            return
        found = 0
        for words, streams in product(self._words, (False, True)):
            most_s = min(ceiling_s, self._shortest_s / (1 + _GAIN))
            if tile.least_s > most_s or found == _EACH:
                return
            for searched in self._searches(tile, words, streams=streams):
                binding = fastest_within(searched, most_s)
                if binding is not None:
                    self._bound.add(tile)
                    self._try(binding)
                    found += 1
                    break

    def _searches(self, tile: _Tile, words: int, *, streams: bool) -> Iterator[CascadeSearch]:
        """Yield the search of a tile with so few words, in lanes too, then in PEs alone."""
        machine, structure = self._resources, self._cascades[tile.cascade]
        first = structure.einsums[0].name
        tiles = {(first, rank): size for rank, size in tile.sizes}
        limits = replace(
            self._limits,
            chunks=(tile.chunk,) if tile.chunk else self._limits.chunks,
            cuts=False,
            freedom=Freedom(tiles=tiles, streams=streams),
        )
        lane_words = min(words, machine.lane_registers)
        for own in dict.fromkeys((lane_words, machine.lane_registers)):
            few = replace(machine, pe_registers=words, lane_registers=own)
            yield CascadeSearch(tile.cascade, structure, few, self._extents, limits, self._alive)

    def _try(self, binding: Binding) -> None:
        structure = self._cascades[binding.cascade]
        text = accelerator_file("found", "", binding, structure, self._resources, self._extents)
        if text not in self.known:
            self.known[text] = as_it_runs(
                binding, structure, self._resources, self._workload, self._extents
            )
