"""Bindings: which array runs each Einsum, and at which cost (docs/model/cascades.md#operations).

A table has one Einsum a row: name | array | operations per point of the iteration space | cycles
per step of the loop nest.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """An Einsum bound to an array.

    Attributes:
        array: '2d' or '1d'.
        operations: functional unit -> operations per point.
        cycles: cycles per step.

    """

    array: str
    operations: dict[str, int]
    cycles: int


def _parse(table: str) -> dict[str, Bound]:
    binding = {}
    for line in table.strip().splitlines():
        name, array, operations, cycles = (cell.strip() for cell in line.split("|"))
        counts = {}
        for term in operations.split(","):
            *count, unit = term.split()
            counts[unit] = int(count[0]) if count else 1
        binding[name] = Bound(array, counts, int(cycles))
    return binding


THREE_PASS = _parse("""
    QK   | 2d | mac              | 1
    M    | 1d | max              | 1
    SN   | 1d | add, exponential | 1
    SD   | 1d | add              | 1
    A    | 1d | divide           | 1
    AV   | 2d | mac              | 1
""")
"""FLAT and unfused: the units of the softmax are pipelined and chained, one step a cycle."""

CASCADE = _parse("""
    QK   | 2d | mac              | 1
    LM   | 1d | max              | 1
    RM   | 1d | max              | 1
    PRM  | 1d | exponential, add | 2
    SPD  | 1d | mac              | 1
    SPNV | 1d | mac              | 1
    SLN  | 1d | exponential, add | 2
    SLD  | 1d | add              | 1
    SLNV | 2d | mac              | 1
    RD   | 1d | add              | 1
    RNV  | 1d | add              | 1
    AV   | 1d | divide           | 1
""")
"""+Cascade: the FuseMax cascade on FLAT's arrays."""

FUSEMAX = _parse("""
    QK   | 2d | mac              | 1
    LM   | 2d | max              | 1
    RM   | 1d | max              | 1
    PRM  | 1d | 6 mac, add       | 7
    SPD  | 1d | mac              | 1
    SPNV | 1d | mac              | 1
    SLN  | 2d | 6 mac, add       | 7
    SLD  | 2d | add              | 1
    SLNV | 2d | mac              | 1
    RD   | 1d | add              | 1
    RNV  | 1d | add              | 1
    AV   | 1d | divide           | 1
""")
"""+Architecture and +Binding: an exponential is six macs of the PE or lane that needs it."""

LINEAR = _parse("""
    Q    | 2d | mac              | 1
    K    | 2d | mac              | 1
    V    | 2d | mac              | 1
    Z    | 2d | mac              | 1
    FFN1 | 2d | mac              | 1
    FFN2 | 2d | mac              | 1
""")
"""The linear layers: projections, deprojection, feed-forward network."""
