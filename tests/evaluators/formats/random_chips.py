"""Random chips with a mapping, as one file that `timeloop-model` reads, and how to run it.

An architecture of one to three levels of storage and fan-outs anywhere, also directly above the
arithmetic, meshes used in part, ranks and tensors at random, random bypass, loops and bandwidths.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import yaml

MOST_COMPUTES = 20_000
TIMELOOP = shutil.which("timeloop-model")

_ENERGY_LINE = re.compile(r"nergy|Area|leakage|power|fJ|EDP| += \d+\.\d\d$")


def random_chip(seed: int) -> str:
    """Return a chip, its problem and its mapping, with tables of 1 pJ an access."""
    while True:
        chip = _Chip(random.Random(seed))
        if prod(chip.extents.values()) <= MOST_COMPUTES:
            return yaml.safe_dump(chip.document(), sort_keys=False, default_flow_style=None)
        seed += 1_000_003


def run_timeloop(document: str) -> str | None:
    """Return the statistics that `timeloop-model` prints of a chip, None where it refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "chip.yaml").write_text(document)
        done = subprocess.run(
            [str(TIMELOOP), "chip.yaml"], cwd=folder, capture_output=True, timeout=300, check=False
        )
        statistics = Path(folder) / "timeloop-model.stats.txt"
        return statistics.read_text() if done.returncode == 0 and statistics.exists() else None


def counted_lines(statistics: str) -> list[str]:
    """Return the lines of statistics but for energies, areas and levels that hold nothing."""
    blocks = re.split(r"(?m)^(?=Level \d+$|Networks$)", statistics)
    return [
        line.rstrip()
        for block in blocks
        if re.search(r"Computes|Partition size", block) or not block.startswith("Level")
        for line in block.splitlines()
        if line.strip() and not _ENERGY_LINE.search(line)
    ]


def tables(components: Iterable[str]) -> dict[str, Any]:
    """Return energies of 1 pJ an access and areas, which Timeloop demands, of those components."""
    energies, areas = [], []
    for name in components:
        actions = ("compute",) if ".mac[" in name else ("read", "write", "update")
        listed = [{"name": action, "arguments": {}, "energy": 1.0} for action in actions]
        listed.append({"name": "leak", "arguments": {}, "energy": 0.0})
        energies.append({"name": name, "actions": listed})
        areas.append({"name": name, "area": 1.0})
    return {
        "ERT": {"version": "0.4", "tables": energies},
        "ART": {"version": "0.4", "tables": areas},
    }


