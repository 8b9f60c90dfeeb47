"""FLAT on a design: QK, softmax and AV fused over a tile of queries, with its binding choices.

A tile holds P_t queries of one head: all of them (granularity 'head') or P1 rows. Source:
docs/model/mappings.md#flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical import binding as bindings
from evaluators.analytical import costs, mapper, schedule
from evaluators.analytical.activity import WORD_BYTES, Activity
from evaluators.analytical.architecture import storage
from evaluators.analytical.counting import Count, count_choices
from evaluators.analytical.feasibility import remainders
from evaluators.analytical.mappings import FLAT_MAPPINGS, STATIONARITIES
from evaluators.analytical.three_pass import on_chip_activity, softmax_activities, softmax_spill
from evaluators.design import PARAMETERS, Designs
from evaluators.engine.columns import Column, Factors, divisors, select, shared
from evaluators.engine.loopnest import LoopNest, check_attention
from evaluators.workloads.workload import Workload

Int64s = NDArray[np.int64]

BINDING = (
    "query_rows",
    "qk_stationarity",
    "av_stationarity",
    "keeps_q",
    "keeps_k",
    "keeps_qk",
    "keeps_v",
    "keeps_av",
)
"""FLAT's binding: queries in a tile P_t; stationarities as indices of `STATIONARITIES`; whether Q,
K, QK (and with it A), V and AV stay on chip."""

_WEIGHT = STATIONARITIES.index("weight")
_EXTENT = {"QK": {"P": "P_t", "M": "L", "E": "E"}, "AV": {"P": "P_t", "M": "L", "F": "F"}}


_BLOCK = 16
"""Designs whose bindings are enumerated at a time, so that all candidates stay in the cache."""


def _remainders(workload: Workload, designs: Designs) -> dict[str, Int64s]:
    return remainders(workload, designs, lanes_cut=workload.seq_len)


@dataclass(frozen=True)
class Flat:
    """FLAT's loop nests."""

    def check(self, workload: Workload) -> None:
        """Raise `InputError` where the counts of an Einsum pass what is exact."""
        check_attention(workload)

    def resolve(self, workload: Workload, designs: Designs, accounting: Accounting) -> Designs:
        """Choose the best binding where the designs have none: latency, traffic, then energy.

        A design that no binding fits gets 0 queries in a tile.
        """
        if designs.binding:
            return designs
        left = _remainders(workload, designs).values()
        binding = mapper.search(
            designs,
            PARAMETERS,
            np.all([remainder == 0 for remainder in left], axis=0),
            lambda block: best_binding(workload, block, accounting),
            BINDING,
            _BLOCK,
        )
        return designs.with_columns(binding=binding)

    def violations(
        self, workload: Workload, designs: Designs, accounting: Accounting
    ) -> dict[str, Int64s]:
        """Return the constraints' magnitudes for resolved designs."""
        del accounting
        machine = _Machine(workload, designs)
        fits = np.broadcast_to(_divides(machine, designs.binding), len(designs))
        return _remainders(workload, designs) | {"no_binding": (~fits).astype(np.int64)}

    def activities(
        self,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count = LoopNest,
    ) -> dict[str, Activity]:
        """Return every Einsum's activity for feasible, resolved designs, in the cascade's order."""
        binding = {name: shared(column) for name, column in designs.binding.items()}
        return activities(_Machine(workload, designs), binding, accounting, count)


class _Machine:
    """The sides of a batch of designs and the extents of a workload, for FLAT's rules."""

    def __init__(self, workload: Workload, designs: Designs) -> None:
        shape = workload.transformer
        self.workload = workload
        self.buffer_bytes = shared(designs.buffer_bytes)
        self.lanes = shared(designs.vector_lanes)
        self.longer_side = shared(designs.buffer_row_words)
        self.sides = (shared(designs.array_cols), shared(designs.array_rows))
        self.extents = {"E": shape.query_width, "F": shape.value_width, "L": workload.seq_len}

    def extent(self, einsum: str, rank: str, query_rows: Column) -> Column:
        """Extent of a rank within a tile of queries."""
        name = _EXTENT[einsum][rank]
        return query_rows if name == "P_t" else self.extents[name]

    def cut(self, einsum: str, stationarity: int, rank: str) -> Column | None:
        """Side of the 2D array that carries a rank of an Einsum; None where neither does."""
        streamed, _ = FLAT_MAPPINGS[einsum][stationarity]
        spatial = [loop.rank for level in streamed.levels for loop in level.spatial]
        return self.sides[spatial.index(rank)] if rank in spatial else None


