"""What the rules derive from Einsums, and what must hold of every search."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.describe.cascade import Cascade, parse_einsums
from evaluators.describe.reading import accelerator
from evaluators.errors import InputError
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.search import search
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Group, Structure

SMALL = Resources(
    rows=8, columns=8, lanes=4, buffer_bytes=4096, dram_bytes_per_s=2e10, lane_registers=8
)
WORKLOAD = {"B": 1, "H": 2, "P": 8, "M": 16, "E": 4, "F": 4}
ONE_GROUP = Limits(cuts=False)


def best(machine=SMALL, limits=ONE_GROUP, names=("2-pass",), workload=WORKLOAD):
    found = search({name: structure(name) for name in names}, machine, workload, limits)
    return found.front[0].latency_s, min(point.energy_pj for point in found.front)


def names(cascade, places):
    return [structure(cascade).einsums[place].name for place in places]


def test_the_operations_are_those_of_the_papers_tables():
    machine = Resources()
    binding = accelerator("binding")
    rows = {row.einsum: row for table in binding.tables for row in table.rows}
    derived = structure("1-pass")
    for place, einsum in enumerate(derived.einsums):
        row = rows[einsum.name]
        work = machine.work(derived.operations(place), row.array)
        assert work is not None
        assert (dict(work.units), work.cycles) == (dict(row.operations), row.cycles)


def test_only_lanes_divide_and_an_exponential_unit_is_theirs():
    machine = replace(Resources(), exp_cycles=2)
    assert machine.work({"divide": 1}, PE) is None
    assert machine.work({"exp": 1, "add": 1}, PE).cycles == 7
    work = machine.work({"exp": 1, "add": 1}, LANES)
    assert (dict(work.units), work.cycles) == ({"exponential": 1, "add": 1}, 2)


def test_partial_sums_are_found_from_the_einsums():
    two, three, one = (structure(name) for name in ("2-pass", "3-pass", "1-pass"))
    assert not two.complete(two.whole)
    assert two.complete(Group(0, 2))  # QK, GM: the maximum leaves
    assert two.complete(Group(2, 6))  # SD and SNV are read behind the keys' loop
    assert not three.complete(Group(2, 6))  # A reads SD inside it
    assert one.complete(one.whole)


def test_a_recurrence_is_not_cut():
    one = structure("1-pass")
    between = [(one.einsums[cut - 1].name, one.einsums[cut].name) for cut in one.cuts]
    assert ("SPD", "RD") not in between
    assert ("SPNV", "RNV") not in between
    assert len(between) == len(one.einsums) - 3


def test_the_rank_of_chunks_is_not_that_of_queries():
    text = """L[B,M1,P] = K[B,M1,M0] * Q[B,M0,P] :: sum(M0)
    R[B,M1,P] = max(R0[B,M1,P], L[B,M1,P])"""
    running = Structure.of(Cascade(parse_einsums(text), {"R0": "R"}, "M1", {}, "own"))
    assert (running.batch, running.queries, running.keys) == (("B",), "P", "M1")


def test_paths_are_those_of_the_dependences():
    two = structure("2-pass")
    assert names("2-pass", two.on_path(0, 2)) == ["QK", "GM"]
    assert two.on_path(3, 4) == ()  # SD and SNV both read SN, neither the other


def test_what_leaves_after_the_last_chunk_is_derived():
    one = structure("1-pass")
    assert one.once(one.leaves("RNV", Group(0, 11)))
    assert not one.once(one.leaves("RM", Group(0, 3)))
    assert one.leaves("LM", one.whole) == ()
    assert one.leaves("AV", one.whole) == (one.einsums[-1].output,)


DRAWN = {
    "name": st.sampled_from(("1-pass", "2-pass", "3-pass")),
    "sizes": st.tuples(st.sampled_from((4, 8)), st.sampled_from((4, 6)), st.sampled_from((6, 8))),
    "extents": st.tuples(*(st.sampled_from(each) for each in ((4, 8, 12), (8, 16), (1, 4)))),
}
BETTER = {
    "buffer_bytes": 8192,
    "pe_registers": 16,
    "lane_registers": 32,
    "dram_bytes_per_s": 8e10,
}


@settings(max_examples=3, deadline=None, derandomize=True)
@given(**DRAWN)
def test_a_larger_or_faster_machine_is_never_slower(name, sizes, extents):
    machine = replace(
        SMALL, **dict(zip(("lanes", "pe_registers", "lane_registers"), sizes, strict=True))
    )
    workload = WORKLOAD | dict(zip("PME", extents, strict=True))
    fastest = Limits((8,), cuts=False, within=0.0)

    def least_s(machine):
        found = search({name: structure(name)}, machine, workload, fastest).front
        return found[0].latency_s if found else np.inf

    known_s = least_s(machine)
    for changed, value in BETTER.items():
        assert least_s(replace(machine, **{changed: value})) <= known_s * (1 + 1e-12), changed


def test_a_freedom_taken_away_never_helps():
    free = best()
    fixed = Freedom({"GM": (LANES,), "SN": (LANES,), "SD": (LANES,)})
    for limits in (
        replace(ONE_GROUP, freedom=fixed),
        replace(ONE_GROUP, freedom=Freedom({}, False)),
    ):
        latency_s, energy_pj = best(limits=limits)
        assert latency_s >= free[0]
        assert energy_pj >= free[1]
    cut = best(limits=Limits())
    assert cut[0] <= free[0]
    assert cut[1] <= free[1] * (1 + 1e-12)
    assert best(names=("2-pass", "3-pass"))[0] <= free[0]


def test_names_do_not_matter():
    text = "\n".join(each.text for each in structure("2-pass").einsums)
    renamed = text.replace("GM", "TOP").replace("SNV", "PART").replace("SD", "ALL")
    cascade = Cascade(parse_einsums(renamed), {}, "", {}, "attention")
    found = search({"renamed": Structure.of(cascade)}, SMALL, WORKLOAD, ONE_GROUP)
    known = search({"2-pass": structure("2-pass")}, SMALL, WORKLOAD, ONE_GROUP)
    assert [(p.latency_s, p.energy_pj) for p in found.front] == [
        (p.latency_s, p.energy_pj) for p in known.front
    ]


def fronts(text, workload, renamed=str):
    cascade = Cascade(parse_einsums(text), {}, "", {}, "attention")
    extents = {renamed(rank): n for rank, n in workload.items()}
    found = search({"own": Structure.of(cascade)}, SMALL, extents, ONE_GROUP).front
    return [each for point in found for each in (point.latency_s, point.energy_pj)]


@pytest.mark.parametrize("name", ["2-pass", "3-pass"])
def test_names_of_ranks_do_not_matter(name):
    text = "\n".join(each.text for each in structure(name).einsums)
    known = fronts(text, WORKLOAD)
    ranks = dict(zip("BHPMEF", ("N", "G", "T", "U", "X", "Y"), strict=True))

    def renamed(rank):
        return ranks[rank]

    inside = re.compile(r"\[[^\]]*\]|(?<=sum\().(?=\))|(?<=max\().(?=\))")
    other = inside.sub(lambda match: re.sub("[A-Z]", lambda m: ranks[m[0]], match[0]), text)
    assert fronts(other, WORKLOAD, renamed) == pytest.approx(known, rel=1e-12)


def test_the_order_of_independent_einsums_does_not_matter():
    qk, gm, sn, sd, snv, av = (each.text for each in structure("2-pass").einsums)
    known = fronts("\n".join((qk, gm, sn, sd, snv, av)), WORKLOAD)
    assert fronts("\n".join((qk, gm, sn, snv, sd, av)), WORKLOAD) == pytest.approx(known, rel=1e-12)


def test_within_a_share_of_the_least_latency():
    every = search({"3-pass": structure("3-pass")}, SMALL, WORKLOAD, ONE_GROUP).front
    near = search(
        {"3-pass": structure("3-pass")}, SMALL, WORKLOAD, replace(ONE_GROUP, within=0.2)
    ).front
    least = every[0].latency_s
    assert [p.energy_pj for p in near] == pytest.approx(
        [p.energy_pj for p in every if p.latency_s <= 1.2 * least], rel=1e-12
    )


def test_bad_input_is_told():
    with pytest.raises(InputError, match="no cascade 'four'; known are 1-pass, 2-pass, 3-pass"):
        structure("four")
    with pytest.raises(InputError, match="a chunk of 3 keys does not divide 16"):
        best(names=("1-pass",), limits=Limits(chunks=(3,)))
    with pytest.raises(InputError, match="no SRAM of 313 rows of 128 bits: choose a buffer"):
        best(replace(SMALL, buffer_bytes=5008))
    with pytest.raises(InputError, match=r"5000 leaves a remainder of 8; .* a row, 16 bytes"):
        best(replace(SMALL, buffer_bytes=5000))
    assert tuple(NAMES) == ("1-pass", "2-pass", "3-pass")
