"""Timeloop's input: the problem, the mapping and the flat file that `timeloop-model` reads.

The tables are printed as Timeloop's front end takes them (`problem`, `mapping`) and as it hands
them on (`flat_input`), so that the programs need no front end. Ranks are letters there, M for the
chunk M1 and N for the position M0 in it; a permutation lists the innermost loop first.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from math import prod
from typing import Any

from evaluators.accounting import Accounting
from evaluators.analytical.configurations import Configuration
from evaluators.describe.mapping import Level, Loop, Mapping
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.timeloop import chip as chips
from evaluators.timeloop.chip import Chip
from evaluators.timeloop.nodes import TOP, VERSION
from evaluators.timeloop.text import as_yaml
from evaluators.workloads.workload import Workload

_LETTERS = {"M1": "M", "M0": "N"}
_RESTING = "EFKNMPHB"
"""The ranks from the inside out, where a level does not loop over them."""

Entry = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One Einsum's loop nest to count.

    Attributes:
        mapping: the loop nest.
        factors: its factor names -> trip counts.
        chip: what it runs on.

    """

    mapping: Mapping
    factors: Table[str, int]
    chip: Chip

    @property
    def ranks(self) -> list[str]:
        """The letters of the iteration space, sorted."""
        return sorted(_LETTERS.get(rank, rank) for rank in self.mapping.einsum.ranks)

    def trips(self, loops: tuple[Loop, ...]) -> list[str]:
        """Write the trip counts of some loops, every rank once, as 'P=256'."""
        return [
            f"{rank}={prod(self.factors[loop.factor] for loop in loops if letter(loop) == rank)}"
            for rank in self.ranks
        ]


def request(configuration: str, design: Designs, mapping: Mapping, factors: Factors) -> Request:
    """Ask for the counts of a mapping on a configuration's design, a batch of one."""
    return Request(
        mapping=mapping,
        factors=trip_counts(mapping, factors),
        chip=chips.chip(configuration, design, mapping, factors),
    )


def trip_counts(mapping: Mapping, factors: Factors) -> dict[str, int]:
    """Return the trip count of every factor of a mapping, of a batch of one."""
    loops = [loop for level in mapping.levels for loop in (*level.loops, *level.spatial)]
    return {name: int(factors.product((name,))) for name in sorted(loop.factor for loop in loops)}


def requests(
    config: Configuration, workload: Workload, design: Designs, accounting: Accounting
) -> list[Request]:
    """Return all loop nests of a resolved design, a batch of one, that are to be counted."""
    asked: list[Request] = []

    def count(mapping: Mapping, factors: Factors, *, wrapped: bool) -> LoopNest:
        asked.append(request(config.name, design, mapping, factors))
        return LoopNest(mapping, factors, wrapped=wrapped)

    config.nests.activities(workload, design, accounting, count)
    return asked


def problem(request: Request) -> Entry:
    """Return the Einsum and the extents of its ranks."""
    einsum = request.mapping.einsum
    every = tuple(loop for level in request.mapping.levels for loop in level.loops + level.spatial)
    extents = (trip.split("=") for trip in request.trips(every))
    spaces: list[Entry] = [
        {
            "name": tensor.name,
            "projection": [[[rank]] for rank in sorted(_LETTERS.get(r, r) for r in tensor.ranks)],
        }
        for tensor in einsum.tensors
    ]
    spaces[-1]["read_write"] = True
    return {
        "version": VERSION,
        "instance": {rank: int(extent) for rank, extent in extents},
        "shape": {"name": einsum.name, "dimensions": request.ranks, "data_spaces": spaces},
    }


def mapping(request: Request) -> list[Entry]:
    """Return the loops and the tensors kept, level by level, as the front end takes them."""
    *outer, registers = request.mapping.levels
    entries: list[Entry] = []
    order: list[str] = []
    for level in outer:
        order = _permutation(request, level, order)
        entries += _level(request, level.name, level.loops, order, level.keep)
    for i, side in enumerate(request.chip.sides):
        entries.append(
            {
                "target": side,
                "type": "spatial",
                "factors": request.trips(outer[-1].spatial[i : i + 1]),
                "permutation": _resting(request),
                "split": _split(request) if i == 0 else 0,
            }
        )
    order = _permutation(request, registers, order)
    for name, (_, kept) in request.chip.registers.items():
        entries += _level(request, name, registers.loops, order, frozenset(kept))
    return entries


