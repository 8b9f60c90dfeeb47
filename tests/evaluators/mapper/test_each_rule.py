"""Each rule of the space forbids a binding that nothing else forbids.

Every case has two bindings that differ in what the rule is about. The search, with all others taken
out of its moves, does not find the first; the second it finds, at the cost that `evaluate` counts,
whose words and cycles were counted by hand.

A step is written `S pe M/P (E) Q:D K:DL S:`: Einsum, array, rows/columns or lanes (-: an empty
side), inner loops from the outermost, and where each tensor is kept.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest

from evaluators.describe.cascade import Cascade, parse_einsums
from evaluators.mapper import promises
from evaluators.mapper.binding import Binding, BoundGroup, Step, evaluate
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.moves import Moves
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import WORD_BYTES, Resources
from evaluators.mapper.search import search
from evaluators.mapper.structure import Group, Structure

MACHINE = Resources(rows=8, columns=8, lanes=8, buffer_bytes=4096)
EIGHT = dict.fromkeys("PMEFG", 8) | {"B": 1}


@dataclass(frozen=True)
class Bound:
    """A binding as it is written here, with what it is of.

    Attributes:
        einsums: of the cascade.
        groups: loops over queries, over keys, and over queries inside those; then steps.
        extents: other than 8.
        machine: other than `MACHINE`.
        previous: previous value -> state, in chunks of 8 keys, or of `chunk`.

    """

    einsums: str
    groups: tuple[str, ...]
    extents: tuple[tuple[str, int], ...] = ()
    machine: tuple[tuple[str, float], ...] = ()
    along: str = ""
    previous: tuple[tuple[str, str], ...] = ()
    chunk: int = 0

    def of(self, **extents):
        """Return the same with other extents."""
        return replace(self, extents=tuple({**dict(self.extents), **extents}.items()))

    def on(self, **machine):
        """Return the same on another machine."""
        return replace(self, machine=tuple({**dict(self.machine), **machine}.items()))

    def but(self, *changes):
        """Return the same with other words: (old, new) each, which stand there."""
        einsums, groups = self.einsums, "\n\n".join(self.groups)
        for old, new in changes:
            assert old in einsums or old in groups, old
            einsums, groups = einsums.replace(old, new), groups.replace(old, new)
        return replace(self, einsums=einsums, groups=tuple(groups.split("\n\n")))

    def cut(self, before, loops="1 1 1"):
        """Return the same with a new group, which begins with an Einsum."""
        return self.but((f"\n{before} ", f"\n\n{loops}\n{before} "))


class Counts(NamedTuple):
    """Words off chip, and cycles of both arrays."""

    words: int
    pe: int
    lanes: int


def read(bound):
    """Return structure, machine, extents and binding."""
    cascade = Cascade(parse_einsums(bound.einsums), dict(bound.previous), bound.along, {}, "own")
    groups, start = [], 0
    for text in bound.groups:
        loops, *lines = text.strip().splitlines()
        steps = tuple(step(line) for line in lines)
        group = Group(start, start + len(steps))
        groups.append(BoundGroup(group, *map(int, loops.split()), steps))
        start = group.stop
    return (
        Structure.of(cascade),
        replace(MACHINE, **dict(bound.machine)),
        EIGHT | dict(bound.extents),
        Binding("own", bound.chunk, tuple(groups)),
    )


def step(line):
    head, tail = line.split("(")
    order, keeps = tail.split(")")
    einsum, array, sides = head.split()
    ranks = tuple(None if each == "-" else each for each in sides.split("/"))
    array = {"pe": "pe", "lanes": "vector"}[array]
    keep = dict(each.split(":") for each in keeps.split())
    return Step(einsum, Placement(array, ranks, tuple(order.split())), keep)


def found(bound, monkeypatch):
    """Return the points of a search that has no other moves than those of one binding."""
    structure, machine, extents, binding = read(bound)
    own = {each.group: each for each in binding.groups}
    moves, legal = Moves.at, promises.legal

    def at(self, place, state, placement, *tests):
        group = self.rules.group
        steps = own[group].steps if group in own else ()
        mine = steps[place - group.start] if steps else None
        if mine is not None and mine.placement == placement:
            for rows in moves(self, place, state, placement, *tests):
                like = [self.read(place, row).keep == mine.keep for row in rows]
                if any(like):
                    yield rows[like]

    def loops(shared, group, *rest):
        each = own.get(group)
        wanted = (each.outer, each.keys, each.inner) if each else (0, 0, 0)
        columns = zip((shared.outer, shared.keys, shared.inner), wanted, strict=True)
        return legal(shared, group, *rest) & np.all([a == b for a, b in columns], axis=0)

    with monkeypatch.context() as patched:
        patched.setattr(Moves, "at", at)
        patched.setattr(promises, "legal", loops)
        limits = Limits((bound.chunk,) if bound.chunk else None)
        return search({"own": structure}, machine, extents, limits).front


def counts(bound, monkeypatch):
    """Return what the one binding that is found costs, the same by the search and `evaluate`."""
    (point,) = found(bound, monkeypatch)
    structure, machine, extents, binding = read(bound)
    costs = evaluate(binding, structure, machine, extents)
    assert (point.latency_s, point.energy_pj) == pytest.approx(
        (costs.latency_s, costs.energy_pj), rel=1e-12
    )
    cycles = [round(each * machine.clock_hz) for each in (costs.pe_busy_s, costs.lanes_busy_s)]
    return Counts(costs.traffic_bytes // WORD_BYTES, *cycles)


# S, T, Z: words of Q, K, W, V and Z, once each: 4 * 64 + 8. E, F and M are looped over once.
CHAIN = Bound(
    """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
