"""Timeloop's own search for the mappings that a description leaves to the mapper.

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

import yaml

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.mapping import Row
from evaluators.engine.nests import Nests
from evaluators.errors import EvaluationError
from evaluators.timeloop import chip as chips
from evaluators.timeloop import inputs
from evaluators.timeloop.compounds import search_components
from evaluators.timeloop.inputs import Entry, Request
from evaluators.timeloop.nodes import VERSION
from evaluators.timeloop.open_choices import Open, searches
from evaluators.timeloop.text import as_yaml

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


Search = Callable[[Request, Open], str]
"""Runs the mapper on a loop nest and returns the mapping that it wrote, as YAML text."""


def searched(nests: Nests, search: Search) -> dict[str, int]:
    """Return the parameters of a design, a batch of one, as Timeloop's mapper sets them.

    Args:
        nests: the design with any mapping, which tells the extents and the array.
        search: runs the mapper.

    Raises:
        EvaluationError: a search failed, or its mapping cannot be read.

    """
    chosen: dict[str, int] = {}
    for each in searches(nests.accelerator):
        if each.einsum not in nests.runs:
            continue
        (run,) = nests.runs[each.einsum]
        request = inputs.request(nests, run)
        found = parse_mapping(search(request, each))
        chosen |= _chosen(nests.accelerator, request, each, found)
    return chosen


def constraints(request: Request, open_: Open) -> list[Entry]:
    """Return what the mapper may not choose, level by level, as the front end takes it.

    A level loops over no rank that it lacks in the table of mappings.
    """
    levels = {level.name: level for level in request.mapping.levels}
    targets: list[Entry] = []
    for entry in inputs.mapping(request):
        name = entry["target"]
        if entry["type"] == "spatial":
            first = name == request.chip.containers[0]
            split = len(request.ranks) if first else 0
            targets.append(entry | {"permutation": request.ranks, "split": split})
        elif name not in open_.fixed:
            targets.append(entry)
        elif entry["type"] == "temporal":
            free = {
                request.letter(loop)
                for loop in levels[name].loops
                if loop.factor not in open_.fixed[name]
            }
            fixed = [trip for trip in entry["factors"] if trip.partition("=")[0] not in free]
            kept = {key: entry[key] for key in ("target", "type", "permutation")}
            if name in open_.reordered:
                del kept["permutation"]
            targets.append(kept | ({"factors": fixed} if fixed else {}))
        elif name not in open_.kept:
            targets.append(entry)
    return targets


def mapper_input(request: Request, open_: Open) -> str:
    """Return the flat file of a search as YAML text."""
    flat = [
        each
        for entry in constraints(request, open_)
        for each in inputs.flat_entries(request, entry)
    ]
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


def _chosen(
    accelerator: Accelerator, request: Request, open_: Open, found: Found
) -> dict[str, int]:
    """Return the parameters of a choice, as a mapping has them."""
    letters = {loop.factor: request.letter(loop) for loop in request.mapping.loops}
    chosen = {
        name: _get(_get(found.factors, store), letters[factor])
        for name, (store, factor) in open_.splits.items()
    }
    if open_.order:
        value = _row(request, open_, found).when[open_.order]
        labels = accelerator.all_parameters[open_.order].labels
        chosen[open_.order] = labels.index(value) if labels else int(value)
    kept = [_get(found.keep, store) for store in sorted(open_.kept)]
    return chosen | {
        name: int(any(tensor in store for store in kept)) for name, tensor in open_.keeps.items()
    }


def _row(request: Request, open_: Open, found: Found) -> Row:
    """Return the row whose loops have the order of a mapping."""
    for row in open_.rows:
        orders = (
            (_get(found.loops, level.name), [request.letter(loop) for loop in level.loops])
            for level in row.streamed.levels
            if level.name in open_.reordered
        )
        if all([each for each in theirs if each in own] == own for theirs, own in orders):
            return row
    loops = {name: _get(found.loops, name) for name in sorted(open_.reordered)}
    raise EvaluationError(
        f"Timeloop's mapping of {open_.einsum} loops in "
        + ", ".join(f"{name} over {order}" for name, order in loops.items())
        + ", which no row of its table does"
    )


def _get(table: dict[str, Any], name: str) -> Any:
    if name not in table:
        raise EvaluationError(f"Timeloop's mapping says nothing of {name}")
    return table[name]
