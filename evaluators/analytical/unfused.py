"""The unfused baseline on a design: QK, softmax and AV in turn, through DRAM.

QK and AV are mapped by an exhaustive mapper over the space that the artifact gives to Timeloop's
(docs/model/mappings.md#unfused): how P, M and E (F) split between DRAM and the buffer, the order of
the buffer's loops, and which tensors the buffer keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical import binding as bindings
from evaluators.analytical import costs, mapper
from evaluators.analytical.activity import WORD_BYTES, Activity
from evaluators.analytical.architecture import storage
from evaluators.analytical.counting import Count, count_choices
from evaluators.analytical.feasibility import remainders
from evaluators.analytical.mappings import UNFUSED_MAPPINGS
from evaluators.analytical.three_pass import on_chip_activity, softmax_activities, softmax_spill
from evaluators.design import Designs
from evaluators.engine.columns import Column, Factors, divisors, select, shared
from evaluators.engine.loopnest import LoopNest, check_attention
from evaluators.errors import TooLarge
from evaluators.workloads.workload import Workload

Int64s = NDArray[np.int64]

_TENSORS = {"QK": ("Q", "K", "QK"), "AV": ("A", "V", "AV")}
_WIDTH = {"QK": "E", "AV": "F"}


def mapping_columns(einsum: str) -> tuple[str, ...]:
    """Name the columns of an Einsum's mapping.

    DRAM loops p2, m2 and e2 (f2 for AV); order, an index of `UNFUSED_ORDERS`; and for each tensor
    whether the buffer keeps it.
    """
    prefix = einsum.lower()
    splits = ("p2", "m2", f"{_WIDTH[einsum].lower()}2", "order")
    keeps = (f"keeps_{tensor.lower()}" for tensor in _TENSORS[einsum])
    return tuple(f"{prefix}_{name}" for name in (*splits, *keeps))


_MOST_MAPPINGS = 2**24
"""Mappings that are enumerated at a time, and of a design: they take about 1 GB."""

_BLOCK = 8
"""Designs whose mappings are enumerated at a time, to bound the memory of all candidates."""


@dataclass(frozen=True)
class Unfused:
    """The unfused baseline's loop nests."""

    def check(self, workload: Workload) -> None:
        """Raise `InputError` where the counts of an Einsum pass what is exact."""
        check_attention(workload)

    def resolve(self, workload: Workload, designs: Designs, accounting: Accounting) -> Designs:
        """Map QK and AV where the designs carry no mapping, and everywhere under Q12."""
        if designs.binding and not accounting.repairs(Correction.Q12):
            return designs
        divides = (workload.seq_len % designs.array_rows == 0) & (
            workload.seq_len % designs.array_cols == 0
        )
        binding: dict[str, Int64s] = {}
        for einsum in _TENSORS:
            binding |= mapper.search(
                designs,
                ("array_rows", "array_cols", "buffer_bytes", "pe_registers"),
                divides,
                partial(best_mapping, workload, einsum=einsum, accounting=accounting),
                mapping_columns(einsum),
                _BLOCK,
            )
        return designs.with_columns(binding=binding)

    def violations(
        self, workload: Workload, designs: Designs, accounting: Accounting
    ) -> dict[str, Int64s]:
        """Return the constraints' magnitudes for resolved designs."""
        del accounting
        return remainders(workload, designs, lanes_cut=workload.seq_len)

    def activities(
        self,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count = LoopNest,
    ) -> dict[str, Activity]:
        """Return every Einsum's activity for feasible, resolved designs, in the cascade's order."""
        wrapped = not accounting.repairs(Correction.Q5)
        sides = shared(designs.array_cols), shared(designs.array_rows)
        attention = {}
        for einsum in _TENSORS:
            *splits, orders, _, _, _ = (designs.binding[name] for name in mapping_columns(einsum))
            keeps = [shared(designs.binding[name]) != 0 for name in mapping_columns(einsum)[4:]]
            each = {
                order: _attention(
                    workload,
                    einsum,
                    sides,
                    [shared(s) for s in splits],
                    order,
                    keeps,
                    count,
                    wrapped=wrapped,
                )[0]
                for order in np.unique(orders).tolist()
            }
            attention[einsum] = _by_order(orders, each)
        softmax = softmax_activities(
            workload,
            shared(designs.vector_lanes),
            False,
            softmax_spill(workload, designs.buffer_bytes),
            count,
            wrapped=wrapped,
        )
        return {"QK": attention["QK"]} | softmax | {"AV": attention["AV"]}


