"""The optimum as a file: the ordinary evaluation of it gives what the mapper, and the data, say."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dse.results.designs import Setting
from evaluators.accounting import CORRECTED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.evaluator import nests_of
from evaluators.engine.footprint import footprint_bytes
from evaluators.engine.needs import register_words, registers_short
from evaluators.errors import InputError
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.binding import Binding, BoundGroup, Step, evaluate
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import structure
from evaluators.mapper.placement import Placement
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.search import search
from evaluators.mapper.structure import Group
from evaluators.protocol import evaluator
from tests.evaluators.mapper.test_truth import CASES, resources


def written(folder, binding, machine, extents, name="best"):
    text = accelerator_file(name, name, binding, structure(binding.cascade), machine, extents)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


def workload(extents):
    shape = ",".join(str(extents[rank]) for rank in "BEFH").split(",")
    sizes = f"{shape[0]},1,{shape[1]},{shape[2]},{shape[3]},1"
    given = {"shape": sizes, "queries": str(extents["P"]), "keys": str(extents["M"])}
    setting = Setting.parse(given | {"configuration": "binding", "accounting": "corrected"})
    return setting.workload


def evaluated(name, extents):
    """What the ordinary engine says of a file: metrics, bytes of the buffer, register words."""
    # The one column is the file's own: a batch needs some.
    size = described(name).all_parameters["buffer_bytes"].default
    given = name, workload(extents), Designs.of(buffer_bytes=size)
    results = evaluator("analytical").evaluate(*given, CORRECTED)
    assert all(magnitude[0] <= 0 for magnitude in results.violations.values())
    assert all(short[0] <= 0 for short in registers_short(*given).values())
    nests = nests_of(*given, CORRECTED)
    held = footprint_bytes(nests, described(name).machine.stores[1])
    metrics = {name: float(column[0]) for name, column in results.metrics.items()}
    return metrics, int(held), {k: int(each) for k, each in register_words(nests).items()}


def assert_the_same(binding, machine, extents, name):
    costs = evaluate(binding, structure(binding.cascade), machine, extents)
    metrics, held, words = evaluated(name, extents)
    assert metrics["latency_s"] == pytest.approx(costs.latency_s, rel=1e-12)
    assert metrics["energy_pj"] == pytest.approx(costs.energy_pj, rel=1e-12)
    assert metrics["traffic_bytes"] == costs.traffic_bytes
    assert metrics["compute_2d_s"] == pytest.approx(costs.pe_busy_s, rel=1e-12)
    assert metrics["compute_1d_s"] == pytest.approx(costs.lanes_busy_s, rel=1e-12)
    assert held == 2 * costs.buffer_words
    return words


@pytest.mark.parametrize("case", CASES, ids=[str(case["case"]) for case in CASES])
def test_the_file_of_the_optimum_is_evaluated_to_what_the_data_say(case, tmp_path):
    machine, extents, optimum = resources(case), case["workload"], case["optimum"]
    cascades = {case["front"][0][2]: structure(case["front"][0][2])}
    limits = Limits(tuple(case["chunks_M0"]), case["cuts"] == "all legal", within=0.0)
    found = search(cascades, machine, extents, limits)
    binding = found.binding(found.front[0])
    name = written(tmp_path, binding, machine, extents)
    words = assert_the_same(binding, machine, extents, name)
    metrics, _, _ = evaluated(name, extents)
    assert metrics["latency_s"] == pytest.approx(optimum["latency"], rel=1e-12)
    assert metrics["energy_pj"] == pytest.approx(optimum["energy"], rel=1e-12)
    assert metrics["traffic_bytes"] == optimum["traffic"]
    assert (words["pe"], words["vector"]) == (optimum["pe"], optimum["lane"])


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    sizes=st.tuples(*(st.sampled_from(each) for each in ((8, 16), (8, 16), (4, 8)))),
    kib=st.sampled_from((4, 8, 64)),
    exp_cycles=st.sampled_from((None, 1, 2)),
    registers=st.sampled_from((6, 8, 12)),
    extents=st.tuples(*(st.sampled_from(each) for each in ((1, 8, 12), (8, 16, 24), (1, 4)))),
    name=st.sampled_from(("1-pass", "2-pass", "3-pass")),
    which=st.floats(0, 1),
)
def test_files_of_drawn_machines_and_points_evaluate_to_the_same(
    tmp_path_factory, sizes, kib, exp_cycles, registers, extents, name, which
):
    rows, columns, lanes = sizes
    machine = Resources(
        rows, columns, lanes, kib * 1024, pe_registers=registers, exp_cycles=exp_cycles
    )
    ranks = dict(zip("PME", extents, strict=True)) | {"B": 2, "H": 1, "F": 4}
    found = search({name: structure(name)}, machine, ranks, Limits())
    assume(found.front)
    point = found.front[round(which * (len(found.front) - 1))]
    binding = found.binding(point)
    file = written(tmp_path_factory.mktemp("drawn"), binding, machine, ranks)
    assert_the_same(binding, machine, ranks, file)


def chunked_binding(inner):
    """One pass on 8 lanes and 8 x 8 PEs, all through the buffer, RNV past it after the last."""
    one = structure("1-pass")
    steps = []
    for einsum in one.einsums:
        keep = {each.name: "L" for each in einsum.tensors}
        keep |= {name: "D" for name in ("Q", "K", "V", "AV") if name in keep}
        on_pe = einsum.name in ("QK", "SLN", "SLNV")
        carried = ("M0", "P") if on_pe else ("P",)
        loops = tuple(r for r in ("M0", "E", "F") if r in einsum.ranks and r not in carried)
        steps.append(Step(einsum.name, Placement(PE if on_pe else LANES, carried, loops), keep))
    outer = 1 if inner > 1 else 2
    groups = (
        BoundGroup(Group(0, 11), outer, 4, inner, tuple(steps[:11])),
        BoundGroup(Group(11, 12), 2, 1, 1, tuple(steps[11:])),
    )
    for step in steps[:11]:
        if step.einsum in ("RD", "RNV"):
            step.keep[step.einsum] = "DL1"
    steps[11].keep.update(RD="D", RNV="D")
    return Binding("1-pass", 8, groups)


@pytest.mark.parametrize("inner", [1, 2])
def test_states_are_kept_for_every_tile_and_leave_after_the_last_chunk(inner, tmp_path):
    machine = Resources(rows=8, columns=8, lanes=8, buffer_bytes=16384)
    extents = {"B": 1, "H": 2, "E": 4, "F": 4, "P": 16, "M": 32}
    binding = chunked_binding(inner)
    name = written(tmp_path, binding, machine, extents)
    assert_the_same(binding, machine, extents, name)
    _, held, _ = evaluated(name, extents)
    tiles = 16 // 2
    states = inner * (tiles + tiles + 4 * tiles)  # RM, RD, RNV: for every tile of queries inside
    others = tiles * (8 + 8 + 1 + 1 + 1 + 1 + 4 + 4)  # QK SLN, LM SLD PRM SPD, SLNV SPNV
    assert held == 2 * (states + others + tiles)  # RM0 is read after RM is there


def test_an_exponential_unit_and_a_lone_rank(tmp_path):
    machine = Resources(rows=8, columns=8, lanes=8, buffer_bytes=4096, exp_cycles=3)
    extents = {"B": 1, "H": 2, "E": 4, "F": 4, "P": 1, "M": 32}
    found = search({"2-pass": structure("2-pass")}, machine, extents, Limits())
    for place, point in enumerate(found.front):
        binding = found.binding(point)
        name = written(tmp_path, binding, machine, extents, f"best{place}")
        assert_the_same(binding, machine, extents, name)


def test_other_lengths_divide_or_are_refused(tmp_path):
    machine = Resources(rows=8, columns=8, lanes=8, buffer_bytes=4096)
    extents = {"B": 1, "H": 2, "E": 4, "F": 4, "P": 16, "M": 32}
    found = search({"2-pass": structure("2-pass")}, machine, extents, Limits())
    binding = found.binding(found.front[0])
    name = written(tmp_path, binding, machine, extents)
    longer, _, _ = evaluated(name, extents | {"P": 64})
    assert longer["compute_2d_s"] == pytest.approx(4 * evaluated(name, extents)[0]["compute_2d_s"])
    given = name, workload(extents | {"P": 20}), Designs.of(buffer_bytes=4096)
    results = evaluator("analytical").evaluate(*given, CORRECTED)
    assert any(each[0] > 0 for each in results.violations.values())
    narrow = Designs.of(buffer_bytes=4096, array_rows=4)
    results = evaluator("analytical").evaluate(name, workload(extents), narrow, CORRECTED)
    assert results.violations["array_rows_short"][0] == 4


def test_a_partial_sum_in_a_group_and_a_wrong_mark_are_found(tmp_path):
    machine = Resources(rows=8, columns=8, lanes=8, buffer_bytes=4096)
    extents = {"B": 1, "H": 2, "E": 4, "F": 4, "P": 16, "M": 32}
    found = search({"2-pass": structure("2-pass")}, machine, extents, Limits())
    name = written(tmp_path, found.binding(found.front[0]), machine, extents)
    text = Path(name).read_text()
    cut = re.sub(r"^(?!AV)(.* \| B H P2) ", r"\1 M2 ", text, flags=re.M)
    Path(name).write_text(cut.replace('M1 = "M / 8"', 'M2 = 2, M1 = "M / 16"'))
    with pytest.raises(
        InputError, match="inside the loop M2, over which GM is still being reduced"
    ):
        described(name)
    Path(name).write_text(text.replace(" AV        |", " AV!       |"))
    with pytest.raises(InputError, match="'!' marks a state"):
        described(name)
