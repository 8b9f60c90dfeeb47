"""Recorded statistics, read back: our engine's counts, and under our accounting its metrics."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.analytical.architecture import storage
from evaluators.analytical.configurations import CONFIGURATIONS
from evaluators.analytical.engine import AnalyticalEvaluator
from evaluators.analytical.loopnest import LoopNest
from evaluators.engine.columns import Factors
from evaluators.errors import EvaluationError
from evaluators.protocol import METRICS
from evaluators.timeloop import accelergy, inputs
from evaluators.timeloop.accelergy import OUTPUTS
from evaluators.timeloop.counts import TimeloopCounts
from evaluators.timeloop.stats import Statistics, StatisticsError, parse
from evaluators.workload import TRANSFORMERS, Workload
from studies.paper import paper_design

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1024)


def tables_of(point):
    """Accelergy's recorded tables, by the chip that it is asked for."""

    def run(files, arguments):
        chip = "2d" if "global_buffer" in files["input.yaml"] else "1d"
        return {name: (point.folder / chip / name).read_text(encoding="utf-8") for name in OUTPUTS}

    return run


def replayed(point):
    """The evaluator whose counts and tables are those of the recorded runs."""

    def sources(config, workload, design, accounting):
        def count(mapping, factors, *, wrapped):
            request = inputs.request(config.name, design, mapping, factors)
            return TimeloopCounts(mapping, point.statistics(request), None)

        return design, count, accelergy.components(config, design, accounting, tables_of(point))

    return AnalyticalEvaluator(sources, chunk=1)


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
                if recorded.config.name == "linear_fusemax":  # searched: another tile, equal words
                    theirs = replace(theirs, capacity=nest.size(level.name, tensor))
                assert theirs == nest.counts(level.name, tensor)


def test_the_replay_gives_every_metric_of_the_analytical_evaluator(recorded):
    arguments = (recorded.config.name, WORKLOAD, recorded.design, PUBLISHED)
    ours = AnalyticalEvaluator().evaluate(*arguments, breakdown=True)
    theirs = replayed(recorded).evaluate(*arguments, breakdown=True)
    for name in METRICS:
        np.testing.assert_allclose(theirs.metrics[name], ours.metrics[name], rtol=1e-12)
    for name, einsum in ours.einsums.items():
        for column in ("busy_s", "active_fraction", "traffic_bytes", "energy_pj"):
            np.testing.assert_allclose(
                getattr(theirs.einsums[name], column), getattr(einsum, column), rtol=1e-12
            )


def test_the_replay_costs_what_accelergy_made_of_the_action_counts(recorded):
    replay = replayed(recorded).evaluate(recorded.config.name, WORKLOAD, recorded.design, PUBLISHED)
    estimated = 0.0
    for chip in ("2d", "1d"):
        file = recorded.folder / chip / "energy_estimation.yaml"
        estimation = yaml.safe_load(file.read_text(encoding="utf-8"))
        estimated += estimation["energy_estimation"]["Total"]
    assert replay.metrics["energy_pj"][0] == pytest.approx(estimated, rel=1e-12)


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

    def sources(config, workload, design, accounting):
        def count(mapping, factors, *, wrapped):
            nonlocal overflows
            exact, lossy = (LoopNest(mapping, factors, wrapped=each) for each in (False, True))
            overflows += printed(exact) != printed(lossy)
            return TimeloopCounts(mapping, printed(lossy), None if wrapped else exact)

        return design, count, storage(design, scaled_registers=True)

    arguments = (name, workload, paper_design(name, workload), CORRECTED)
    ours = AnalyticalEvaluator().evaluate(*arguments)
    theirs = AnalyticalEvaluator(sources, chunk=1).evaluate(*arguments)
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
    (file,) = recorded.einsum_folder(recorded.requests[0]).glob("*.stats.txt")
    text = file.read_text(encoding="utf-8")
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
