"""The search against all bindings of two matrix products, enumerated by the rules as they stand."""

from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.describe.cascade import Cascade, parse_einsums
from evaluators.mapper.binding import Binding, BoundGroup, Step, evaluate
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.pareto import front
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.search import search
from evaluators.mapper.structure import Group, Structure

TEXT = """
S[B,M,P] = Q[B,E,P] * K[B,E,M] :: sum(E)
Z[B,F,P] = S[B,M,P] * V[B,F,M] :: sum(M)
"""
CASCADE = Structure.of(Cascade(parse_einsums(TEXT), {}, "", {}, "own"))
SHARED = ("M", "P")
KEEPS = tuple(product(("D", "DL"), repeat=4))


def fitting(left, side):
    return max(d for d in range(1, side + 1) if left % d == 0)


def all_placements(left, machine):
    """Yield placements with the inner trip counts of their loops."""
    ranks = [rank for rank, n in left.items() if n > 1]
    pairs = list(permutations(ranks, 2)) or [(r, None) for r in ranks] + [(None, r) for r in ranks]
    on_pe = [(PE, sides, (machine.rows, machine.columns)) for sides in pairs or [(None, None)]]
    on_lanes = [(LANES, (rank,), (machine.lanes,)) for rank in ranks or [None]]
    for array, sides, sizes in on_pe + on_lanes:
        steps = dict(left)
        for rank, size in zip(sides, sizes, strict=True):
            if rank is not None:
                steps[rank] //= fitting(left[rank], size)
        for order in permutations([rank for rank in ranks if steps[rank] > 1]):
            yield Placement(array, sides, order), steps


def transfers(first, second, steps, machine):
    """Yield (in the edge register at the first, storage at the second) of every legal transfer."""
    run = []
    for a, b in zip(first.order, second.order, strict=False):
        if a != b or a not in SHARED:
            break
        run.append(a)
    if first.array == second.array:
        words = np.prod([steps[r] for r in first.order if r in SHARED and r not in run] or [1])
        registers = machine.registers(first.array)
        alike = first.sides == second.sides and set(first.sides) <= {*SHARED, None}
        if alike and words + 2 <= registers:
            yield "", ""
        return
    own, other = ([r for r in each.order if r in SHARED] for each in (first, second))
    pe = first if first.array == PE else second
    outermost = list(first.order[: len(own)]) == own and list(second.order[: len(other)]) == other
    same = [r for r in own if r in other] == [r for r in other if r in own]
    carried = first.sides[-1] == second.sides[-1] and first.sides[-1] in SHARED
    if outermost and same and carried and pe.sides[0] not in SHARED:
        yield ("X", "") if first.array == PE else ("", "X")


def bindings(machine, extents):
    for tiles, keys, inside in product((1, 2, 4), (1, 2), (False, True)):
        if extents["P"] % tiles or (inside and (tiles == 1 or keys == 1)):
            continue
        outer, inner = (1, tiles) if inside else (tiles, 1)
        left = {"P": extents["P"] // tiles, "M": extents["M"] // keys}
        one = all_placements({**left, "E": extents["E"]}, machine)
        two = list(all_placements({**left, "F": extents["F"]}, machine))
        for (first, steps), (second, _) in product(one, two):
            passed = [("D", "D"), ("D", "DL"), ("L", "L")]
            passed += [
                (store + edge, way)
                for edge, way in transfers(first, second, steps, machine)
                for store in ("", "D", "L")
            ]
            for (q, k, v, z), (written, read) in product(list(KEEPS), passed):
                yield (
                    (outer, keys, inner, 0, first, (("Q", q), ("K", k), ("S", written))),
                    (outer, keys, inner, 1, second, (("S", read), ("V", v), ("Z", z))),
                )


def cost_of(machine, extents):
    """Return a function that counts an Einsum alone, each way once: costs of a group add up."""

    @cache
    def counted(outer, keys, inner, place, placement, keep):
        step = Step(CASCADE.einsums[place].name, placement, dict(keep))
        bound = BoundGroup(Group(place, place + 1), outer, keys, inner, (step,))
        costs = evaluate(Binding("two", 0, (bound,)), CASCADE, machine, extents)
        return costs.traffic_bytes, costs.pe_busy_s, costs.lanes_busy_s, costs.energy_pj

    return counted


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    rows=st.sampled_from((1, 2)),
    lane_registers=st.sampled_from((3, 4)),
    lanes=st.sampled_from((1, 2)),
    registers=st.sampled_from((3, 4)),
    bytes_per_s=st.sampled_from((1e9, 1e11)),
    widths=st.sampled_from(((1, 1), (1, 2), (2, 1))),
)
def test_no_binding_is_better_and_the_front_is_reached(
    rows, lane_registers, lanes, registers, bytes_per_s, widths
):
    machine = Resources(
        rows=8 * rows,
        columns=8,
        lanes=lanes,
        buffer_bytes=4096,
        dram_bytes_per_s=bytes_per_s,
        pe_registers=registers,
        lane_registers=lane_registers,
    )
    extents = {"B": 1, "P": 4, "M": 2, "E": widths[0], "F": widths[1]}
    cost = cost_of(machine, extents)
    totals = np.array([np.add(cost(*one), cost(*two)) for one, two in bindings(machine, extents)]).T
    latency = np.maximum(totals[0] / bytes_per_s, np.maximum(totals[1], totals[2]))
    energy = totals[3]
    best = front(latency, energy)
    found = search({"two": CASCADE}, machine, extents, Limits(cuts=False)).front
    assert [each.latency_s for each in found] == pytest.approx(latency[best].tolist(), rel=1e-12)
    assert [each.energy_pj for each in found] == pytest.approx(energy[best].tolist(), rel=1e-12)
