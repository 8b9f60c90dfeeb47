"""Loop-nest cases from outside: one Einsum's loop nest with its factors as a line of JSON.

A case has an id, the extents of its ranks, its tensors, the sides of the physical array, its levels
from outermost to innermost, and for each level the loops, INNERMOST first, and the tensors kept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sized
from dataclasses import asdict, dataclass, field, replace
from math import prod
from typing import Any, TypeVar

from evaluators.describe.cascade import Einsum, Tensor
from evaluators.describe.mapping import Level, Loop, Mapping
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LARGEST_COUNT, LoopNest
from evaluators.errors import InputError, shown

_T = TypeVar("_T")
_C = TypeVar("_C", bound=Sized)

MOST_NAMES = 64
"""Ranks of a case, its tensors and its levels."""
LONGEST_NAME = 200

_KINDS: dict[type, str] = {
    str: f"a printable string of at most {LONGEST_NAME} characters",
    int: "an integer",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True)
class Case:
    """One loop nest and the factors of its loops.

    Attributes:
        id: what its author calls it.
        mapping: the loop nest.
        factors: the mapping's factor names -> trip counts.
        at_rest: words that units below the innermost level read of a tensor that rests; see
            `LoopNest`.

    """

    id: str
    mapping: Mapping
    factors: dict[str, int]
    at_rest: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Target:
    """One target of a case's mapping; loops are (rank, trip count), outermost first."""

    name: str
    spatial: bool
    loops: tuple[tuple[str, int], ...]
    keep: tuple[str, ...]


def parse_case(text: str, where: str) -> Case:
    """Read a case from one line of JSON; keys that a case does not have are ignored.

    Args:
        text: the line, with the keys id, ranks, tensors, array, levels and mapping.
        where: what an error calls the line, as 'cases.jsonl line 3'.

    Raises:
        InputError: for anything that is not a loop nest of perfect factors, of at most 2^63 - 1
            computes, on the levels and the array that the case names.

    """
    case = _json_object(text, where)
    extents = _extents(case, where)
    einsum = _einsum(case, extents, where)
    targets = _targets(case, einsum, where)
    _check_order(case, targets, where)
    _check_factors(extents, targets, where)
    _check_sides(case, targets, where)
    _check_homes(einsum, targets, where)
    levels, factors = _levels(targets)
    return Case(_get(case, "id", str, where), Mapping(einsum, levels), factors)


def count_case(case: Case, *, wrapped: bool) -> dict[str, Any]:
    """Count a case: words per instance by level and tensor, instances, computes and cycles.

    Args:
        case: what to count.
        wrapped: partitions as Timeloop prints them, modulo 2^64, instead of the true ones.

    """
    nest = LoopNest(case.mapping, Factors(case.factors), wrapped=wrapped, at_rest=case.at_rest)
    return {
        "levels": {
            level.name: {
                tensor.name: asdict(nest.counts(level.name, tensor.name))
                for tensor in case.mapping.einsum.tensors
                if tensor.name in level.keep
            }
            for level in case.mapping.levels
            if level.keep
        },
        "utilized_instances": nest.instances,
        "computes": nest.cycles * nest.instances,
        "cycles": nest.cycles,
    }


def _json_object(text: str, where: str) -> dict[str, Any]:
    def no_number(name: str) -> Any:
        raise InputError(f"{where}: {name} is no number of JSON; write digits")

    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, where),
            parse_constant=no_number,
        )
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError(f"{where}: not JSON; write one JSON object a line, a whole case") from None
    return _typed(value, dict, f"{where}: the case")


def _object(pairs: list[tuple[str, Any]], where: str) -> dict[str, Any]:
    _unique([key for key, _ in pairs], "key", where)
    return dict(pairs)


def _extents(case: dict[str, Any], where: str) -> dict[str, int]:
    extents = {}
    computes = 1
    for rank, extent in _get(case, "ranks", dict, where).items():
        _typed(rank, str, f"{where}: a rank")
        extents[rank] = _positive(extent, f"{where}: extent of rank {rank}")
        computes *= extents[rank]
        if computes > LARGEST_COUNT:
            raise InputError(
                f"{where}: the extents of its ranks multiply to more than 2^63 - 1 computes, the "
                "largest count that is exact; shrink a rank"
            )
    return _bounded(extents, f"{where}: ranks")


