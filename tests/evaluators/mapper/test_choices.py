"""Choices of an open binding: they narrow the search, and lose nothing of it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.accounting import CORRECTED
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.best import Best
from evaluators.mapper.cascades import NAMES
from evaluators.mapper.choices import Choices
from evaluators.mapper.machines import priced
from evaluators.mapper.search import Limits, search
from evaluators.protocol import Evaluations, evaluator
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.transformer import parse_shape
from evaluators.workloads.workload import Workload
from tests.evaluators.mapper.test_truth import CASES, resources

OPEN = tuple(NAMES.values())
SMALL = Workload(parse_shape("1,8,4,4,2,8"), 8)
MACHINE = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": 65536}
MACHINE |= {"pe_registers": 12}
ARRAYS = ("1d", "2d")
CLOSE = 1e-12


def index(accelerator: Accelerator, name: str, value: object) -> int:
    return int(accelerator.parameters[name].read(str(value)))


def design(configuration: str, machine: dict[str, int], **choices: object) -> Designs:
    accelerator = described(configuration)
    return Designs.of(
        **machine, **{name: index(accelerator, name, each) for name, each in choices.items()}
    )


def evaluate(
    configuration: str, workload: Workload, designs: Designs, engine: str = "mapper"
) -> Evaluations:
    return evaluator(engine).evaluate(configuration, workload, designs, CORRECTED).whole()


def told(configuration: str, results: Evaluations) -> dict[str, str]:
    """The choices of a batch of one as a user reads them."""
    declared = described(configuration).parameters
    return {k: each.written(results.designs.columns[k][0]) for k, each in declared.items()}


def objectives(results: Evaluations) -> tuple[float, float]:
    if not results.feasible[0]:
        return np.inf, np.inf
    return float(results.metrics["latency_s"][0]), float(results.metrics["energy_pj"][0])


def assert_alike(one: Evaluations, other: Evaluations) -> None:
    for name in ("latency_s", "energy_pj", "traffic_bytes", "compute_2d_s", "compute_1d_s"):
        assert one.metrics[name] == pytest.approx(other.metrics[name], rel=CLOSE), name


@settings(max_examples=12, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_choice_fixed_and_the_file_written_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Values that are drawn are kept; with those found the evaluation is the same again.

    So is that of the file that the mapper writes, by the ordinary engine.
    """
    configuration = data.draw(st.sampled_from(OPEN))
    declared = described(configuration).parameters
    tokens = {"P": 8, "M": 8}
    names = data.draw(st.lists(st.sampled_from(list(declared)), max_size=3, unique=True))
    given_values = {}
    for name in names:
        domain = declared[name].domain
        assert domain is not None
        given_values[name] = data.draw(st.sampled_from(domain.at(tokens)))
    sizes = MACHINE | {"array_cols": data.draw(st.sampled_from((4, 8)))}
    first = evaluate(configuration, SMALL, Designs.of(**sizes, **given_values))
    if not first.feasible[0]:
        return
    found = {name: int(first.designs.columns[name][0]) for name in declared}
    for name, value in given_values.items():
        said, had = (declared[name].written(each) for each in (value, found[name]))
        assert had == said or had.startswith(f"{said} ")
    assert all(found.values())
    assert first.metrics["binding_gap"][0] > -CLOSE

    again = evaluate(configuration, SMALL, Designs.of(**sizes, **found))
    assert_alike(again, first)
    assert {name: int(again.designs.columns[name][0]) for name in declared} == found

    machine = priced(described(configuration), SMALL, first.designs.columns, 0, CORRECTED)
    best = Best(machine, given_values)
    assert best.binding is not None
    structure = best.cascades[best.binding.cascade]
    path = tmp_path_factory.mktemp("found") / "found.toml"
    path.write_text(
        accelerator_file("f", "f", best.binding, structure, best.resources, best.extents)
    )
    plain = Designs.of(**sizes)
    assert_alike(evaluate(str(path), SMALL, plain, "analytical"), first)


@pytest.mark.parametrize(
    ("configuration", "name", "labels"),
    [
        ("one_pass", "rm_on", ARRAYS),
        ("one_pass", "v_in", ()),
        ("two_pass", "gm_on", ("2d M/P", "2d P/M", "1d M", "1d P")),
        ("two_pass", "snv_on", ARRAYS),
        ("two_pass", "qk_m_tile", ()),
        ("two_pass", "sn_cut", ()),
        ("three_pass", "av_on", ("2d F/M", "2d M/P", "2d P/M", "1d")),
        ("three_pass", "qk_order", ()),
        ("three_pass", "av_p_tile", (1, 2, 4, 8)),
        ("three_pass", "k_in", ()),
    ],
)
def test_the_values_of_a_choice_cover_the_space(
    configuration: str, name: str, labels: tuple[str, ...]
) -> None:
    """The best over all values of a choice is the best with the choice open."""
    accelerator = described(configuration)
    domain = accelerator.parameters[name].domain
    assert domain is not None
    values = [index(accelerator, name, each) for each in labels] or domain.at({"P": 8, "M": 8})
    batch = Designs.of(**MACHINE, **{name: np.array(values)})
    results = evaluate(configuration, SMALL, batch)
    pairs = zip(results.metrics["latency_s"], results.metrics["energy_pj"], strict=True)
    fastest_s = np.nanmin(results.metrics["latency_s"])
    least = min(pj for s, pj in pairs if s <= fastest_s * (1 + CLOSE))
    best = objectives(evaluate(configuration, SMALL, Designs.of(**MACHINE)))
    assert (fastest_s, least) == pytest.approx(best, rel=CLOSE)