class _Chip:
    """Components, outermost first; loops by component and kind, innermost first."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.ranks = "MNKP"[: dice.choice((2, 3, 3, 3, 4))]
        self.tensors = self._tensors()
        self.components: list[dict[str, Any]] = []
        self.mesh = [1, 1]
        self.loops: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self.splits: dict[str, int] = {}
        self.keeps: dict[str, set[str]] = {}
        for number in range(dice.choice((1, 1, 2, 2, 3))):
            self._storage(f"S{number}")
            while dice.random() < 0.5:
                self._fan_out()
        self._component("mac", "intmac", {"datawidth": 8})
        self.extents = {
            rank: prod(n for loops in self.loops.values() for each, n in loops if each == rank)
            for rank in self.ranks
        }
        self._bypass()
        self._sizes()

    def _tensors(self) -> dict[str, tuple[str, ...]]:
        names = [*("AB" if self.dice.random() < 0.8 else "ABC"), "Z"]
        self.dice.shuffle(names)
        most = min(3, len(self.ranks))
        return {
            name: tuple(self.dice.sample(self.ranks, self.dice.randint(1, most))) for name in names
        }

    def _component(self, name: str, kind: str, attributes: dict[str, Any]) -> None:
        x, y = self.mesh
        meshes = {"meshX": x, "meshY": y}
        named = f"{name}[1..{x * y}]"
        self.components.append({"name": named, "class": kind, "attributes": attributes | meshes})

    def _storage(self, name: str) -> None:
        dice = self.dice
        attributes: dict[str, Any] = {"datawidth": 8, "width": dice.choice((8, 16, 64))}
        for key in ("read_bandwidth", "write_bandwidth", "shared_bandwidth"):
            if dice.random() < 0.2:
                attributes[key] = dice.choice((0.25, 0.3, 1, 1.5, 2, 7, 1000))
        if dice.random() < 0.05:
            attributes["bandwidth"] = dice.choice((0.7, 2, 100))
        if dice.random() < 0.1:
            attributes[f"network_{dice.choice(('fill', 'drain'))}_latency"] = dice.randint(1, 9)
        if dice.random() < 0.1:
            scales = {tensor: dice.choice((0.5, 1, 2)) for tensor in self.tensors}
            attributes["per_dataspace_bandwidth_consumption_scale"] = scales
        self._component(name, "SRAM", attributes)
        self.loops[name, "temporal"] = self._loops(
            {rank: dice.choice((1, 1, 1, 2, 3, 4)) for rank in self.ranks}
        )

    def _fan_out(self) -> None:
        """Multiply what follows, below a level of its own or below the level before."""
        dice = self.dice
        above = self.components[-1]["name"].partition("[")[0]
        if (above, "spatial") in self.loops or dice.random() < 0.5:
            above = f"inter_F{len(self.components)}_spatial"
            self._component(above, "dummy_storage", {"datawidth": 1, "width": 1, "depth": 1})
        sides = dice.randint(1, 5), dice.randint(1, 4)
        if prod(sides) == 1:
            sides = (2, 1)
        self.mesh = [have * more for have, more in zip(self.mesh, sides, strict=True)]
        factors, split = dict.fromkeys(self.ranks, 1), 0
        order = dice.sample(self.ranks, len(self.ranks))
        split = dice.randint(0, len(order))
        for position, rank in enumerate(order):
            side = 0 if position < split else 1
            used = prod(factors[each] for i, each in enumerate(order) if (i >= split) == side)
            factors[rank] = dice.randint(1, max(1, sides[side] // used))
        self.loops[above, "spatial"] = [(rank, factors[rank]) for rank in order]
        self.splits[above] = split

    def _loops(self, factors: dict[str, int]) -> list[tuple[str, int]]:
        order = self.dice.sample(self.ranks, len(self.ranks))
        return [(rank, factors[rank]) for rank in order]

    def _storages(self) -> list[str]:
        names = (each["name"].partition("[")[0] for each in self.components)
        return [name for name in names if name.startswith("S")]

    def _bypass(self) -> None:
        storages = self._storages()
        self.keeps = {name: set() for name in storages}
        for tensor in self.tensors:
            kept = [name for name in storages if self.dice.random() < 0.7]
            for name in kept or [self.dice.choice(storages)]:
                self.keeps[name].add(tensor)

    def _sizes(self) -> None:
        for position, component in enumerate(self.components):
            name = component["name"].partition("[")[0]
            if name in self.keeps:
                attributes = component["attributes"]
                words = sum(self._tile(position, self.tensors[each]) for each in self.keeps[name])
                if self.dice.random() < 0.1:
                    attributes["multiple_buffering"] = self.dice.choice((1.5, 2))
                if self.dice.random() < 0.05:
                    attributes["min_utilization"] = self.dice.choice((0.1, 0.9))
                if self.dice.random() < 0.3:
                    component["class"] = "DRAM"
                else:
                    slack = self.dice.choice((1, 2, 3, 3, 3, 3, 3, 0.9))
                    attributes["entries"] = max(1, int(words * slack))

    def _tile(self, position: int, ranks: Iterable[str]) -> int:
        """Return the words of a tile at a component: the loops from it inward."""
        names = [each["name"].partition("[")[0] for each in self.components[position:]]
        return prod(
            factor
            for (name, _), loops in self.loops.items()
            if name in names
            for rank, factor in loops
            if rank in ranks
        )

    def document(self) -> dict[str, Any]:
        directives: list[dict[str, Any]] = []
        for (name, kind), loops in self.loops.items():
            told = [(rank, n) for rank, n in loops if n > 1 or self.dice.random() < 0.5]
            sign, gap = self.dice.choice((("=", ","), ("", " "), (" = ", ", ")))
            directives.append({"target": name, "type": kind})
            if told:
                directives[-1]["factors"] = gap.join(f"{rank}{sign}{n}" for rank, n in told)
            directives[-1]["permutation"] = "".join(rank for rank, _ in loops)
            if kind == "spatial":
                directives[-1]["split"] = self.splits[name]
        for each in self.components[:-1]:
            name = each["name"].partition("[")[0]
            keep = self.keeps.get(name, set())
            bypass = [tensor for tensor in self.tensors if tensor not in keep]
            directives.append({"target": name, "type": self.dice.choice(("bypass", "datatype"))})
            directives[-1] |= {"keep": sorted(keep), "bypass": bypass}
        self.dice.shuffle(directives)
        return {
            "architecture": {
                "version": "0.4",
                "subtree": [{"name": "chip", "local": self.components}],
            },
            "problem": {"version": "0.4", "shape": self._shape(), "instance": self.extents},
            "mapping": directives,
            **tables(f"chip.{each['name']}" for each in self.components),
        }

    def _shape(self) -> dict[str, Any]:
        spaces = [
            {"name": name, "projection": [[[rank]] for rank in ranks]}
            | ({"read_write": True} if name == "Z" else {})
            for name, ranks in self.tensors.items()
        ]
        return {"name": "random", "dimensions": list(self.ranks), "data_spaces": spaces}


def as_users_write_it(document: str, seed: int) -> str:
    """Return a random chip as the documents of Timeloop's front end: nodes, containers, lists.

    Every fan-out becomes a container. Ranks of one step may be missing from orders and factors.
    """
    dice = random.Random(seed)
    chip = yaml.safe_load(document)
    below = chip["architecture"]["subtree"][0]["local"]
    directives = chip["mapping"]
    fanned = {each["target"] for each in directives if each["type"] == "spatial"}
    nodes, containers = [], {}
    for each, inner in zip(below, [*below[1:], None], strict=True):
        name = each["name"].partition("[")[0]
        attributes = dict(each["attributes"])
        mesh = attributes.pop("meshX"), attributes.pop("meshY")
        if not name.startswith("inter_"):
            told = {"name": name, "class": each["class"], "attributes": attributes}
            nodes.append(("Component", told))
        if name in fanned:
            wider = inner["attributes"]
            containers[name] = f"PE{len(containers)}"
            sides = {"meshX": wider["meshX"] // mesh[0], "meshY": wider["meshY"] // mesh[1]}
            nodes.append(("Container", {"name": containers[name], "spatial": sides}))
    lines = "\n".join(
        f"  - !{tag} {yaml.safe_dump(node, default_flow_style=True, width=10_000).strip()}"
        for tag, node in nodes
    )
    mapping = [_retold(each, containers, chip["problem"]["instance"], dice) for each in directives]
    rest = {"problem": chip["problem"], "mapping": [each for each in mapping if each]}
    return f"architecture:\n  version: 0.4\n  nodes:\n{lines}\n" + yaml.safe_dump(
        rest, sort_keys=False, default_flow_style=None
    )


def _retold(
    directive: dict[str, Any],
    containers: dict[str, str],
    extents: dict[str, int],
    dice: random.Random,
) -> dict[str, Any] | None:
    kind, target = directive["type"], directive["target"]
    if kind in ("bypass", "datatype"):
        dummy = target.startswith("inter_")
        return None if dummy else directive | {"type": "dataspace"}
    told = directive.get("factors", "")
    factors = {text[0]: int(text[1:].strip(" =,")) for text in _tokens(told)}
    factors = {rank: factors.get(rank, 1) for rank in extents}
    order = [rank for rank in directive["permutation"] if factors[rank] > 1 or dice.random() < 0.5]
    told = [
        f"{rank}={factors[rank]}" for rank in extents if factors[rank] > 1 or dice.random() < 0.7
    ]
    retold: dict[str, Any] = {"target": containers[target] if kind == "spatial" else target}
    retold |= {"type": kind, "factors": dice.choice((told, ",".join(told)))}
    if order:
        retold["permutation"] = dice.choice((order, "".join(order), ", ".join(order)))
    if kind == "spatial":
        retold["split"] = directive["split"]
    return {key: value for key, value in retold.items() if value or key == "split"}


def _tokens(told: str) -> list[str]:
    return re.findall(r"[A-Z][ =]*[0-9]+", told)