def flat_input(request: Request) -> str:
    """Return the flat file of a run as YAML text."""
    flat = [each for entry in mapping(request) for each in flat_entries(request, entry)]
    return as_yaml(document(request, mapping=flat, constraints=[]))


def document(request: Request, mapping: list[Entry], constraints: list[Entry]) -> Entry:
    """Return the content of a flat file: the chip, the problem, and flat entries."""
    described = problem(request)
    described["instance"]["densities"] = {}
    described["shape"]["coefficients"] = []
    for space in described["shape"]["data_spaces"]:
        space.setdefault("read_write", False)
    return {
        "architecture": chips.architecture(request.chip),
        "architecture_constraints": {"targets": constraints},
        "problem": described,
        "mapping": mapping,
    }


def unit_tables(request: Request) -> str:
    """Return energy and area tables, as YAML text, under which everything costs 1 pJ and 1 um^2.

    Timeloop would otherwise ask Accelergy for prices, and nobody reads what it makes of them; a
    level without a price it leaves out of its statistics.
    """
    names = [node["name"] for node in chips.architecture(request.chip)["subtree"][0]["local"]]
    actions: list[Entry] = [
        {"name": name, "arguments": {}, "energy": 1.0}
        for name in ("read", "write", "update", "leak", "compute")
    ]
    return as_yaml(
        {
            "ERT": {
                "version": VERSION,
                "tables": [{"name": f"{TOP}.{name}", "actions": actions} for name in names],
            },
            "ART": {
                "version": VERSION,
                "tables": [{"name": f"{TOP}.{name}", "area": 1.0} for name in names],
            },
        }
    )


def letter(loop: Loop) -> str:
    """Return the letter of a loop's rank."""
    return _LETTERS.get(loop.rank, loop.rank)


def _resting(request: Request) -> list[str]:
    return [rank for rank in _RESTING if rank in request.ranks]


def _permutation(request: Request, level: Level, above: list[str]) -> list[str]:
    """Return a level's order of all ranks; where unit loops stand is the artifact's habit."""
    resting = _resting(request)
    if level.name == "reg_file_1d":
        return above
    if level.name == "reg_file":
        on_lanes = len(request.chip.sides) == 1
        return (
            sorted(resting, key=lambda rank: rank != "P")
            if on_lanes and "N" in resting
            else resting
        )
    own = [letter(loop) for loop in reversed(level.loops)]
    others = [rank for rank in resting if rank not in own]
    return others + own if not above else own + others


def _split(request: Request) -> int:
    """Return how many loops of the permutation lie along X: all that are more than unit loops."""
    return 6 if {"E", "N"} <= set(request.ranks) else 5


def _level(
    request: Request,
    name: str,
    loops: tuple[Loop, ...],
    permutation: list[str],
    keep: frozenset[str],
) -> list[Entry]:
    tensors = [tensor.name for tensor in request.mapping.einsum.tensors]
    return [
        {
            "target": name,
            "type": "temporal",
            "factors": request.trips(loops),
            "permutation": permutation,
        },
        {
            "target": name,
            "type": "dataspace",
            "keep": [tensor for tensor in tensors if tensor in keep],
            "bypass": [tensor for tensor in tensors if tensor not in keep],
        },
    ]


def flat_entries(request: Request, entry: Entry) -> list[Entry]:
    """Return what the front end makes of an entry of the mapping, or of a constraint."""
    if entry["type"] == "dataspace":
        named = {key: entry[key] for key in ("keep", "bypass") if entry[key]}
        return [{"target": entry["target"], "type": "bypass", **named}]
    separators = {"factors": ",", "permutation": ""}
    flat = {
        key: separators[key].join(value) if key in separators else value
        for key, value in entry.items()
    }
    if entry["type"] == "temporal":
        return [flat]
    flat["target"] = f"inter_{entry['target']}_spatial"
    return [
        flat,
        {
            "target": flat["target"],
            "type": "temporal",
            "factors": ",".join(request.trips(())),
            "permutation": "".join(request.ranks),
        },
        {
            "target": flat["target"],
            "type": "bypass",
            "bypass": [tensor.name for tensor in request.mapping.einsum.tensors],
        },
    ]
