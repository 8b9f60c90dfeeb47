"""A cascade run on numbers: what its last output is, computed Einsum by Einsum.

Tensors are arrays with one axis a rank of the cascade, of length 1 where they lack it, so that
operands of an Einsum broadcast. The states of a cascade are computed chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.describe.cascade import Cascade, Einsum, Formula

Float64s = NDArray[np.float64]

_BINARY: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}
_UNARY: dict[str, Any] = {
    "exp": np.exp,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0.0),
}
_REDUCE: dict[str, Any] = {"sum": np.sum, "max": np.max, "min": np.min}
_NEUTRAL = {"max": -np.inf, "min": np.inf}


def run(
    cascade: Cascade, inputs: Mapping[str, Float64s], extents: Mapping[str, int]
) -> dict[str, Float64s]:
    """Run a cascade.

    Args:
        cascade: its states, if any, advance along `cascade.along`.
        inputs: every tensor that no Einsum produces, with an axis for each of `cascade.ranks`.
        extents: of every rank.

    Returns the last value of every tensor, with the same axes; a state's is that after the last
    chunk, with length 1 along `cascade.along`.

    """
    axes = {rank: axis for axis, rank in enumerate(cascade.ranks)}
    tensors = dict(inputs)
    if not cascade.along:
        for einsum in cascade.einsums.values():
            tensors[einsum.name] = _computed(einsum, tensors, axes)
        return tensors
    chunked = [each for each in cascade.einsums.values() if cascade.along in each.ranks]
    after = [each for each in cascade.einsums.values() if cascade.along not in each.ranks]
    axis = axes[cascade.along]
    ones = (1,) * len(axes)
    tensors |= {
        name: np.full(ones, _NEUTRAL.get(_joins(cascade, name), 0.0)) for name in cascade.previous
    }
    for chunk in range(extents[cascade.along]):
        step = tensors | {
            name: np.take(value, [chunk], axis=axis)
            for name, value in inputs.items()
            if value.shape[axis] > 1
        }
        for einsum in chunked:
            step[einsum.name] = _computed(einsum, step, axes)
        tensors |= {each.name: step[each.name] for each in chunked}
        tensors |= {name: step[state] for name, state in cascade.previous.items()}
    for einsum in after:
        tensors[einsum.name] = _computed(einsum, tensors, axes)
    return tensors


def _joins(cascade: Cascade, previous: str) -> str:
    """Return the operation that joins a state's previous value to the new one."""
    formula = cascade.einsums[cascade.previous[previous]].formula
    own = any(each.tensor == previous for each in formula.operands)
    return formula.operation if own else ""


def _computed(einsum: Einsum, tensors: Mapping[str, Float64s], axes: Mapping[str, int]) -> Float64s:
    with np.errstate(all="ignore"):
        value = np.asarray(_at_points(einsum, einsum.formula, tensors))
        away = tuple(axes[rank] for rank in einsum.reduced)
        reduced: Float64s = _REDUCE[einsum.reduction](value, axis=away, keepdims=True)
    return reduced


def _at_points(einsum: Einsum, formula: Formula, tensors: Mapping[str, Float64s]) -> Any:
    if formula.operation == "product":
        return prod(tensors[operand.name] for operand in einsum.operands)
    if formula.operation == "tensor":
        return tensors[formula.tensor]
    if formula.operation == "number":
        return formula.number
    operands = [_at_points(einsum, each, tensors) for each in formula.operands]
    if len(operands) == 1:
        return _UNARY[formula.operation](*operands)
    return _BINARY[formula.operation](*operands)


_SMALL = {"B": 2, "H": 2, "E": 3, "F": 4}
"""Extents of the check; 5 for every other rank, 3 for every piece of a rank that is split."""


_LARGE = 1000.0
_TOLERANCE = 1e-9


def not_attention(cascade: Cascade) -> Iterator[str]:
    """Yield in what a cascade, whose inputs are Q, K and V, is not attention, and what to do."""
    for scale, said in (
        (1.0, ""),
        (_LARGE, " of large scores, which overflow without their maximum"),
    ):
        error = error_against_attention(cascade, scale)
        if error > _TOLERANCE:
            yield (
                f"its last output {cascade.outputs[-1]} is not softmax(QK^T)V{said} (relative "
                f'error {error:.1e}); mend an Einsum, or say computes = "own"'
            )


def error_against_attention(cascade: Cascade, scale: float) -> float:
    """Return the largest relative error of a cascade's last output against softmax(QK^T) V.

    The inputs are random numbers times `scale`: a softmax without its maximum overflows at 1000.
    The error is infinite where the output is no number.
    """
    extents = {rank: _SMALL.get(rank, 3 if rank[-1:].isdigit() else 5) for rank in cascade.ranks}
    random = np.random.default_rng(1)
    read = {t.name: t for each in cascade.einsums.values() for t in each.operands}
    given: dict[str, Float64s] = {}
    for name, called in cascade.inputs.items():
        size = scale if called in ("Q", "K") else 1.0
        shape = [extents[rank] if rank in read[name].ranks else 1 for rank in cascade.ranks]
        given[called] = random.normal(size=shape) * size
    run_inputs = {name: given[called] for name, called in cascade.inputs.items()}
    output = run(cascade, run_inputs, extents)[cascade.outputs[-1]]

    axes = {rank: axis for axis, rank in enumerate(cascade.ranks)}
    keys = tuple(axis for rank, axis in axes.items() if rank.rstrip("0123456789") == "M")
    with np.errstate(all="ignore"):
        scores = np.sum(given["Q"] * given["K"], axis=axes["E"], keepdims=True)
        weights = np.exp(scores - scores.max(axis=keys, keepdims=True))
        right = np.sum(weights * given["V"], axis=keys, keepdims=True) / np.sum(
            weights, axis=keys, keepdims=True
        )
        if output.shape != right.shape:
            return float("inf")
        error = np.max(np.abs(output - right) / (np.abs(right) + 1e-12))
    return float(error) if np.isfinite(error) else float("inf")
