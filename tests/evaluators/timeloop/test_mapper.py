"""Timeloop's search: its input is the recorded one, and what it finds is the design's binding."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

import evaluators
from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.engine.loopnest import LoopNest
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import evaluator
from evaluators.timeloop import accelergy, mapper, programs, stats
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.timeloop.open_choices import searches
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
from studies.paper import paper_design

BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)
SMALL = Workload(Transformer("small", 2, 64, 16, 32, 4, 128), 256)
MACHINE = Designs.of(
    array_rows=16,
    array_cols=16,
    vector_lanes=16,
    buffer_bytes=2**20,
    pe_registers=4,
    lane_registers=16,
)


def nests(workload, name, design):
    """The loop nests of a design whose open choices our engine makes."""
    resolved = evaluator("analytical").evaluate(name, workload, design, PUBLISHED).designs
    return nests_of(name, workload, resolved, PUBLISHED)


ACCELERATORS = Path(evaluators.__file__).with_name("accelerators")

FFN2 = """
- {factors: [S=1], permutation: [S, D, T], target: DRAM, type: temporal}
- {bypass: [], keep: [FFN1, W2, FFN2], target: DRAM, type: dataspace}
- {permutation: [S, D, T], target: L3, type: temporal}
- {bypass: [FFN2], keep: [FFN1, W2], target: L3, type: dataspace}
- {factors: [D=1, S=1, T=1], permutation: [S, D, T], target: reg_file_1d, type: temporal}
- {bypass: [FFN1, W2, FFN2], keep: [], target: reg_file_1d, type: dataspace}
- {factors: [D=1, S=1, T=256], permutation: [D, S, T], split: 3, target: PE_col, type: spatial}
- {factors: [D=256, S=1, T=1], permutation: [D, S, T], split: 0, target: PE, type: spatial}
- {factors: [D=1, S=1, T=1], permutation: [S, D, T], target: reg_file, type: temporal}
- {bypass: [], keep: [FFN1, W2, FFN2], target: reg_file, type: dataspace}
"""
"""The constraints of a linear layer that the artifact hands to Timeloop's front end, with M, N, K
called T, D, S, and A, B, Z by their names."""


def left_open(name):
    """What a configuration leaves to the mapper, by Einsum."""
    return {each.einsum: each for each in searches(described(name))}


def searched(linear, request, left):
    """The mapping that the real mapper found for a linear layer, with what it printed of it."""
    arguments = " ".join(("accelergy", *accelergy.ARGUMENTS))
    prices = linear.replay.get(arguments, {"input.yaml": mapper.price_input(request)}, None)
    files = {"input.yaml": mapper.mapper_input(request, left), **prices}
    return linear.replay.get("timeloop-mapper input.yaml ERT.yaml ART.yaml", files, None)


def test_the_constraints_of_a_search_are_the_artifacts(linear):
    (request,) = (each for each in linear.requests if each.mapping.einsum.name == "FFN2")
    left = left_open("linear_fusemax")["FFN2"]
    assert mapper.constraints(request, left) == yaml.safe_load(FFN2)


def test_the_mapper_counted_its_mapping_as_our_engine_does(linear):
    for request in linear.requests:
        left = left_open("linear_fusemax")[request.mapping.einsum.name]
        found = stats.parse(searched(linear, request, left)["timeloop-mapper.stats.txt"], "mapper")
        nest = LoopNest(request.mapping, Factors(request.factors), wrapped=True)
        assert (found.cycles, found.computes) == (nest.cycles, nest.cycles * nest.instances)
        for level, tensors in found.levels.items():
            for tensor, counts in tensors.items():
                ours = nest.counts(level, tensor)
                assert (counts.updates, counts.partition) == (ours.updates, ours.partition)


def test_the_recorded_mappings_count_as_our_optimum(linear):
    def search(request, left):
        return searched(linear, request, left)["timeloop-mapper.map.yaml"]

    chosen = mapper.searched(linear.nests, search)
    assert chosen.keys() <= linear.design.columns.keys()
    found, best = Costs(linear.nests.with_values(chosen)), Costs(linear.nests)
    for quantity in ("traffic_bytes", "energy_pj", "compute_s"):
        assert getattr(found, quantity) == getattr(best, quantity)


def captured(workload, name="unfused", design=None):
    """The searches of a configuration, each with what it leaves open, and what they come to."""
    requests = []

    def search(request, left):
        requests.append((request, left))
        inner = "E" if request.mapping.einsum.name == "QK" else "F"
        kept = "Q, QK" if inner == "E" else "V"
        return f"""