def _by_order(orders: Int64s, each: dict[int, Activity]) -> Activity:
    """Take every design's activity under its own order of loops."""
    if len(each) == 1:
        return next(iter(each.values()))
    masks = [orders == order for order in each]
    return Activity(
        **{
            name: np.select(masks, [vars(activity)[name] for activity in each.values()])
            for name in vars(next(iter(each.values())))
        }
    )


def _attention(
    workload: Workload,
    einsum: str,
    sides: tuple[Column, Column],
    splits: list[Any],
    order: int,
    keeps: list[Any],
    count: Count,
    *,
    wrapped: bool,
) -> tuple[Activity, Any]:
    """Return the activity of QK or AV under one order of loops, and its bytes in the buffer."""
    shape, seq_len, rank = workload.transformer, workload.seq_len, _WIDTH[einsum]
    width = shape.query_width if einsum == "QK" else shape.value_width
    cols, rows = sides
    p2, m2, e2 = splits
    factors = Factors(
        {
            "B": shape.batch,
            "H": shape.heads,
            "P2": p2,
            "M2": m2,
            f"{rank}2": e2,
            "P1": seq_len // (p2 * cols),
            "M1": seq_len // (m2 * rows),
            f"{rank}1": width // e2,
            "P0": cols,
            "M0": rows,
        }
    )
    kept = dict(zip(_TENSORS[einsum], keeps, strict=True))
    streamed, resident = count_choices(
        count, *UNFUSED_MAPPINGS[einsum][order], kept, factors, wrapped=wrapped
    )
    activity = on_chip_activity(
        streamed, resident, kept, 0.0, spillable=frozenset(), wrapped=wrapped
    )
    size = sum(
        select(mask, WORD_BYTES * resident.size("L3", tensor), 0) for tensor, mask in kept.items()
    )
    return activity, size


def best_mapping(
    workload: Workload, designs: Designs, einsum: str, accounting: Accounting
) -> dict[str, Int64s]:
    """Enumerate the mappings of QK or AV on designs that share their array: column -> best, (n,).

    Best by traffic, then by energy as charged (docs/model/designs.md#decision-9), among those
    whose tiles fit the buffer.
    """
    cols, rows = int(designs.array_cols[0]), int(designs.array_rows[0])
    shape = workload.transformer
    width = shape.query_width if einsum == "QK" else shape.value_width
    p2, m2, e2, order, *keeps = mapping_columns(einsum)
    axes = {
        order: np.arange(len(UNFUSED_MAPPINGS[einsum])),
        p2: divisors(workload.seq_len // cols),
        m2: divisors(workload.seq_len // rows),
        e2: divisors(width),
        **dict.fromkeys(keeps, np.arange(2)),
    }
    mappings = prod(axis.size for axis in axes.values())
    if mappings > _MOST_MAPPINGS:
        raise TooLarge(
            f"{einsum} of {shape.name} at {workload.seq_len} tokens has {mappings} mappings on an "
            f"array of {rows} x {cols}; {_MOST_MAPPINGS} at most are compared: take a sequence of "
            "fewer divisors, or larger sides"
        )
    if len(designs) > 1 and len(designs) * mappings > _MOST_MAPPINGS:
        alone = [
            best_mapping(workload, designs.take([row]), einsum, accounting)
            for row in range(len(designs))
        ]
        return {name: np.concatenate([chosen[name] for chosen in alone]) for name in axes}
    grid = np.meshgrid(*list(axes.values())[1:], indexing="ij", sparse=True)
    tall = designs.lifted(len(grid))
    parts = storage(
        tall,
        scaled_registers=accounting.repairs(Correction.Q2),
        live_sram=accounting.live_sram,
    )
    bound = bindings.THREE_PASS[einsum]
    wrapped = not accounting.repairs(Correction.Q5)
    candidates = (len(designs), *(axis.size for axis in grid))
    fits: list[Any] = []
    traffic: list[Any] = []
    energy: list[Any] = []
    for loops in axes[order].tolist():
        activity, size = _attention(
            workload,
            einsum,
            (cols, rows),
            list(grid[:3]),
            loops,
            [keep != 0 for keep in grid[3:]],
            LoopNest,
            wrapped=wrapped,
        )
        energy_pj = costs.energy_pj(activity, bound, parts, accounting)
        for each, values in (
            (fits, size <= tall.buffer_bytes),
            (traffic, activity.traffic_bytes),
            (energy, energy_pj),
        ):
            each.append(np.broadcast_to(values, candidates))
    return mapper.best(axes, *(np.stack(each, axis=1) for each in (fits, traffic, energy)))
