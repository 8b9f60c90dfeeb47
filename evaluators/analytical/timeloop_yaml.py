"""Timeloop's input, version 0.4: a problem, an architecture and a mapping become a case to count.

The subset: one dense problem whose tensors have one rank a coordinate, perfect factors, and a whole
mapping. Reads the documents that users write and the flat file that Timeloop's front end makes of
them. What lies outside is refused in one sentence with file, line and key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.analytical.cases import Case, count_case
from evaluators.analytical.einsum import Einsum, Tensor
from evaluators.analytical.loopnest import LoopNest, check_countable
from evaluators.analytical.mapping import Level, Loop, Mapping
from evaluators.analytical.timeloop_architecture import Architecture, read_architecture
from evaluators.analytical.timeloop_mapping import MappedLevel, read_mapping
from evaluators.engine.columns import Factors
from evaluators.errors import InputError
from evaluators.safe_yaml import Node, read_yaml

MOST_NAMES = 64
"""Ranks of a problem, and its tensors."""

_PARTS = ("problem", "architecture", "mapping", "sparse_optimizations")
_CONSTRAINTS = ("constraints", "architecture_constraints", "mapspace_constraints")
_WITHOUT_PART = (
    *_CONSTRAINTS,
    "mapspace",
    "mapper",
    "components",
    "compound_components",
    "variables",
    "globals",
    "ERT",
    "ART",
    "dumped_by_timeloop_front_end",
)
"""Keys that say nothing about the counts of a mapping."""


@dataclass(frozen=True)
class TimeloopCase:
    """A loop nest and the chip it runs on.

    Attributes:
        case: the loop nest; its levels are the architecture's levels of storage.
        tensors: the names of the tensors in the problem's order.
        levels: what the mapping does at each level, outermost first.
        architecture: the chip.

    """

    case: Case
    tensors: tuple[str, ...]
    levels: tuple[MappedLevel, ...]
    architecture: Architecture


@dataclass(frozen=True)
class _Problem:
    """An Einsum, the extents of its ranks, and its tensors in the order in which they stand."""

    einsum: Einsum
    extents: dict[str, int]
    tensors: tuple[str, ...]


def read_case(paths: Sequence[Path]) -> TimeloopCase:
    """Read Timeloop's input from files, each of which holds some of the top-level keys.

    Raises `InputError` for what cannot be read, is not supported, does not multiply to the problem,
    uses more instances than there are, or does not fit a level.
    """
    files = ", ".join(str(path) for path in paths)
    top = _gathered(paths)
    for key in ("problem", "architecture"):
        if key not in top:
            raise InputError(f"{files}: '{key}' is missing; name the file that has it")
    sparse = top.get("sparse_optimizations")
    if sparse and _says_something(sparse):
        raise InputError(f"{sparse.where}: they are not supported; leave them out")
    if "mapping" not in top:
        raise InputError(_without_mapping(top, files))
    problem = _problem(top["problem"])
    architecture = read_architecture(top["architecture"])
    levels = read_mapping(top["mapping"], problem.einsum, problem.extents, architecture)
    case = _case(problem.einsum, architecture, levels)
    _check_sizes(case, architecture)
    return TimeloopCase(case, problem.tensors, levels, architecture)


def count(case: TimeloopCase, *, wrapped: bool) -> dict[str, Any]:
    """Count a case; see `count_case`."""
    counts = count_case(case.case, wrapped=wrapped)
    counts["levels"].pop(case.architecture.arithmetic.name, None)
    return counts


def _gathered(paths: Iterable[Path]) -> dict[str, Node]:
    """Return the top-level keys that say something, each from the one file that has it."""
    top: dict[str, Node] = {}
    for path in paths:
        document = read_yaml(path)
        document.only(*_PARTS, *_WITHOUT_PART)
        for key, node in document.table().items():
            if node.empty:
                continue
            if key in top and key not in _WITHOUT_PART:
                raise InputError(f"{node.where} is also at {top[key].where}; give it once")
            top[key] = node
    return top


def _without_mapping(top: dict[str, Node], files: str) -> str:
    for key in _CONSTRAINTS:
        if key in top and _says_something(top[key]):
            return (
                f"{top[key].where}: constraints for a mapper, and no mapping; give a mapping too, "
                "as the mapper's timeloop-mapper.map.yaml"
            )
    return f"{files}: 'mapping' is missing; name the file that has it"


def _says_something(node: Node) -> bool:
    table = node.table() if isinstance(node.value, dict) else {"": node}
    return any(not each.empty for key, each in table.items() if key != "version")


def _problem(node: Node) -> _Problem:
    node.only("version", "shape", "instance")
    shape, instance = node.need("shape"), node.need("instance")
    shape.only("name", "dimensions", "data_spaces", "coefficients")
    if densities := instance.find("densities"):
        raise InputError(f"{densities.where}: densities are not supported; leave them out")
    ranks = _distinct(shape.need("dimensions"), shape.need("dimensions").entries())
    extents = {rank: instance.need(rank).integer() for rank in ranks}
    check_countable(extents, instance.where)
    spaces = shape.need("data_spaces")
    names = _distinct(spaces, [space.need("name") for space in spaces.entries()])
    tensors = [_tensor(space, ranks) for space in spaces.entries()]
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
    return _Problem(einsum, extents, names)


def _tensor(space: Node, ranks: tuple[str, ...]) -> Tensor:
    space.only("name", "projection", "read_write")
    projection = space.need("projection")
    found: list[Node] = []
    for coordinate in projection.entries():
        terms = coordinate.entries()
        if len(terms) != 1 or len(terms[0].entries()) != 1:
            raise InputError(
                f"{coordinate.where} has several ranks or a coefficient, which is not supported; "
                "write one rank a coordinate, as - - [M]"
            )
        found += terms[0].entries()
    for rank in found:
        if rank.text() not in ranks:
            raise rank.wrong(f"one of the dimensions {', '.join(ranks)}")
    return Tensor(space.need("name").text(), _distinct(projection, found))


def _distinct(owner: Node, names: list[Node]) -> tuple[str, ...]:
    for name, times in Counter(each.text() for each in names).items():
        if times > 1:
            raise InputError(f"{owner.where}: {name} occurs {times} times; name it once")
    if len(names) > MOST_NAMES:
        raise InputError(f"{owner.where} has {len(names)} entries; {MOST_NAMES} are supported")
    return tuple(each.text() for each in names)


def _case(einsum: Einsum, architecture: Architecture, mapped: tuple[MappedLevel, ...]) -> Case:
    """Return the loop nest.

    Timeloop counts a tensor of which several units of the arithmetic below the innermost level
    share words as if a unit held its word: it is read anew only when one of its ranks moves on.
    """
    levels = []
    factors: dict[str, int] = {}
    for i, (storage, level) in enumerate(zip(architecture.storages, mapped, strict=True)):
        loops = tuple(Loop(rank, f"{i} {rank}") for rank, _ in level.loops)
        spatial = tuple(Loop(loop.rank, f"{i} {loop.rank} spatial") for loop in level.spatial)
        trips = [factor for _, factor in level.loops] + [loop.factor for loop in level.spatial]
        names = [loop.factor for loop in (*loops, *spatial)]
        factors |= zip(names, trips, strict=True)
        levels.append(Level(storage.name, loops, spatial, level.keep))
    unrolled = {loop.rank for loop in levels[-1].spatial}
    shared = [tensor.name for tensor in einsum.tensors if unrolled - set(tensor.ranks)]
    if shared:
        levels.append(Level(architecture.arithmetic.name, keep=frozenset(shared)))
    return Case(einsum.name, Mapping(einsum, tuple(levels)), factors)


def _check_sizes(case: Case, architecture: Architecture) -> None:
    nest = LoopNest(case.mapping, Factors(case.factors), wrapped=False)
    for storage, level in zip(architecture.storages, case.mapping.levels, strict=False):
        words = sum(nest.size(level.name, tensor) for tensor in level.keep)
        if storage.words is not None and words > storage.words:
            raise InputError(
                f"{storage.where}: {storage.name} holds {storage.words} words, its tiles in the "
                f"mapping have {words}; choose smaller factors or a larger level"
            )