T[B,M,P] = S[B,M,P] * W[B,M]
Z[B,F,P] = T[B,M,P] * V[B,F,M] :: sum(M)
""",
    (
        """1 1 1
S pe M/P (E) Q:D K:D S:L
T lanes P (M) S:L W:D T:L
Z pe F/P (M) T:L V:D Z:D""",
    ),
)
CHAINED = Counts(264, 16, 8)
LOOPED = (("P (E)", "P (P E)"), ("(M) S", "(M P) S"), ("(M) T", "(P M) T"))
DIVIDED = CHAIN.but(("S[B,M,P] * W", "S[B,M,P] / W"))
EXPONENTIAL = CHAIN.but(("S[B,M,P] * W[B,M]", "exp(S[B,M,P] - W[B,M])"))
DIVIDING_PES = DIVIDED.but(("T lanes P (M)", "T pe M/P ()"))

# What the maximum is for: T reads it, or another tensor of its ranks (X).
MAXIMUM = Bound(
    """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
G[B,P]   = S[B,M,P]            :: max(M)
T[B,M,P] = S[B,M,P] - G[B,P]
N[B,P]   = G[B,P] * Y[B,P]
""",
    (
        """1 2 1
S pe M/P (E) Q:D K:D S:L
G pe M/P () S: G:L
T lanes P (M) S:L G:L T:D
N pe -/P () G:L Y:D N:D""",
    ),
)
NO_MAXIMUM = (("- G[B,P]", "- X[B,P]"), ("G:L T:D", "X:D T:D"))
HELD = replace(
    MAXIMUM.of(M=32, E=1).on(pe_registers=5),
    groups=(
        """1 1 1
S pe M/P (M) Q:D K:D S:
G pe M/P (M) S: G:L
T pe M/P (M) S: G:L T:D
N lanes P () G:L Y:D N:D""",
    ),
)
CROSSING_MAXIMUM = MAXIMUM.but(
    ("1 2 1", "1 1 1"),
    ("M/P (E) Q:D K:D S:L", "E/P (M) Q:D K:D S:LX"),
    ("G pe M/P () S:", "G lanes M (P) S:L"),
    ("(M) S:L G", "(M) S: G"),
)

# T and Z read S; T is a result, too.
TWICE = Bound(
    """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
T[B,M,P] = S[B,M,P] * W[B,M]
Z[B,M,P] = S[B,M,P] * Y[B,M]
""",
    (
        """1 1 1
S pe M/P (E) Q:D K:D S:DL
T lanes P (M) S:L W:D T:D
Z lanes M (P) S:D Y:D Z:D""",
    ),
)

# A state R; one group, or cut before R and Z.
STATE = Bound(
    """
L[B,M1,P] = K[B,M1,M0] * Q[B,M0,P] :: sum(M0)
X[B,M1,P] = R0[B,M1,P] * W[B,M1]
R[B,M1,P] = X[B,M1,P] + L[B,M1,P]
Z[B,P]    = R[B,M1,P] * G[B,M1]    :: sum(M1)
""",
    (
        """1 2 1