def _einsum(case: dict[str, Any], extents: dict[str, int], where: str) -> Einsum:
    tensors, outputs = [], []
    entries = _bounded(_get(case, "tensors", list, where), f"{where}: tensors")
    for i, entry in enumerate(entries, start=1):
        described = _typed(entry, dict, f"{where}: tensor {i}")
        name = _get(described, "name", str, f"{where}: tensor {i}")
        ranks = _names(described, "ranks", extents, f"{where}: tensor {name}")
        tensors.append(Tensor(name, ranks))
        if _typed(described.get("output", False), bool, f"{where}: output of tensor {name}"):
            outputs.append(tensors[-1])
    _unique([tensor.name for tensor in tensors], "tensor", where)
    if len(outputs) != 1:
        found = ", ".join(tensor.name for tensor in outputs) or "none"
        raise InputError(
            f"{where}: output tensors: {found}; give exactly one tensor 'output': true"
        )
    operands = tuple(tensor for tensor in tensors if tensor is not outputs[0])
    return Einsum(outputs[0].name, outputs[0], operands, tuple(extents))


def _targets(case: dict[str, Any], einsum: Einsum, where: str) -> list[_Target]:
    entries = _bounded(_get(case, "mapping", list, where), f"{where}: mapping")
    return [
        _target(_typed(entry, dict, f"{where}: an entry of the mapping"), einsum, where)
        for entry in entries
    ]


def _target(entry: dict[str, Any], einsum: Einsum, where: str) -> _Target:
    name = _get(entry, "target", str, f"{where}: an entry of the mapping")
    where = f"{where}: {name}"
    kind = _get(entry, "type", str, where)
    if kind not in ("temporal", "spatial"):
        raise InputError(f"{where}: type is {_shown(kind)}; it must be temporal or spatial")
    spatial = kind == "spatial"
    if spatial and entry.get("keep"):
        raise InputError(f"{where}: a spatial target holds no tensor; drop its keep")
    loops = [_loop(loop, where) for loop in _get(entry, "loops", list, where)]
    _known_once([rank for rank, _ in loops], "rank", einsum.ranks, f"{where} loops")
    tensors = [tensor.name for tensor in einsum.tensors]
    keep = () if spatial else _names(entry, "keep", tensors, where)
    return _Target(name, spatial, tuple(reversed(loops)), keep)


def _loop(value: object, where: str) -> tuple[str, int]:
    loop: list[Any] = _typed(value, list, f"{where}: a loop")
    if len(loop) != 2:
        raise InputError(f"{where}: a loop has {len(loop)} entries; write [rank, factor]")
    rank = _typed(loop[0], str, f"{where}: the rank of a loop")
    return rank, _positive(loop[1], f"{where}: factor of {rank}")


def _check_order(case: dict[str, Any], targets: list[_Target], where: str) -> None:
    levels = [_typed(name, str, f"{where}: a level") for name in _get(case, "levels", list, where)]
    _unique(levels, "level", where)
    mapped = [target.name for target in targets]
    if mapped != levels:
        raise InputError(
            f"{where}: the mapping's targets are {_listed(mapped)}; they must be the levels in "
            f"order, {_listed(levels)}"
        )
    for end, side in ((0, "outermost"), (-1, "innermost")):
        if not targets or targets[end].spatial:
            found = f"{targets[end].name}, spatial" if targets else "missing"
            raise InputError(f"{where}: the {side} level is {found}; it must be temporal")


def _check_factors(extents: dict[str, int], targets: list[_Target], where: str) -> None:
    for rank, extent in extents.items():
        factors = [factor for target in targets for each, factor in target.loops if each == rank]
        if prod(factors) != extent:
            product = "*".join(str(factor) for factor in factors if factor > 1) or "1"
            raise InputError(
                f"{where}: the factors of {rank} multiply to {shown(product)}; they must "
                f"multiply to its extent, {extent}"
            )


