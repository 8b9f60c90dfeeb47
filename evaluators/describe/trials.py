"""What is wrong with an accelerator that shows when it is tried: on designs, and on numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import lcm, prod
from typing import Any

import numpy as np

from evaluators.describe.accelerator import WORKLOAD_RANKS, Accelerator
from evaluators.describe.expressions import Expression
from evaluators.describe.numbers import not_attention
from evaluators.describe.places import Places

Problems = Iterator[tuple[str, str]]

_DRAWS = 400
_TRIED = 8
"""Draws on which a row is tried."""


def factors(accelerator: Accelerator, at: Places) -> Problems:
    """Factors of a rank that do not multiply to its extent, tried on designs that divide."""
    open_rows = {(table, row): 0 for table in accelerator.tables for row in table.rows}
    wrong: dict[tuple[str, str, str], str] = {}
    for values in (*_draws(accelerator), *_draws(accelerator, _divisors(accelerator))):
        if min(open_rows.values(), default=_TRIED) >= _TRIED:
            break
        for (table, row), tried in open_rows.items():
            if tried >= _TRIED:
                continue
            names = dict(values)
            if not _divides(table.factors, names):
                continue
            open_rows[table, row] += 1
            for rank in row.streamed.einsum.ranks:
                loops = [loop for loop in row.streamed.loops if loop.rank == rank]
                product = prod(int(names[loop.factor]) for loop in loops)
                if product != names[rank]:
                    written = " ".join(loop.factor for loop in loops) or "none"
                    wrong[row.einsum, row.array, rank] = (
                        f"{row.einsum} on {row.array}: its loops over {rank} ({written}) multiply "
                        f"to {product} where {rank} has {names[rank]}; loop over all of it"
                    )
    yield from ((at.row(einsum), said) for (einsum, *_), said in wrong.items())
    for (_, row), tried in open_rows.items():
        if not tried:
            said = f"{row.einsum} on {row.array}: no design was found whose factors divide"
            yield at.row(row.einsum), said


def _divisors(accelerator: Accelerator) -> int:
    """Return the least number that all numbers divide by which something is divided."""
    expressions = [each for table in accelerator.tables for each in table.factors.values()]
    below = [b for each in (*expressions, *accelerator.ranks.values()) for _, b in each.divisions]
    return lcm(*(int(each({})) for each in below if not each.names))


def _draws(accelerator: Accelerator, times: int = 1) -> Iterator[dict[str, Any]]:
    """Yield extents and parameters of designs whose ranks divide.

    They are powers of two, the extents `times` that.
    """
    random = np.random.default_rng(0)
    for _ in range(_DRAWS):
        values: dict[str, Any] = {
            name: times * 2 ** int(random.integers(6, 13)) for name in WORKLOAD_RANKS
        }
        for name, parameter in accelerator.all_parameters.items():
            if parameter.labels or (parameter.domain and set(parameter.domain.values) == {0, 1}):
                values[name] = int(random.integers(0, max(2, len(parameter.labels))))
            else:
                values[name] = 2 ** int(random.integers(0, 5))
        if _divides(accelerator.ranks, values):
            yield values


def _divides(expressions: Mapping[str, Expression], names: dict[str, Any]) -> bool:
    """Add what expressions come to by name; tell whether all divisions leave no remainder."""
    for name, expression in expressions.items():
        for above, below in expression.divisions:
            denominator = below(names)
            if not denominator or above(names) % denominator:
                return False
        names[name] = expression(names)
    return True


def partial_sums(accelerator: Accelerator, at: Places) -> Problems:
    """Consumers inside a shared loop over a rank that their producer sums over."""
    whole = [tuple(accelerator.cascade.einsums)]
    stages = [each.einsums for each in accelerator.stages]
    together = {
        name: frozenset(stage)
        for stage in (whole if accelerator.overlapped_memory else stages)
        for name in stage
    }
    for name, einsum in accelerator.cascade.einsums.items():
        for _, row in accelerator.rows(name):
            outer = {loop.factor for loop in row.streamed.levels[0].loops}
            for operand in (each for each in einsum.operands if each.name in together[name]):
                for _, maker in accelerator.rows(operand.name):
                    made = maker.streamed
                    summed = {
                        loop.factor
                        for loop in made.levels[0].loops
                        if loop.rank in made.einsum.reduced
                    }
                    for factor in sorted(summed & outer):
                        yield (
                            at.row(name),
                            f"{name} runs inside the loop {factor}, over which {operand.name} is "
                            "still being reduced: it would read a partial result; move the loop, "
                            "or make it a state under cascade.previous",
                        )


def numbers(accelerator: Accelerator, at: Places) -> Problems:
    """What the cascade computes, against softmax(QK^T) V."""
    cascade = accelerator.cascade
    if cascade.computes == "attention":
        for said in not_attention(cascade):
            yield at.einsum(cascade.outputs[-1]), f"cascade: {said}"
