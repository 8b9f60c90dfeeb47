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
from evaluators.engine.counting import Counts
from evaluators.engine.nests import Nests, Run, chosen
from evaluators.engine.plan import Kept, held_across, stored_as, tiles
from evaluators.engine.widths import stored_bytes


def footprint_bytes(nests: Nests, store: Store) -> Any:
    """Return bytes of a store that must be there at one time."""
    each = [sum(tile_bytes(nests, store, einsums).values()) for einsums in _together(nests)]
    return reduce(np.maximum, each)


def resident_bytes(nests: Nests, store: Store) -> Any:
    """Return one copy of the tile of every tensor that the footprint's Einsums keep."""
    total: Any = 0
    for einsum in _counted(nests):
        runs = nests.runs[einsum]
        for name in dict.fromkeys(each.tensor for run in runs for each in _kept(run, store)):
            tile = chosen(runs, [_tile(nests, run, store, name) for run in runs])
            total = total + stored_bytes(nests, name, tile)
    return total


def tile_bytes(nests: Nests, store: Store, einsums: tuple[str, ...]) -> dict[str, Any]:
    """Return bytes of a store by tensor; tensors that take turns are one, joined by '|'."""
    rules = nests.accelerator.footprint
    kept: dict[str, Any] = {}
    staged: dict[str, Any] = {}
    fixed, others = tiles(nests.plan, store.name, einsums)
    for tile in fixed:
        size = nests.factors[tile.table].product(tile.factors)
        if tile.name in rules.copies:
            size = rules.copies[tile.name] * size
        kept[tile.name] = _larger(kept[tile.name], size) if tile.name in kept else size
    for einsum in others:
        runs = nests.runs[einsum]
        here = dict.fromkeys(each.tensor for run in runs for each in _kept(run, store))
        for tensor in nests.plan.written[einsum].tensors:
            name = stored_as(nests.accelerator.cascade, einsum, tensor.name)
            if tensor.name in here:
                size = chosen(runs, [_tile(nests, run, store, tensor.name) for run in runs])
                if name in rules.copies:
                    size = rules.copies[name] * size
                kept[name] = _larger(kept[name], size) if name in kept else size
            if rules.staging:
                step = chosen(runs, [_step(nests, run, store, tensor.name) for run in runs])
                staged[name] = staged.get(name, 0) + rules.staging * step
    kept, staged = (
        {name: stored_bytes(nests, name, size) for name, size in each.items()}
        for each in (kept, staged)
    )
    for group in rules.shared:
        turns = [kept.pop(name) for name in sorted(group & kept.keys())]
        if turns:
            kept["|".join(sorted(group))] = reduce(_larger, turns)
    for name, step in staged.items():
        kept[name] = kept.get(name, 0) + step
    return kept


def _larger(a: Any, b: Any) -> Any:
    return a if a is b else np.maximum(a, b)


def _counted(nests: Nests) -> tuple[str, ...]:
    only = nests.accelerator.footprint.einsums
    return tuple(name for name in nests.einsums if not only or name in only)


def _together(nests: Nests) -> list[tuple[str, ...]]:
    """Return the Einsums whose tensors are in the store at the same time."""
    counted = _counted(nests)
    if nests.accelerator.overlapped_memory:
        return [counted]
    stages = [
        tuple(name for name in stage.einsums if name in counted)
        for stage in nests.accelerator.stages
    ]
    return [stage for stage in stages if stage] or [()]


def _kept(run: Run, store: Store) -> tuple[Kept, ...]:
    return run.plan.levels[store.name]


def _tile(nests: Nests, run: Run, store: Store, tensor: str) -> Any:
    """Return words of one copy of a tensor's tile, 0 where the store does not keep it."""
    cascade, nest = nests.accelerator.cascade, run.plan.streamed
    name = stored_as(cascade, run.row.einsum, tensor)
    for each in _kept(run, store):
        if each.tensor == tensor:
            across = run.factors.product(held_across(cascade, nest, store.name, name))
            return run.words(each, store.name, _size) * across
    return 0


def _step(nests: Nests, run: Run, store: Store, tensor: str) -> Any:
    """Return words of one step of the array of a tensor that the store does not keep.

    A rank on no side is cut by the store's row, but for an output's that is staged whole.
    """
    mapping, factors = run.plan.streamed, run.factors
    inner = mapping.levels[mapping.index(store.name) :]
    spatial = {loop.rank: loop.factor for level in mapping.levels for loop in level.spatial}
    size: Any = 1
    for rank in next(each.ranks for each in mapping.einsum.tensors if each.name == tensor):
        loops = [
            x.factor for level in inner for x in (*level.loops, *level.spatial) if x.rank == rank
        ]
        if not loops:
            continue
        extent = factors.product((spatial[rank],) if rank in spatial else tuple(sorted(loops)))
        whole = (
            tensor == mapping.einsum.output.name
            and rank in nests.accelerator.footprint.staged_whole
        )
        if rank not in spatial and not whole and store.row_words is not None:
            extent = np.minimum(store.row_words(nests.values), extent)
        size = size * extent
    for each in _kept(run, store):
        if each.tensor == tensor:
            return select(run.kept.get(tensor, True), 0, size)
    return size


def _size(nest: Counts, level: str, tensor: str) -> Any:
    return nest.size(level, tensor)
