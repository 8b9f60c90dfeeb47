"""The choices of a description that Timeloop's mapper can search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from evaluators.describe.accelerator import Accelerator, Choice, Table
from evaluators.describe.mapping import Level, Row


@dataclass(frozen=True)
class Open:
    """What a choice leaves to the mapper, of one Einsum, in what the mapper can search.

    Attributes:
        einsum: its name.
        splits: parameter -> the store and the factor whose trip count it is.
        order: parameter of the order of the loops; '' where it is given.
        rows: the rows of the mapping tables: one for each order.
        reordered: the stores whose loops have another order in each row.
        keeps: parameter -> the tensor that it keeps on chip.
        kept: the stores that keep it.
        fixed: store -> the factors there that follow from no parameter of the choice.

    """

    einsum: str
    splits: dict[str, tuple[str, str]]
    order: str
    rows: tuple[Row, ...]
    reordered: frozenset[str]
    keeps: dict[str, str]
    kept: frozenset[str]
    fixed: dict[str, frozenset[str]]


@lru_cache(maxsize=256)
def searches(accelerator: Accelerator) -> tuple[Open, ...]:
    """Return the choices of an accelerator that Timeloop's mapper can search.

    Those of one Einsum, whose parameters are trip counts of loops in stores, the order of a store's
    loops, or what a store keeps. The others are left to our engine's optimum.
    """
    found = (_open(accelerator, choice) for choice in accelerator.choices)
    return tuple(each for each in found if each is not None)


def _open(accelerator: Accelerator, choice: Choice) -> Open | None:
    if len(choice.einsums) != 1:
        return None
    (einsum,) = choice.einsums
    tables, rows = zip(*accelerator.rows(einsum), strict=True)
    stores = len(accelerator.machine.stores)
    levels, resident = (nest.levels[:stores] for nest in (rows[0].streamed, rows[0].resident))
    labels = {name for row in rows for name in row.when}
    keeps = {accelerator.keeps[tensor]: tensor for tensor in rows[0].marked}
    splits = _splits(tables[0], levels, choice)
    parameters = set(choice.parameters)
    if (
        splits is None
        or len(set(tables)) > 1
        or len(labels) > 1
        or not labels | set(keeps) <= parameters <= labels | set(keeps) | set(splits)
        or not _alike(rows)
    ):
        return None
    depend = _depend(tables[0], parameters)
    return Open(
        einsum=einsum,
        splits=splits,
        order=next(iter(labels), ""),
        rows=rows,
        reordered=frozenset(
            level.name
            for row in rows
            for level, other in zip(levels, row.streamed.levels, strict=False)
            if level.loops != other.loops
        ),
        keeps=keeps,
        kept=frozenset(
            off.name for off, on in zip(levels, resident, strict=True) if off.keep != on.keep
        ),
        fixed={
            level.name: frozenset(
                loop.factor
                for loop in level.loops
                if loop.factor in tables[0].factors and loop.factor not in depend
            )
            for level in levels
        },
    )


def _depend(table: Table, parameters: set[str]) -> list[str]:
    """Return the factors of a table that follow from some parameters."""
    depend: list[str] = []
    for name, expression in table.factors.items():
        if expression.names & {*parameters, *depend}:
            depend.append(name)
    return depend


def _splits(
    table: Table, levels: tuple[Level, ...], choice: Choice
) -> dict[str, tuple[str, str]] | None:
    """Return parameter -> the store and the factor whose trip count it is.

    None where a rank's loops leave more than one trip count that follows from the parameters: a
    mapping with these trip counts need not be one of the description's.
    """
    at = {loop.factor: (level.name, loop) for level in levels for loop in level.loops}
    splits: dict[str, tuple[str, str]] = {}
    rest: list[str] = []
    for factor in _depend(table, set(choice.parameters)):
        name = table.factors[factor].text
        if factor not in at or name in splits:
            return None
        if name in choice.parameters:
            splits[name] = at[factor][0], factor
        else:
            rest.append(at[factor][1].rank)
    split = [at[factor][1].rank for _, factor in splits.values()]
    return splits if len(set(rest)) == len(rest) and set(rest) <= set(split) else None


def _alike(rows: tuple[Row, ...]) -> bool:
    """Tell whether rows differ in the order of a store's loops alone, and keep no tensor less."""

    def apart_from_order(row: Row) -> object:
        levels = [
            (each.name, frozenset(each.loops), each.spatial, each.keep)
            for each in row.streamed.levels
        ]
        return row.array, levels, row.marked, row.operations

    grows = all(
        off.keep <= on.keep
        for row in rows
        for off, on in zip(row.streamed.levels, row.resident.levels, strict=True)
    )
    return grows and all(apart_from_order(row) == apart_from_order(rows[0]) for row in rows)