mapping:
- {{target: L3, type: datatype, keep: [{kept}], bypass: []}}
- {{target: L3, type: temporal, factors: B1 H1 M2 P1 {inner}4, permutation: BHP{inner}M}}
- {{target: PE, type: spatial, factors: P16, permutation: P}}
- {{target: DRAM, type: temporal, factors: B2 H4 M8 P16 {inner}8, permutation: {inner}MPHB}}
"""

    return requests, mapper.searched(nests(workload, name, design or MACHINE), search)


def test_unfused_attention_leaves_open_what_the_artifact_did():
    """docs/model/mappings.md#unfused."""
    (first, second), _ = captured(BERT_1K, design=paper_design("unfused", BERT_1K))
    for (request, left), inner, tensors in ((first, "E", "Q K QK"), (second, "F", "A V AV")):
        constraints = mapper.constraints(request, left)
        targets = {(each["target"], each["type"]): each for each in constraints}
        assert targets["DRAM", "temporal"]["permutation"] == [inner, "M", "P", "H", "B"]
        assert "factors" not in targets["DRAM", "temporal"]
        assert targets["DRAM", "dataspace"]["keep"] == tensors.split()
        assert targets["L3", "temporal"] == {
            "target": "L3",
            "type": "temporal",
            "factors": ["B=1", "H=1"],
        }
        assert ("L3", "dataspace") not in targets
        assert "P=256" in targets["PE_col", "spatial"]["factors"]
        assert "M=256" in targets["PE", "spatial"]["factors"]
        assert set(targets["reg_file", "temporal"]["factors"]) == {
            f"{rank}=1" for rank in request.ranks
        }
        assert targets["reg_file", "dataspace"]["keep"] == tensors.split()
        flat = yaml.safe_load(mapper.mapper_input(request, left))
        local = flat["architecture"]["subtree"][0]["local"]
        buffer = next(node for node in local if node["name"].startswith("L3"))["attributes"]
        assert buffer["depth"] * buffer["width"] == 65536 * 256 * 16


def test_a_mapping_of_attention_becomes_its_columns():
    _, chosen = captured(SMALL)
    assert chosen == {
        "qk_p2": 16,
        "qk_m2": 8,
        "qk_e2": 8,
        "qk_order": 3,  # outermost first: M, E, P
        "qk_keeps_q": 1,
        "qk_keeps_k": 0,
        "qk_keeps_qk": 1,
        "av_p2": 16,
        "av_m2": 8,
        "av_f2": 8,
        "av_order": 3,
        "av_keeps_a": 0,
        "av_keeps_v": 1,
        "av_keeps_av": 0,
    }


@pytest.mark.parametrize("text", ["", "mapping: 1", "[", "mapping: [{target: DRAM}]"])
def test_what_is_no_mapping_is_named(text):
    with pytest.raises(EvaluationError, match="no mapping of Timeloop"):
        mapper.parse_mapping(text)


def test_a_mapping_that_lacks_a_level_is_named(linear):
    with pytest.raises(EvaluationError, match="says nothing of L3"):
        mapper.searched(linear.nests, lambda request, left: "mapping: []")


def test_an_order_that_lacks_a_rank_is_named():
    text = """
mapping:
- {target: L3, type: temporal, factors: P1 M2, permutation: MP}
- {target: DRAM, type: temporal, factors: B2 H4 M8 P16 E8, permutation: EMPHB}
"""
    with pytest.raises(EvaluationError, match="mapping of QK loops in L3 over"):
        mapper.searched(nests(SMALL, "unfused", MACHINE), lambda request, left: text)


def test_what_the_mapper_can_search_is_left_to_it():
    """QK and AV of unfused, every linear layer; FLAT's choices are of all its Einsums at once."""
    searched = {name: list(left_open(name)) for name in CONFIGURATIONS}
    assert {name for name, each in searched.items() if each} == {
        "unfused",
        "linear_flat",
        "linear_fusemax",
    }
    assert searched["unfused"] == ["QK", "AV"]
    assert searched["linear_flat"] == ["QA", "Q", "K", "V", "Z", "GATE", "FFN1", "FFN2"]


def test_a_tile_that_two_loops_have_is_no_search_of_the_mapper(tmp_path):
    """The mapper would give the two loops different trip counts."""
    text = (ACCELERATORS / "linear_flat.toml").read_text(encoding="utf-8")
    assert text.count('QW1 = "Q_n1", QW2 = "steps(QW, array_rows) / Q_n1"') == 1
    file = tmp_path / "twice.toml"
    file.write_text(
        text.replace(
            'QW1 = "Q_n1", QW2 = "steps(QW, array_rows) / Q_n1"',
            'QW1 = "Q_m1", QW2 = "steps(QW, array_rows) / Q_m1"',
        ),
        encoding="utf-8",
    )
    assert "Q" in left_open("linear_flat")
    assert "Q" not in left_open(str(file))
    assert "K" in left_open(str(file))


def test_a_search_and_the_optimum_instead_of_it_exclude_each_other(useless_programs):
    with pytest.raises(InputError, match="Q12"):
        evaluator("timeloop-mapper").evaluate("unfused", SMALL, MACHINE, CORRECTED)


@pytest.mark.parametrize("name", ["unfused", "linear_flat", "linear_fusemax"])
def test_what_timeloop_finds_is_never_better_than_our_optimum(tools, tmp_path, name):
    if shutil.which(programs.MAPPER) is None:
        pytest.skip("timeloop-mapper is not installed here")
    ours = evaluator("analytical").evaluate(name, SMALL, MACHINE, PUBLISHED)
    searching = TimeloopEvaluator(Cache(tmp_path), searches=True)
    theirs = searching.evaluate(name, SMALL, MACHINE, PUBLISHED).whole()
    assert theirs.metrics["traffic_bytes"] >= ours.metrics["traffic_bytes"]
    np.testing.assert_allclose(
        theirs.metrics["compute_2d_s"], ours.metrics["compute_2d_s"], rtol=1e-12
    )
    counted = evaluator("analytical").evaluate(name, SMALL, theirs.designs, PUBLISHED)
    if name == "unfused":  # a given mapping is evaluated as it is
        for metric, column in counted.metrics.items():
            np.testing.assert_allclose(column, theirs.metrics[metric], rtol=1e-12)
    assert searching.evaluate(name, SMALL, MACHINE, PUBLISHED).runs.made == 0
