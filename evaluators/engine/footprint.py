"""What the tensors that a mapping keeps in a store take of it.

A tensor takes its largest tile; the previous value of a state lies where the state does. An
accelerator may say otherwise (`Footprint`): several copies, tensors that take turns, steps of
streamed tensors that are staged.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from evaluators.describe.machine import Store
from evaluators.engine.columns import select
from evaluators.engine.nests import Nests, Run, chosen

WORD_BYTES = 2


def by_tensor(nests: Nests, store: Store) -> dict[str, Any]:
    """Return bytes of a store by tensor; tensors that take turns are one, joined by '|'.

    Where Einsums run in stages that share nothing on chip, a tensor is told once a stage, as
    'TENSOR@STAGE'.
    """
    found: dict[str, Any] = {}
    for place, einsums in enumerate(_together(nests)):
        for name, size in _of(nests, store, einsums).items():
            found[name if nests.accelerator.overlapped_memory else f"{name}@{place}"] = size
    return found


def footprint_bytes(nests: Nests, store: Store) -> Any:
    """Return bytes of a store that must be there at one time."""
    each = [sum(_of(nests, store, einsums).values()) for einsums in _together(nests)]
    return reduce(np.maximum, each) if len(each) > 1 else each[0]


def resident_bytes(nests: Nests, store: Store) -> Any:
    """Return one copy of the largest tile of every tensor that the footprint's Einsums keep."""
    total: Any = 0
    for einsum in _counted(nests):
        for tensor in nests.written[einsum].tensors:
            total = total + _tile(nests, store, einsum, tensor.name)
    return total


def _counted(nests: Nests) -> list[str]:
    only = nests.accelerator.footprint.einsums
    return [name for name in nests.einsums if not only or name in only]


def _together(nests: Nests) -> list[list[str]]:
    """Return the Einsums whose tensors are in the store at the same time."""
    counted = _counted(nests)
    if nests.accelerator.overlapped_memory:
        return [counted]
    stages = [
        [name for name in stage.einsums if name in counted] for stage in nests.accelerator.stages
    ]
    return [stage for stage in stages if stage] or [[]]


def _of(nests: Nests, store: Store, einsums: list[str]) -> dict[str, Any]:
    rules = nests.accelerator.footprint
    kept: dict[str, Any] = {}
    staged: dict[str, Any] = {}
    for einsum in einsums:
        for tensor in nests.written[einsum].tensors:
            name = nests.accelerator.cascade.store_name(tensor.name)
            size = rules.copies.get(name, 1) * _tile(nests, store, einsum, tensor.name)
            if isinstance(size, int) and size == 0 and not rules.staging:
                continue
            kept[name] = np.maximum(kept[name], size) if name in kept else size
            if rules.staging:
                step = rules.staging * _step(nests, store, einsum, tensor.name)
                staged[name] = staged[name] + step if name in staged else step
    for group in rules.shared:
        turns = [kept.pop(name) for name in sorted(group & kept.keys())]
        if turns:
            kept["|".join(sorted(group))] = reduce(np.maximum, turns)
    for name, step in staged.items():
        kept[name] = kept.get(name, 0) + step
    return kept


def _tile(nests: Nests, store: Store, einsum: str, tensor: str) -> Any:
    """Return bytes of one copy of a tensor's tile, 0 where the store does not keep it."""
    runs = nests.runs[einsum]
    return chosen(runs, [_tile_of(run, store, tensor) for run in runs])


def _tile_of(run: Run, store: Store, tensor: str) -> Any:
    keeps = run.keeps(store.name, tensor)
    if isinstance(keeps, (bool, np.bool_)) and not keeps:
        return 0
    return select(keeps, WORD_BYTES * run.resident.size(store.name, tensor), 0)


def _step(nests: Nests, store: Store, einsum: str, tensor: str) -> Any:
    """Return bytes of one step of the array of a tensor that the store does not keep.

    A rank on no side is cut by the store's row, but for an output's that is staged whole.
    """
    runs = nests.runs[einsum]
    return chosen(runs, [_step_of(nests, run, store, tensor) for run in runs])


def _step_of(nests: Nests, run: Run, store: Store, tensor: str) -> Any:
    mapping = run.streamed.mapping
    above = mapping.index(store.name)
    spatial = {loop.rank: loop.factor for level in mapping.levels for loop in level.spatial}
    factors = run.factors
    size: Any = WORD_BYTES
    output = tensor == mapping.einsum.output.name
    for rank in next(t.ranks for t in mapping.einsum.tensors if t.name == tensor):
        inner = [
            factors.product((loop.factor,))
            for level in mapping.levels[above:]
            for loop in (*level.loops, *level.spatial)
            if loop.rank == rank
        ]
        if not inner:
            continue
        extent = reduce(lambda a, b: a * b, inner)
        if rank in spatial:
            extent = factors.product((spatial[rank],))
        elif not (output and rank in nests.accelerator.footprint.staged_whole):
            assert store.row_words is not None
            extent = np.minimum(store.row_words(nests.values), extent)
        size = size * extent
    return select(run.keeps(store.name, tensor), 0, size)
