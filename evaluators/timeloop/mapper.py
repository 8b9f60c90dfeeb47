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
from functools import lru_cache
from typing import Any

import yaml

from evaluators.describe.accelerator import Accelerator, Choice, Table
from evaluators.describe.mapping import Level, Row
from evaluators.engine.nests import Nests
from evaluators.errors import EvaluationError
from evaluators.timeloop import chip as chips
from evaluators.timeloop import inputs
from evaluators.timeloop.compounds import search_components
from evaluators.timeloop.inputs import Entry, Request
from evaluators.timeloop.nodes import VERSION
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


@dataclass(frozen=True)
class Open:
    """What a choice leaves to the mapper, of one Einsum, in what the mapper can search.

    Attributes:
        einsum: its name.
        splits: parameter -> the store and the factor whose trip count it is.
        order: parameter of the order of the loops; '' where it is given.
        rows: the rows of the mapping tables: one for each order.
        reordered: the stores whose loops have another order in each row.
        keeps: parameter -> the tensor that it keeps on chip.
        kept: the stores that keep it.
        fixed: store -> the factors there that follow from no parameter of the choice.

    """

    einsum: str
    splits: dict[str, tuple[str, str]]
    order: str
    rows: tuple[Row, ...]
    reordered: frozenset[str]
    keeps: dict[str, str]
    kept: frozenset[str]
    fixed: dict[str, frozenset[str]]


Search = Callable[[Request, Open], str]
"""Runs the mapper on a loop nest and returns the mapping that it wrote, as YAML text."""


@lru_cache(maxsize=256)
def searches(accelerator: Accelerator) -> tuple[Open, ...]:
    """Return the choices of an accelerator that Timeloop's mapper can search.

    Those of one Einsum, whose parameters are trip counts of loops in stores, the order of a store's
    loops, or what a store keeps. The others are left to our engine's optimum.
    """
    found = (_open(accelerator, choice) for choice in accelerator.choices)
    return tuple(each for each in found if each is not None)


def _open(accelerator: Accelerator, choice: Choice) -> Open | None:
    if len(choice.einsums) != 1:
        return None
    (einsum,) = choice.einsums
    tables, rows = zip(*accelerator.rows(einsum), strict=True)
    stores = len(accelerator.machine.stores)
    levels, resident = (nest.levels[:stores] for nest in (rows[0].streamed, rows[0].resident))
    labels = {name for row in rows for name in row.when}
    keeps = {accelerator.keeps[tensor]: tensor for tensor in rows[0].marked}
    splits = _splits(tables[0], levels, choice)
    parameters = set(choice.parameters)
    if (
        splits is None
        or len(set(tables)) > 1
        or len(labels) > 1
        or not labels | set(keeps) <= parameters <= labels | set(keeps) | set(splits)
        or not _alike(rows)
    ):
        return None
    depend = _depend(tables[0], parameters)
    return Open(
        einsum=einsum,
        splits=splits,
        order=next(iter(labels), ""),
        rows=rows,
        reordered=frozenset(
            level.name
            for row in rows
            for level, other in zip(levels, row.streamed.levels, strict=False)
            if level.loops != other.loops
        ),
        keeps=keeps,
        kept=frozenset(
            off.name for off, on in zip(levels, resident, strict=True) if off.keep != on.keep
        ),
        fixed={
            level.name: frozenset(
                loop.factor
                for loop in level.loops
                if loop.factor in tables[0].factors and loop.factor not in depend
            )
            for level in levels
        },
    )


def _depend(table: Table, parameters: set[str]) -> list[str]:
    """Return the factors of a table that follow from some parameters."""
    depend: list[str] = []
    for name, expression in table.factors.items():
        if expression.names & {*parameters, *depend}:
            depend.append(name)
    return depend


def _splits(
    table: Table, levels: tuple[Level, ...], choice: Choice
) -> dict[str, tuple[str, str]] | None:
    """Return parameter -> the store and the factor whose trip count it is.

    None where a rank's loops leave more than one trip count that follows from the parameters: a
    mapping with these trip counts need not be one of the description's.
    """
    at = {loop.factor: (level.name, loop) for level in levels for loop in level.loops}
    splits: dict[str, tuple[str, str]] = {}
    rest: list[str] = []
    for factor in _depend(table, set(choice.parameters)):
        name = table.factors[factor].text
        if factor not in at or name in splits:
            return None
        if name in choice.parameters:
            splits[name] = at[factor][0], factor
        else:
            rest.append(at[factor][1].rank)
    split = [at[factor][1].rank for _, factor in splits.values()]
    return splits if len(set(rest)) == len(rest) and set(rest) <= set(split) else None


def _alike(rows: tuple[Row, ...]) -> bool:
    """Tell whether rows differ in the order of a store's loops alone, and keep no tensor less."""

    def apart_from_order(row: Row) -> object:
        levels = [
            (each.name, frozenset(each.loops), each.spatial, each.keep)
            for each in row.streamed.levels
        ]
        return row.array, levels, row.marked, row.operations

    grows = all(
        off.keep <= on.keep
        for row in rows
        for off, on in zip(row.streamed.levels, row.resident.levels, strict=True)
    )
    return grows and all(apart_from_order(row) == apart_from_order(rows[0]) for row in rows)


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
