"""Accelergy's compound components: which primitive parts each is made of.

Those of the 45 nm chips are the published energy and area (docs/model/components.md); those of the
16 nm chips are only the objective of Timeloop's mapper (docs/model/components.md#16-nm). Parts are
'name = class'; an action is a list of steps 'part.action', each charged once, or the share of it
that stands behind an '@'. An attribute without a value of its own is the component's of the same
name.
"""

from __future__ import annotations

from typing import Any

from evaluators.timeloop.nodes import VERSION, Node
from evaluators.timeloop.text import Literal

_CYCLE = "global_cycle_seconds"
_GIVEN = Literal("must_specify")


def compound_components(classes: set[str], *, scaled_registers: bool) -> Node:
    """Return the definitions of some classes and of what they are made of.

    Args:
        classes: names that the architecture uses; primitive ones need no definition.
        scaled_registers: charge register files at their real depth and width (correction Q2). The
            artifact writes the share under a name that Accelergy no longer reads (quirk Q2).

    """
    known = {each["name"]: each for each in _classes(scaled_registers=scaled_registers)}
    wanted = [known[name] for name in known if name in _closure(classes, known)]
    return {"version": VERSION, "classes": wanted}


def search_components() -> Node:
    """Return the definitions of the 16 nm components that Timeloop's mapper compares by."""
    given, bits = ["technology", "width", "depth"], _address_bits("depth")
    actions = {
        action: f"storage.{does} address_generators[{generator}].{adds}"
        for action, does, generator, adds in (
            ("write", "write", "0", "add"),
            ("read", "read", "1", "add"),
            ("leak", "leak", "0..1", "leak"),
            ("update", "write", "0", "add"),
        )
    }
    units = ("intadder", "intmultiplier")
    return {
        "version": VERSION,
        "classes": [
            _class(
                "smartbuffer_SRAM",
                given,
                [
                    _part("storage", "SRAM", *given[1:], "n_rw_ports", given[0], _CYCLE),
                    _part(
                        "address_generators[0..1]",
                        "intadder",
                        _CYCLE,
                        n_bits=bits,
                        precision=bits,
                        width=bits,
                    ),
                ],
                {"n_rw_ports": 1, _CYCLE: _GIVEN},
                **actions,
            ),
            _class(
                "intmac",
                ["technology", "multiplier_width", "adder_width", _CYCLE],
                [
                    _part("intadder", "aladdin_adder", width="adder_width"),
                    _part(
                        "intmultiplier",
                        "aladdin_adder",
                        width_a="multiplier_width",
                        width_b="multiplier_width",
                    ),
                ],
                compute=" ".join(f"{unit}.read" for unit in units),
                leak=" ".join(f"{unit}.leak" for unit in units),
            ),
        ],
    }


def _address_bits(depth: str) -> str:
    return f"max(1, ceil(log2({depth}))) if {depth} >= 1 else 1"


def _closure(classes: set[str], known: dict[str, Node]) -> set[str]:
    parts = {
        part["class"]
        for name in classes & set(known)
        for part in known[name]["subcomponents"]
        if part["class"] in known
    }
    return classes if parts <= classes else _closure(classes | parts, known)


