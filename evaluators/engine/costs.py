"""Costs of the Einsums: accesses, energies, times (docs/model/accounting.md).

What every tensor makes every level do is added up as the artifact does; energies follow from the
components' prices, times from the clock. Each is computed when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from evaluators.accounting import Correction
from evaluators.components import dram, sram
from evaluators.components.arithmetic import Unit, units
from evaluators.components.register_file import RegisterFile, register_file
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import CLOCK_HZ, REGISTERS, WORD_BITS, Store
from evaluators.engine.columns import select
from evaluators.engine.counting import Counts
from evaluators.engine.footprint import footprint_bytes, resident_bytes
from evaluators.engine.nests import Nests, Run, chosen
from evaluators.engine.shared_units import cycles_a_step
from evaluators.engine.widths import machine_words, store_row_bytes, word_bytes
from evaluators.protocol import ENERGIES

DRAM_PJ, BUFFER_PJ, REGISTERS_PJ, ARITHMETIC_PJ = ENERGIES


@dataclass(frozen=True)
class Prices:
    """Energy and area of the components of a batch of designs.

    Attributes:
        buffers: store -> its SRAM.
        row_words: store -> words of a row.
        registers: array -> the register file of a PE or lane.
        dram_pj: of an access.
        units: functional unit -> its energy and area.

    """

    buffers: Mapping[str, sram.Sram]
    row_words: Mapping[str, Any]
    registers: Mapping[str, RegisterFile]
    dram_pj: float
    units: Mapping[str, Unit]


def prices(nests: Nests) -> Prices:
    """Look up the components of a batch, as its accounting has them."""
    machine, values = nests.accelerator.machine, nests.values
    scaled = nests.accounting.repairs(Correction.Q2)
    buffers, row_words = {}, {}
    for store in machine.stores:
        if store.bytes is not None and store.row_words is not None:
            row_words[store.name] = store.row_words(values)
            size = sram_size(store, values)
            buffers[store.name] = sram.sram(*size, nests.accounting.sram)
    return Prices(
        buffers,
        row_words,
        {
            name: register_file(array.registers(values), scaled=scaled, word_bits=values[WORD_BITS])
            for name, array in machine.arrays.items()
        },
        dram.ENERGY_PJ,
        units(values[WORD_BITS]),
    )


def sram_size(store: Store, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the rows of a store and the bits of one."""
    row_bytes = store_row_bytes(store, values)
    assert store.bytes is not None
    return store.bytes(values) // row_bytes, 8 * row_bytes


def buffer_of(accelerator: Accelerator) -> Store:
    """Return the outermost store on chip."""
    return accelerator.machine.stores[1]


