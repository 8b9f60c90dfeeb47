"""Mappings: the loop nest of one Einsum on a machine's levels of storage, symbolically.

A mapping's loops name their factors; the factors of a batch of designs are columns. The same
mapping therefore serves every design.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from functools import cached_property

from evaluators.describe.cascade import Cascade, Einsum, LineError, numbered
from evaluators.describe.machine import REGISTERS, Array, Machine
from evaluators.errors import InputError, shown


@dataclass(frozen=True)
class Loop:
    """A loop over one rank; `factor` names its trip count among a batch's factors."""

    rank: str
    factor: str


@dataclass(frozen=True)
class Level:
    """A level of storage.

    Attributes:
        name: the machine's name for it.
        loops: its temporal loops, outermost first.
        spatial: the loops below it that are unrolled across instances of the next level, along the
            sides of the array in their order.
        keep: names of the tensors it holds; the others bypass it.

    """

    name: str
    loops: tuple[Loop, ...] = ()
    spatial: tuple[Loop, ...] = ()
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mapping:
    """The levels of one Einsum's loop nest, outermost first."""

    einsum: Einsum
    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        where = f"mapping of {self.einsum.name}"
        tensors = {tensor.name for tensor in self.einsum.tensors}
        factors: set[str] = set()
        for level in self.levels:
            if not level.keep <= tensors:
                unknown = ", ".join(sorted(level.keep - tensors))
                raise InputError(f"{where}: {level.name} keeps {unknown}, no tensor of the Einsum")
            for loop in (*level.loops, *level.spatial):
                if loop.rank not in self.einsum.ranks:
                    raise InputError(
                        f"{where}: {level.name} loops over rank {loop.rank}, which the Einsum lacks"
                    )
                if loop.factor in factors:
                    raise InputError(f"{where}: factor {loop.factor} occurs twice")
                factors.add(loop.factor)
        homeless = tensors - {name for level in self.levels for name in level.keep}
        if homeless:
            raise InputError(f"{where}: no level keeps {', '.join(sorted(homeless))}")

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.einsum, self.levels))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {level.name: place for place, level in enumerate(self.levels)}

    @property
    def loops(self) -> tuple[Loop, ...]:
        """All loops, temporal and spatial."""
        return tuple(x for level in self.levels for x in (*level.loops, *level.spatial))

    def index(self, level: str) -> int:
        """Return the position of a level, 0 outermost."""
        return self._places[level]

    def with_einsum(self, einsum: Einsum) -> Mapping:
        """Return the same loops for an Einsum that is written otherwise."""
        inner = replace(self.levels[-1], keep=frozenset(each.name for each in einsum.tensors))
        return Mapping(einsum, (*self.levels[:-1], inner))


def loops_named(einsum: Einsum, factors: str) -> tuple[Loop, ...]:
    """Read loops as 'B H P2 M1', outermost first.

    A loop is named by its rank, or by its rank and a digit where the rank is split: P2, P1, P0 are
    the loops over P, outer to inner, unless the Einsum has a rank of that very name; M01, M00 are
    those over a rank M0.
    """
    loops = []
    for factor in factors.split():
        digitless = factor[:-1] if factor[-1].isdecimal() else factor
        rank = next(
            (each for each in (factor, digitless) if each in einsum.ranks),
            factor.rstrip("0123456789"),
        )
        loops.append(Loop(rank, factor))
    return tuple(loops)


@dataclass(frozen=True, eq=False)
class Row:
    """A row of a table of mappings: one way to run an Einsum.

    Attributes:
        einsum: which.
        array: where.
        streamed: its loop nest with every marked tensor past the stores of its choice.
        resident: the same with every marked tensor in them.
        marked: the tensors whose store is a choice.
        last: the tensors that leave for the outermost store once, after the last chunk.
        turns: what runs in turn at a point of the iteration space; in a turn chained functional
            units, each with its number of operations.
        when: parameter -> the label or number that selects the row.
        line: its number in the file's text, from 0.

    """

    einsum: str
    array: str
    streamed: Mapping
    resident: Mapping
    marked: tuple[str, ...]
    last: tuple[str, ...]
    turns: tuple[tuple[tuple[str, int], ...], ...]
    when: Table[str, str]
    line: int

    @cached_property
    def operations(self) -> dict[str, int]:
        """Functional unit -> operations per point of the iteration space."""
        operations: dict[str, int] = {}
        for unit, count in (each for turn in self.turns for each in turn):
            operations[unit] = operations.get(unit, 0) + count
        return operations

    @cached_property
    def cycles(self) -> int:
        """Cycles of an array for a step of the loop nest, where every PE has its own units."""
        return sum(max(count for _, count in turn) for turn in self.turns)


def einsums_of(text: str) -> set[str]:
    """Return what stands in the first cells of a table's rows."""
    return {line.partition("|")[0].strip() for _, line in list(numbered(text))[1:]}


_COLUMNS = ("Einsum", "spatial", "edge keep", "register loops", "operations", "when")


