"""Accelergy's estimate: the action counts are those that the artifact gave it."""

from dataclasses import replace

import pytest
import yaml

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.analytical.architecture import storage
from evaluators.analytical.engine import AnalyticalEvaluator
from evaluators.analytical.loopnest import LoopNest
from evaluators.errors import EvaluationError
from evaluators.protocol import evaluator
from evaluators.timeloop import estimation
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.workload import TRANSFORMERS, Workload
from studies.paper import paper_design

BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)


def counts_of(config, design):
    parts = storage(design, scaled_registers=False)

    def price(prices):
        engine = AnalyticalEvaluator(lambda *_: (design, LoopNest, prices))
        return engine.evaluate(config.name, BERT_1K, design, PUBLISHED, breakdown=True)

    return estimation.action_counts(parts, price)


def test_the_action_counts_are_the_recorded_ones(recorded):
    ours = counts_of(recorded.config, recorded.design)
    for chip, counts in ours.items():
        file = recorded.folder / f"action_counts_{chip}.yaml"
        rows = yaml.safe_load(file.read_text(encoding="utf-8"))["action_counts"]["local"]
        theirs = {
            row["name"].removeprefix("system_top_level.").removesuffix("[1]"): {
                each["name"]: each["counts"] for each in row["action_counts"]
            }
            for row in rows
        }
        for component, actions in estimation.busy(counts).items():
            if component == "DRAM":  # its reads and writes cost the same, and are read together
                given = theirs[component]
                assert actions["read"] == pytest.approx(given["read"] + given["write"], rel=1e-14)
            else:
                for action, count in actions.items():
                    assert theirs[component][action] == pytest.approx(count, rel=1e-14)
        nothing = {name for name, actions in theirs.items() if not any(actions.values())}
        assert theirs.keys() - estimation.busy(counts).keys() == nothing


def test_the_input_names_components_as_the_recorded_one_does(recorded):
    counts = counts_of(recorded.config, recorded.design)["2d"]
    ours = yaml.safe_load(estimation.counts_input(counts))["action_counts"]
    text = (recorded.folder / "action_counts_2d.yaml").read_text(encoding="utf-8")
    theirs = yaml.safe_load(text)["action_counts"]
    assert ours["version"] == theirs["version"]
    assert {row["name"] for row in ours["local"]} <= {row["name"] for row in theirs["local"]}


@pytest.mark.parametrize("text", ["", "[", "energy_estimation: 1", "energy_estimation: {Total: x}"])
def test_what_is_no_estimate_is_named(text):
    with pytest.raises(EvaluationError, match="no energy estimation of Accelergy"):
        estimation.parse_estimate({estimation.OUTPUT: text})


@pytest.mark.parametrize("name", ["unfused", "cascade", "linear_fusemax"])
def test_accelergy_estimates_the_published_energy(tools, tmp_path, name):
    accountings = {PUBLISHED: 1e-12, CORRECTED: 1e-9}
    for accounting, tolerance in accountings.items():
        ours = evaluator("analytical").evaluate(
            name, BERT_1K, paper_design(name, BERT_1K), accounting
        )
        timeloop = TimeloopEvaluator(Cache(tmp_path))
        estimate = timeloop.estimated_energy_pj(name, BERT_1K, ours.designs, accounting)
        assert estimate == pytest.approx(float(ours.metrics["energy_pj"][0]), rel=tolerance)
        again = TimeloopEvaluator(Cache(tmp_path))
        again.estimated_energy_pj(name, BERT_1K, ours.designs, accounting)
        assert again.cache.runs == replace(again.cache.runs, made=0)
