"""Timeloop's own search for the mappings that the paper leaves to it.

The search is `timeloop-mapper`'s, with the artifact's settings: hybrid, in four threads, for the
least energy-delay product under 16 nm tables, until 100 mappings in a row are no better
(docs/model/mappings.md#the-mapper). It is no enumeration: two runs may find different mappings, and
none need be the best. What it finds is the binding of the design, which is then counted like any
other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.analytical.configurations import Configuration
from evaluators.analytical.linear import layers
from evaluators.analytical.mappings import LINEAR_MAPPING, UNFUSED_ORDERS
from evaluators.analytical.unfused import mapping_columns
from evaluators.design import Designs
from evaluators.errors import EvaluationError
from evaluators.timeloop import chip as chips
from evaluators.timeloop import inputs
from evaluators.timeloop.compounds import search_components
from evaluators.timeloop.inputs import Entry, Request
from evaluators.timeloop.nodes import VERSION
from evaluators.timeloop.text import as_yaml
from evaluators.workloads.workload import Workload

SEARCHED = ("unfused", "linear_flat", "linear_fusemax")
"""The configurations of which Timeloop's mapper maps some Einsums."""

_SETTINGS: Entry = {
    "version": VERSION,
    "optimization_metrics": ["edp"],
    "algorithm": "hybrid",
    "num_threads": 4,
    "victory_condition": 100,
    "timeout": 10000,
    "max_permutations_per_if_visit": 16,
    "live_status": False,
}
_FACTOR = re.compile(r"([A-Z])=?(\d+)")

Search = Callable[[Request], str]
"""Runs the mapper on a loop nest and returns the mapping that it wrote, as YAML text."""


@dataclass(frozen=True)
class Found:
    """A mapping that Timeloop found.

    Attributes:
        factors: level -> rank -> trip count of its temporal loops.
        loops: level -> ranks of its temporal loops, outermost first.
        keep: level -> the tensors it holds.

    """

    factors: dict[str, dict[str, int]]
    loops: dict[str, list[str]]
    keep: dict[str, set[str]]


def searched_binding(
    config: Configuration,
    workload: Workload,
    design: Designs,
    accounting: Accounting,
    search: Search,
) -> dict[str, NDArray[np.int64]]:
    """Return the binding of a resolved design, a batch of one, that Timeloop's mapper finds.

    Args:
        config: one of `SEARCHED`.
        workload: what the design runs.
        design: with any mapping, which tells the extents and the array.
        accounting: how the design is evaluated.
        search: runs the mapper.

    Raises:
        EvaluationError: a search failed, or its mapping cannot be read.

    """
    chosen: dict[str, int] = {}
    for request in inputs.requests(config, workload, design, accounting):
        einsum = request.mapping.einsum.name
        if einsum in UNFUSED_ORDERS:
            chosen |= _attention(einsum, parse_mapping(search(request)))
        elif request.mapping == LINEAR_MAPPING:
            found = parse_mapping(search(request))
            chosen |= _layers(workload, inputs.problem(request)["instance"], found)
    return {name: np.array([value]) for name, value in chosen.items()}


def constraints(request: Request) -> list[Entry]:
    """Return what the mapper may not choose, level by level, as the front end takes it.

    A level loops over no rank that it lacks in the table of mappings. The order of the buffer's
    loops and what it keeps are free for the unfused QK and AV alone.
    """
    levels = {level.name: level for level in request.mapping.levels}
    free_buffer = request.mapping.einsum.name in UNFUSED_ORDERS
    targets: list[Entry] = []
    for entry in inputs.mapping(request):
        name = entry["target"]
        if entry["type"] == "spatial":
            first = name == request.chip.sides[0]
            split = len(request.ranks) if first else 0
            targets.append(entry | {"permutation": request.ranks, "split": split})
        elif name not in ("DRAM", "L3"):
            targets.append(entry)
        elif entry["type"] == "temporal":
            looped = {inputs.letter(loop) for loop in levels[name].loops}
            fixed = [f"{rank}=1" for rank in request.ranks if rank not in looped]
            kept = {key: entry[key] for key in ("target", "type", "permutation")}
            if name == "L3" and free_buffer:
                del kept["permutation"]
            targets.append(kept | ({"factors": fixed} if fixed else {}))
        elif not (name == "L3" and free_buffer):
            targets.append(entry)
    return targets


def mapper_input(request: Request) -> str:
    """Return the flat file of a search as YAML text."""
    flat = [each for entry in constraints(request) for each in inputs.flat_entries(request, entry)]
    return as_yaml(
        inputs.document(request, mapping=[], constraints=flat)
        | {"mapper": _SETTINGS, "mapspace": {"version": VERSION, "template": "uber"}}
    )


def price_input(request: Request) -> str:
    """Return what Accelergy reads to price the chip of a search at 16 nm, as YAML text."""
    return as_yaml(
        {
            "architecture": chips.architecture(request.chip),
            "compound_components": search_components(),
        }
    )


def parse_mapping(text: str) -> Found:
    """Read the mapping that Timeloop wrote; `EvaluationError` where it is none."""
    found = Found({}, {}, {})
    try:
        for entry in yaml.safe_load(text)["mapping"]:
            level = entry["target"]
            if entry["type"] == "datatype":
                found.keep[level] = set(entry["keep"])
            elif entry["type"] == "temporal":
                factors = {rank: int(trips) for rank, trips in _FACTOR.findall(entry["factors"])}
                found.factors[level] = factors
                found.loops[level] = list(reversed(entry["permutation"]))
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise EvaluationError(f"no mapping of Timeloop: {error}") from error
    return found


def _attention(einsum: str, found: Found) -> dict[str, int]:
    """Return the columns of the unfused QK or AV, see `mapping_columns`."""
    ranks = [loop.removesuffix("1") for loop in UNFUSED_ORDERS[einsum][0]]
    inside = tuple(f"{rank}1" for rank in _get(found.loops, "L3") if rank in ranks)
    *splits, order = mapping_columns(einsum)[:4]
    columns: dict[str, Any] = {
        name: _get(_get(found.factors, "DRAM"), rank)
        for name, rank in zip(splits, ranks, strict=True)
    }
    if inside not in UNFUSED_ORDERS[einsum]:
        raise EvaluationError(f"Timeloop's mapping of {einsum} loops in L3 over {list(inside)}")
    columns[order] = UNFUSED_ORDERS[einsum].index(inside)
    kept = {f"{einsum}_keeps_{tensor}".lower() for tensor in _get(found.keep, "L3")}
    return columns | {name: int(name in kept) for name in mapping_columns(einsum)[4:]}


def _layers(workload: Workload, extents: dict[str, int], found: Found) -> dict[str, int]:
    """Return the tiles of all linear layers of these extents."""
    tiles = _get(found.factors, "L3")
    return {
        f"{layer}_{rank.lower()}1": _get(tiles, rank)
        for layer, sizes in layers(workload.transformer).items()
        if sizes == (extents["N"], extents["K"])
        for rank in "MN"
    }


def _get(table: dict[str, Any], name: str) -> Any:
    if name not in table:
        raise EvaluationError(f"Timeloop's mapping says nothing of {name}")
    return table[name]
