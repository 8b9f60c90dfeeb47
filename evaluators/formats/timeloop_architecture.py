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
from itertools import pairwise

from evaluators.errors import InputError, shown
from evaluators.formats.timeloop_components import (
    Arithmetic,
    Attributes,
    Mesh,
    Storage,
    read_component,
)
from evaluators.safe_yaml import Node

MOST_LEVELS = 64
MOST_INSTANCES = 2**31 - 1

_RANGED = re.compile(r"([^\[\]]+)(?:\[([0-9]{1,18})\.\.([0-9]{1,18})\])?")
_UNSUPPORTED = {
    "constraints": "constraints are a mapper's; state all of it in the mapping",
    "sparse_optimizations": "sparse optimisations are not supported; leave them out",
    "networks": "networks of their own are not supported; leave them out",
}
_LEAF = ("name", "attributes", "spatial", *_UNSUPPORTED)
_COMPONENT = ("class", "subclass", "required_actions", "area_scale", "energy_scale", "enabled")
_KEYS = {
    "!Hierarchical": ("nodes",),
    "!Parallel": ("nodes",),
    "!Container": _LEAF,
    "!Component": (*_LEAF, *_COMPONENT),
    "!Nothing": (*_LEAF, *_COMPONENT),
}
"""The keys of a node by its tag."""
_BESIDE = ("!Component", "!Nothing")
"""What may stand below !Parallel."""


@dataclass(frozen=True)
class Architecture:
    """A chip.

    Attributes:
        storages: the levels of storage, outermost first.
        arithmetic: the units below them.
        fanouts: what a spatial loop may target -> position of the level of storage above it.
        flat: whether it was read from the flat form.

    """

    storages: tuple[Storage, ...]
    arithmetic: Arithmetic
    fanouts: dict[str, int]
    flat: bool


@dataclass
class _Chip:
    """A chip as it is read, from the outermost node inward."""

    storages: list[Storage] = field(default_factory=list)
    arithmetic: list[Arithmetic] = field(default_factory=list)
    fanouts: dict[str, int] = field(default_factory=dict)
    mesh: Mesh = (1, 1)
    inherited: Attributes = field(default_factory=dict)
    parallels: int = 0
    containers: list[str] = field(default_factory=list)

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
            name = _name(node)
            self.fanouts[name] = len(self.storages)
            self.storages.append(Storage(f"inter_{name}_spatial", node.where, self.mesh))
            self.mesh = (self.mesh[0] * x, self.mesh[1] * y)
            _check_mesh(node, self.mesh)

    def finished(self, where: str, *, flat: bool) -> Architecture:
        """Return the chip, checked as a whole."""
        if not 1 <= len(self.storages) <= MOST_LEVELS or len(self.arithmetic) != 1:
            raise InputError(
                f"{where} has {len(self.storages)} levels of storage and {len(self.arithmetic)} of "
                f"arithmetic; it must have 1 to {MOST_LEVELS} and exactly one (a class that "
                "contains 'mac' or 'compute')"
            )
        components: list[Storage | Arithmetic] = [*self.storages, *self.arithmetic]
        for storage in self.storages:
            if storage.words is None and not storage.dram:
                raise InputError(
                    f"{storage.where}: {storage.name} has no size and is no DRAM; give it a depth, "
                    "entries or sizeKB"
                )
        names = [*self.containers, *(each.name for each in components)]
        for name, times in Counter(names).items():
            if times > 1:
                raise InputError(f"{where}: {times} components are called {name}; name each apart")
        for i, (outer, inner) in enumerate(pairwise(components)):
            if any(many % few for few, many in zip(outer.mesh, inner.mesh, strict=True)):
                raise InputError(
                    f"{inner.where}: {inner.name} has {_mesh(inner.mesh)} instances, no multiple "
                    f"of the {_mesh(outer.mesh)} of {outer.name} above it; give it that many each"
                )
            if inner.mesh != outer.mesh:
                self.fanouts[outer.name] = i
        return Architecture(tuple(self.storages), self.arithmetic[0], self.fanouts, flat)


def read_architecture(node: Node) -> Architecture:
    """Read what stands under the key `architecture`.

    Raises `InputError` for a chip whose counts our analysis does not give: networks, clusters,
    sparse optimisations; and for constraints, which speak to a mapper.
    """
    node.only("version", "nodes", "subtree")
    flat = node.find("subtree") is not None
    if flat and (nodes := node.find("nodes")):
        raise InputError(f"{nodes.where} stands beside a subtree; give one of the two")
    chip = _Chip()
    if flat:
        _read_subtree(chip, node)
    else:
        _read_nodes(chip, node)
    return chip.finished(node.where, flat=flat)


