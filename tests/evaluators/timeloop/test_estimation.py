"""Accelergy's estimate: the action counts are those that the artifact gave it."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.engine.costs import prices
from evaluators.engine.evaluator import nests_of
from evaluators.errors import EvaluationError
from evaluators.protocol import evaluator
from evaluators.timeloop import audit, estimation
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

BERT_1K = Workload(TRANSFORMERS["BERT"], 1024)


OF_BINDING = {
    "DRAM": {"read": 37748736 + 12582912},  # reads and writes cost the same: added up
    "L3": {"read": 3369984, "write": 1400832},
    "reg_file": {"read": 4558848, "write": 4571136},
    "mac": {"compute": 107911053312},
    "max": {"compute": 805306368},
    "add": {"compute": 1610612736},
}
"""The action counts of the 2D array's chip for BERT at 1K tokens that the artifact hands to
Accelergy."""


def test_the_action_counts_are_the_artifacts():
    design = evaluator("analytical").evaluate(
        "binding", BERT_1K, paper_design("binding", BERT_1K), PUBLISHED
    )
    nests = nests_of("binding", BERT_1K, design.designs, PUBLISHED)
    ours = estimation.busy(estimation.action_counts(nests, prices(nests))["pe"])
    assert ours.keys() == OF_BINDING.keys()
    for component, actions in ours.items():
        assert actions == pytest.approx(OF_BINDING[component], rel=1e-14)


def test_accelergy_estimated_the_published_energy(recorded, useless_programs):
    arguments = (recorded.name, BERT_1K, recorded.design, PUBLISHED)
    audited = TimeloopEvaluator(recorded.replay, audits=True).evaluate(*arguments).whole()
    estimate, exact, published = (
        float(audited.metrics[name][0])
        for name in (audit.ESTIMATED_PJ, audit.EXACT_PJ, "energy_pj")
    )
    assert estimate == pytest.approx(exact, rel=1e-12)
    assert estimate == pytest.approx(published, rel=1e-7)  # whose prices have six decimals


@pytest.mark.parametrize("text", ["", "[", "energy_estimation: 1", "energy_estimation: {Total: x}"])
def test_what_is_no_estimate_is_named(text):
    with pytest.raises(EvaluationError, match="no energy estimation of Accelergy"):
        estimation.parse_estimate({estimation.OUTPUT: text})


@pytest.mark.parametrize("name", ["unfused", "cascade", "linear_fusemax"])
def test_accelergy_estimates_the_energy_of_the_accounting(tools, cache, name):
    for accounting in (PUBLISHED, CORRECTED):
        arguments = (name, BERT_1K, paper_design(name, BERT_1K, accounting), accounting)
        audited = TimeloopEvaluator(cache, audits=True).evaluate(*arguments).whole()
        estimate, exact = (
            float(audited.metrics[each][0]) for each in (audit.ESTIMATED_PJ, audit.EXACT_PJ)
        )
        assert estimate == pytest.approx(exact, rel=1e-12)
        again = TimeloopEvaluator(Cache(cache.folder), audits=True).evaluate(*arguments)
        assert again.runs == replace(again.runs, made=0)


def test_an_estimate_that_fails_fails_its_design(recorded, useless_programs):
    class Broken(type(recorded.replay)):
        def get(self, version, inputs, make):
            if estimation.INPUT in inputs:
                raise EvaluationError("no estimate today")
            return super().get(version, inputs, make)

    timeloop = TimeloopEvaluator(Broken(recorded.replay.recorded), audits=True)
    result = timeloop.evaluate(recorded.name, BERT_1K, recorded.design, PUBLISHED)
    assert {row: str(error) for row, error in result.failures.items()} == {0: "no estimate today"}
    assert all(np.isnan(column[0]) for column in result.metrics.values())
