"""Timeloop's search: its input is the recorded one, and what it finds is the design's binding."""

import shutil

import numpy as np
import pytest
import yaml

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.analytical.configurations import CONFIGURATIONS
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest
from evaluators.errors import EvaluationError, InputError
from evaluators.protocol import evaluator
from evaluators.timeloop import accelergy, mapper, programs, stats
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload
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


FFN2 = """
- {factors: [K=1], permutation: [K, N, M], target: DRAM, type: temporal}
- {bypass: [], keep: [A, B, Z], target: DRAM, type: dataspace}
- {permutation: [K, N, M], target: L3, type: temporal}
- {bypass: [Z], keep: [A, B], target: L3, type: dataspace}
- {factors: [K=1, M=1, N=1], permutation: [K, N, M], target: reg_file_1d, type: temporal}
- {bypass: [A, B, Z], keep: [], target: reg_file_1d, type: dataspace}
- {factors: [K=1, M=256, N=1], permutation: [K, M, N], split: 3, target: PE_col, type: spatial}
- {factors: [K=1, M=1, N=256], permutation: [K, M, N], split: 0, target: PE, type: spatial}
- {factors: [K=1, M=1, N=1], permutation: [K, N, M], target: reg_file, type: temporal}
- {bypass: [], keep: [A, B, Z], target: reg_file, type: dataspace}
"""
"""The constraints of a linear layer that the artifact hands to Timeloop's front end."""


def searched(linear, request):
    """The mapping that the real mapper found for a linear layer, with what it printed of it."""
    arguments = " ".join(("accelergy", *accelergy.ARGUMENTS))
    prices = linear.replay.get(arguments, {"input.yaml": mapper.price_input(request)}, None)
    files = {"input.yaml": mapper.mapper_input(request), **prices}
    return linear.replay.get("timeloop-mapper input.yaml ERT.yaml ART.yaml", files, None)


def test_the_constraints_of_a_search_are_the_artifacts(linear):
    for request in linear.requests:
        assert mapper.constraints(request) == yaml.safe_load(FFN2)


def test_the_mapper_counted_its_mapping_as_our_engine_does(linear):
    for request in linear.requests:
        found = stats.parse(searched(linear, request)["timeloop-mapper.stats.txt"], "mapper")
        nest = LoopNest(request.mapping, Factors(request.factors), wrapped=True)
        assert (found.cycles, found.computes) == (nest.cycles, nest.cycles * nest.instances)
        for level, tensors in found.levels.items():
            for tensor, counts in tensors.items():
                ours = nest.counts(level, tensor)
                assert (counts.updates, counts.partition) == (ours.updates, ours.partition)


def test_the_recorded_mappings_count_as_our_optimum(linear):
    def search(request):
        return searched(linear, request)["timeloop-mapper.map.yaml"]

    binding = mapper.searched_binding(linear.config, BERT_1K, linear.design, PUBLISHED, search)
    assert binding.keys() == linear.design.binding.keys()
    design = linear.design.with_columns(binding=binding)
    found = linear.config.nests.activities(BERT_1K, design, PUBLISHED)
    best = linear.config.nests.activities(BERT_1K, linear.design, PUBLISHED)
    for name, activity in found.items():
        assert vars(activity) == vars(best[name])


def captured(workload, name="unfused", design=None):
    """The requests that the searches of a configuration make, and the binding they come to."""
    requests = []

    def search(request):
        requests.append(request)
        inner = "E" if request.mapping.einsum.name == "QK" else "F"
        kept = "Q, QK" if inner == "E" else "V"
        return f"""
mapping:
- {{target: L3, type: datatype, keep: [{kept}], bypass: []}}
- {{target: L3, type: temporal, factors: B1 H1 M2 P1 {inner}4, permutation: BHP{inner}M}}
- {{target: PE, type: spatial, factors: P16, permutation: P}}
- {{target: DRAM, type: temporal, factors: B2 H4 M8 P16 {inner}8, permutation: {inner}MPHB}}
"""

    config = CONFIGURATIONS[name]
    resolved = config.nests.resolve(workload, design or MACHINE, PUBLISHED)
    return requests, mapper.searched_binding(config, workload, resolved, PUBLISHED, search)


def test_unfused_attention_leaves_open_what_the_artifact_did():
    """docs/model/mappings.md#unfused."""
    (first, second), _ = captured(BERT_1K, design=paper_design("unfused", BERT_1K))
    for request, inner, tensors in ((first, "E", "Q K QK"), (second, "F", "A V AV")):
        targets = {(each["target"], each["type"]): each for each in mapper.constraints(request)}
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
        local = yaml.safe_load(mapper.mapper_input(request))["architecture"]["subtree"][0]["local"]
        buffer = next(node for node in local if node["name"].startswith("L3"))["attributes"]
        assert buffer["depth"] * buffer["width"] == 65536 * 256 * 16


def test_a_mapping_of_attention_becomes_its_columns():
    _, binding = captured(SMALL)
    chosen = {name: int(column[0]) for name, column in binding.items()}
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
        mapper.searched_binding(
            linear.config, BERT_1K, linear.design, PUBLISHED, lambda request: "mapping: []"
        )


def test_an_order_that_lacks_a_rank_is_named():
    config = CONFIGURATIONS["unfused"]
    resolved = config.nests.resolve(SMALL, MACHINE, PUBLISHED)
    text = """
mapping:
- {target: L3, type: temporal, factors: P1 M2, permutation: MP}
- {target: DRAM, type: temporal, factors: B2 H4 M8 P16 E8, permutation: EMPHB}
"""
    with pytest.raises(EvaluationError, match="mapping of QK loops in L3 over"):
        mapper.searched_binding(config, SMALL, resolved, PUBLISHED, lambda request: text)


def test_a_search_and_the_optimum_instead_of_it_exclude_each_other(useless_programs):
    with pytest.raises(InputError, match="Q12"):
        evaluator("timeloop-mapper").evaluate("unfused", SMALL, MACHINE, CORRECTED)


@pytest.mark.parametrize("name", mapper.SEARCHED)
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
