"""FLAT's best bindings against its authors' (docs/model/designs.md#decision-8)."""

from __future__ import annotations

import pytest

from analysis.bindings import best_over_pinned
from analysis.results import evaluate_points
from evaluators.accounting import PUBLISHED
from evaluators.protocol import evaluator
from studies.paper import points


def test_best_bindings_are_no_slower_and_may_cost_energy() -> None:
    engine = evaluator("analytical")
    evaluations = evaluate_points(points(), PUBLISHED, engine).evaluations
    ratios = best_over_pinned(evaluations, PUBLISHED, engine).set_index(["model", "seq_len"])
    assert len(ratios) == 24
    assert ratios["latency"].max() <= 1 + 1e-12
    tied = ratios[ratios["latency"] > 1 - 1e-12]
    assert tied["traffic"].max() <= 1 + 1e-12
    assert ratios.loc[("BERT", 2**16), "energy"] == pytest.approx(4.7, abs=0.05)
