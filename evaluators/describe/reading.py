"""Accelerators and machines read from their files, TOML.

A file can build on another (`base`): what it does not say is the base's. Nothing in a file is
executed, and no other file is read than the shipped ones and those that it names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

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
from evaluators.describe.machine import UNITS, WORD_BITS, Array, Edge, Machine, Store
from evaluators.describe.mapping import einsums_of, parse_table
from evaluators.describe.parameters import (
    LARGEST,
    LARGEST_REAL,
    LargestThatFits,
    Parameter,
    parse_automatic,
    parse_domain,
    parse_value,
)
from evaluators.errors import InputError, known_are, shown
from evaluators.foreign import read_text
from evaluators.foreign_toml import Lines
from evaluators.foreign_toml import Table as Section
from evaluators.quantities import unit_of

_FOLDER = Path(__file__).parents[1]
ACCELERATORS = _FOLDER / "accelerators"
MACHINES = _FOLDER / "machines"
_LARGEST_BYTES = 2**18
_DEEPEST = 8
"""How many files may build on one another."""

_MOST_COPIES = 1024

ORDERS = ("latency", "traffic", "energy", "footprint")


T = TypeVar("T")


class Misread(InputError):
    """A file that cannot be read: what is wrong in its form, a sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__(problems[0])
        self.problems = problems


def shipped(folder: Path = ACCELERATORS) -> tuple[str, ...]:
    """Return the names of the accelerators (or machines) that ship."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def is_path(name: str) -> bool:
    """Tell whether a name means a user's file."""
    return name.lower().endswith(".toml") or "/" in name


def accelerator(name: str) -> Accelerator:
    """Read a shipped accelerator by name, or that of a user's file by path.

    Raises:
        Misread: for what is wrong in the file's form.
        InputError: where there is none, or where it is no TOML.

    """
    files = _files(_located(name, ACCELERATORS, "accelerator"), ACCELERATORS, "accelerator")
    return _read(files)


def machine(name: str) -> Machine:
    """Return a shipped machine by name, or that of a user's file by path; as `accelerator`."""
    return _machine(_files(_located(name, MACHINES, "machine"), MACHINES, "machine"))


def _located(name: str, folder: Path, what: str, beside: Path | None = None) -> Path:
    if is_path(name):
        return beside / name if beside is not None else Path(name)
    if name not in shipped(folder):
        called = "configuration" if folder is ACCELERATORS else what
        raise InputError(
            f"unknown {called} '{shown(name)}'; {known_are(name, shipped(folder))}, "
            f"and FILE.toml describes one of your own"
        )
    return folder / f"{name}.toml"


def text_of(path: Path, what: str) -> str:
    """Return the text of an accelerator's or machine's file."""
    return read_text(path, f"a file of {what}, TOML", largest_bytes=_LARGEST_BYTES)


@dataclass(frozen=True)
class _File:
    """A file and its text."""

    path: Path
    text: str
    top: Section

    def section(self, *path: str) -> Section:
        table = self.top
        for key in path:
            table = table.table(key, "a table")
        return table

    def text_error(self, path: tuple[str, ...], error: LineError) -> InputError:
        """Return the error of a line of a text that is the value of a key."""
        return self.top.lines.error_within(path, error.line, str(error))


def _files(path: Path, folder: Path, what: str) -> tuple[_File, ...]:
    """Read a file and those that it builds on, the nearest first."""
    files: list[_File] = []
    while True:
        text = text_of(path, f"an {what}" if what[0] in "aeiou" else f"a {what}")
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{shown(path, 200)}: no TOML: {error}") from None
        file = _File(path, text, Section(values, (), Lines(text, str(path))))
        files.append(file)
        base = file.top.get("base", str, f"the name or the file of an {what}")
        if base is None:
            return tuple(files)
        if len(files) == _DEEPEST:
            raise file.top.error("base", f"more than {_DEEPEST} files build on one another")
        beside = path.parent
        path = file.top.checked("base", partial(_located, base, folder, what, beside))


class _Layers:
    """The files of one description as one: what a nearer file says stands before its base's."""

    def __init__(self, files: tuple[_File, ...]) -> None:
        self.files = files
        self.problems: list[str] = []

    def tried(self, read: Callable[[], T], otherwise: T) -> T:
        """Return what `read` returns; where it cannot, keep the problem and go on."""
        try:
            return read()
        except InputError as error:
            self.problems.append(str(error))
            return otherwise

    def holding(self, *path: str) -> _File:
        """Return the nearest file that has a key, the nearest of all where none has."""
        for file in self.files:
            values: Any = file.top.values
            for key in path:
                values = values.get(key) if isinstance(values, Mapping) else None
            if values is not None:
                return file
        return self.files[0]

    def get(self, path: tuple[str, ...], kind: type, wanted: str, **how: Any) -> Any:
        return self.holding(*path).section(*path[:-1]).get(path[-1], kind, wanted, **how)

    def names(self, *path: str) -> dict[str, _File]:
        """Return the keys of a table over all files, the base's first, each with its file."""
        found: dict[str, _File] = {}
        for file in reversed(self.files):
            found |= dict.fromkeys(file.section(*path).values, file)
        return found


