"""Timeloop's input: the problem, the mapping and the flat file that `timeloop-model` reads.

The tables are printed as Timeloop's front end takes them (`problem`, `mapping`) and as it hands
them on (`flat_input`), so that the programs need no front end. Ranks are letters there, which are
assigned; a permutation lists the innermost loop first.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from math import prod
from typing import Any

from evaluators.describe.mapping import Level, Loop, Mapping
from evaluators.engine.nests import Nests, Run
from evaluators.timeloop import chip as chips
from evaluators.timeloop.chip import Chip
from evaluators.timeloop.expressible import check_expressible, check_unmasked, letters
from evaluators.timeloop.nodes import TOP, VERSION
from evaluators.timeloop.text import as_yaml

Entry = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One Einsum's loop nest to count.

    Attributes:
        mapping: the loop nest.
        factors: its factor names -> trip counts.
        chip: what it runs on.
        letters: rank -> its letter, from the inside out where a level does not loop over them.

    """

    mapping: Mapping
    factors: Table[str, int]
    chip: Chip
    letters: Table[str, str]

    @property
    def ranks(self) -> list[str]:
        """The letters of the iteration space, sorted."""
        return sorted(self.letters[rank] for rank in self.mapping.einsum.ranks)

    @property
    def resting(self) -> list[str]:
        """The letters from the inside out."""
        ranks = self.mapping.einsum.ranks
        return [letter for rank, letter in self.letters.items() if rank in ranks]

    def letter(self, loop: Loop) -> str:
        """Return the letter of a loop's rank."""
        return self.letters[loop.rank]

    def trips(self, loops: tuple[Loop, ...]) -> list[str]:
        """Write the trip counts of some loops, every rank once, as 'P=256'."""
        return [
            f"{rank}="
            f"{prod(self.factors[loop.factor] for loop in loops if self.letter(loop) == rank)}"
            for rank in self.ranks
        ]


def request(nests: Nests, run: Run) -> Request:
    """Ask for the counts of a loop nest of a design, a batch of one.

    A mask is not asked for, see `evaluators.timeloop.tiles`. `InputError` says what of its
    accelerator Timeloop cannot express.
    """
    mapping = run.streamed.mapping
    check_expressible(nests.accelerator)
    return Request(
        mapping=mapping,
        factors={
            name: int(run.factors.product((name,)))
            for name in sorted(loop.factor for loop in mapping.loops)
        },
        chip=chips.chip(nests.accelerator.machine, nests.values, run),
        letters=letters(nests.accelerator),
    )


def requests(nests: Nests) -> list[Request]:
    """Return all loop nests of a design, a batch of one, in the cascade's order.

    `InputError` says also that the workload has a mask.
    """
    check_unmasked(nests.workload)
    return [request(nests, run) for (run,) in nests.runs.values()]


def problem(request: Request) -> Entry:
    """Return the Einsum and the extents of its ranks."""
    einsum = request.mapping.einsum
    every = tuple(loop for level in request.mapping.levels for loop in level.loops + level.spatial)
    extents = (trip.split("=") for trip in request.trips(every))
    spaces: list[Entry] = [
        {
            "name": tensor.name,
            "projection": [[[rank]] for rank in sorted(request.letters[r] for r in tensor.ranks)],
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
        entries += _level(request, level, order)
    for i, container in enumerate(request.chip.containers):
        entries.append(
            {
                "target": container,
                "type": "spatial",
                "factors": request.trips(outer[-1].spatial[i : i + 1]),
                "permutation": request.resting,
                "split": len(request.ranks) if i == 0 else 0,
            }
        )
    return entries + _level(request, registers, _permutation(request, registers, order))


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


def _permutation(request: Request, level: Level, above: list[str]) -> list[str]:
    """Return a level's order of all ranks; where unit loops stand is the artifact's habit."""
    edge = request.chip.edge
    if edge is not None and level.name == edge.name:
        return above
    own = [request.letter(loop) for loop in reversed(level.loops)]
    others = [rank for rank in request.resting if rank not in own]
    return others + own if not above else own + others


def _level(request: Request, level: Level, permutation: list[str]) -> list[Entry]:
    tensors = [tensor.name for tensor in request.mapping.einsum.tensors]
    return [
        {
            "target": level.name,
            "type": "temporal",
            "factors": request.trips(level.loops),
            "permutation": permutation,
        },
        {
            "target": level.name,
            "type": "dataspace",
            "keep": [tensor for tensor in tensors if tensor in level.keep],
            "bypass": [tensor for tensor in tensors if tensor not in level.keep],
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