def parse_table(text: str, array: Array, machine: Machine, cascade: Cascade) -> list[Row]:
    """Read a table of mappings, one row a line, cells separated by '|'.

    The header's cells are 'Einsum', '<store> loops', '<store> keep', 'register loops', 'edge keep',
    'spatial' (the factors along the array's sides), 'operations' and 'when'. Of the tensors kept,
    `K?` stays there where its choice keeps it on chip, and `~K` where it does not; `K!` of the
    outermost store is a state that leaves for it once, after the last chunk.

    Raises:
        LineError: names the line that is wrong.

    """
    lines = list(numbered(text))
    if len(lines) < 2:
        raise LineError(0, "the table has no row; write a header and a row for each Einsum")
    number, header = lines[0][0], [cell.strip() for cell in lines[0][1].split("|")]
    stores = [store.name for store in machine.stores]
    known = {*_COLUMNS, *(f"{name} {what}" for name in stores for what in ("loops", "keep"))}
    for column in header:
        if column not in known or header.count(column) > 1:
            raise LineError(
                number,
                f"column '{shown(column)}': known, once each, are {', '.join(sorted(known))}",
            )
    for needed in ("Einsum", "spatial", "operations"):
        if needed not in header:
            raise LineError(number, f"the column '{needed}' is missing")
    if "edge keep" in header and array.edge is None:
        raise LineError(number, f"array {array.name} has no edge store to keep anything in")
    rows = []
    for number, line in lines[1:]:
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != len(header):
            raise LineError(number, f"{len(cells)} cells under a header of {len(header)}")
        try:
            rows.append(_row(dict(zip(header, cells, strict=True)), array, stores, cascade, number))
        except LineError:
            raise
        except InputError as error:
            raise LineError(number, str(error)) from None
    return rows


def _row(
    cells: dict[str, str], array: Array, stores: list[str], cascade: Cascade, line: int
) -> Row:
    name = cells["Einsum"]
    if name not in cascade.einsums:
        raise InputError(f"'{shown(name)}' is no Einsum; known are {', '.join(cascade.einsums)}")
    einsum = cascade.einsums[name]
    spatial = loops_named(einsum, cells["spatial"])
    if len(spatial) > len(array.sides):
        raise InputError(
            f"{len(spatial)} spatial factors on the {len(array.sides)} sides of {array.name}"
        )
    above = [
        (each, cells.get(f"{each} loops", ""), cells.get(f"{each} keep", "")) for each in stores
    ]
    if array.edge is not None and "edge keep" in cells:
        above.append((array.edge.name, "", cells.get("edge keep", "")))
    registers = Level(
        REGISTERS,
        loops=loops_named(einsum, cells.get("register loops", "")),
        keep=frozenset(tensor.name for tensor in einsum.tensors),
    )

    def mapping(*, resident: bool) -> Mapping:
        levels = [
            Level(each, loops_named(einsum, loops), (), _kept(keep, resident=resident))
            for each, loops, keep in above
        ]
        return Mapping(einsum, (*levels[:-1], replace(levels[-1], spatial=spatial), registers))

    marks = " ".join(keep for _, _, keep in above).split()
    last = tuple(each.strip("!") for each in marks if "!" in each)
    outermost = {each.strip("!") for each in above[0][2].split() if "!" in each}
    if set(last) != outermost or not outermost <= {name} & set(cascade.previous.values()):
        raise InputError(
            f"'!' marks a state where its Einsum keeps it in {above[0][0]}, as '{name}!' of "
            "a state; it leaves after the last chunk"
        )
    return Row(
        einsum=name,
        array=array.name,
        streamed=mapping(resident=False),
        resident=mapping(resident=True),
        marked=tuple(dict.fromkeys(each.strip("~?") for each in marks if each.strip("~?") != each)),
        last=last,
        turns=_turns(cells["operations"]),
        when=_conditions(cells.get("when", "")),
        line=line,
    )


def _kept(cell: str, *, resident: bool) -> frozenset[str]:
    dropped = ("~", "!") if resident else ("?", "!")
    return frozenset(
        each.strip("~?") for each in cell.split() if not any(mark in each for mark in dropped)
    )


def _turns(cell: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Read '6 mac, add' (in turn: 7 cycles) or 'add & exponential' (chained: 1 cycle)."""
    turns = []
    for turn in cell.split(","):
        chained = []
        for term in turn.split("&"):
            *count, unit = term.split() or ("",)
            if (
                not unit
                or len(count) > 1
                or not all(each.isdecimal() and 0 < len(each) < 7 for each in count)
            ):
                raise InputError(
                    f"operations '{shown(cell)}': write as '6 mac, add', or with & where units are "
                    "chained"
                )
            chained.append((unit, int(count[0]) if count else 1))
        turns.append(tuple(chained))
    return tuple(turns)


def _conditions(cell: str) -> dict[str, str]:
    conditions = {}
    for term in cell.split(","):
        if term.strip():
            name, equals, value = (each.strip() for each in term.partition("="))
            if not equals or not name or not value:
                raise InputError(f"when '{shown(cell)}': write as 'qk_stationarity=weight'")
            conditions[name] = value
    return conditions
