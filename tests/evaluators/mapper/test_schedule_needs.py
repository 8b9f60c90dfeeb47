"""What a schedule counts in register files, against the steps of bindings tried in every order."""

from dataclasses import replace

import pytest

from evaluators.accounting import CORRECTED
from evaluators.design import Designs
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.binding import chunked, evaluate
from evaluators.mapper.cascades import structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import Limits, search
from evaluators.pipeline.pipelines import pipelines
from evaluators.protocol import evaluator
from evaluators.workloads.transformer import parse_shape
from evaluators.workloads.workload import Workload
from tests.evaluators.mapper.interleaving import NoOrder, Steps


def bindings(name, machine, extents, chunks=None):
    """Yield the bindings of the front, all Einsums in one group."""
    found = search({name: structure(name)}, machine, extents, Limits(chunks, cuts=False))
    for point in found.front:
        yield found.binding(point)


def words(path, binding, machine, extents):
    """Return the words that the schedule of a binding's file counts: of a PE, and of a lane.

    The file costs what the binding does.
    """
    cascade = structure(binding.cascade)
    path.write_text(accelerator_file("found", "found", binding, cascade, machine, extents))
    sizes = ",".join(str(extents[rank]) for rank in "EF")
    workload = Workload(parse_shape(f"1,8,{sizes},1,8"), extents["P"], extents["M"])
    found = evaluator("analytical").evaluate(str(path), workload, Designs.of(), CORRECTED)
    costs = evaluate(binding, cascade, machine, extents)
    assert found.metrics["energy_pj"][0] == pytest.approx(costs.energy_pj, rel=1e-12)
    nests = nests_of(str(path), workload, found.designs, CORRECTED)
    (pipeline,) = pipelines(nests, Costs(nests))
    needs = {each.where: each for each in pipeline.needs}
    return [needs[each].needed if each in needs else 0 for each in ("pe", "vector")]


def has_order(binding, machine, extents, pe_words, lane_words):
    """Tell whether an order of all steps runs with registers so deep; None where none is found."""
    deep = replace(machine, pe_registers=max(pe_words, 1), lane_registers=max(lane_words, 1))
    cascade = structure(binding.cascade)
    (bound,) = binding.groups
    try:
        return bool(Steps(bound, cascade, deep, chunked(binding, cascade, extents)).order())
    except NoOrder as none:
        return None if not none.proven else False


def test_what_the_rules_miss_is_counted(tmp_path):
    """The smallest example of docs/model/open-bindings.md: the maximum so far is a fourth word."""
    machine = Resources(8, 8, 1, 4096, 1e10, 1e9, 3, 3)
    extents = {"B": 1, "H": 1, "P": 1, "M": 2, "E": 1, "F": 2}
    best = next(bindings("2-pass", machine, extents))
    pe_words, lane_words = words(tmp_path / "found.toml", best, machine, extents)
    assert lane_words == 4
    assert has_order(best, machine, extents, pe_words, 4)
    assert has_order(best, machine, extents, pe_words, 3) is False


@pytest.mark.parametrize(
    ("name", "lanes", "tokens", "widths"),
    [
        ("2-pass", 1, (2, 4), (1, 2)),
        ("2-pass", 2, (4, 2), (4, 1)),
        ("2-pass", 8, (4, 4), (4, 1)),
        ("3-pass", 1, (1, 4), (2, 2)),
        ("3-pass", 4, (2, 2), (1, 2)),
        ("1-pass", 4, (1, 4), (2, 2)),
    ],
)
def test_what_a_schedule_counts_is_enough(tmp_path, name, lanes, tokens, widths):
    """No point of a front needs a word more, in the order of its loops, than the count says."""
    machine = Resources(8, 8, lanes, 4096, 1e10, 1e9, 12, 12)
    extents = {"B": 1, "H": 1, **dict(zip("PMEF", (*tokens, *widths), strict=True))}
    for place, binding in enumerate(bindings(name, machine, extents, (2,))):
        counted = words(tmp_path / f"found{place}.toml", binding, machine, extents)
        assert has_order(binding, machine, extents, *counted)
