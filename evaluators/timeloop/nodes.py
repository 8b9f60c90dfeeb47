"""Nodes of an architecture in Timeloop's flat v4 format, as its front end writes them.

The programs read this format; the front end turns its nested one, with its defaults, into it.
"""

from __future__ import annotations

from typing import Any

from evaluators.timeloop.text import Literal

VERSION = "0.4"
TOP = "system_top_level"
CYCLE_S = 1.0638297873e-9

Node = dict[str, Any]

_STORAGE_ACTIONS = ["leak", "read", "write", "update"]


def architecture(technology: str, local: list[Node], **attributes: Any) -> Node:
    """Return a chip of that technology ('16nm'): its nodes from the outermost inward."""
    top = {
        "version": VERSION,
        "global_cycle_seconds": CYCLE_S,
        "technology": Literal(technology),
        "has_power_gating": False,
        "power_gated_at": None,
        **attributes,
    }
    for node in local:
        node["attributes"].setdefault("technology", Literal(technology))
    return {
        "version": VERSION,
        "subtree": [{"name": TOP, "attributes": top, "local": local}],
    }


def storage(name: str, kind: str, mesh: tuple[int, int], word_bits: int, **attributes: Any) -> Node:
    """Return a level of storage; `attributes` replace the front end's defaults.

    `kind` is a class, or a class and a subclass as 'storage/aladdin_register'.
    """
    class_, _, subclass = kind.partition("/")
    node = _node(name, class_, mesh, _stored(word_bits, attributes))
    if subclass:
        node["subclass"] = subclass
    return node | {"required_actions": _STORAGE_ACTIONS}


def fanouts(containers: tuple[str, ...], mesh: tuple[int, int]) -> list[Node]:
    """Return the placeholders, outermost first, under which instances of what follows are spread.

    Of two, the inner one is there once a column.
    """
    ones = {"width": 1, "depth": 1, "technology": -1}
    meshes = ((1, 1), (mesh[0], 1))
    return [
        _node(f"inter_{name}_spatial", "dummy_storage", own, _stored(1, ones))
        for name, own in zip(containers, meshes, strict=False)
    ]


def unit(name: str, class_: str, mesh: tuple[int, int], **widths: int) -> Node:
    """Return a functional unit; `widths` in bits."""
    return _node(name, class_, mesh, widths) | {"required_actions": ["compute"]}


def dram(name: str, kind: str, word_bits: int, **attributes: Any) -> Node:
    """Return off-chip memory of that kind ('HBM2'), 64 bit an access."""
    return storage(name, "DRAM", (1, 1), word_bits, type=Literal(kind), width=64, **attributes)


def _stored(word_bits: int, attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "datawidth": word_bits,
        "n_banks": 2,
        "cluster_size": 1,
        "reduction_supported": True,
        "multiple_buffering": 1,
        "min_utilization": 0,
        "allow_overbooking": False,
    } | attributes


def _node(name: str, class_: str, mesh: tuple[int, int], attributes: dict[str, Any]) -> Node:
    x, y = mesh
    return {
        "name": f"{name}[1..{x * y}]",
        "class": class_,
        "attributes": {
            **attributes,
            "has_power_gating": False,
            "power_gated_at": None,
            "global_cycle_seconds": CYCLE_S,
            "meshX": x,
            "meshY": y,
        },
        "enabled": True,
    }