_TOP = (
    "name", "title", "source", "base", "machine", "cascade", "ranks", "parameters", "mapping",
    "keeps", "bits", "schedule", "requires", "footprint", "spill", "choose", "slips",
)  # fmt: skip
_MACHINE = ("name", "title", "source", "base", "parameters", "stores", "arrays", "paper_names")


def _read(files: tuple[_File, ...]) -> Accelerator:
    layers = _Layers(files)
    for file in files:
        layers.tried(partial(file.top.only, _TOP, "an accelerator"), None)
    try:
        chip, parts = _chip(layers)
    except InputError as error:
        raise Misread(*layers.problems, str(error)) from None
    every = (*files, *parts)
    no_cascade = Cascade({}, {}, "", {}, "own")
    cascade = layers.tried(lambda: _cascade(layers), no_cascade)
    unscheduled: tuple[tuple[Stage, ...], bool] = (), False
    stages, overlapped = layers.tried(lambda: _schedule(layers), unscheduled)
    read = Accelerator(
        name=layers.tried(lambda: layers.get(("name",), str, "a name", required=True), ""),
        title=layers.tried(
            lambda: layers.get(("title",), str, "what people call it", default=""), ""
        )
        or files[0].path.stem,
        machine=chip,
        cascade=cascade,
        ranks=layers.tried(lambda: _expressions(layers, "ranks"), {}),
        parameters=layers.tried(lambda: _parameters(layers), {}),
        tables=() if cascade is no_cascade else _tables(layers, chip, cascade),
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
        bits=layers.tried(lambda: _expressions(layers, "bits"), {}),
        digest=sha256("\0".join(file.text for file in every).encode()).hexdigest()[:8],
    )
    if layers.problems:
        raise Misread(*dict.fromkeys(layers.problems))
    return read


def _chip(layers: _Layers) -> tuple[Machine, tuple[_File, ...]]:
    """Read the machine, and return its files too."""
    on = layers.holding("machine")
    named = on.top.get("machine", str, "the name or the file of a machine", required=True)
    beside = on.path.parent
    parts = on.top.checked(
        "machine",
        lambda: _files(_located(named, MACHINES, "machine", beside), MACHINES, "machine"),
    )
    return on.top.checked("machine", lambda: _machine(parts)), parts


def _keeps(layers: _Layers) -> dict[str, str]:
    return {
        name: file.section("keeps").get(name, str, "a parameter")
        for name, file in layers.names("keeps").items()
    }


def cascade(path: Path) -> Cascade:
    """Return the cascade of a file that holds one, of an accelerator's or alone."""
    return _cascade(_Layers(_files(path, ACCELERATORS, "accelerator")))


def _expression(section: Section, key: str, *, real: bool = False) -> Expression:
    given = section.get(key, (str, int, float), "an expression, as 'M / M0'", required=True)
    return section.checked(key, lambda: expression(str(given), real=real))


def _expressions(layers: _Layers, *path: str) -> dict[str, Expression]:
    return {
        name: _expression(file.section(*path), name) for name, file in layers.names(*path).items()
    }


def _cascade(layers: _Layers) -> Cascade:
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


_PARAMETER = ("default", "domain", "most", "real", "labels", "rule", "automatic", "help")


def _parameters(layers: _Layers) -> dict[str, Parameter]:
    return {
        name: _parameter(file.section("parameters"), name)
        for name, file in layers.names("parameters").items()
    }


def _parameter(section: Section, name: str) -> Parameter:
    if not name.isidentifier():
        raise section.error(name, "a parameter's name has letters, digits and '_' alone")
    table = section.table(name, "a table { default = ..., domain = ..., help = ... }")
    table.only(_PARAMETER, f"parameter {name}")
    real = table.get("real", bool, "true or false", default=False)
    labels = (
        tuple(table.list("labels", str, "labels", default=[])) if "labels" in table.values else ()
    )
    default = table.get("default", (int, float, str), "a number, or as '16 MiB'")
    unit = unit_of(name)
    if labels and isinstance(default, str):
        if default not in labels:
            raise table.error("default", f"'{shown(default)}' is none of its labels")
        default = labels.index(default)
    elif default is not None:
        default = table.checked("default", partial(parse_value, default, unit, real=real))
    domain = None
    if labels:
        domain = parse_domain(list(range(len(labels))), labels)
    if "domain" in table.values:
        given = table.values["domain"]
        domain = table.checked("domain", lambda: parse_domain(given, labels, unit, real=real))
    most = _most(table, unit, real=real)
    rule: Expression | LargestThatFits | str | None = None
    if "rule" in table.values:
        rule = _expression(table, "rule")
    elif "automatic" in table.values:
        text = table.get("automatic", str, "'best' or 'largest of DOMAIN that fits'")
        rule = table.checked("automatic", lambda: parse_automatic(text))
    if default is None and rule is None:
        raise section.error(name, "it has neither a default nor a rule nor 'automatic'; give one")
    return Parameter(
        name=name,
        help=table.get("help", str, "a sentence", default=""),
        default=default,
        domain=domain,
        most=most,
        real=real,
        labels=labels,
        rule=rule,
    )


