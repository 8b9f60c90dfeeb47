"""Accelerators read from their files, TOML.

A file can build on another (`base`): what it does not say is the base's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from evaluators.describe.accelerator import (
    Accelerator,
    Choice,
    Footprint,
    Slip,
    Spill,
    Stage,
    Table,
)
from evaluators.describe.cascade import Cascade, LineError, parse_einsums
from evaluators.describe.expressions import Expression, expression
from evaluators.describe.layers import (
    ACCELERATORS,
    MACHINES,
    File,
    Layers,
    Misread,
    entries_of,
    expression_at,
    expressions_at,
    file_of,
    files_of,
    located,
    own_name,
    words_at,
)
from evaluators.describe.machine import Machine
from evaluators.describe.machine_reading import machine_of
from evaluators.describe.mapping import einsums_of, parse_table
from evaluators.describe.open_binding import OpenBinding, open_binding
from evaluators.describe.parameter_reading import parameters_at
from evaluators.errors import InputError
from evaluators.foreign_toml import Table as Section

_MOST_COPIES = 1024

ORDERS = ("latency", "traffic", "energy", "footprint")


def accelerator(name: str) -> Accelerator:
    """Read a shipped accelerator by name, or that of a user's file by path.

    Raises:
        Misread: for what is wrong in the file's form.
        InputError: where there is none, or where it is no TOML.

    """
    files = files_of(located(name, ACCELERATORS, "accelerator"), ACCELERATORS, "accelerator")
    return _read(files)


def written(text: str) -> Accelerator:
    """Read an accelerator from the text of a file that has no base."""
    return _read((file_of(Path("text.toml"), text),))


_TOP = (
    "name", "title", "source", "base", "machine", "cascade", "ranks", "parameters", "mapping",
    "keeps", "bits", "schedule", "requires", "footprint", "spill", "choose", "slips", "open",
)  # fmt: skip


def _read(files: tuple[File, ...]) -> Accelerator:
    layers = Layers(files)
    for file in files:
        layers.tried(partial(file.top.only, _TOP, "an accelerator"), None)
    try:
        chip, parts = _chip(layers)
    except InputError as error:
        raise Misread(*layers.problems, str(error)) from None
    every = (*files, *parts)
    no_cascade = Cascade({}, {}, "", {}, "own")
    cascade = layers.tried(lambda: _cascade(layers), no_cascade)
    choices = layers.tried(lambda: _open(layers, cascade), None)
    unscheduled: tuple[tuple[Stage, ...], bool] = (), False
    stages, overlapped = unscheduled
    if choices is None:
        stages, overlapped = layers.tried(lambda: _schedule(layers), unscheduled)
    read = Accelerator(
        name=layers.tried(partial(own_name, files[0]), ""),
        title=layers.tried(
            lambda: layers.get(("title",), str, "what people call it", default=""), ""
        )
        or files[0].path.stem,
        machine=chip,
        cascade=cascade,
        ranks=layers.tried(lambda: expressions_at(layers, "ranks"), {}),
        parameters={
            **layers.tried(lambda: parameters_at(layers), {}),
            **(choices.parameters if choices is not None else {}),
        },
        tables=()
        if cascade is no_cascade or choices is not None
        else _tables(layers, chip, cascade),
        keeps=layers.tried(lambda: _keeps(layers), {}),
        stages=stages,
        overlapped_memory=overlapped,
        requires=layers.tried(lambda: _requires(layers), ()),
        footprint=layers.tried(lambda: _footprint(layers), Footprint()),
        spills=layers.tried(lambda: tuple(_spills(layers)), ()),
        choices=layers.tried(lambda: tuple(_choices(layers)), ()),
        counts_idle_pes=layers.tried(
            lambda: layers.get(
                ("schedule", "counts_idle_pes"), bool, "true or false", default=False
            ),
            False,
        ),
        slips=layers.tried(lambda: _slips(layers), {}),
        files=tuple(file.path for file in every),
        texts=tuple(file.text for file in every),
        bits=layers.tried(lambda: expressions_at(layers, "bits"), {}),
        digest=sha256("\0".join(file.text for file in every).encode()).hexdigest()[:8],
        open=choices,
    )
    if layers.problems:
        raise Misread(*dict.fromkeys(layers.problems))
    return read


def _chip(layers: Layers) -> tuple[Machine, tuple[File, ...]]:
    """Read the machine, and return its files too."""
    on = layers.holding("machine")
    wanted = "the name or the file of a machine, or a table that describes one"
    given = on.top.get("machine", (str, dict), wanted, required=True)
    own: tuple[File, ...] = ()
    named = given
    if not isinstance(given, str):
        own = (File(on.path, on.text, on.section("machine")),)
        named = on.section("machine").get("base", str, "a machine")
    parts: tuple[File, ...] = ()
    if named is not None:
        place = located(named, MACHINES, "machine", on.path.parent)
        parts = on.top.checked("machine", lambda: files_of(place, MACHINES, "machine"))
    if own:
        return machine_of((*own, *parts)), parts
    return on.top.checked("machine", lambda: machine_of(parts)), parts


def _keeps(layers: Layers) -> dict[str, str]:
    return {
        name: file.section("keeps").get(name, str, "a parameter")
        for name, file in layers.names("keeps").items()
    }


def cascade(path: Path) -> Cascade:
    """Return the cascade of a file that holds one, of an accelerator's or alone."""
    return _cascade(Layers(files_of(path, ACCELERATORS, "accelerator")))


