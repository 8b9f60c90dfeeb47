"""Timeloop's mapping, version 0.4: directives for the levels of an architecture.

Their meaning is that of Timeloop's `mapping/parser.cpp`: permutations name the innermost loop
first, a rank that one lacks is outside the others, a factor that is not given is 1, factor 0 is the
whole rank, and a level holds every tensor that it does not bypass.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import prod

from evaluators.describe.cascade import Einsum
from evaluators.errors import InputError, shown
from evaluators.formats.timeloop_architecture import Architecture
from evaluators.formats.timeloop_components import Arithmetic, Mesh, Storage
from evaluators.safe_yaml import Node

_TYPES = {
    "temporal": "temporal",
    "spatial": "spatial",
    "dataspace": "dataspace",
    "datatype": "dataspace",
    "bypass": "dataspace",
}
_FLAT_TYPES = ("temporal", "spatial", "datatype", "bypass")
"""What Timeloop itself reads; its front end turns 'dataspace' into 'bypass'."""
_KEYS = {
    "temporal": ("factors", "permutation"),
    "spatial": ("factors", "permutation", "split"),
    "dataspace": ("keep", "bypass"),
}
_UNSUPPORTED = (
    "no_reuse",
    "no_temporal_reuse",
    "no_link_transfer",
    "rmw_first_update",
    "no_coalesce",
    "default_max_factor",
    "default_min_factor",
    "remainders",
)
"""Keys that change what is counted where they say something."""
_FACTOR = re.compile(r"\s*([A-Za-z]+)\s*=*\s*([0-9]{1,10})\s*,?")
_LARGEST_FACTOR = 2**31 - 1


@dataclass(frozen=True)
class SpatialLoop:
    """A loop over instances along a side, 'X' or 'Y'."""

    rank: str
    factor: int
    side: str


@dataclass(frozen=True)
class MappedLevel:
    """What a mapping does at a level of storage; loops of factor 1 are left out.

    Attributes:
        loops: its temporal loops as (rank, factor), outermost first.
        spatial: the loops below it, outermost first.
        keep: the tensors it holds.

    """

    loops: tuple[tuple[str, int], ...]
    spatial: tuple[SpatialLoop, ...]
    keep: frozenset[str]


def read_mapping(
    node: Node, einsum: Einsum, extents: dict[str, int], architecture: Architecture
) -> tuple[MappedLevel, ...]:
    """Read what stands under the key `mapping`: what it does at each level, outermost first.

    Raises `InputError` for directives that are not supported, factors that do not multiply to the
    extents, loops over more instances than there are, and a tensor that no level holds.
    """
    directives = _directives(node, architecture)
    tensors = frozenset(tensor.name for tensor in einsum.tensors)
    levels = []
    for i, storage in enumerate(architecture.storages):
        temporal, _ = _loops(directives.get(("temporal", i)), extents, flat=architecture.flat)
        spatial, split = _loops(directives.get(("spatial", i)), extents, flat=architecture.flat)
        sided = [
            SpatialLoop(rank, factor, "X" if position < split else "Y")
            for position, (rank, factor) in enumerate(spatial)
            if factor > 1
        ]
        levels.append(
            MappedLevel(
                tuple((rank, factor) for rank, factor in reversed(temporal) if factor > 1),
                tuple(reversed(sided)),
                _held(directives.get(("dataspace", i)), tensors, unsaid=storage.keeps),
            )
        )
    _check_factors(node, levels, extents)
    _check_meshes(node, levels, architecture)
    _check_homes(node, levels, tensors, architecture)
    return tuple(levels)


def _directives(mapping: Node, architecture: Architecture) -> dict[tuple[str, int], Node]:
    """Return the directives by type and position of their level."""
    levels = {storage.name: i for i, storage in enumerate(architecture.storages)}
    directives: dict[tuple[str, int], Node] = {}
    for directive in mapping.entries():
        kind, target = directive.need("type"), directive.need("target")
        types = _FLAT_TYPES if architecture.flat else tuple(_TYPES)
        if kind.value not in types:
            raise kind.wrong(f"one of {', '.join(types)}")
        name = _TYPES[kind.text()]
        directive.only("target", "type", *_KEYS[name], *_UNSUPPORTED)
        for key in _UNSUPPORTED:
            if stated := directive.find(key):
                raise InputError(f"{stated.where}: this key is not supported here; leave it out")
        positions = architecture.fanouts if name == "spatial" else levels
        if target.text() not in positions:
            raise target.wrong(f"a {name} target: {', '.join(positions) or 'there is none'}")
        place = (name, positions[target.text()])
        if place in directives:
            raise InputError(f"{target.where}: a second {name} directive for it; write one")
        directives[place] = directive
    return directives


def _loops(
    directive: Node | None, extents: dict[str, int], *, flat: bool
) -> tuple[list[tuple[str, int]], int]:
    """Return loops as (rank, factor), innermost first, and how many of them run along X."""
    if directive is None:
        return [], 0
    factors, permutation = directive.find("factors"), directive.find("permutation")
    given = _factors(factors, extents, flat=flat) if factors else {}
    order = _order(permutation, extents, flat=flat) if permutation else []
    if not flat:
        # Timeloop's front end puts ranks of one step that the order lacks inside the others, one
        # after the other, which counts for the split.
        for single in (given, extents):
            for rank, steps in single.items():
                if steps == 1 and rank not in order:
                    order.insert(0, rank)
    order += [rank for rank in extents if rank not in order]
    split = directive.find("split")
    along_x = split.integer(least=0) if split else len(order)
    return [(rank, given.get(rank, 1)) for rank in order], along_x


def _factors(node: Node, extents: dict[str, int], *, flat: bool) -> dict[str, int]:
    """Read 'M=4,N=8', 'M4 N8' or, but in a flat file, a list of such; '#' starts a comment."""
    listed = isinstance(node.value, list) and not flat
    texts = [each.text() for each in node.entries()] if listed else [node.text()]
    factors: dict[str, int] = {}
    for text in texts:
        told, start = text.partition("#")[0].rstrip(), 0
        while start < len(told):
            match = _FACTOR.match(told, start)
            rank, factor = (match[1], int(match[2])) if match else ("", 0)
            if not match or rank not in extents or rank in factors or factor > _LARGEST_FACTOR:
                raise InputError(
                    f"{node.where}: '{shown(text)}' is no perfect factor of another rank; "
                    f"write RANK=NUMBER once for ranks of {', '.join(extents)}, without remainder "
                    "or bound"
                )
            factors[rank] = factor or extents[rank]
            start = match.end()
    return factors


def _order(node: Node, extents: dict[str, int], *, flat: bool) -> list[str]:
    """Read an order: letters as 'MN' or, but in a flat file, a list or 'M,N'."""
    if isinstance(node.value, list) and not flat:
        order = [entry.text() for entry in node.entries()]
    elif "," in node.text() and not flat:
        order = [rank.strip() for rank in node.text().split(",")]
    else:
        order = list("".join(node.text().split()))
    if not set(order) <= set(extents) or len(set(order)) != len(order):
        raise InputError(
            f"{node.where}: a rank is unknown or there twice; order {', '.join(extents)}, the "
            "innermost first"
        )
    return order


def _held(directive: Node | None, tensors: frozenset[str], *, unsaid: bool) -> frozenset[str]:
    """Return the tensors that a level holds; `unsaid`: those of which nothing is said."""
    keep = _named(directive, "keep", tensors)
    bypass = _named(directive, "bypass", tensors)
    if directive and keep & bypass:
        raise InputError(
            f"{directive.need('bypass').where}: {', '.join(sorted(keep & bypass))} is also in "
            "keep; name it in one of them"
        )
    return tensors - bypass if unsaid else keep


def _named(directive: Node | None, key: str, tensors: frozenset[str]) -> frozenset[str]:
    found = directive.find(key) if directive else None
    entries = found.entries() if found else []
    for entry in entries:
        if entry.text() not in tensors:
            raise entry.wrong(f"a data space: {', '.join(sorted(tensors))}")
    return frozenset(entry.text() for entry in entries)


def _check_factors(mapping: Node, levels: list[MappedLevel], extents: dict[str, int]) -> None:
    loops = [loop for level in levels for loop in level.loops]
    loops += [(loop.rank, loop.factor) for level in levels for loop in level.spatial]
    for rank, extent in extents.items():
        product = prod(factor for each, factor in loops if each == rank)
        if product != extent:
            raise InputError(
                f"{mapping.where}: the factors of {rank} multiply to {shown(str(product))}; they "
                f"must multiply to its extent, {extent}"
            )


def _check_meshes(mapping: Node, levels: list[MappedLevel], architecture: Architecture) -> None:
    """Check that the loops above a level use no more of it than there is along X and Y."""
    used: Mesh = (1, 1)
    below: list[Storage | Arithmetic] = [*architecture.storages[1:], architecture.arithmetic]
    for level, inner in zip(levels, below, strict=True):
        x, y = (prod(loop.factor for loop in level.spatial if loop.side == side) for side in "XY")
        used = (used[0] * x, used[1] * y)
        if used[0] > inner.mesh[0] or used[1] > inner.mesh[1]:
            raise InputError(
                f"{mapping.where}: its spatial factors use {used[0]} x {used[1]} instances of "
                f"{inner.name}; there are {inner.mesh[0]} x {inner.mesh[1]}"
            )


def _check_homes(
    mapping: Node, levels: list[MappedLevel], tensors: frozenset[str], architecture: Architecture
) -> None:
    homes = Counter(name for level in levels for name in level.keep)
    for name in sorted(tensors):
        if not homes[name]:
            raise InputError(f"{mapping.where}: no level holds {name}; name it in the keep of one")
    beside: dict[int, list[str]] = {}
    for storage, level in zip(architecture.storages, levels, strict=True):
        beside.setdefault(storage.parallel, []).extend(level.keep)
    for parallel, held in beside.items():
        for name in sorted(tensors):
            if parallel and held.count(name) != 1:
                raise InputError(
                    f"{mapping.where}: {held.count(name)} levels below one !Parallel hold {name}; "
                    "name it in the keep of exactly one"
                )
