"""Mappings: the loop nest of one Einsum on an architecture's levels of storage.

A mapping is symbolic: its loops name their factors, and the factors of a batch of designs are
columns. The same mapping therefore serves every design.
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.analytical.einsum import Einsum
from evaluators.errors import InputError


@dataclass(frozen=True)
class Loop:
    """A loop over one rank; `factor` names its trip count among a batch's factors."""

    rank: str
    factor: str


@dataclass(frozen=True)
class Level:
    """A level of storage.

    Attributes:
        name: the architecture's name for it.
        loops: its temporal loops, outermost first.
        spatial: the loops below it that are unrolled across instances of the next level.
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

    def index(self, level: str) -> int:
        """Return the position of a level, 0 outermost."""
        return next(i for i, each in enumerate(self.levels) if each.name == level)


def loops_named(einsum: Einsum, factors: str) -> tuple[Loop, ...]:
    """Read loops as 'B H P2 M1', outermost first.

    A loop is named by its rank, or by its rank and a digit where the rank is split: P2, P1, P0 are
    the loops over P, outer to inner, unless the Einsum has a rank of that very name.
    """
    loops = []
    for factor in factors.split():
        rank = factor if factor in einsum.ranks else factor.rstrip("0123456789")
        loops.append(Loop(rank, factor))
    return tuple(loops)


def parse_mappings(text: str, cascade: dict[str, Einsum]) -> dict[str, Mapping]:
    """Read a table of mappings, one Einsum a row, cells separated by '|'.

    The header's first cell is 'Einsum'; each other is '<level> loops', '<level> keep' or 'spatial'.
    Levels stand in the order of their first mention; the innermost one, 'reg_file', lies below the
    spatial loops and keeps every tensor of its Einsum.
    """
    header, *rows = (
        [cell.strip() for cell in line.split("|")] for line in text.strip().split("\n")
    )
    above = dict.fromkeys(
        column.split()[0]
        for column in header[1:]
        if column != "spatial" and "reg_file " not in column
    )
    mappings = {}
    for row in rows:
        einsum = cascade[row[0]]
        cells = dict(zip(header, row, strict=True))
        outer = [
            Level(
                name,
                loops=loops_named(einsum, cells.get(f"{name} loops", "")),
                keep=frozenset(cells.get(f"{name} keep", "").split()),
            )
            for name in above
        ]
        array = Level(
            outer[-1].name, outer[-1].loops, loops_named(einsum, cells["spatial"]), outer[-1].keep
        )
        register_file = Level(
            "reg_file",
            loops=loops_named(einsum, cells.get("reg_file loops", "")),
            keep=frozenset(tensor.name for tensor in einsum.tensors),
        )
        mappings[row[0]] = Mapping(einsum, (*outer[:-1], array, register_file))
    return mappings
