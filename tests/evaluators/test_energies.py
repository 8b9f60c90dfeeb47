"""Energy by component: what it adds up to, and closed forms of two of its parts."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.accounting import CORRECTED, PUBLISHED
from evaluators.behaviour import golden
from evaluators.describe.catalogue import described
from evaluators.protocol import ENERGIES, evaluator
from evaluators.workloads.closed_forms import linear
from studies.paper import points
from tests.evaluators.shipped_bindings import BOUND

DRAM_PJ_A_BIT = 3.9
MAC_PJ = 17.1645
"""Of HBM2, and of a multiplication and an addition of 16 bits (docs/model/components.md)."""


@pytest.mark.parametrize("accounting", [PUBLISHED, CORRECTED], ids=lambda each: each.name)
@pytest.mark.parametrize("configuration", BOUND)
def test_components_add_up_to_the_energy(configuration, accounting):
    for workload, designs in golden():
        own = designs.only(described(configuration).all_parameters)
        metrics = evaluator("analytical").evaluate(configuration, workload, own, accounting).metrics
        known = ~np.isnan(metrics["energy_pj"])
        added = np.sum([metrics[name][known] for name in ENERGIES], axis=0)
        np.testing.assert_allclose(added, metrics["energy_pj"][known], rtol=1e-15)
        for name in ENERGIES:
            assert (metrics[name][known] >= 0).all()
            assert np.isnan(metrics[name][~known]).all()


@pytest.mark.parametrize("point", points())
def test_dram_and_arithmetic_cost_what_they_do_by_hand(point):
    metrics = (
        evaluator("analytical")
        .evaluate(point.configuration, point.workload, point.designs, PUBLISHED)
        .metrics
    )
    bits = 8 * metrics["traffic_bytes"]
    np.testing.assert_allclose(metrics["energy_dram_pj"], DRAM_PJ_A_BIT * bits, rtol=1e-14)
    if point.configuration.startswith("linear"):
        macs = linear(point.workload).macs
        np.testing.assert_allclose(metrics["energy_arithmetic_pj"], MAC_PJ * macs, rtol=1e-14)