def _read_nodes(chip: _Chip, branch: Node) -> None:
    for node in _enabled(branch):
        if node.tag == "!Hierarchical":
            _read_nodes(chip, node)
        elif node.tag == "!Parallel":
            chip.parallels += 1
            for component in _enabled(node):
                _read_parallel(chip, component)
        elif chip.arithmetic and node.tag != "!Nothing":
            raise InputError(
                f"{node.where} stands below {chip.arithmetic[0].name}; the arithmetic must be last"
            )
        elif node.tag == "!Container":
            chip.containers.append(_name(node))
            chip.fan_out(node)
            chip.inherited = chip.inherited | _attributes(node)
        elif node.tag == "!Component":
            chip.fan_out(node)
            chip.add(_component(chip, node))


def _read_parallel(chip: _Chip, node: Node) -> None:
    if node.find("spatial"):
        raise InputError(f"{node.where} has a mesh; below !Parallel a component has one instance")
    if node.tag == "!Component":
        chip.add(_component(chip, node, chip.parallels))


def _enabled(branch: Node) -> list[Node]:
    """Return the nodes of a branch that are not switched off, none with what is not supported."""
    found = branch.find("nodes")
    tags = _BESIDE if branch.tag == "!Parallel" else tuple(_KEYS)
    nodes = []
    for node in found.entries() if found else []:
        if node.tag not in tags:
            tagged = f"the tag {shown(node.tag)}" if node.tag else "no tag"
            below = f"; below {branch.tag}" if branch.tag else ";"
            raise InputError(f"{node.where} has {tagged}{below} it must have {', '.join(tags)}")
        node.only(*_KEYS[node.tag])
        switch = node.find("enabled")
        if switch is None or switch.truth():
            nodes.append(node)
            for unsupported, instead in _UNSUPPORTED.items():
                if extra := node.find(unsupported):
                    raise InputError(f"{extra.where}: {instead}")
    return nodes


def _component(chip: _Chip, node: Node, parallel: int = 0) -> Storage | Arithmetic | None:
    attributes = chip.inherited | _attributes(node)
    for key in ("meshX", "meshY", "instances"):
        if stated := attributes.get(key):
            raise InputError(f"{stated.where}: write the mesh under spatial, not as an attribute")
    return read_component(node, _name(node), chip.mesh, attributes, parallel)


def _name(node: Node) -> str:
    name = node.need("name")
    if _ranged(name)[0] != name.text():
        raise name.wrong("a name without a range; write the mesh under spatial")
    return name.text()


def _read_subtree(chip: _Chip, node: Node) -> None:
    instances = 1
    while trees := node.find("subtree"):
        if len(trees.entries()) != 1:
            raise InputError(f"{trees.where} has {len(trees.entries())} entries; it must have one")
        (node,) = trees.entries()
        node.only("name", "attributes", "local", "subtree")
        instances *= _ranged(node.need("name"))[1]
        local = node.find("local")
        for component in local.entries() if local else []:
            chip.add(_flat_component(component, instances))


def _flat_component(node: Node, instances: int) -> Storage | Arithmetic | None:
    node.only("name", "attributes", *_COMPONENT)
    switch = node.find("enabled")
    if switch and not switch.truth():
        raise InputError(f"{switch.where}: a flat file says true; leave the component out")
    name, copies = _ranged(node.need("name"))
    attributes = _attributes(node)
    instances *= copies
    if stated := attributes.get("instances"):
        instances = stated.integer()
    mesh = _flat_mesh(node, attributes, instances)
    component = read_component(node, name, mesh, attributes)
    if isinstance(component, Storage) and "attributes" not in node.table():
        raise InputError(
            f"{node.where}: {name} has no attributes, without which a flat file says no class; "
            "give its datawidth there"
        )
    return component


def _ranged(node: Node) -> tuple[str, int]:
    """Read a name and how many there are: 'L3[1..4]' are four."""
    match = _RANGED.fullmatch(node.text())
    first, last = (int(each or 1) for each in match.groups()[1:]) if match else (1, 0)
    if match is None or first > last:
        raise node.wrong("a name, or one with a range that ascends, as PE[1..4]")
    return match[1], last - first + 1


def _flat_mesh(node: Node, attributes: Attributes, instances: int) -> Mesh:
    """Return the instances along X and Y; what is not given follows from their number."""
    x, y = (attributes[key].integer() if key in attributes else 0 for key in ("meshX", "meshY"))
    x = x or instances // (y or 1)
    y = y or instances // (x or 1)
    if x * y != instances:
        raise InputError(f"{node.where}: its mesh of {x} x {y} is not its {instances} instances")
    _check_mesh(node, (x, y))
    return x, y


def _check_mesh(node: Node, mesh: Mesh) -> None:
    if mesh[0] * mesh[1] > MOST_INSTANCES:
        raise InputError(
            f"{node.where}: {_mesh(mesh)} instances are more than 2^31 - 1; shrink the mesh"
        )


def _mesh(mesh: Mesh) -> str:
    return f"{mesh[0]} x {mesh[1]}"


def _attributes(node: Node) -> Attributes:
    attributes = node.find("attributes")
    return attributes.table() if attributes else {}
