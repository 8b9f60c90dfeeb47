"""Passes of a cascade: how often its Einsums must visit the elements of a rank.

An Einsum that reads what was reduced over a rank cannot start on that rank before the reduction has
seen all of it: that is a further pass, and what the passes share must live over the whole rank
(FuseMax, section 3).
"""

from __future__ import annotations

from evaluators.describe.cascade import Cascade


def passes(cascade: Cascade, rank: str) -> int:
    """Return how many passes a cascade makes over a rank; 0 where it has none."""
    return max(_by_einsum(cascade, rank).values(), default=0)


def alive(cascade: Cascade, rank: str) -> tuple[str, ...]:
    """Return the tensors with a rank that are written in one pass and read in a later one."""
    at = _by_einsum(cascade, rank)
    return tuple(
        name
        for name, einsum in cascade.einsums.items()
        if rank in einsum.output.ranks
        and name in at
        and any(
            at.get(reader.name, 0) > at[name]
            for reader in cascade.einsums.values()
            if any(each.name == name for each in reader.operands)
        )
    )


def _by_einsum(cascade: Cascade, rank: str) -> dict[str, int]:
    """Return the pass over a rank in which each Einsum that runs over it takes place."""
    at: dict[str, int] = {}
    complete: dict[str, int] = {}
    for name, einsum in cascade.einsums.items():
        first, after = 1, 0
        for operand in einsum.operands:
            if operand.name not in cascade.einsums:
                continue
            after = max(after, complete.get(operand.name, 0))
            if rank in operand.ranks:
                first = max(first, at.get(operand.name, 1))
        if rank in einsum.ranks:
            at[name] = max(first, after + 1)
            complete[name] = after if rank in einsum.output.ranks else at[name]
        else:
            complete[name] = after
    return at
