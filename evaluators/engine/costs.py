"""Costs of the Einsums: accesses, energies, times (docs/model/accounting.md).

What every tensor makes every level do is added up as the artifact does; energies follow from the
components' prices, times from the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluators.accounting import Correction
from evaluators.analytical.counting import Counts
from evaluators.components import dram, sram
from evaluators.components.arithmetic import CHARGED, Unit
from evaluators.components.register_file import RegisterFile, register_file
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.machine import REGISTERS, Store
from evaluators.engine.columns import Real, select
from evaluators.engine.footprint import WORD_BYTES, footprint_bytes, resident_bytes
from evaluators.engine.nests import Nests, Run, chosen


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


def prices(accelerator: Accelerator, values: Mapping[str, Any], *, scaled: bool) -> Prices:
    """Look up the components of a batch.

    Args:
        accelerator: whose machine it is.
        values: every parameter's values.
        scaled: register files of their real depth and width (correction Q2).

    """
    machine = accelerator.machine
    buffers, row_words = {}, {}
    for store in machine.stores:
        if store.bytes is not None and store.row_words is not None:
            words = store.row_words(values)
            row_words[store.name] = words
            rows = store.bytes(values) // (WORD_BYTES * words)
            buffers[store.name] = sram.sram(rows, 16 * words)
    return Prices(
        buffers,
        row_words,
        {
            name: register_file(array.registers(values), scaled=scaled)
            for name, array in machine.arrays.items()
        },
        dram.ENERGY_PJ,
        CHARGED,
    )


@dataclass(frozen=True)
class Activity:
    """What an Einsum makes its machine do; words of ONE instance of every level.

    Attributes:
        cycles: steps of the loop nest.
        instances: PEs or lanes that it uses.
        reads, writes: level -> words.

    """

    cycles: Any
    instances: Any
    reads: Mapping[str, Real]
    writes: Mapping[str, Real]


class Costs:
    """The costs of every Einsum of a batch.

    Args:
        nests: the loop nests.
        at: the components' prices.

    """

    def __init__(self, nests: Nests, at: Prices) -> None:
        self._nests = nests
        self._prices = at
        machine = nests.accelerator.machine
        self._dram, self._buffers = machine.stores[0], machine.stores[1:]
        slips = list(nests.slips())
        self._free_units = frozenset().union(*(slip.free_units for slip in slips))
        self._free_edge = any(slip.free_edge for slip in slips)
        self._spilled = _spilled(nests)
        self.energy_pj: dict[str, Any] = {}
        self.traffic_bytes: dict[str, Any] = {}
        self.compute_s: dict[str, Any] = {}
        self.busy_s: dict[str, dict[str, Any]] = {}
        self.instances: dict[str, Any] = {}
        clock_hz = nests.values["clock_hz"]
        for name, runs in nests.runs.items():
            each = [self._activity(run) for run in runs]
            times = [
                activity.cycles * (run.row.cycles / clock_hz)
                for run, activity in zip(runs, each, strict=True)
            ]
            off_chip = [
                WORD_BYTES * (activity.reads[self._dram.name] + activity.writes[self._dram.name])
                for activity in each
            ]
            energies = [self._energy_pj(run, a) for run, a in zip(runs, each, strict=True)]
            self.energy_pj[name] = chosen(runs, energies)
            self.traffic_bytes[name] = chosen(runs, off_chip)
            self.compute_s[name] = chosen(runs, times)
            self.instances[name] = chosen(runs, [activity.instances for activity in each])
            self.busy_s[name] = {
                array: chosen(
                    runs,
                    [
                        t if run.row.array == array else 0.0
                        for run, t in zip(runs, times, strict=True)
                    ],
                )
                for array in dict.fromkeys(run.row.array for run in runs)
            }

    def _activity(self, run: Run) -> Activity:
        """Add up the counts of a run over its tensors and levels."""
        reads: dict[str, Any] = {}
        writes: dict[str, Any] = {}
        spilled = self._spilled.get(run.row.einsum)
        outer = self._dram.name
        off_reads: Any = 0.0
        off_writes: Any = 0.0
        lost_reads: Any = 0.0
        lost_writes: Any = 0.0
        for tensor in run.streamed.mapping.einsum.tensors:
            words = run.by_choice(
                tensor.name, lambda nest, t=tensor.name: self._off_chip(nest, t, 0)
            )
            more = run.by_choice(
                tensor.name, lambda nest, t=tensor.name: self._off_chip(nest, t, 1)
            )
            off_reads, off_writes = off_reads + words, off_writes + more
            if spilled is not None and tensor.name in spilled[1]:
                spill_reads, spill_writes = (
                    run.by_choice(
                        tensor.name, lambda nest, t=tensor.name, w=w: self._spill(nest, t, w)
                    )
                    for w in (0, 1)
                )
                lost_reads, lost_writes = lost_reads + spill_reads, lost_writes + spill_writes
        share = 0.0 if spilled is None else spilled[0]
        reads[outer] = off_reads + share * lost_reads
        writes[outer] = off_writes + share * lost_writes
        levels = [level.name for level in run.streamed.mapping.levels[1:]]
        for level in levels:
            kept = run.streamed.mapping.levels[run.streamed.mapping.index(level)].keep
            kept |= run.resident.mapping.levels[run.resident.mapping.index(level)].keep
            reads[level], writes[level] = 0.0, 0.0
            for tensor in sorted(kept):
                reads[level] = reads[level] + run.by_choice(
                    tensor, lambda nest, x=level, t=tensor: _reads(nest, x, t)
                )
                writes[level] = writes[level] + run.by_choice(
                    tensor, lambda nest, x=level, t=tensor: _writes(nest, x, t)
                )
        nest = run.streamed
        return Activity(nest.cycles, nest.instances, reads, writes)

    def _off_chip(self, nest: Counts, tensor: str, write: int) -> Any:
        """Words of a tensor read from or written to DRAM."""
        if not _keeps(nest, self._dram.name, tensor):
            return 0
        if write:
            return nest.updates(self._dram.name, tensor)
        return self._kept_reads(nest, self._dram.name, tensor)

    def _spill(self, nest: Counts, tensor: str, write: int) -> Any:
        """Words of DRAM that a tensor takes more when it spills whole, as the artifact counts."""
        for store in self._buffers:
            if _keeps(nest, store.name, tensor):
                words = (
                    nest.updates(store.name, tensor)
                    if write
                    else self._kept_reads(nest, store.name, tensor)
                )
                return words - self._off_chip(nest, tensor, write)
        return 0

    def _kept_reads(self, nest: Counts, level: str, tensor: str) -> Any:
        """Words read off a level, as the published accounting counts them for traffic.

        It drops the reads of a tensor whose reads equal its updates: that is where the 64-bit
        overflow has lost the elision of first reads (quirk Q5), and nowhere else.
        """
        reads = nest.reads(level, tensor)
        if self._nests.wrapped and tensor == nest.mapping.einsum.output.name:
            return select(reads == nest.updates(level, tensor), 0, reads)
        return reads

    def _energy_pj(self, run: Run, activity: Activity) -> Any:
        """Return the energy of a run.

        Leakage and networks cost nothing (quirk Q8). The published accounting charges the
        register files of one PE and of one lane (quirk Q1).
        """
        at, machine = self._prices, self._nests.accelerator.machine
        array = machine.arrays[run.row.array]
        own = at.registers[array.name]
        files = activity.instances if self._nests.accounting.repairs(Correction.Q1) else 1
        outer = self._dram.name
        energy: Any = (activity.reads[outer] + activity.writes[outer]) * (
            at.dram_pj / dram.ACCESS_WORDS
        )
        for store in self._buffers:
            buffer = at.buffers[store.name]
            energy = (
                energy
                + (
                    activity.reads[store.name] * buffer.read_pj
                    + activity.writes[store.name] * buffer.write_pj
                )
                / at.row_words[store.name]
            )
        energy = energy + files * (
            activity.reads[REGISTERS] * own.read_pj + activity.writes[REGISTERS] * own.write_pj
        )
        if array.edge is not None and array.edge.name in activity.reads and not self._free_edge:
            like, edge = at.registers[array.edge.like], array.edge.name
            energy = (
                energy + activity.reads[edge] * like.read_pj + activity.writes[edge] * like.write_pj
            )
        return energy + activity.cycles * activity.instances * sum(
            count * at.units[unit].energy_pj
            for unit, count in run.row.operations.items()
            if unit not in self._free_units
        )


def _keeps(nest: Counts, level: str, tensor: str) -> bool:
    return tensor in nest.mapping.levels[nest.mapping.index(level)].keep


def _reads(nest: Counts, level: str, tensor: str) -> Any:
    return nest.reads(level, tensor) if _keeps(nest, level, tensor) else 0


def _writes(nest: Counts, level: str, tensor: str) -> Any:
    if not _keeps(nest, level, tensor):
        return 0
    return nest.updates(level, tensor) + nest.fills(level, tensor)


def _spilled(nests: Nests) -> dict[str, tuple[Any, frozenset[str]]]:
    """Return what share of which tensors spills, by Einsum."""
    spills = nests.accelerator.spills
    if not spills:
        return {}
    store = buffer_of(nests.accelerator)
    names = dict(nests.values)
    shares: dict[str, tuple[Any, frozenset[str]]] = {}
    for spill in spills:
        if "footprint" in spill.share.names:
            names["footprint"] = footprint_bytes(nests, store)
        if "resident" in spill.share.names:
            names["resident"] = resident_bytes(nests, store)
        mask: Any = True
        for name, value in spill.when.items():
            labels = nests.accelerator.all_parameters[name].labels
            mask = mask & (
                nests.values[name] == (labels.index(value) if value in labels else int(value))
            )
        share = spill.share(names)
        for einsum in spill.einsums:
            if einsum in nests.einsums:
                known = shares.get(einsum)
                both = share if known is None else select(mask, share, known[0])
                shares[einsum] = both, spill.tensors
    return shares


def buffer_of(accelerator: Accelerator) -> Store:
    """Return the outermost store on chip."""
    return accelerator.machine.stores[1]
