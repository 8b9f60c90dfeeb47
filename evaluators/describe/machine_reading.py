"""Machines read from their files."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from evaluators.components.arithmetic import WIDTHS
from evaluators.describe.expressions import Expression, expression
from evaluators.describe.layers import (
    MACHINES,
    File,
    Layers,
    expression_at,
    files_of,
    located,
    own_name,
)
from evaluators.describe.machine import UNITS, WORD_BITS, Array, Edge, Machine, Store
from evaluators.describe.parameter_reading import parameters_at
from evaluators.describe.parameters import Parameter
from evaluators.errors import shown
from evaluators.foreign_toml import Table as Section

_MACHINE = ("name", "title", "source", "base", "parameters", "stores", "arrays", "paper_names")

_WORD = Parameter(WORD_BITS, "bits of a word", default=16)


def machine(name: str) -> Machine:
    """Return a shipped machine by name, or that of a user's file by path; as `accelerator`."""
    return machine_of(files_of(located(name, MACHINES, "machine"), MACHINES, "machine"))


def machine_of(files: tuple[File, ...]) -> Machine:
    """Return the machine that some files describe, the nearest first."""
    for file in files:
        file.top.only(_MACHINE, "a machine")
    layers = Layers(files)
    arrays = {
        name: _array(file.section("arrays"), name) for name, file in layers.names("arrays").items()
    }
    for array in arrays.values():
        if array.edge is not None and array.edge.like not in arrays:
            file = layers.holding("arrays", array.name)
            raise file.section("arrays").error(
                array.name, f"its edge is like '{shown(array.edge.like)}', which is no array"
            )
    stores = tuple(
        _store(file.section("stores"), name) for name, file in layers.names("stores").items()
    )
    kinds = [store.kind for store in stores]
    if kinds[:2] != ["DRAM", "SRAM"] or "DRAM" in kinds[2:]:
        raise layers.holding("stores").top.error(
            "stores", "write DRAM first, then one or more of kind SRAM, the buffer first"
        )
    names = layers.holding("paper_names").section("paper_names")
    return Machine(
        name=own_name(files[0]),
        title=layers.get(("title",), str, "what people call it", default=""),
        source=layers.get(("source",), str, "where it is published", default=""),
        parameters={
            **(own := parameters_at(layers)),
            WORD_BITS: replace(own.get(WORD_BITS, _WORD), only=WIDTHS),
        },
        stores=stores,
        arrays=arrays,
        paper_names={name: names.get(name, str, "an array") for name in names.values},
    )


def _array(section: Section, name: str) -> Array:
    table = section.table(name, "a table")
    table.only(("sides", "registers", "units", "edge"), f"array {name}")
    sides = table.list("sides", str, "parameters or expressions")
    units, shared = _units(table)
    if len(sides) > 2:
        raise table.error("sides", "an array has one or two")
    edge = table.table("edge", "a table { name = ..., like = ... }")
    edge.only(("name", "like"), "an edge")
    return Array(
        name=name,
        sides=tuple(table.checked("sides", partial(expression, text)) for text in sides),
        registers=expression_at(table, "registers"),
        units=units,
        shared=shared,
        edge=Edge(
            edge.get("name", str, "a level's name", required=True),
            edge.get("like", str, "an array", required=True),
        )
        if edge.values
        else None,
    )


def _units(table: Section) -> tuple[tuple[str, ...], dict[str, Expression]]:
    """Read units, each a name or, where several PEs share one, a table with 'shared_by'."""
    given = table.get("units", list, "a list of functional units", required=True)
    shared: dict[str, Expression] = {}
    names: list[str] = []
    for each in given:
        if isinstance(each, dict):
            entry = Section(each, (*table.path, "units"), table.lines)
            entry.only(("unit", "shared_by"), "a unit")
            names.append(entry.get("unit", str, "a functional unit", required=True))
            shared[names[-1]] = expression_at(entry, "shared_by")
        else:
            names.append(str(each))
        table.one_of("units", names[-1], UNITS)
    if not names or len(set(names)) < len(names):
        raise table.error("units", "give one or more, each once")
    return tuple(names), shared


def _store(section: Section, name: str) -> Store:
    table = section.table(name, "a table")
    table.only(("kind", "bytes", "row_words", "bytes_per_s"), f"store {name}")
    kind = table.get("kind", str, "DRAM or SRAM", required=True)
    table.one_of("kind", kind, ("DRAM", "SRAM"))
    for key in ("bytes_per_s",) if kind == "DRAM" else ("bytes", "row_words"):
        expression_at(table, key)

    def optional(key: str) -> Expression | None:
        return expression_at(table, key, real=True) if key in table.values else None

    return Store(
        name,
        kind,
        bytes=optional("bytes"),
        row_words=optional("row_words"),
        bytes_per_s=optional("bytes_per_s"),
    )