L pe M0/P () K:D Q:D L:D
X lanes P () R0:D W:D X:D
R lanes P () X:D L:D R:D
Z lanes P () R:D G:D Z:D""",
    ),
    along="M1",
    previous=(("R0", "R"),),
    chunk=8,
).of(M=16)
CUT_STATE = STATE.cut("R", "1 2 1").cut("Z", "1 2 1")
LONG_STATE = (
    replace(STATE, chunk=256)
    .of(M=512)
    .but(
        ("M0/P () K:D Q:D L:D", "M0/P (M0) K:D Q:D L:L"),
        ("W:D X:D", "W:D X:"),
        ("X:D L:D", "X: L:L"),
        ("R:D G:D", "R: G:D"),
    )
)
WIDE_STATE = STATE.of(P=4096).but(
    ("1 2 1", "2 2 1"),
    ("()", "(P)"),
    ("R0:D W:D X:D", "R0:L W:D X:"),
    ("X:D L:D R:D", "X: L:D R:L"),
    ("R:D G:D", "R: G:D"),
)

LATE_STATE = replace(
    STATE,
    einsums="""
L[B,M1,P] = K[B,M1,M0] * Q[B,M0,P] :: sum(M0)
R[B,M1,P] = R0[B,M1,P] + L[B,M1,P]
Y[B,M1,P] = R0[B,M1,P] * R[B,M1,P]
""",
    groups=(
        """1 2 1
L pe M0/P (P) K:D Q:D L:D
R lanes P (P) R0:L L:D R:L
Y pe -/P (P) R0:L R:L Y:D""",
    ),
).of(P=2048)

# An Einsum without keys beside two with them.
BESIDE = Bound(
    """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
T[B,M,P] = S[B,M,P] * W[B,M]
U[B,F,P] = X[B,P] * Y[B,F]
""",
    (
        """2 2 1
S pe M/P (E) Q:D K:D S:L
T lanes P (M) S:L W:D T:D
U lanes P (F) X:D Y:D U:D""",
    ),
).of(P=16, M=16)
INSIDE = BESIDE.but(("2 2 1", "1 2 2"))

# S goes to the lanes through the edge register, T stays in the buffer.
CROSSING = CHAIN.but(
    ("S pe M/P (E) Q:D K:D S:L", "S pe E/P (M) Q:D K:D S:X"),
    ("T lanes P (M) S:L", "T lanes P (M) S:"),
)
CROSSED = CROSSING.of(P=16).but(
    ("E/P (M)", "E/P (M P)"), ("lanes P (M)", "lanes P (M P)"), ("F/P (M)", "F/P (P M)")
)
BACK = CHAIN.but(("T:L\nZ", "T:\nZ"), ("T:L V", "T:X V"))

# Z is summed over the keys and read behind their loop.
BEHIND = Bound(
    """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
Z[B,F,P] = S[B,M,P] * V[B,F,M] :: sum(M)
N[B,F,P] = Z[B,F,P] * Y[B,F]
""",
    (
        """1 1 1
S pe M/P (E) Q:D K:D S:L
Z pe M/P (F) S:L V:D Z:X
N lanes P (F) Z: Y:D N:D""",
    ),
)

# X is read by two Einsums of the 2D array, copied along its rows.
COPIED = Bound(
    """
A[B,F,P] = X[B,P] * U[B,F]
C[B,G,P] = X[B,P] * Y[B,G]
""",
    (
        """1 1 1
