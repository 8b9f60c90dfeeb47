"""Timeloop's description of a chip, version 0.4: levels of storage, their meshes, the arithmetic.

Read from what users write (`nodes` with !Container, !Component, !Parallel) or from the flat form
that Timeloop's front end makes of it (`subtree`, `local`). The first becomes the second: a node of
several instances gets a level `inter_NAME_spatial` above it, which holds nothing and carries the
loops over them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from evaluators.analytical.timeloop_components import (
    Arithmetic,
    Attributes,
    Mesh,
    Storage,
    read_component,
)
from evaluators.errors import InputError
from evaluators.safe_yaml import Node

MOST_LEVELS = 64

_RANGED = re.compile(r"([^\[\]]+)\[(\d{1,18})\.\.(\d{1,18})\]")
_UNSUPPORTED = {
    "constraints": "constraints are a mapper's; state all of it in the mapping",
    "sparse_optimizations": "sparse optimisations are not supported; leave them out",
    "networks": "networks of their own are not supported; leave them out",
}


@dataclass(frozen=True)
class Architecture:
    """A chip.

    Attributes:
        storages: the levels of storage, outermost first.
        arithmetic: the units below them.
        fanouts: what a spatial loop may target -> position of the level of storage above it.

    """

    storages: tuple[Storage, ...]
    arithmetic: Arithmetic
    fanouts: dict[str, int]


@dataclass
class _Chip:
    """A chip as it is read, from the outermost node inward."""

    storages: list[Storage] = field(default_factory=list)
    arithmetic: list[Arithmetic] = field(default_factory=list)
    fanouts: dict[str, int] = field(default_factory=dict)
    mesh: Mesh = (1, 1)
    inherited: Attributes = field(default_factory=dict)
    parallels: int = 0

    def add(self, component: Storage | Arithmetic | None) -> None:
        """Add a component below the others."""
        if isinstance(component, Storage):
            self.storages.append(component)
        elif component:
            self.arithmetic.append(component)

    def fan_out(self, node: Node) -> None:
        """Multiply the instances of what follows by a node's mesh, below a level of its own."""
        spatial = node.find("spatial")
        if spatial is None:
            return
        spatial.only("meshX", "meshY")
        given = spatial.find("meshX"), spatial.find("meshY")
        x, y = (each.integer() if each else 1 for each in given)
        if x * y > 1:
            name = node.need("name").text()
            self.fanouts[name] = len(self.storages)
            self.storages.append(Storage(f"inter_{name}_spatial", node.where, self.mesh))
            self.mesh = (self.mesh[0] * x, self.mesh[1] * y)

    def finished(self, where: str) -> Architecture:
        """Return the chip, checked as a whole."""
        if not 1 <= len(self.storages) <= MOST_LEVELS or len(self.arithmetic) != 1:
            raise InputError(
                f"{where} has {len(self.storages)} levels of storage and {len(self.arithmetic)} of "
                f"arithmetic; it must have 1 to {MOST_LEVELS} and exactly one (a class that "
                "contains 'mac' or 'compute')"
            )
        components: list[Storage | Arithmetic] = [*self.storages, *self.arithmetic]
        for name, times in Counter(each.name for each in components).items():
            if times > 1:
                raise InputError(f"{where}: {times} components are called {name}; name each apart")
        return Architecture(tuple(self.storages), self.arithmetic[0], self.fanouts)


def read_architecture(node: Node) -> Architecture:
    """Read what stands under the key `architecture`.

    Raises `InputError` for a chip whose counts our analysis does not give: bandwidths, latencies,
    networks, clusters, sparse optimisations; and for constraints, which speak to a mapper.
    """
    node.only("version", "nodes", "subtree")
    chip = _Chip()
    if node.find("subtree"):
        _read_subtree(chip, node)
        chip.fanouts = {storage.name: i for i, storage in enumerate(chip.storages)}
    else:
        _read_nodes(chip, node)
    return chip.finished(node.where)


def _read_nodes(chip: _Chip, branch: Node) -> None:
    for node in _enabled(branch, "nodes"):
        if node.tag == "!Hierarchical":
            _read_nodes(chip, node)
        elif node.tag == "!Parallel":
            chip.parallels += 1
            for component in _enabled(node, "nodes"):
                _read_parallel(chip, component)
        elif node.tag == "!Container":
            chip.fan_out(node)
            chip.inherited = chip.inherited | _attributes(node)
        elif node.tag == "!Component":
            chip.fan_out(node)
            chip.add(_component(chip, node))
        elif node.tag != "!Nothing":
            raise InputError(
                f"{node.where} has {_tagged(node)}; it must have !Container, !Component, "
                "!Hierarchical, !Parallel or !Nothing"
            )


def _read_parallel(chip: _Chip, node: Node) -> None:
    if node.tag not in ("!Component", "!Nothing") or node.find("spatial"):
        raise InputError(
            f"{node.where} has {_tagged(node)} or a mesh; below !Parallel only a !Component of one "
            "instance is supported"
        )
    if node.tag == "!Component":
        chip.add(_component(chip, node, chip.parallels))


def _component(chip: _Chip, node: Node, parallel: int = 0) -> Storage | Arithmetic | None:
    attributes = chip.inherited | _attributes(node)
    return read_component(node, node.need("name").text(), chip.mesh, attributes, parallel)


def _read_subtree(chip: _Chip, node: Node) -> None:
    instances = 1
    while trees := node.find("subtree"):
        if len(trees.entries()) != 1:
            raise InputError(f"{trees.where} has {len(trees.entries())} entries; it must have one")
        (node,) = trees.entries()
        instances *= _ranged(node.need("name"))[1]
        for component in _enabled(node, "local"):
            name, copies = _ranged(component.need("name"))
            attributes = _attributes(component)
            mesh = _flat_mesh(component, attributes, instances * copies)
            chip.add(read_component(component, name, mesh, attributes))


def _ranged(node: Node) -> tuple[str, int]:
    """Read a name and how many there are: 'L3[1..4]' are four."""
    match = _RANGED.fullmatch(node.text())
    if match is None:
        return node.text(), 1
    first, last = int(match[2]), int(match[3])
    if first > last:
        raise node.wrong("a name with a range that ascends")
    return match[1], last - first + 1


def _flat_mesh(node: Node, attributes: Attributes, instances: int) -> Mesh:
    """Return the instances along X and Y; what is not given follows from their number."""
    x, y = (attributes[key].integer() if key in attributes else 0 for key in ("meshX", "meshY"))
    x = x or instances // (y or 1)
    y = y or instances // x
    if x * y != instances:
        raise InputError(f"{node.where}: its mesh of {x} x {y} is not its {instances} instances")
    return x, y


def _enabled(node: Node, key: str) -> list[Node]:
    """Return the nodes in a list that are not switched off, none with what is not supported."""
    found = node.find(key)
    nodes = []
    for each in found.entries() if found else []:
        switch = each.find("enabled")
        if switch is None or switch.truth():
            nodes.append(each)
            for unsupported, instead in _UNSUPPORTED.items():
                if extra := each.find(unsupported):
                    raise InputError(f"{extra.where}: {instead}")
    return nodes


def _attributes(node: Node) -> Attributes:
    attributes = node.find("attributes")
    return attributes.table() if attributes else {}


def _tagged(node: Node) -> str:
    return f"the tag {node.tag}" if node.tag else "no tag"
