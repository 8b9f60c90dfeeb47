"""Timeloop's problem, version 0.4: one dense Einsum and the extents of its ranks.

A coordinate of a tensor is one rank. A sum of ranks, as in a convolution, is one where all but one
of them have one step: they move no coordinate.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from evaluators.describe.cascade import Einsum, Tensor
from evaluators.engine.loopnest import check_countable
from evaluators.errors import InputError
from evaluators.safe_yaml import Node

MOST_NAMES = 64
"""Ranks of a problem, and its tensors."""
LARGEST_EXTENT = 2**31 - 1
"""The largest extent, and the largest coefficient, that Timeloop reads."""


@dataclass(frozen=True)
class Problem:
    """An Einsum, the extents of its ranks, and its tensors in the order in which they stand."""

    einsum: Einsum
    extents: dict[str, int]
    tensors: tuple[str, ...]


def read_problem(node: Node) -> Problem:
    """Read what stands under the key `problem`.

    Raises `InputError` for what is no dense problem of one output whose tensors have one rank a
    coordinate, sparse data, and more than 2^63 - 1 computes.
    """
    node.only("version", "shape", "instance")
    shape, instance = node.need("shape"), node.need("instance")
    shape.only("name", "dimensions", "data_spaces", "coefficients")
    if densities := instance.find("densities"):
        raise InputError(f"{densities.where}: densities are not supported; leave them out")
    ranks = _distinct(shape.need("dimensions"), shape.need("dimensions").entries())
    for rank in shape.need("dimensions").entries():
        if len(rank.text()) != 1:
            raise rank.wrong("one letter, as Timeloop reads names of dimensions")
    extents = {rank: instance.need(rank).integer() for rank in ranks}
    check_countable(extents, instance.where)
    for number in instance.table().values():  # those of other shapes, too, which it may serve
        if not number.empty:
            number.integer(least=0, most=LARGEST_EXTENT)
    coefficients = _coefficients(shape, instance)
    spaces = shape.need("data_spaces")
    names = _distinct(spaces, [space.need("name") for space in spaces.entries()])
    tensors = [_tensor(space, extents, coefficients) for space in spaces.entries()]
    written = [space.find("read_write") for space in spaces.entries()]
    outputs = [i for i, each in enumerate(written) if each and each.truth()]
    if len(outputs) != 1:
        raise InputError(
            f"{spaces.where}: {len(outputs)} of them are read_write; exactly one, the output, must "
            "be"
        )
    output = tensors.pop(outputs[0])
    name = shape.find("name")
    einsum = Einsum(name.text() if name else output.name, output, tuple(tensors), ranks)
    return Problem(einsum, extents, names)


def _coefficients(shape: Node, instance: Node) -> dict[str, int]:
    """Return the coefficients of projections, as strides, by name."""
    found = shape.find("coefficients")
    listed = found.entries() if found else []
    names = _distinct(found, [each.need("name") for each in listed]) if found else ()
    values = {}
    for name, each in zip(names, listed, strict=True):
        each.only("name", "default")
        values[name] = (instance.find(name) or each.need("default")).integer(most=LARGEST_EXTENT)
    return values


def _tensor(space: Node, extents: dict[str, int], coefficients: dict[str, int]) -> Tensor:
    """Read a tensor, without the ranks of one step: they move no coordinate."""
    space.only("name", "projection", "read_write")
    projection = space.need("projection")
    found = []
    for coordinate in projection.entries():
        terms = _terms(coordinate, coefficients)
        moving = [(rank, scale) for rank, scale in terms if extents[_known(rank, extents)] > 1]
        if len(moving) > 1 or any(scale != 1 for _, scale in moving):
            raise _not_one_rank(coordinate)
        found += [rank for rank, _ in moving]
    return Tensor(space.need("name").text(), _distinct(projection, found))


def _terms(coordinate: Node, coefficients: dict[str, int]) -> list[tuple[Node, int]]:
    """Read a coordinate, M or a sum of [M] and [M, COEFFICIENT], as ranks and coefficients."""
    if isinstance(coordinate.value, str):
        return [(coordinate, 1)]
    terms = []
    for term in coordinate.entries():
        rank, *scale = term.entries() or [term]
        names = [each.text() for each in scale]
        if len(names) > 1 or not set(names) <= set(coefficients):
            raise _not_one_rank(coordinate)
        terms.append((rank, coefficients[names[0]] if names else 1))
    return terms


def _not_one_rank(coordinate: Node) -> InputError:
    return InputError(
        f"{coordinate.where} has several ranks or a coefficient where more than one moves or it is "
        "not 1, which is not supported; write one rank a coordinate, as - - [M]"
    )


def _known(rank: Node, extents: dict[str, int]) -> str:
    if rank.text() not in extents:
        raise rank.wrong(f"one of the dimensions {', '.join(extents)}")
    return rank.text()


def _distinct(owner: Node, names: list[Node]) -> tuple[str, ...]:
    for name, times in Counter(each.text() for each in names).items():
        if times > 1:
            raise InputError(f"{owner.where}: {name} occurs {times} times; name it once")
    if len(names) > MOST_NAMES:
        raise InputError(f"{owner.where} has {len(names)} entries; {MOST_NAMES} are supported")
    return tuple(each.text() for each in names)
