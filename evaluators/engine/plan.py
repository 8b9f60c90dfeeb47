"""What no design changes: the loop nests of an accelerator under an accounting, looked up once."""

from __future__ import annotations

from collections.abc import Mapping as Table_
from dataclasses import dataclass
from functools import lru_cache

from evaluators.accounting import Accounting, Correction
from evaluators.describe.accelerator import Accelerator, Slip, Table
from evaluators.describe.cascade import Cascade, Einsum
from evaluators.describe.mapping import Mapping, Row


@dataclass(frozen=True)
class Kept:
    """A tensor at a level.

    Attributes:
        tensor: its name.
        off, on: whether the level keeps it where its choice is off chip, and on chip.
        choice: the parameter of its choice; '' without one.

    """

    tensor: str
    off: bool
    on: bool
    choice: str


@dataclass(frozen=True, eq=False)
class RowPlan:
    """A row of the mapping tables, its Einsum as an accounting has it.

    Attributes:
        row: the row.
        streamed, resident: its loop nest with every choice off chip, and on chip.
        levels: level -> what it keeps.
        choices: tensor -> the parameter of its choice.

    """

    row: Row
    streamed: Mapping
    resident: Mapping
    levels: Table_[str, tuple[Kept, ...]]
    choices: Table_[str, str]


@dataclass(frozen=True, eq=False)
class TablePlan:
    """A table of mappings: its factors and rows."""

    table: Table
    loops: frozenset[str]
    rows: tuple[RowPlan, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """The loop nests of some Einsums of an accelerator.

    Attributes:
        accelerator: the accelerator.
        einsums: their names, in the cascade's order.
        written: every Einsum, as the slips in force write it.
        slips: those in force.
        tables: the tables with a row of one of the Einsums.

    """

    accelerator: Accelerator
    einsums: tuple[str, ...]
    written: Table_[str, Einsum]
    slips: tuple[Slip, ...]
    tables: tuple[TablePlan, ...]


@dataclass(frozen=True)
class Tile:
    """A tile that every design keeps in a store: the product of some factors of a table.

    Attributes:
        name: of the tensor in whose place it lies.
        table: place of the table among the plan's.
        factors: names of its factors, sorted.

    """

    name: str
    table: int
    factors: tuple[str, ...]


@lru_cache(maxsize=256)
def tiles(
    of: Plan, store: str, einsums: tuple[str, ...]
) -> tuple[tuple[Tile, ...], tuple[str, ...]]:
    """Return the different tiles of Einsums that run in one way, and the other Einsums."""
    ways = {
        name: [r for t in of.tables for r in t.rows if r.row.einsum == name] for name in einsums
    }
    fixed = {
        name
        for name, rows in ways.items()
        if len(rows) == 1 and not rows[0].choices and not of.accelerator.footprint.staging
    }
    found: dict[Tile, None] = {}
    for place, table in enumerate(of.tables):
        for each in table.rows:
            if each.row.einsum in fixed:
                ranks = {tensor.name: tensor.ranks for tensor in each.streamed.einsum.tensors}
                inner = each.streamed.levels[each.streamed.index(store) :]
                for kept in each.levels[store]:
                    factors = sorted(
                        loop.factor
                        for level in inner
                        for loop in (*level.loops, *level.spatial)
                        if loop.rank in ranks[kept.tensor]
                    )
                    name = stored_as(of.accelerator.cascade, each.row.einsum, kept.tensor)
                    copies = held_across(of.accelerator.cascade, each.streamed, store, name)
                    found[Tile(name, place, tuple(sorted((*factors, *copies))))] = None
    return tuple(found), tuple(name for name in einsums if name not in fixed)


def stored_as(cascade: Cascade, einsum: str, tensor: str) -> str:
    """Return the tensor in whose place an Einsum finds another.

    The previous value of a state lies where the state will; read after the state is there, it has a
    place of its own.
    """
    state = cascade.previous.get(tensor, tensor)
    order = list(cascade.einsums)
    return tensor if state in order and order.index(einsum) > order.index(state) else state


def held_across(cascade: Cascade, nest: Mapping, store: str, name: str) -> tuple[str, ...]:
    """Return the loops above a store, inside that over the chunks, with a tile of a state each.

    For what is no state there are none: its tile makes way for the next.
    """
    if name not in cascade.previous.values():
        return ()
    above = [loop for level in nest.levels[: nest.index(store)] for loop in level.loops]
    chunks = next((k for k, loop in enumerate(above) if loop.rank == cascade.along), len(above))
    ranks = cascade.einsums[name].output.ranks
    return tuple(sorted(loop.factor for loop in above[chunks + 1 :] if loop.rank in ranks))


def plan(accelerator: Accelerator, accounting: Accounting, einsums: tuple[str, ...] = ()) -> Plan:
    """Return the loop nests of some Einsums, of all by default."""
    in_force = frozenset(
        name for name in accelerator.slips if not accounting.repairs(Correction[name])
    )
    return _plan(accelerator, in_force, einsums)


@lru_cache(maxsize=256)
def _plan(accelerator: Accelerator, in_force: frozenset[str], einsums: tuple[str, ...]) -> Plan:
    slips = tuple(slip for name, slip in accelerator.slips.items() if name in in_force)
    changes: dict[str, Einsum] = {}
    for slip in slips:
        changes |= slip.einsums
    written = accelerator.cascade.replaced(changes)
    wanted = einsums or tuple(accelerator.cascade.einsums)
    tables = []
    for table in accelerator.tables:
        rows = tuple(
            _row(accelerator, row, written[row.einsum])
            for row in table.rows
            if row.einsum in wanted
        )
        if rows:
            loops = frozenset(loop.factor for each in rows for loop in each.streamed.loops)
            tables.append(TablePlan(table, loops, rows))
    return Plan(accelerator, wanted, written, slips, tuple(tables))


def _row(accelerator: Accelerator, row: Row, einsum: Einsum) -> RowPlan:
    streamed, resident = row.streamed, row.resident
    if einsum is not streamed.einsum:
        streamed, resident = streamed.with_einsum(einsum), resident.with_einsum(einsum)
    choices = {tensor: accelerator.keeps[tensor] for tensor in row.marked}
    levels = {
        off.name: tuple(
            Kept(tensor, tensor in off.keep, tensor in on.keep, choices.get(tensor, ""))
            for tensor in sorted(off.keep | on.keep)
        )
        for off, on in zip(streamed.levels, resident.levels, strict=True)
    }
    return RowPlan(row, streamed, resident, levels, choices)
