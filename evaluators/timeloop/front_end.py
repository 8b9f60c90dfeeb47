"""Timeloop's front end, where it is installed: its input, and the flat file that it makes of it.

The programs read the flat file, which `inputs` prints; the front end is asked only to confirm it,
since its own way to start them goes through a shell and knows no time limit.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import yaml

from evaluators.errors import EvaluationError, InputError, shown
from evaluators.timeloop import chip as chips
from evaluators.timeloop import inputs
from evaluators.timeloop.inputs import Entry, Request
from evaluators.timeloop.nodes import CYCLE_S, TOP, VERSION, Node
from evaluators.timeloop.programs import INSTALLATION
from evaluators.timeloop.text import Literal, as_yaml

PACKAGES = ("pytimeloop.timeloopfe", "timeloopfe")
"""Its names, the present one first."""

_INPUT = "input.yaml"
_FLATTENED = "parsed-processed-input.yaml"
_OWN: dict[str, tuple[str, ...]] = {
    "DRAM": ("type", "width", "datawidth"),
    "smartbuffer_SRAM": ("depth", "width", "n_banks", "datawidth"),
    "storage": ("depth", "width", "datawidth"),
    "intmac": ("multiplier_width", "adder_width"),
}
"""Class -> the attributes to give; the front end has defaults for the others."""


def find() -> str:
    """Return the name by which the front end imports; `InputError` where it does not."""
    for package in PACKAGES:
        try:
            import_module(f"{package}.v4")
        except ImportError as error:
            if error.name is None or f"{package}.v4.".startswith(f"{error.name}."):
                continue  # it is this package that is not there, none that it needs
            raise InputError(
                f"Timeloop's front end {package} does not import: {shown(error, 200)}; install "
                f"what it lacks into the Python that runs dse, {sys.executable}"
            ) from error
        return package
    raise InputError(
        f"Timeloop's front end is not installed: the Python that runs dse, {sys.executable}, must "
        f"be able to import {' or '.join(PACKAGES)}; see {INSTALLATION}"
    )


def flat_file(request: Request) -> Entry:
    """Have the front end make the flat file of a request.

    The front end since its commit b8aaf2c (April 2025) refuses a DRAM without a depth, and hands
    one on that Timeloop does not read; it is given one then, which is taken out again.

    Raises:
        InputError: it is not installed.
        EvaluationError: it refuses the input.

    """
    try:
        return flatten(front_end_input(request))
    except EvaluationError as refusal:
        try:
            flat = flatten(front_end_input(request, dram_depth=True))
        except EvaluationError:
            raise refusal from None
        for node in flat["architecture"]["subtree"][0]["local"]:
            if node["class"] == "DRAM":
                del node["attributes"]["depth"]
        return flat


def front_end_input(request: Request, *, dram_depth: bool = False) -> str:
    """Return the architecture, problem and mapping as the front end reads them, as YAML text."""
    return as_yaml(
        {
            "architecture": {"version": VERSION, "nodes": _nodes(request, dram_depth=dram_depth)},
            "problem": inputs.problem(request),
            "mapping": inputs.mapping(request),
        }
    )


def flatten(text: str) -> Entry:
    """Have the front end make the flat file of its input.

    Raises:
        InputError: it is not installed.
        EvaluationError: it refuses the input.

    """
    package = find()
    v4 = import_module(f"{package}.v4")
    calls = import_module(f"{package}.common.backend_calls")
    with tempfile.TemporaryDirectory(prefix="timeloop-") as folder:
        file = Path(folder, _INPUT)
        file.write_text(text, encoding="utf-8")
        try:
            calls._pre_call(v4.Specification.from_yaml_files(str(file)), folder, for_model=True)
        except Exception as error:
            said = next((line for line in str(error).splitlines() if line.strip()), "")
            raise EvaluationError(f"{package} refuses its input: {said}") from error
        flat: Entry = yaml.safe_load(Path(folder, _FLATTENED).read_text(encoding="utf-8"))
    return flat


def _nodes(request: Request, *, dram_depth: bool) -> list[Node]:
    """Return the chip nested: a container spreads out what follows it."""
    chip = request.chip
    top = {"global_cycle_seconds": CYCLE_S, "technology": Literal("16nm")}
    nodes: list[Node] = [
        {"!": "Container", "name": TOP.removesuffix("_top_level"), "attributes": top}
    ]
    containers = zip(
        chip.containers, zip(("meshX", "meshY"), chip.sides, strict=False), strict=True
    )
    for flat in chips.architecture(chip)["subtree"][0]["local"]:
        name = flat["name"].partition("[")[0]
        if flat["class"] == "dummy_storage":
            container, (mesh, size) = next(containers)
            nodes.append({"!": "Container", "name": container, "spatial": {mesh: size}})
            continue
        own = {key: flat["attributes"][key] for key in _OWN[flat["class"]]}
        if dram_depth and flat["class"] == "DRAM":
            own["depth"] = 1
        named = {key: flat[key] for key in ("class", "subclass") if key in flat}
        nodes.append({"!": "Component", "name": name, **named, "attributes": own})
    return nodes