def _cascade(layers: Layers) -> Cascade:
    path = ("cascade", "einsums")
    file = layers.holding("cascade")  # whole: a base's Einsums with other inputs would be neither's
    section = file.section("cascade")
    section.only(("einsums", "along", "previous", "inputs", "computes"), "a cascade")
    text = section.get("einsums", str, "Einsums, one a line", required=True)
    try:
        einsums = parse_einsums(text)
    except LineError as error:
        raise file.text_error(path, error) from None

    def names(key: str) -> dict[str, str]:
        table = section.table(key, "a table of tensors")
        return {name: table.get(name, str, "a tensor") for name in table.values}

    computes = section.get("computes", str, "'attention' or 'own'", default="attention")
    section.one_of("computes", computes, ("attention", "own"))
    along = section.get("along", str, "a rank", default="")
    return Cascade(einsums, names("previous"), along, names("inputs"), computes)


_BOUND = ("mapping", "schedule", "keeps", "requires", "footprint", "spill", "choose", "slips")
"""What describes a binding."""


def _open(layers: Layers, cascade: Cascade) -> OpenBinding | None:
    file = layers.holding("open")
    if "open" not in file.top.values:
        return None
    for each in layers.files:
        if bound := next((key for key in _BOUND if key in each.top.values), None):
            raise each.top.error(bound, "an accelerator that leaves its binding open has none")
    return open_binding(file.section("open"), cascade)


def _tables(layers: Layers, chip: Machine, cascade: Cascade) -> tuple[Table, ...]:
    """Read the tables of mappings; the rows of an Einsum in a nearer file replace the base's."""
    tables: list[Table] = []
    placed: set[str] = set()
    for file in layers.files:
        own: set[str] = set()
        none: list[Section] = []
        entries = layers.tried(partial(entries_of, file, "mapping"), none)
        for place, section in enumerate(entries):
            table = layers.tried(
                partial(_table, file, place, section, frozenset(placed), chip, cascade), None
            )
            if table is not None and table.rows:
                tables.append(table)
                own |= {row.einsum for row in table.rows}
        placed |= own
    return tuple(tables)


def _table(
    file: File,
    place: int,
    section: Section,
    placed: frozenset[str],
    chip: Machine,
    cascade: Cascade,
) -> Table | None:
    """Read the table of mappings of that place in a file, without the Einsums placed already."""
    section.only(("array", "factors", "table"), "a mapping")
    array = section.get("array", str, "an array of the machine", required=True)
    text = section.get("table", str, "a table of loop nests", required=True)
    named = einsums_of(text)
    if named and named <= placed:
        return None
    section.one_of("array", array, tuple(chip.arrays))
    factors = section.table("factors", "a table of factors")
    try:
        rows = parse_table(text, chip.arrays[array], chip, cascade)
    except LineError as error:
        raise file.top.lines.error_within(
            ("mapping", "table"), error.line, str(error), occurrence=place
        ) from None
    return Table(
        array,
        {name: expression_at(factors, name) for name in factors.values},
        tuple(row for row in rows if row.einsum not in placed),
    )