_FEW = [case for case in CASES if case["case"] in (1002, 2007, 2011, 2017)]


@pytest.mark.parametrize("case", _FEW, ids=[str(case["case"]) for case in _FEW])
def test_the_least_over_products_of_choices_is_the_truths_optimum(case: dict) -> None:  # type: ignore[type-arg]
    """Arrays of two Einsums and one cut, all values of all three: the truth's own optimum."""
    machine, extents = resources(case), case["workload"]
    found = []
    for name in case["cascades"]:
        choices = Choices(described(NAMES[name]))
        accelerator = described(NAMES[name])
        assert accelerator.open is not None
        placed = [k for k, e in accelerator.open.places.items() if e not in ("QK", "A", "AV")][:2]
        arrays = [[(p, index(accelerator, p, each)) for each in ARRAYS] for p in placed]
        cuts = [("av_cut", index(accelerator, "av_cut", each)) for each in ("no", "yes")]
        for values in product(*arrays, cuts):
            freedom = choices.freedom(dict(values))
            limits = Limits(
                tuple(case["chunks_M0"]), case["cuts"] == "all legal", 0.0, freedom=freedom
            )
            points = search({name: choices.structure}, machine, extents, limits)
            if points.front:
                best = points.optimum()
                found.append((best.latency_s, best.energy_pj))
    fastest_s = min(each[0] for each in found)
    least_pj = min(pj for s, pj in found if s <= fastest_s * (1 + CLOSE))
    assert fastest_s == pytest.approx(case["optimum"]["latency"], rel=CLOSE)
    assert least_pj == pytest.approx(case["optimum"]["energy"], rel=CLOSE)


PAPERS = {
    **dict.fromkeys(("qk_on", "lm_on", "sln_on", "sld_on", "slnv_on"), "2d M/P"),
    **dict.fromkeys(("rm_on", "prm_on", "spd_on", "rd_on", "spnv_on", "rnv_on", "av_on"), "1d P"),
    **dict.fromkeys(("q_in", "k_in", "v_in", "av_rd_in"), "buffer"),
    "qk_order": "P M E",
    "slnv_order": "P M F",
    "chunk": 1,
    "av_cut": "no",
}
"""+Binding in the choices of one_pass, but its tiles of 128 x 256 queries at most."""


UNFUSED = {
    **dict.fromkeys(("qk_on", "av_on"), "2d M/P"),
    **dict.fromkeys(("gm_on", "sn_on", "sd_on", "a_on"), "1d M"),
    **dict.fromkeys(("gm_cut", "av_cut"), "yes"),
    **dict.fromkeys(("sn_cut", "sd_cut", "a_cut"), "no"),
    **dict.fromkeys(("gm_qk_in", "sn_qk_in", "sn_gm_in", "a_sn_in", "a_sd_in"), "buffer"),
    "sd_sn_in": "registers",
    "gm_p_tile": 1,
}
"""The unfused baseline in the choices of three_pass; of its products all but the sides is open."""


@pytest.mark.parametrize("length", [2**10, 2**14, 2**18])
def test_the_papers_binding_is_a_point_of_one_pass(length: int) -> None:
    """Traffic, energy and busy times are those of the corrected accounting of +Binding."""
    workload = Workload(transformer("BERT"), length)
    tile = min(128 * 256, length)
    found = evaluate("one_pass", workload, design("one_pass", {}, **PAPERS, qk_p_tile=tile))
    theirs = evaluate("binding", workload, Designs.of(), "analytical")
    for name in ("energy_pj", "traffic_bytes", "compute_2d_s", "compute_1d_s", "area_um2"):
        assert found.metrics[name] == pytest.approx(theirs.metrics[name], rel=CLOSE), name
    assert found.metrics["latency_s"][0] <= theirs.metrics["latency_s"][0]
    assert found.metrics["binding_gap"][0] > 0
    assert told("one_pass", found) == {
        name: str(each) for name, each in (PAPERS | {"qk_p_tile": tile}).items()
    }


@pytest.mark.parametrize("length", [2**10, 2**14])
def test_the_unfused_baseline_is_a_point_of_three_pass(tmp_path: Path, length: int) -> None:
    """It is so on its own machine: lanes have an exponential unit, PEs four registers."""
    path = tmp_path / "unit.toml"
    path.write_text(
        'name = "unit"\nbase = "three_pass"\n[machine]\nname = "unit"\nbase = "fusemax"\n'
        '[machine.arrays.vector]\nsides = ["vector_lanes"]\nregisters = "lane_registers"\n'
        'units = ["max", "mac", "divide", "exponential"]\n'
    )
    workload = Workload(transformer("BERT"), length)
    theirs = evaluate("unfused", workload, Designs.of(), "analytical")
    machine = {"buffer_bytes": 2**25, "pe_registers": 4, "lane_registers": 16}
    found = evaluate(str(path), workload, design(str(path), machine, **UNFUSED))
    for name in ("latency_s", "energy_pj", "traffic_bytes", "compute_2d_s", "compute_1d_s"):
        assert found.metrics[name] == pytest.approx(theirs.metrics[name], rel=CLOSE), name


@pytest.mark.parametrize(
    ("configuration", "divides"), [("one_pass", "av"), ("two_pass", "av"), ("three_pass", "a")]
)
def test_a_choice_that_nothing_can_follow_is_infeasible(configuration: str, divides: str) -> None:
    """PEs do not divide."""
    results = evaluate(
        configuration, SMALL, design(configuration, MACHINE, **{f"{divides}_on": "2d"})
    )
    assert results.violations["no_binding"].tolist() == [1]
