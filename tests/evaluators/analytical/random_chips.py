"""Random chips with a mapping, as one file that `timeloop-model` reads, and how to run it.

An architecture of one to three levels of storage and fan-outs anywhere, also directly above the
arithmetic, meshes used in part, ranks and tensors at random, random bypass, loops and bandwidths.
"""

from __future__ import annotations

import random
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

_ENERGY = {"arguments": {}, "energy": 1.0}


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
            **self._tables(),
        }

    def _shape(self) -> dict[str, Any]:
        spaces = [
            {"name": name, "projection": [[[rank]] for rank in ranks]}
            | ({"read_write": True} if name == "Z" else {})
            for name, ranks in self.tensors.items()
        ]
        return {"name": "random", "dimensions": list(self.ranks), "data_spaces": spaces}

    def _tables(self) -> dict[str, Any]:
        names = [f"chip.{each['name']}" for each in self.components]
        energies = []
        for name in names:
            actions = ("compute",) if "mac[" in name else ("read", "write", "update")
            listed = [{"name": action} | _ENERGY for action in actions]
            listed.append({"name": "leak", "arguments": {}, "energy": 0.0})
            energies.append({"name": name, "actions": listed})
        areas = [{"name": name, "area": 1.0} for name in names]
        return {
            "ERT": {"version": "0.4", "tables": energies},
            "ART": {"version": "0.4", "tables": areas},
        }
