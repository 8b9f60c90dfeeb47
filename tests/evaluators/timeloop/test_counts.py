"""Recorded statistics, read back: our engine's counts, and under our accounting its metrics."""

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.engine.columns import Factors
from evaluators.engine.evaluator import AnalyticalEvaluator, Batch
from evaluators.engine.loopnest import LoopNest
from evaluators.errors import EvaluationError
from evaluators.protocol import METRICS
from evaluators.timeloop.counts import TimeloopCounts
from evaluators.timeloop.evaluator import TimeloopEvaluator
from evaluators.timeloop.stats import Statistics, StatisticsError, parse
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
from studies.paper import paper_design

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1024)


def test_every_count_is_our_engines(recorded):
    for request in recorded.requests:
        statistics = recorded.statistics(request)
        nest = LoopNest(request.mapping, Factors(request.factors), wrapped=True)
        counts = TimeloopCounts(request.mapping, statistics, None)
        assert (counts.cycles, counts.instances) == (nest.cycles, nest.instances)
        assert statistics.computes == nest.cycles * nest.instances
        for level in request.mapping.levels:
            for tensor in level.keep:
                theirs = counts.counts(level.name, tensor)
                assert theirs == nest.counts(level.name, tensor)


def test_the_replay_gives_every_metric_of_the_analytical_evaluator(recorded, useless_programs):
    arguments = (recorded.name, WORKLOAD, recorded.design, PUBLISHED)
    ours = AnalyticalEvaluator().evaluate(*arguments, breakdown=True)
    theirs = TimeloopEvaluator(recorded.replay).evaluate(*arguments, breakdown=True).whole()
    for name in METRICS:
        np.testing.assert_allclose(theirs.metrics[name], ours.metrics[name], rtol=1e-12)
    for name, einsum in ours.einsums.items():
        for column in ("busy_s", "active_fraction", "traffic_bytes", "energy_pj"):
            np.testing.assert_allclose(
                getattr(theirs.einsums[name], column), getattr(einsum, column), rtol=1e-12
            )


def printed(nest):
    """The statistics that Timeloop prints of a nest, as our engine counts it."""
    levels = {
        level.name: {tensor: nest.counts(level.name, tensor) for tensor in level.keep}
        for level in nest.mapping.levels
    }
    return Statistics(nest.cycles, nest.cycles * nest.instances, nest.instances, levels)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_overflowed_in_timeloop_is_put_right_where_the_correction_asks_for_it(name):
    """At 1M tokens partitions pass 64 bits: printed modulo 2^64, they must end as the true ones."""
    workload = Workload(TRANSFORMERS["XLM"], 2**20)
    overflows = 0

    def count(run):
        nonlocal overflows
        mapping = run.streamed.mapping
        exact, lossy = (LoopNest(mapping, run.factors, wrapped=each) for each in (False, True))
        overflows += printed(exact) != printed(lossy)
        return TimeloopCounts(mapping, printed(lossy), exact)

    arguments = (name, workload, paper_design(name, workload, CORRECTED), CORRECTED)
    ours = AnalyticalEvaluator().evaluate(*arguments)
    theirs = AnalyticalEvaluator(lambda nests: Batch(nests.recounted(count)), chunk=1).evaluate(
        *arguments
    )
    for metric in METRICS:
        np.testing.assert_array_equal(theirs.metrics[metric], ours.metrics[metric])
    assert overflows or name.startswith("linear")


def test_a_level_without_the_tensor_has_no_counts(recorded):
    request = recorded.requests[0]
    counts = TimeloopCounts(request.mapping, recorded.statistics(request), None)
    assert counts.size("DRAM", "nothing") == 0
    with pytest.raises(EvaluationError, match="have no nothing in DRAM"):
        counts.reads("DRAM", "nothing")


def test_what_cannot_be_read_is_named_with_file_and_line(recorded):
    text = recorded.statistics_text(recorded.requests[0])
    garbled = text.replace("Scalar reads (per-instance)              : ", "Scalar reads : ")
    with pytest.raises(StatisticsError, match=r"f: line \d+: 'Scalar reads .* is missing"):
        parse(garbled, "f")
    negative = text.replace(
        "Scalar updates (per-instance)            : ", "Scalar updates (per-instance) : -"
    )
    with pytest.raises(StatisticsError, match=r"f: line \d+: Scalar updates .* whole number"):
        parse(negative, "f")
    for nothing in ("", "segmentation fault\n"):
        with pytest.raises(StatisticsError, match="f: line 1: "):
            parse(nothing, "f")