def _schedule(layers: Layers) -> tuple[tuple[Stage, ...], bool]:
    section = layers.holding("schedule").section("schedule")
    section.only(("stages", "stalls", "memory", "counts_idle_pes"), "a schedule")
    stages = section.list("stages", str, "stages, as 'QK LM RD'")
    stalls: list[Expression | None] = [None] * len(stages)
    given = (
        section.list("stalls", str, "expressions", default=[]) if "stalls" in section.values else []
    )
    if len(given) > len(stages):
        raise section.error("stalls", f"{len(given)} stalls after {len(stages)} stages")
    for place, text in enumerate(given):
        if text:
            stalls[place] = section.checked("stalls", partial(expression, text, real=True))
    memory = section.get("memory", str, "'whole' or 'stage'", required=True)
    section.one_of("memory", memory, ("whole", "stage"))
    return (
        tuple(
            Stage(tuple(names.split()), stall) for names, stall in zip(stages, stalls, strict=True)
        ),
        memory == "whole",
    )


def _requires(layers: Layers) -> tuple[Expression, ...]:
    section = layers.holding("requires").top
    if "requires" not in section.values:
        return ()
    each = section.list("requires", str, "divisions, as 'M / array_rows'")
    return tuple(section.checked("requires", partial(expression, text)) for text in each)


def _footprint(layers: Layers) -> Footprint:
    section = layers.holding("footprint").section("footprint")
    section.only(
        ("capacity", "einsums", "copies", "shared", "staging", "staged_whole", "registers"),
        "a footprint",
    )
    capacity = section.get("capacity", str, "'enforce' or 'spill'", default="enforce")
    section.one_of("capacity", capacity, ("enforce", "spill"))
    registers = section.get("registers", str, "'running' or 'waiting'", default="running")
    section.one_of("registers", registers, ("running", "waiting"))
    copies = section.table("copies", "a table of numbers")
    shared = section.list("shared", str, "tensors, as 'QK A'") if "shared" in section.values else []
    return Footprint(
        spills=capacity == "spill",
        einsums=words_at(section, "einsums", ""),
        copies={name: copies.count(name, least=1, most=_MOST_COPIES) for name in copies.values},
        shared=tuple(frozenset(group.split()) for group in shared),
        staging=section.count("staging", least=0, most=_MOST_COPIES, default=0),
        staged_whole=frozenset(words_at(section, "staged_whole", "")),
        waiting=registers == "waiting",
    )


def _spills(layers: Layers) -> Iterator[Spill]:
    for section in entries_of(layers.holding("spill"), "spill"):
        section.only(("einsums", "tensors", "share", "when"), "a spill")
        when = section.table("when", "a table")
        yield Spill(
            words_at(section, "einsums"),
            frozenset(words_at(section, "tensors")),
            expression_at(section, "share", real=True),
            {name: str(when.values[name]) for name in when.values},
        )


def _choices(layers: Layers) -> Iterator[Choice]:
    for section in entries_of(layers.holding("choose"), "choose"):
        section.only(("parameters", "einsums", "order"), "a choice")
        order = section.list("order", str, f"of {', '.join(ORDERS)}")
        for each in order:
            section.one_of("order", each, ORDERS)
        yield Choice(
            words_at(section, "parameters"), words_at(section, "einsums", ""), tuple(order)
        )


_SLIP = ("einsums", "free_units", "free_edge", "buffer_for_tiles_bytes", "keeps_choices")


def _slips(layers: Layers) -> dict[str, Slip]:
    slips = {}
    for name, file in layers.names("slips").items():
        section = file.section("slips").table(name, "a table")
        section.only(_SLIP, "a slip")
        try:
            einsums = parse_einsums(section.get("einsums", str, "Einsums", default=""))
        except LineError as error:
            raise file.text_error(("slips", name, "einsums"), error) from None
        units = section.list("free_units", str, "units") if "free_units" in section.values else []
        slips[name] = Slip(
            einsums,
            frozenset(units),
            section.get("free_edge", bool, "true or false", default=False),
            section.count("buffer_for_tiles_bytes", least=1, most=2**62),
            section.get("keeps_choices", bool, "true or false", default=False),
        )
    return slips