def _check_sides(case: dict[str, Any], targets: list[_Target], where: str) -> None:
    array = _get(case, "array", dict, where)
    sides = {name: _positive(side, f"{where}: array side {name}") for name, side in array.items()}
    spatial = [target for target in targets if target.spatial]
    for target in spatial:
        used = prod(factor for _, factor in target.loops)
        if target.name not in sides:
            raise InputError(
                f"{where}: spatial target {target.name} is no side of the array; known are "
                f"{_listed(sides)}"
            )
        if used > sides[target.name]:
            raise InputError(
                f"{where}: the spatial factors of {target.name} multiply to {used}; the array has "
                f"{sides[target.name]} along it, so they may use that many at most"
            )


def _check_homes(einsum: Einsum, targets: list[_Target], where: str) -> None:
    kept = {name for target in targets for name in target.keep}
    for tensor in einsum.tensors:
        if tensor.name not in kept:
            raise InputError(
                f"{where}: tensor {tensor.name} is kept nowhere; name it in the keep of a level"
            )


def _levels(targets: list[_Target]) -> tuple[tuple[Level, ...], dict[str, int]]:
    """Return the levels of storage, each with the spatial loops below it, and the factors."""
    levels: list[Level] = []
    factors: dict[str, int] = {}
    for i, target in enumerate(targets):
        moving = [(rank, factor) for rank, factor in target.loops if factor > 1]
        loops = tuple(Loop(rank, f"{i} {rank}") for rank, _ in moving)
        factors |= {f"{i} {rank}": factor for rank, factor in moving}
        if target.spatial:
            levels[-1] = replace(levels[-1], spatial=levels[-1].spatial + loops)
        else:
            levels.append(Level(target.name, loops=loops, keep=frozenset(target.keep)))
    return tuple(levels), factors


def _get(record: dict[str, Any], key: str, kind: type[_T], where: str) -> _T:
    """Return what a record has under a key, which must be there and of that type."""
    if key not in record:
        raise InputError(f"{where}: '{key}' is missing; it must be {_KINDS[kind]}")
    return _typed(record[key], kind, f"{where}: {key}")


def _typed(value: object, kind: type[_T], where: str) -> _T:
    plain = isinstance(value, bool) == (kind is bool)
    legible = not isinstance(value, str) or (0 < len(value) <= LONGEST_NAME and value.isprintable())
    if isinstance(value, kind) and plain and legible:
        return value
    raise InputError(f"{where} is {_shown(value)}; it must be {_KINDS[kind]}")


def _positive(value: object, where: str) -> int:
    number = _typed(value, int, where)
    if not 1 <= number <= LARGEST_COUNT:
        raise InputError(f"{where} is {_shown(number)}; it must be 1 or more, below 2^63")
    return number


def _names(record: dict[str, Any], key: str, known: Collection[str], where: str) -> tuple[str, ...]:
    """Return a list of names, each known and there once."""
    names = [
        _typed(name, str, f"{where}: a name in {key}") for name in _get(record, key, list, where)
    ]
    _known_once(names, "name", known, f"{where} {key}")
    return tuple(names)


def _known_once(names: list[str], what: str, known: Collection[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{where}: {what} {name} is unknown; known are {_listed(known)}")
    _unique(names, what, where)


def _unique(names: list[str], what: str, where: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InputError(f"{where}: {what} {shown(name)} occurs {times} times; name it once")


def _bounded(container: _C, where: str) -> _C:
    if len(container) > MOST_NAMES:
        raise InputError(f"{where}: {len(container)} entries; {MOST_NAMES} are supported")
    return container


def _listed(names: Collection[str]) -> str:
    return shown(", ".join(names), 200) or "none"


def _shown(value: object) -> str:
    """Write a JSON value for a sentence: a list or an object by its kind alone."""
    if isinstance(value, (list, dict)):
        return _KINDS[type(value)]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_COUNT:
        return "an integer beyond 2^63"
    return shown(json.dumps(value))
