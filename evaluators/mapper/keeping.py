"""How the tensors of an Einsum may be kept, as far as its group alone decides."""

from __future__ import annotations

from functools import lru_cache

from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Group, Structure
from evaluators.mapper.uses import BUFFER, LAST, OFF_CHIP
from evaluators.mapper.waiting import Way

_STORES = (BUFFER, OFF_CHIP, OFF_CHIP + BUFFER)


@lru_cache(maxsize=4096)
def ways(structure: Structure, place: int, group: Group, freedom: Freedom) -> tuple[Way, ...]:
    """Return ways to keep each tensor of an Einsum; one of them is below every legal one.

    Args:
        structure: of the cascade.
        place: of the Einsum.
        group: its own.
        freedom: what bindings may choose.

    """
    found = []
    for tensor in structure.einsums[place].tensors:
        users = [structure.place.get(tensor.name, -1), *structure.readers.get(tensor.name, ())]
        own = [each for each in users if each in group]
        keeps = _keeps(structure, tensor.name, place, group)
        found.append(
            Way(
                tuple(each for each in keeps if freedom.stores(each)),
                tuple(each for each in own if each < place),
                tuple(each for each in own if each > place),
            )
        )
    return tuple(found)


def _keeps(structure: Structure, tensor: str, place: int, group: Group) -> tuple[str, ...]:
    """Return where a tensor may be kept, the cheaper alone of what is legal alike."""
    if structure.place.get(tensor) == place:
        return _written(structure, tensor, group)
    own = structure.cascade.previous.get(tensor)
    if own is not None and structure.place[own] in group:
        early = structure.place[own] >= place
        return _STORES if early else ("", *_STORES)
    if structure.place.get(tensor, -1) in group:
        return ("", *_STORES)
    first = next(each for each in structure.readers[tensor] if each in group)
    return (OFF_CHIP, OFF_CHIP + BUFFER) if first == place else ("", *_STORES)


def _written(structure: Structure, tensor: str, group: Group) -> tuple[str, ...]:
    outside = structure.leaves(tensor, group)
    if tensor not in structure.previous_of:
        return (OFF_CHIP, OFF_CHIP + BUFFER) if outside else ("", BUFFER, OFF_CHIP)
    if not outside:
        return (BUFFER, OFF_CHIP)
    return (OFF_CHIP + BUFFER + (LAST if structure.once(outside) else ""), OFF_CHIP)