def _by_stationarity(choice: Any, values: list[Any]) -> Any:
    """Take the value of each design's stationarity."""
    if isinstance(choice, int):
        return values[choice]
    return np.choose(choice, values)


def _split(machine: _Machine, einsum: str, stationarity: int, query_rows: Column) -> dict[str, Any]:
    """Return the loop factors of an Einsum: rank0 on the array, rank1 in the buffer."""
    shape, factors = machine.workload.transformer, {}
    for rank in _EXTENT[einsum]:
        extent = machine.extent(einsum, rank, query_rows)
        side = machine.cut(einsum, stationarity, rank)
        inner: Any = 1 if side is None else np.minimum(side, extent)
        factors[f"{rank}0"] = inner
        factors[f"{rank}1"] = extent // inner
    outer = machine.workload.seq_len // np.maximum(1, query_rows)
    return factors | {"B": shape.batch, "H": shape.heads, "P2": outer}


def _divides(machine: _Machine, binding: Mapping[str, Any]) -> Any:
    """Tell which bindings divide: tiles the sequence, the array's sides every rank they carry.

    A tile of fewer queries than the side that carries them does not fill it and is not allowed.
    """
    rows = binding["query_rows"]
    valid = (rows > 0) & (machine.workload.seq_len % np.maximum(1, rows) == 0)
    for einsum in ("QK", "AV"):
        options: list[Any] = []
        for stationarity in range(len(STATIONARITIES)):
            divides: Any = True
            for rank in _EXTENT[einsum]:
                side = machine.cut(einsum, stationarity, rank)
                if side is not None:
                    extent = machine.extent(einsum, rank, rows)
                    whole = machine.extent(einsum, rank, machine.workload.seq_len)
                    divides &= extent % np.minimum(side, whole) == 0
            options.append(divides)
        valid = valid & _by_stationarity(binding[f"{einsum.lower()}_stationarity"], options)
    return valid


def footprint_bytes(workload: Workload, designs: Designs) -> Any:
    """Buffer bytes that bindings ask for; all tensors, all buffers.

    Every tensor is double-buffered but QK and A on chip, which share one buffer
    (docs/model/mappings.md#footprint).
    """
    return _footprint_bytes(_Machine(workload, designs), designs.binding)


def _footprint_bytes(machine: _Machine, binding: Mapping[str, Any]) -> Any:
    rows = binding["query_rows"]

    def tile(einsum: str, ranks: str, *, output: bool = False) -> Any:
        """Bytes of a streamed tensor: each rank cut by the side that carries it, else by W.

        The queries of a weight-stationary output are not cut.
        """
        options = []
        for stationarity in range(len(STATIONARITIES)):
            size: Any = 2 * WORD_BYTES
            for rank in ranks:
                extent = machine.extent(einsum, rank, rows)
                side = machine.cut(einsum, stationarity, rank)
                cut = np.minimum(machine.longer_side if side is None else side, extent)
                whole = output and rank == "P" and stationarity == _WEIGHT
                size = size * (extent if whole else cut)
            options.append(size)
        return _by_stationarity(binding[f"{einsum.lower()}_stationarity"], options)

    seq_len, e, f = (machine.extents[name] for name in ("L", "E", "F"))
    double = 2 * WORD_BYTES
    return (
        select(binding["keeps_q"] != 0, double * rows * e, tile("QK", "PE"))
        + select(binding["keeps_k"] != 0, double * seq_len * e, tile("QK", "ME"))
        + select(
            binding["keeps_qk"] != 0,
            WORD_BYTES * rows * seq_len,
            tile("QK", "PM", output=True) + tile("AV", "PM"),
        )
        + select(binding["keeps_v"] != 0, double * seq_len * f, tile("AV", "MF"))
        + select(binding["keeps_av"] != 0, double * rows * f, tile("AV", "PF", output=True))
    )


