"""The mappings of the paper, one Einsum a row (docs/model/mappings.md).

A loop is named by its rank, or by its rank and a digit where the rank is split, outer to inner; the
factors behind the names are set by each configuration. E and F run over their full width.
"""

from __future__ import annotations

from itertools import permutations

from evaluators.analytical.cascades import FUSEMAX, FUSEMAX_PER_CHUNK, LINEAR, THREE_PASS
from evaluators.describe.cascade import Einsum
from evaluators.describe.mapping import Level, Mapping, loops_named


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


_FUSEMAX_2D = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep | reg_file_1d keep
QK     | B H P2 M1  | P1 E     | P0 M0   | Q BK      | Q BK    |
LM     | B H P2 M1  | P1       | P0 M0   |           |         | LM
SLN    | B H P2 M1  | P1       | P0 M0   |           |         | RM
SLD    | B H P2 M1  | P1       | P0 M0   |           |         | SLD
SLNV   | B H P2 M1  | P1 F     | P0 M0   | BV        | BV      | SLNV
"""

_FUSEMAX_1D = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep
RM     | B H P2 M1  | P1       | P0      |           | RM0 RM
PRM    | B H P2 M1  | P1       | P0      |           |
SPD    | B H P2 M1  | P1       | P0      |           | RD0
SPNV   | B H P2 M1  | P1 F     | P0      |           | RNV0
RD     | B H P2 M1  | P1       | P0      |           | RD
RNV    | B H P2 M1  | P1 F     | P0      |           | RNV
AV     | B H P2     | P1 F     | P0      | AV        | RNV RD
"""

_CASCADE_2D = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep | reg_file_1d keep
QK     | B H P2 M1  | P1 E     | P0 M0   | Q BK      | Q BK QK | QK
SLNV   | B H P2 M1  | P1 F     | P0 M0   | BV        | SLN BV  | SLNV
"""

_CASCADE_1D = """
Einsum | DRAM loops | L3 loops | reg_file loops | spatial | DRAM keep | L3 keep
LM     | B H P2 M1  | P1       | M0             | P0      |           |
SLN    | B H P2 M1  | P1 M0    |                | P0      |           | QK SLN
SLD    | B H P2 M1  | P1 M0    |                | P0      |           |
"""

_SOFTMAX_OFF_CHIP = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep
M      | B H P      | M1       | M0      | QK        | QK M
SN     | B H P      | M1       | M0      |           | QK M SN
SD     | B H P      | M1       | M0      |           | SD
A      | B H P      | M1       | M0      | A         | SN SD
"""

_SOFTMAX_ON_CHIP = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep
M      | B H P      | M1       | M0      |           | QK M
SN     | B H P      | M1       | M0      |           | QK M SN
SD     | B H P      | M1       | M0      |           | SD
A      | B H P      | M1       | M0      |           | SN SD A
"""

_LINEAR = """
Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep | reg_file_1d keep
Z      | M2 N2      | M1 N1 K  | M0 N0   | A B Z     | A B     |
"""


def _binding(cascade: dict[str, Einsum]) -> dict[str, Mapping]:
    return parse_mappings(_FUSEMAX_2D, cascade) | parse_mappings(_FUSEMAX_1D, cascade)


def _cascade(cascade: dict[str, Einsum]) -> dict[str, Mapping]:
    own = parse_mappings(_CASCADE_2D, cascade) | parse_mappings(_CASCADE_1D, cascade)
    return _binding(cascade) | own


FUSEMAX_MAPPINGS = _binding(FUSEMAX)
"""+Architecture and +Binding."""

FUSEMAX_MAPPINGS_PER_CHUNK = _binding(FUSEMAX_PER_CHUNK)
"""+Architecture and +Binding, with one SLNV a chunk (correction Q6)."""

CASCADE_MAPPINGS = _cascade(FUSEMAX)
"""+Cascade: the FuseMax cascade on FLAT's machine, where QK and SLN go through the buffer."""

CASCADE_MAPPINGS_PER_CHUNK = _cascade(FUSEMAX_PER_CHUNK)
"""+Cascade with one SLNV a chunk (correction Q6)."""

SOFTMAX_MAPPINGS = (
    parse_mappings(_SOFTMAX_OFF_CHIP, THREE_PASS),
    parse_mappings(_SOFTMAX_ON_CHIP, THREE_PASS),
)
"""FLAT's and the unfused softmax, with QK and A off chip, on chip."""

LINEAR_MAPPING = parse_mappings(_LINEAR, LINEAR)["Z"]
"""A linear layer: the whole contraction inside the buffer, Z bypasses it."""


def _streamed_and_resident(row: str, streamed: str, resident: str) -> tuple[Mapping, Mapping]:
    header = "Einsum | DRAM loops | L3 loops | spatial | DRAM keep | L3 keep"
    name = row.split(None, 1)[0]
    tables = (f"{header}\n{row} | {keep}" for keep in (streamed, resident))
    first, second = (parse_mappings(table, THREE_PASS)[name] for table in tables)
    return first, second


STATIONARITIES = ("output", "weight", "input")
"""What stays in FLAT's PEs while the innermost loop runs."""

FLAT_MAPPINGS = {
    "QK": tuple(
        _streamed_and_resident(row, "Q K QK |", "Q K | Q K QK")
        for row in (
            "QK | B H P2 | P1 M1 E1 | M0 P0",
            "QK | B H P2 | M1 E1 P1 | E0 M0",
            "QK | B H P2 | P1 E1 M1 | E0 P0",
        )
    ),
    "AV": tuple(
        _streamed_and_resident(row, "A V AV |", "V AV | A V AV")
        for row in (
            "AV | B H P2 | P1 F1 M1 | F0 P0",
            "AV | B H P2 | M1 F1 P1 | F0 M0",
            "AV | B H P2 | P1 M1 F1 | M0 P0",
        )
    ),
}
"""FLAT's QK and AV, by stationarity: every tensor streamed past the buffer, every tensor in it.

The counts of a tensor depend on its own levels alone, so the two cover every choice of what stays
on chip. The spatial loops stand in the order (columns, rows) of the 2D array.
"""

UNFUSED_ORDERS = {
    "QK": tuple(permutations(("P1", "M1", "E1"))),
    "AV": tuple(permutations(("P1", "M1", "F1"))),
}
"""The orders of the buffer's loops, outermost first, that the unfused mapper chooses from."""

UNFUSED_MAPPINGS = {
    "QK": tuple(
        _streamed_and_resident(
            f"QK | B H P2 M2 E2 | {' '.join(order)} | P0 M0", "Q K QK |", "Q K QK | Q K QK"
        )
        for order in UNFUSED_ORDERS["QK"]
    ),
    "AV": tuple(
        _streamed_and_resident(
            f"AV | B H P2 M2 F2 | {' '.join(order)} | P0 M0", "A V AV |", "A V AV | A V AV"
        )
        for order in UNFUSED_ORDERS["AV"]
    ),
}
"""The unfused QK and AV by the order of the buffer's loops: every tensor streamed, all kept."""