def _classes(*, scaled_registers: bool) -> list[Node]:
    exponential = [f"d{i}tod{i - 1}" for i in range(5, 0, -1)]
    widths = dict.fromkeys(("multiplier_width", "adder_width"), "")
    return [
        _class(
            "regfile",
            ["technology", "width", "depth"],
            [
                _part("storage[1..width*depth]", "aladdin_register", _CYCLE),
                _part(
                    "comparator[1..depth]",
                    "aladdin_comparator",
                    _CYCLE,
                    n_bits="max(1, ceil(log2(depth)))",
                ),
            ],
            write="storage[1..width].write comparator[1..depth].compare",
            read="storage[1..width].read comparator[1..depth].compare",
            leak="storage[1..width*depth].leak() comparator[1..depth].leak()",
            update="storage[1..width].write comparator[1..depth].compare",
        ),
        _buffer("smartbuffer_SRAM", "SRAM", ("area_share", "action_share")),
        _buffer(
            "smartbuffer_RF",
            "regfile",
            ("area_scale", "energy_scale") if scaled_registers else ("area_share", "action_share"),
        ),
        _class(
            "fpmac_adder",
            ["technology", "adder_width", _CYCLE],
            [_float("fpadder", "adder", exponent=5)],
            compute="fpadder.add",
            leak="fpadder.leak",
        ),
        _class(
            "mac_max",
            ["technology", "compare_width", _CYCLE],
            [
                _part("comparator", "aladdin_comparator", datawidth="compare_width"),
                _part("mux", "mux", n_mux_inputs=2, n_bits="compare_width"),
            ],
            compute="comparator.update comparator.compare mux.read",
            leak="comparator.leak",
        ),
        _class(
            "mac_exponential",
            ["technology", *widths, _CYCLE],
            [
                *(_part(name, "fpmac", "technology", *widths, _CYCLE) for name in exponential),
                _float("d0eAtoeX", "multiplier", exponent=5),
            ],
            compute=" ".join(f"{name}.compute" for name in exponential) + " d0eAtoeX.multiply",
            leak=" ".join(f"{name}.leak" for name in [*exponential, "d0eAtoeX"]),
        ),
        _class(
            "fpmac_divide",
            ["technology", _CYCLE, "datawidth", "datawidth_a", "datawidth_b"],
            [_part("divide_32b", "custom_divide", "datawidth", "datawidth_a", "datawidth_b")],
            compute="divide_32b.divide",
            leak="divide_32b.leak",
        ),
        _class(
            "fpmac",
            ["technology", *widths, _CYCLE],
            [
                _float("fpadder", "adder", exponent=8),
                _float("fpmultiplier", "multiplier", exponent=8),
            ],
            compute="fpadder.add fpmultiplier.multiply",
            leak="fpadder.leak fpmultiplier.leak",
        ),
    ]


def _buffer(name: str, storage: str, shares: tuple[str, str]) -> Node:
    """Return a padded storage with one address generator for reading and one for writing."""
    area_share, action_share = shares
    bits = _address_bits("real_depth")
    dynamic = f"@{action_share}=dynamic_energy_scale"
    write = f"storage.write{dynamic} address_generators[0].add"
    return _class(
        name,
        ["technology", "width", "depth", _CYCLE],
        [
            _part(
                "storage",
                storage,
                "n_rdwr_ports",
                _CYCLE,
                width="memory_width",
                depth="memory_depth",
            )
            | {area_share: "area_scale"},
            _part("address_generators[0..1]", "intadder", _CYCLE, n_bits=bits, precision=bits),
        ],
        {
            "memory_width": "max(32, width)",
            "memory_depth": "max(64, depth)",
            "widthscale": "width / memory_width",
            "depthscale": "depth / memory_depth",
            "real_depth": "depth",
            "area_scale": "widthscale * depthscale",
            "dynamic_energy_scale": "widthscale * (depthscale ** (1.56 / 2))",
            "static_energy_scale": "area_scale",
            "n_rdwr_ports": 1,
        },
        write=write,
        read=f"storage.read{dynamic} address_generators[1].add",
        leak=f"storage.leak@{action_share}=static_energy_scale address_generators[0..1].leak",
        update=write,
    )


def _float(name: str, unit: str, *, exponent: int) -> Node:
    return _part(name, f"fp{unit}", exponent=exponent, mantissa=f"{unit}_width - exponent")


def _class(
    name: str,
    given: list[str],
    parts: list[Node],
    derived: dict[str, Any] | None = None,
    **actions: str,
) -> Node:
    return {
        "name": name,
        "attributes": dict.fromkeys(given, _GIVEN) | (derived or {}),
        "subcomponents": parts,
        "actions": [
            {"name": action, "subcomponents": [_step(step) for step in steps.split()]}
            for action, steps in actions.items()
        ],
    }


def _part(name: str, class_: str, *same: str, **attributes: Any) -> Node:
    return {
        "name": name,
        "class": class_,
        "attributes": {attribute: attribute for attribute in same} | attributes,
    }


def _step(step: str) -> Node:
    """Read 'part.action', 'part.action()' with the cycle as argument, 'part.action@key=share'."""
    called, _, share = step.partition("@")
    part, _, action = called.rpartition(".")
    performed: Node = {"name": action.removesuffix("()")}
    if action.endswith("()"):
        performed["arguments"] = {_CYCLE: _CYCLE}
    if share:
        key, _, value = share.partition("=")
        performed[key] = value
    return {"name": part, "actions": [performed]}
