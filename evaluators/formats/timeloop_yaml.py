"""Timeloop's input, version 0.4: a problem, an architecture and a mapping become a case to count.

The subset: one dense problem whose tensors have one rank a coordinate, perfect factors, and a whole
mapping. Reads the documents that users write and the flat file that Timeloop's front end makes of
them. What lies outside is refused in one sentence with file, line and key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluators.describe.cascade import Einsum
from evaluators.describe.mapping import Level, Loop, Mapping
from evaluators.engine.columns import Factors
from evaluators.engine.links import words_at_rest
from evaluators.engine.loopnest import LoopNest
from evaluators.engine.throttling import Throttle, throttle
from evaluators.errors import InputError, shown
from evaluators.formats.cases import Case, count_case
from evaluators.formats.timeloop_architecture import Architecture, read_architecture
from evaluators.formats.timeloop_mapping import MappedLevel, read_mapping
from evaluators.formats.timeloop_problem import read_problem
from evaluators.safe_yaml import MOST_NODES, Node, read_yaml

MOST_FILES = 100

_PARTS = ("problem", "architecture", "mapping", "sparse_optimizations")
_CONSTRAINTS = "constraints"
_FAMILIES = ("components", _CONSTRAINTS, "mapping", "globals")
"""A key that contains one of these is it: Timeloop's front end reads prefixes and suffixes."""
_WITHOUT_PART = (
    "mapspace",
    "mapper",
    "variables",
    "ERT",
    "ART",
    "dumped_by_timeloop_front_end",
)
"""Keys that say nothing about the counts of a mapping."""
_ALIASES = {"arch": "architecture"}
_VERSION = "0.4"
_FLAT_VERSIONS = ("0.2", "0.3", "0.4")
_HYPHENATED = (
    "action_optimization addr_gen_energy block_size cluster_area cluster_size data_spaces "
    "metadata_word_bits min_utilization multiple_buffering network_word_bits num_banks num_ports "
    "payload_word_bits read_write vector_access_energy word_bits"
)
_SPELLINGS = {name.replace("_", "-"): name for name in _HYPHENATED.split()}
"""Keys with hyphens as Timeloop rewrites them, of those that a problem or a chip may have."""


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
class _Part:
    """A top-level key as it is written, and what stands there."""

    key: str
    node: Node


def read_case(paths: Sequence[Path]) -> TimeloopCase:
    """Read Timeloop's input from files, each of which holds some of the top-level keys.

    Raises `InputError` for what cannot be read, is not supported, does not multiply to the problem,
    uses more instances than there are, or does not fit a level.
    """
    if len(paths) > MOST_FILES:
        raise InputError(f"{len(paths)} files; name {MOST_FILES} at most")
    files = ", ".join(shown(path) for path in paths[:5])
    top = _gathered(paths)
    for key in ("problem", "architecture"):
        if key not in top:
            raise InputError(f"{files}: '{key}' is missing; name the file that has it")
    for part in top.get("sparse_optimizations", []):
        if _says_something(part.node):
            raise InputError(f"{part.node.where}: they are not supported; leave them out")
    if "mapping" not in top:
        raise InputError(_without_mapping(top, files))
    architecture = read_architecture(top["architecture"][0].node)
    _check_form(top, flat=architecture.flat)
    problem = read_problem(top["problem"][0].node)
    mapping = _joined([part.node for part in top["mapping"]])
    levels = read_mapping(mapping, problem.einsum, problem.extents, architecture)
    case = _case(problem.einsum, architecture, levels)
    _check_sizes(case, architecture)
    _check_scales(architecture, problem.tensors)
    return TimeloopCase(case, problem.tensors, levels, architecture)


def count(case: TimeloopCase, *, wrapped: bool) -> dict[str, Any]:
    """Count a case; see `count_case`. Its cycles are the chip's, bandwidths and latencies counted.

    Raises `InputError` where a bandwidth makes it take more than 2^63 - 1 cycles.
    """
    counts = count_case(case.case, wrapped=wrapped)
    storages = case.architecture.storages
    slowest = max(each.cycles for each in throttles(case, counts).values())
    latency = sum(storage.bandwidth.latency_cycles for storage in storages)
    return counts | {"cycles": slowest + latency}


def throttles(case: TimeloopCase, counts: dict[str, Any]) -> dict[str, Throttle]:
    """Return how long each level of storage takes, by name; for `counts` see `count`."""
    cycles = compute_cycles(counts)
    return {
        storage.name: throttle(
            storage, counts["levels"].get(storage.name, {}), case.tensors, cycles
        )
        for storage in case.architecture.storages
    }