def _most(table: Section, unit: str, *, real: bool) -> int | float:
    given = table.get("most", (int, float, str), "a number, or as '16 MiB'")
    if given is None:
        return LARGEST_REAL if real else LARGEST
    return table.checked("most", lambda: parse_value(given, unit, real=real))


def _tables(layers: _Layers, chip: Machine, cascade: Cascade) -> tuple[Table, ...]:
    """Read the tables of mappings; the rows of an Einsum in a nearer file replace the base's."""
    tables: list[Table] = []
    placed: set[str] = set()
    for file in layers.files:
        own: set[str] = set()
        none: list[Section] = []
        entries = layers.tried(partial(_entries, file, "mapping"), none)
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
    file: _File,
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
        {name: _expression(factors, name) for name in factors.values},
        tuple(row for row in rows if row.einsum not in placed),
    )


def _entries(file: _File, key: str) -> list[Section]:
    """Return the tables of an array of tables, [[key]]."""
    entries = file.top.get(key, list, f"tables [[{key}]]", default=[])
    if not all(isinstance(each, dict) for each in entries):
        raise file.top.error(key, f"write it as tables [[{key}]]")
    return [Section(each, (key,), file.top.lines) for each in entries]


def _words(section: Section, key: str, default: str | None = None) -> tuple[str, ...]:
    text = section.get(key, str, "names, as 'QK AV'", default=default, required=default is None)
    return tuple(text.split())


def _schedule(layers: _Layers) -> tuple[tuple[Stage, ...], bool]:
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


def _requires(layers: _Layers) -> tuple[Expression, ...]:
    section = layers.holding("requires").top
    if "requires" not in section.values:
        return ()
    each = section.list("requires", str, "divisions, as 'M / array_rows'")
    return tuple(section.checked("requires", partial(expression, text)) for text in each)


def _footprint(layers: _Layers) -> Footprint:
    section = layers.holding("footprint").section("footprint")
    section.only(
        ("capacity", "einsums", "copies", "shared", "staging", "staged_whole"), "a footprint"
    )
    capacity = section.get("capacity", str, "'enforce' or 'spill'", default="enforce")
    section.one_of("capacity", capacity, ("enforce", "spill"))
    copies = section.table("copies", "a table of numbers")
    shared = section.list("shared", str, "tensors, as 'QK A'") if "shared" in section.values else []
    return Footprint(
        spills=capacity == "spill",
        einsums=_words(section, "einsums", ""),
        copies={name: copies.count(name, least=1, most=_MOST_COPIES) for name in copies.values},
        shared=tuple(frozenset(group.split()) for group in shared),
        staging=section.count("staging", least=0, most=_MOST_COPIES, default=0),
        staged_whole=frozenset(_words(section, "staged_whole", "")),
    )


def _spills(layers: _Layers) -> Iterator[Spill]:
    for section in _entries(layers.holding("spill"), "spill"):
        section.only(("einsums", "tensors", "share", "when"), "a spill")
        when = section.table("when", "a table")
        yield Spill(
            _words(section, "einsums"),
            frozenset(_words(section, "tensors")),
            _expression(section, "share", real=True),
            {name: str(when.values[name]) for name in when.values},
        )


def _choices(layers: _Layers) -> Iterator[Choice]:
    for section in _entries(layers.holding("choose"), "choose"):
        section.only(("parameters", "einsums", "order"), "a choice")
        order = section.list("order", str, f"of {', '.join(ORDERS)}")
        for each in order:
            section.one_of("order", each, ORDERS)
        yield Choice(_words(section, "parameters"), _words(section, "einsums", ""), tuple(order))


_SLIP = ("einsums", "free_units", "free_edge", "buffer_for_tiles_bytes", "keeps_choices")


def _slips(layers: _Layers) -> dict[str, Slip]:
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


_WORD = Parameter(WORD_BITS, "bits of a word", default=16)


def _machine(files: tuple[_File, ...]) -> Machine:
    for file in files:
        file.top.only(_MACHINE, "a machine")
    layers = _Layers(files)
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
        name=layers.get(("name",), str, "a name", required=True),
        title=layers.get(("title",), str, "what people call it", default=""),
        source=layers.get(("source",), str, "where it is published", default=""),
        parameters={**(own := _parameters(layers)), WORD_BITS: own.get(WORD_BITS, _WORD)},
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
        registers=_expression(table, "registers"),
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
            shared[names[-1]] = _expression(entry, "shared_by")
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
        _expression(table, key)

    def optional(key: str) -> Expression | None:
        return _expression(table, key, real=True) if key in table.values else None

    return Store(
        name,
        kind,
        bytes=optional("bytes"),
        row_words=optional("row_words"),
        bytes_per_s=optional("bytes_per_s"),
    )