class Costs:
    """The costs of every Einsum of a batch.

    Args:
        nests: the loop nests.
        at: the components' prices, our own by default.

    Words are those of ONE instance of a level.

    """

    def __init__(self, nests: Nests, at: Prices | None = None) -> None:
        self._nests = nests
        self._at = at
        self._off_chip: dict[int, Any] = {}
        machine = nests.accelerator.machine
        self._dram, self._buffers = machine.stores[0].name, machine.stores[1:]

    @cached_property
    def prices(self) -> Prices:
        """The components' prices."""
        return self._at or prices(self._nests)

    @cached_property
    def traffic_bytes(self) -> dict[str, Any]:
        """Off-chip traffic by Einsum."""
        return self._by_einsum(lambda run: word_bytes(self._nests.values) * self._words(run))

    @property
    def energy_pj(self) -> dict[str, Any]:
        """Energy by Einsum."""
        return self._energies[0]

    @property
    def component_pj(self) -> dict[str, Any]:
        """Energy by component, see `evaluators.protocol.ENERGIES`, of all Einsums."""
        return self._energies[1]

    @cached_property
    def _energies(self) -> tuple[dict[str, Any], dict[str, Any]]:
        by_einsum, by_component = {}, dict[str, Any]()
        for name, runs in self._nests.runs.items():
            terms = [self._energy_terms(run) for run in runs]
            by_einsum[name] = chosen(runs, [_added(energy for _, energy in each) for each in terms])
            for component in ENERGIES:
                own = [[energy for its, energy in each if its == component] for each in terms]
                if any(own):
                    energy = chosen(runs, [_added(each) for each in own])
                    before = by_component.get(component)
                    by_component[component] = energy if before is None else before + energy
        return by_einsum, dict.fromkeys(ENERGIES, 0.0) | by_component

    @cached_property
    def compute_s(self) -> dict[str, Any]:
        """Busy time by Einsum."""
        return self._by_einsum(self._time_s)

    @cached_property
    def busy_s(self) -> dict[str, dict[str, Any]]:
        """Busy time by Einsum and array."""
        busy = {}
        for name, runs in self._nests.runs.items():
            arrays = list(dict.fromkeys(run.row.array for run in runs))
            if len(arrays) == 1:
                busy[name] = {arrays[0]: self.compute_s[name]}
                continue
            times = [self._time_s(run) for run in runs]
            busy[name] = {
                array: chosen(
                    runs,
                    [
                        x if run.row.array == array else 0.0
                        for run, x in zip(runs, times, strict=True)
                    ],
                )
                for array in arrays
            }
        return busy

    @cached_property
    def instances(self) -> dict[str, Any]:
        """PEs or lanes in use by Einsum."""
        return self._by_einsum(lambda run: run.streamed.instances)

    def _by_einsum(self, quantity: Callable[[Run], Any]) -> dict[str, Any]:
        return {
            name: chosen(runs, [quantity(run) for run in runs])
            for name, runs in self._nests.runs.items()
        }

    def _time_s(self, run: Run) -> Any:
        array = self._nests.accelerator.machine.arrays[run.row.array]
        step = cycles_a_step(run.row, array, self._nests.values)
        return run.streamed.cycles * (step / self._nests.values[CLOCK_HZ])

    def _words(self, run: Run) -> Any:
        """Return the off-chip words of a run, in words of the machine."""
        known = self._off_chip.get(id(run))
        if known is None:
            reads = self._stored(run, self._dram, self._kept_reads)
            writes = self._stored(run, self._dram, _updates)
            for tensor in run.row.last:
                writes = writes + machine_words(self._nests, tensor, self._last_words(tensor))
            spilled = self._spilled.get(run.row.einsum)
            if spilled is not None:
                share, tensors = run.at(spilled[0]), spilled[1]
                more_reads, more_writes = self._spill(run, tensors)
                reads, writes = reads + share * more_reads, writes + share * more_writes
            known = self._off_chip[id(run)] = reads + writes
        return known

    def _stored(self, run: Run, store: str, quantity: Any) -> Any:
        """Return the sum of a quantity over the tensors in a store, in words of the machine."""
        total: Any = 0.0
        for each in run.plan.levels[store]:
            words = run.words(each, store, quantity)
            total = total + machine_words(self._nests, each.tensor, words)
        return total

    def _last_words(self, tensor: str) -> Any:
        """Return the words of a state after the last chunk."""
        ranks = self._nests.plan.written[tensor].output.ranks
        along = self._nests.accelerator.cascade.along
        return prod(self._nests.values[rank] for rank in ranks if rank != along)

    def _spill(self, run: Run, tensors: frozenset[str]) -> tuple[Any, Any]:
        """Words that DRAM reads and writes more when the tensors spill whole.

        The artifact's rule: a tensor that spills goes off chip as often as the buffer is accessed.
        """
        more: list[Any] = [0.0, 0.0]
        off_chip = {each.tensor: each for each in run.plan.levels[self._dram]}
        for store in self._buffers:
            for each in run.plan.levels[store.name]:
                if each.tensor not in tensors:
                    continue
                for place, quantity in enumerate((self._kept_reads, _updates)):
                    here = run.words(each, store.name, quantity)
                    there: Any = 0
                    if each.tensor in off_chip:
                        there = run.words(off_chip[each.tensor], self._dram, quantity)
                        if each.choice and not each.off:
                            there = select(run.kept[each.tensor], there, 0)
                    moved = machine_words(self._nests, each.tensor, here - there)
                    more[place] = more[place] + moved
        return more[0], more[1]

    def _kept_reads(self, nest: Counts, level: str, tensor: str) -> Any:
        """Words read off a level, as the published accounting counts them for traffic.

        It drops the reads of a tensor whose reads equal its updates: that is where the 64-bit
        overflow has lost the elision of first reads (quirk Q5), and nowhere else.
        """
        reads = nest.reads(level, tensor)
        if self._nests.wrapped and tensor == nest.mapping.einsum.output.name:
            return select(reads == nest.updates(level, tensor), 0, reads)
        return reads

    def _energy_terms(self, run: Run) -> list[tuple[str, Any]]:
        """Return what the energy of a run is the sum of, each with its component.

        Leakage and networks cost nothing (quirk Q8). The published accounting charges the
        register files of one PE and of one lane (quirk Q1).
        """
        at, machine = self.prices, self._nests.accelerator.machine
        array = machine.arrays[run.row.array]
        own = at.registers[array.name]
        nest = run.streamed
        files = nest.instances if self._nests.accounting.repairs(Correction.Q1) else 1
        access_words = dram.ACCESS_BITS / self._nests.values[WORD_BITS]
        terms: list[tuple[str, Any]] = [(DRAM_PJ, self._words(run) * (at.dram_pj / access_words))]
        for store in self._buffers:
            if run.plan.levels[store.name]:
                buffer = at.buffers[store.name]
                energy = (
                    self._stored(run, store.name, _reads) * buffer.read_pj
                    + self._stored(run, store.name, _writes) * buffer.write_pj
                ) / at.row_words[store.name]
                terms.append((BUFFER_PJ, energy))
        energy = files * (
            run.total(REGISTERS, _reads) * own.read_pj
            + run.total(REGISTERS, _writes) * own.write_pj
        )
        terms.append((REGISTERS_PJ, energy))
        edge = array.edge
        if edge is not None and run.plan.levels.get(edge.name) and not self._free_edge:
            like = at.registers[edge.like]
            terms.append((REGISTERS_PJ, run.total(edge.name, _reads) * like.read_pj))
            terms.append((REGISTERS_PJ, run.total(edge.name, _writes) * like.write_pj))
        operations = sum(
            count * at.units[unit].energy_pj
            for unit, count in run.row.operations.items()
            if unit not in self._free_units
        )
        terms.append((ARITHMETIC_PJ, nest.cycles * nest.instances * operations))
        return terms

    @cached_property
    def _free_units(self) -> frozenset[str]:
        return frozenset(unit for slip in self._nests.plan.slips for unit in slip.free_units)

    @cached_property
    def _free_edge(self) -> bool:
        return any(slip.free_edge for slip in self._nests.plan.slips)

    @cached_property
    def _spilled(self) -> dict[str, tuple[Any, frozenset[str]]]:
        """What share of which tensors spills, by Einsum."""
        nests = self._nests
        spills = [
            each for each in nests.accelerator.spills if set(each.einsums) & set(nests.einsums)
        ]
        names = dict(nests.values)
        store = buffer_of(nests.accelerator)
        shares: dict[str, tuple[Any, frozenset[str]]] = {}
        for spill in spills:
            for name, bytes_of in (("footprint", footprint_bytes), ("resident", resident_bytes)):
                if name in spill.share.names and name not in names:
                    names[name] = bytes_of(nests, store)
            mask: Any = True
            for name, value in spill.when.items():
                labels = nests.accelerator.all_parameters[name].labels
                code = labels.index(value) if value in labels else int(value)
                mask = mask & (nests.values[name] == code)
            share = spill.share(names)
            for einsum in spill.einsums:
                known = shares.get(einsum)
                both = share if known is None else select(mask, share, known[0])
                shares[einsum] = both, spill.tensors
        return shares


def _updates(nest: Counts, level: str, tensor: str) -> Any:
    return nest.updates(level, tensor)


def _reads(nest: Counts, level: str, tensor: str) -> Any:
    return nest.reads(level, tensor)


def _writes(nest: Counts, level: str, tensor: str) -> Any:
    return nest.updates(level, tensor) + nest.fills(level, tensor)


def _added(terms: Iterable[Any]) -> Any:
    """Return the sum of columns, from the left; 0.0 of none."""
    total: Any = 0.0
    for place, each in enumerate(terms):
        total = total + each if place else each
    return total