def compute_cycles(counts: dict[str, Any]) -> int:
    """Return the cycles of the arithmetic; for `counts` see `count`."""
    return int(counts["computes"] // counts["utilized_instances"])


def _gathered(paths: Iterable[Path]) -> dict[str, list[_Part]]:
    """Return the top-level keys that say something, by what they mean."""
    top: dict[str, list[_Part]] = {}
    nodes = 0
    for path in paths:
        document = read_yaml(path, _SPELLINGS)
        nodes += document.weight
        if nodes > MOST_NODES:
            raise InputError(f"{shown(path)}: more than {MOST_NODES} values in all; name less")
        for key, node in document.table().items():
            name = _top_level(key)
            if name is None:
                raise InputError(
                    f"{node.where}: this key is not supported; supported are "
                    f"{', '.join(dict.fromkeys((*_PARTS, *_WITHOUT_PART, *_FAMILIES)))}"
                )
            if node.empty or "ignore" in key:
                continue
            before = top.setdefault(name, [])
            if before and name in _PARTS and name not in _FAMILIES:
                raise InputError(f"{node.where} is also at {before[0].node.where}; give it once")
            before.append(_Part(key, node))
    return top


def _top_level(key: str) -> str | None:
    """Return what a top-level key means; None for an unknown one."""
    if key in (*_PARTS, *_WITHOUT_PART) or "ignore" in key:
        return key
    return _ALIASES.get(key) or next((name for name in _FAMILIES if name in key), None)


def _joined(mappings: list[Node]) -> Node:
    """Return one mapping of its parts, as 'mapping' and 'mapping_of_arrays'."""
    if len(mappings) == 1:
        return mappings[0]
    return replace(mappings[0], value=[entry for each in mappings for entry in each.entries()])


def _check_form(top: dict[str, list[_Part]], *, flat: bool) -> None:
    """Check what differs between the documents that users write and a flat file."""
    versions = _FLAT_VERSIONS if flat else (_VERSION,)
    for name, parts in top.items():
        for part in parts:
            node = part.node
            version = node.find("version") if isinstance(node.value, dict) else None
            if version and version.value not in versions:
                raise version.wrong(f"{_VERSION}, the version that Timeloop's front end reads")
            if name == _CONSTRAINTS and not flat and _says_something(node):
                raise InputError(
                    f"{node.where}: Timeloop's front end joins constraints to the mapping; state "
                    "all of it in the mapping and leave them out"
                )
    mappings = top["mapping"]
    if flat and (len(mappings) > 1 or mappings[0].key != "mapping"):
        raise InputError(
            f"{mappings[-1].node.where}: with a flat architecture Timeloop reads one key 'mapping' "
            "alone; write it all there"
        )


def _without_mapping(top: dict[str, list[_Part]], files: str) -> str:
    for part in top.get(_CONSTRAINTS, []):
        if _says_something(part.node):
            return (
                f"{part.node.where}: constraints for a mapper, and no mapping; give a mapping too, "
                "as the mapper's timeloop-mapper.map.yaml"
            )
    return f"{files}: 'mapping' is missing; name the file that has it"


def _says_something(node: Node) -> bool:
    table = node.table() if isinstance(node.value, dict) else {"": node}
    return any(not each.empty for key, each in table.items() if key != "version")


def _case(einsum: Einsum, architecture: Architecture, mapped: tuple[MappedLevel, ...]) -> Case:
    """Return the loop nest."""
    levels = []
    factors: dict[str, int] = {}
    for i, (storage, level) in enumerate(zip(architecture.storages, mapped, strict=True)):
        loops = tuple(Loop(rank, f"{i} {rank}") for rank, _ in level.loops)
        spatial = tuple(Loop(loop.rank, f"{i} {loop.rank} spatial") for loop in level.spatial)
        trips = [factor for _, factor in level.loops] + [loop.factor for loop in level.spatial]
        names = [loop.factor for loop in (*loops, *spatial)]
        factors |= zip(names, trips, strict=True)
        levels.append(Level(storage.name, loops, spatial, level.keep))
    at_rest = _words_at_rest(einsum, architecture, mapped[-1])
    return Case(einsum.name, Mapping(einsum, tuple(levels)), factors, at_rest)


def _words_at_rest(
    einsum: Einsum, architecture: Architecture, innermost: MappedLevel
) -> dict[str, int]:
    """Return what the units below the innermost level read of each tensor that rests."""
    columns = architecture.arithmetic.mesh[0] // architecture.storages[-1].mesh[0]

    def along(side: str, ranks: tuple[str, ...]) -> list[tuple[bool, int]]:
        loops = [loop for loop in innermost.spatial if loop.side == side]
        return [(loop.rank in ranks, loop.factor) for loop in loops]

    return {
        tensor.name: words_at_rest(along("X", tensor.ranks), along("Y", tensor.ranks), columns)
        for tensor in einsum.tensors
    }


def _check_scales(architecture: Architecture, tensors: tuple[str, ...]) -> None:
    for storage in architecture.storages:
        for name in storage.bandwidth.scales:
            if name not in tensors:
                raise InputError(
                    f"{storage.where}: bandwidth of {storage.name} is scaled for {shown(name)}, "
                    f"which is no data space: {', '.join(tensors)}"
                )


def _check_sizes(case: Case, architecture: Architecture) -> None:
    nest = LoopNest(case.mapping, Factors(case.factors), wrapped=False)
    for storage, level in zip(architecture.storages, case.mapping.levels, strict=True):
        words, most = (
            sum(nest.size(level.name, tensor) for tensor in level.keep),
            storage.effective_words,
        )
        if most is not None and words > most:
            raise InputError(
                f"{storage.where}: {storage.name} holds {most} words, its tiles in the mapping "
                f"have {words}; choose smaller factors or a larger level"
            )
        if most is not None and words < most * storage.least_used:
            raise InputError(
                f"{storage.where}: the tiles of {storage.name} in the mapping have {words} words, "
                f"less than its min_utilization of {storage.least_used} of {most}; choose larger "
                "factors or a smaller level"
            )