def activities(
    machine: _Machine,
    binding: Mapping[str, Any],
    accounting: Accounting,
    count: Count = LoopNest,
) -> dict[str, Activity]:
    """Return every Einsum's activity; binding and sides may have any shapes that broadcast."""
    wrapped = not accounting.repairs(Correction.Q5)
    need = _footprint_bytes(machine, binding)
    spilled = 1 - np.minimum(1.0, machine.buffer_bytes / need)
    keeps_scores = binding["keeps_qk"] != 0
    kept = {
        "QK": {"Q": binding["keeps_q"] != 0, "K": binding["keeps_k"] != 0, "QK": keeps_scores},
        "AV": {"A": keeps_scores, "V": binding["keeps_v"] != 0, "AV": binding["keeps_av"] != 0},
    }
    attention, resident_bytes = {}, 0
    for einsum, keeps in kept.items():
        choice = binding[f"{einsum.lower()}_stationarity"]
        options = {
            stationarity: _attention(
                machine,
                einsum,
                stationarity,
                binding["query_rows"],
                keeps,
                spilled,
                count,
                wrapped=wrapped,
            )
            for stationarity in ([choice] if isinstance(choice, int) else range(3))
        }
        attention[einsum], size = _chosen(choice, options)
        resident_bytes = resident_bytes + size
    spilled_scores = select(
        keeps_scores,
        spilled,
        softmax_spill(machine.workload, machine.buffer_bytes - resident_bytes),
    )
    softmax = softmax_activities(
        machine.workload, machine.lanes, keeps_scores, spilled_scores, count, wrapped=wrapped
    )
    return {"QK": attention["QK"]} | softmax | {"AV": attention["AV"]}


def _attention(
    machine: _Machine,
    einsum: str,
    stationarity: int,
    query_rows: Column,
    keeps: Mapping[str, Any],
    spilled: Any,
    count: Count,
    *,
    wrapped: bool,
) -> tuple[Activity, Any]:
    """Return the activity of QK or AV and the bytes of its tensors in the buffer."""
    factors = Factors(_split(machine, einsum, stationarity, query_rows))
    streamed, resident = count_choices(
        count, *FLAT_MAPPINGS[einsum][stationarity], keeps, factors, wrapped=wrapped
    )
    activity = on_chip_activity(
        streamed, resident, keeps, spilled, spillable=frozenset(keeps), wrapped=wrapped
    )
    size = sum(
        select(mask, WORD_BYTES * resident.size("L3", tensor), 0) for tensor, mask in keeps.items()
    )
    return activity, size


def _chosen(choice: Any, options: Mapping[int, tuple[Activity, Any]]) -> tuple[Activity, Any]:
    """Take what each design's stationarity gives."""
    if isinstance(choice, int):
        return options[choice]
    activities, sizes = zip(*options.values(), strict=True)
    return (
        Activity(
            **{
                name: np.choose(choice, [vars(each)[name] for each in activities])
                for name in vars(activities[0])
            }
        ),
        np.choose(choice, sizes),
    )


def best_binding(workload: Workload, designs: Designs, accounting: Accounting) -> dict[str, Int64s]:
    """Enumerate FLAT's bindings of designs that share their array: `BINDING` -> best value, (n,).

    Best by latency, then traffic, then energy as charged (docs/model/designs.md#decision-8).
    Every divisor of the sequence is tried as tile, all stationarities, all choices of what stays on
    chip.
    """
    choices = (divisors(workload.seq_len), *([np.arange(3)] * 2), *([np.arange(2)] * 5))
    axes = dict(zip(BINDING, choices, strict=True))
    grid = dict(zip(BINDING, np.meshgrid(*choices, indexing="ij", sparse=True), strict=True))
    tall = designs.lifted(len(axes))
    machine = _Machine(workload, tall)
    valid = np.broadcast_to(
        _divides(machine, grid), (len(designs), *(len(choice) for choice in choices))
    )
    each = activities(machine, grid, accounting)
    times = costs.times(each, bindings.THREE_PASS, machine.sides[1])
    parts = storage(
        tall,
        scaled_registers=accounting.repairs(Correction.Q2),
        live_sram=accounting.live_sram,
    )
    energy_pj = sum(
        costs.energy_pj(activity, bindings.THREE_PASS[name], parts, accounting)
        for name, activity in each.items()
    )
    return mapper.best(axes, valid, schedule.flat(times), times.memory(), energy_pj)