A pe F/P () X:D U:D A:D
C pe G/P () X: Y:D C:D""",
    ),
)

# S waits in the PEs for Z, while T reads it, too.
WAITING = CHAIN.but(
    ("Z[B,F,P] = T[B,M,P] * V[B,F,M] :: sum(M)", "Z[B,M,P] = T[B,M,P] * S[B,M,P]"),
    ("Z pe F/P (M) T:L V:D", "Z pe M/P () T:L S:"),
)
FOUR_BY_TWO = (
    WAITING.of(M=32, P=16, E=1)
    .on(pe_registers=5)
    .but(("M/P (E)", "M/P (M P)"), ("M/P ()", "M/P (M P)"), ("P (M) S", "P (M P) S"))
)

# W is read by T and by Z.
AGAIN = CHAIN.but(
    ("Z[B,F,P] = T[B,M,P] * V[B,F,M] :: sum(M)", "Z[B,M,P] = T[B,M,P] * W[B,M]"),
    ("W:D T:L", "W:DL T:L"),
    ("Z pe F/P (M) T:L V:D", "Z pe M/P () T:L W:L"),
)

# S fills the buffer, and Q goes there, too.
LARGE = CHAIN.of(P=16, M=128).but(
    ("M/P (E) Q:D", "M/P (M P E) Q:DL"),
    ("(M) S:L W:D T:L", "(M P) S:L W:D T:D"),
    ("F/P (M) T:L", "F/P (P M) T:D"),
)

# One key: S goes to T in registers.
ONE = CHAIN.of(M=1, E=1).but(
    ("S pe M/P (E) Q:D K:D S:L", "S pe -/P () Q:D K:D S:"),
    ("T lanes P (M) S:L", "T pe -/P () S:"),
    ("Z pe F/P (M)", "Z pe F/P ()"),
)

CASES = {
    # rule 1: on a PE T is a cycle more there
    "1 a PE divides": (DIVIDING_PES, DIVIDING_PES.but(("/ W", "* W")), Counts(264, 17, 0)),
    "1 a PE divides, a lane may": (DIVIDING_PES, DIVIDED, CHAINED),
    # rule 2: K 16, Q 64, L, X and R twice 16 each, R0 16, W 2, G 2, Z 8
    "2 a recurrence is cut": (CUT_STATE, replace(CUT_STATE, previous=()), Counts(204, 2, 6)),
    "2 a recurrence is cut, elsewhere it may": (
        CUT_STATE,
        STATE.cut("X", "1 2 1").cut("Z", "1 2 1").but(("W:D X:D", "W:D X:"), ("X:D L", "X: L")),
        Counts(172, 2, 6),
    ),
    # rule 3: Q, K and T 256 each, W 2 * 16, X 16, Y 2 * 8, U 128; 4 tiles of S and T, 2 of U
    "3 without keys inside the keys' loop": (INSIDE, BESIDE, Counts(960, 32, 48)),
    "3 without keys inside the keys' loop, in a group of its own not": (
        INSIDE, INSIDE.cut("U", "2 1 1"), Counts(960, 32, 48),
    ),
    # rule 4
    "4 a rank on both sides": (CHAIN.but(("M/P (E)", "P/P (M E)")), CHAIN, CHAINED),
    "4 a side is empty, a rank is left": (
        ONE.of(E=8).but(("-/P () Q", "-/P (E) Q")), ONE, Counts(82, 3, 0),
    ),
    # K 1, Q, V and Z 8 each, W 1
    "4 the lanes are empty, a rank is left": (
        CHAIN.but(("T lanes P (M)", "T lanes - (M P)")),
        CHAIN.of(M=1, P=1).but(
            ("M/P (E)", "E/- ()"), ("T lanes P (M)", "T lanes - ()"), ("F/P (M)", "F/- ()")
        ),
        Counts(33, 2, 1),
    ),
    # of 20 queries sides take 5, not 8, and 4 steps. Q and Z 160 each, K and V 4 * 64, W 8
    "4 a side takes less than it can": (
        CHAIN.but(*LOOPED), CHAIN.of(P=20).but(*LOOPED), Counts(840, 64, 32),
    ),
    # rule 6, stores: Q, K, S twice, T and Z 64 each, W and Y 8
    "6 off chip and in the buffer within a group": (
        TWICE, TWICE.cut("Z"), Counts(400, 8, 16),
    ),
    "6 what leaves is not off chip": (
        TWICE.but(("S:DL", "S:L")).cut("Z"), TWICE.cut("Z"), Counts(400, 8, 16),
    ),
    # V and Z 2048 each, as F is; S twice 64
    "6 from off chip, where it is not": (
        CHAIN.of(F=256).but(("(M) S:L", "(M) S:D"), ("(M) T", "(F M) T")),
        CHAIN.of(F=256).but(("S:L\nT", "S:D\nT"), ("(M) S:L", "(M) S:D"), ("(M) T", "(F M) T")),
        Counts(4360, 264, 8),
    ),
    "6 from the buffer, where nobody put it": (
        AGAIN.but(("W:DL", "W:D")), AGAIN, Counts(200, 9, 8),
    ),
    # rule 6, registers: T takes a cycle of the PEs instead of 8 of the lanes
    "6 registers on other sides": (
        CHAIN.but(("S:L\nT lanes P (M) S:L", "S:\nT pe P/M () S:")),
        CHAIN.but(("S:L\nT lanes P (M) S:L", "S:\nT pe M/P () S:")),
        Counts(264, 17, 0),
    ),
    "6 a sum over a side": (ONE.of(E=8).but(("-/P () Q", "E/P () Q")), ONE, Counts(82, 3, 0)),
    # X 8, U and Y 8 each, A and C 64 each
    "6 fewer copies than wanted": (COPIED.of(F=4), COPIED, Counts(152, 2, 0)),
    # Q 8, K 32, T 256, X, Y and N 8 each; 4 steps of S, G and T each
    "6 a sum on the path": (HELD, HELD.but(*NO_MAXIMUM), Counts(320, 12, 1)),
    "6 not from the nearest user": (
        WAITING.but(("T lanes P (M) S:L", "T pe P/M () S:L")), WAITING, Counts(200, 9, 8),
    ),
    # Q 4 * 16, K and W 32 each, Z 512; S and Z in 4 * 2 steps, T in 32 * 2
    "6 another loop outermost on the path": (
        FOUR_BY_TWO.but(("lanes P (M P)", "lanes P (P M)")), FOUR_BY_TWO, Counts(640, 16, 64),
    ),
    # rule 6, edge register
    "6 rows carry its rank": (CROSSING.but(("E/P (M)", "M/P (E)")), CROSSING, CHAINED),
    "6 rows carry its rank, to the PEs": (BACK.but(("F/P (M)", "M/P (F)")), BACK, CHAINED),
    "6 columns and lanes carry others": (
        CROSSING.but(("lanes P (M)", "lanes M (P)")), CROSSING, CHAINED,
    ),
    # Q 8 * 128, K 128
    "6 its loops are not outermost": (
        CROSSING.of(E=16).but(("E/P (M)", "E/P (E M)")),
        CROSSING.of(E=16).but(("E/P (M)", "E/P (M E)")),
        Counts(1288, 24, 8),
    ),
    # Q 8 * 128, K 64, W 8, V 2 * 64, Z 128
    "6 its loops in another order": (
        CROSSED.but(("lanes P (M P)", "lanes P (P M)")), CROSSED,
        Counts(1352, 32, 16),
    ),
    # Q, K and T 64 each, X, Y and N 8 each
    "6 a sum on the path, across": (
        CROSSING_MAXIMUM, CROSSING_MAXIMUM.but(*NO_MAXIMUM), Counts(216, 9, 16),
    ),
    # Q, K, V and N 64 each, Y 8
    "6 across behind the keys' loop, with loops": (
        BEHIND.of(M=16).but(("1 1 1", "1 2 1")), BEHIND, Counts(264, 16, 8),
    ),
    # rule 6, states: K 512, Q 2 * 8 * 256, W 2, R0 and R 16 each, G 2, Z 8
    "6 a state is not where its previous value is read": (
        LONG_STATE.but(("R0:D", "R0:L")), LONG_STATE, Counts(4652, 64, 6),
    ),
    # rule 7: Q 2 * 64, K and T 128 each, X, Y and N 8 each
    "7 a partial sum is read": (
        MAXIMUM.of(M=16), MAXIMUM.of(M=16).but(*NO_MAXIMUM), Counts(408, 19, 16),
    ),
    # rule 8: S is 2048 words, all that 4096 bytes hold, and Q 128
    # K 2 * 1024, V 2 * 1024, T twice 2048, W and Z 128 each, Q 128 or 16 * 128
    "8 a tile beyond the buffer": (LARGE, LARGE.on(buffer_bytes=8192), Counts(8576, 512, 256)),
    "8 a tile beyond the buffer, without it not": (
        LARGE, LARGE.but(("Q:DL", "Q:D")), Counts(10496, 512, 256),
    ),
    # R is 2 * 2048 words. K 2 * 16, Q 2 * 32768, L twice 8192, W and G 2 * 2, Z 3 * 4096
    "8 a state once for every tile of queries inside": (
        WIDE_STATE.but(("2 2 1", "1 2 2")), WIDE_STATE, Counts(94248, 1024, 3072),
    ),
    # R and R0 are 2048 words each. K 16, Q 2 * 16384, L twice 4096, Y 4096
    "8 a state's previous value, read after it": (
        LATE_STATE, LATE_STATE.on(buffer_bytes=8192), Counts(45072, 1024, 512),
    ),
    "8 a word beyond the registers": (HELD, HELD.on(pe_registers=6), Counts(312, 12, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_rule_alone_forbids_a_binding(name, monkeypatch):
    forbidden, allowed, counted = CASES[name]
    assert counts(allowed, monkeypatch) == counted
    assert not found(forbidden, monkeypatch)


@pytest.mark.parametrize(
    ("bound", "counted"),
    [
        (EXPONENTIAL, Counts(264, 16, 7 * 8)),
        (EXPONENTIAL.on(exp_cycles=2), Counts(264, 16, 2 * 8)),
        (EXPONENTIAL.on(exp_cycles=2).but(("lanes P (M)", "pe M/P ()")), Counts(264, 23, 0)),
    ],
)
def test_rule_1_both_arrays_take_exponentials_and_a_unit_is_in_the_lanes(
    bound, counted, monkeypatch
):
    assert counts(bound, monkeypatch) == counted
