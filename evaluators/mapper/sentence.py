"""A binding in one sentence: passes, groups and their tiles, who runs where, what stays on chip."""

from __future__ import annotations

from collections.abc import Mapping

from evaluators.describe.passes import passes
from evaluators.mapper.binding import Binding, BoundGroup, tile
from evaluators.mapper.resources import LANES, PE
from evaluators.mapper.structure import Structure

_CALLED = {PE: "2D array", LANES: "1D array"}


def sentence(binding: Binding, structure: Structure, extents: Mapping[str, int]) -> str:
    """Tell a binding, as '2 passes; QK GM in tiles of 8 P x 8 M; 2D array QK; 1D array GM; ...'.

    Args:
        binding: of the cascade.
        structure: of the cascade.
        extents: what the binding is for.

    """
    count = passes(structure.cascade, structure.keys)
    chunks = f" in chunks of {binding.chunk} keys" if binding.chunk else ""
    steps = [step for group in binding.groups for step in group.steps]
    runs = {
        called: [step.einsum for step in steps if step.placement.array == array]
        for array, called in _CALLED.items()
    }
    on_chip = [name for group in binding.groups for name in group.on_chip]
    return "; ".join(
        [
            f"{count} pass{'es' if count > 1 else ''}{chunks}",
            ", then ".join(_group(group, structure, extents) for group in binding.groups),
            *(f"{called} {' '.join(names)}" for called, names in runs.items() if names),
            f"on chip {' '.join(on_chip) or 'nothing'}",
        ]
    )


def _group(group: BoundGroup, structure: Structure, extents: Mapping[str, int]) -> str:
    names = " ".join(step.einsum for step in group.steps)
    sizes = tile(group, structure, extents)
    return f"{names} in tiles of {' x '.join(f'{size} {rank}' for rank, size in sizes.items())}"
