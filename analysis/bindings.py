"""FLAT's bindings: the best of all that are possible against those its authors chose."""

from __future__ import annotations

import pandas as pd

from evaluators.accounting import Accounting
from evaluators.describe.catalogue import described
from evaluators.protocol import Evaluator
from evaluators.workloads.paper import SEQ_LENS, TRANSFORMERS
from evaluators.workloads.workload import Workload
from studies.paper import paper_design

QUANTITIES = ("latency_s", "traffic_bytes", "energy_pj")


def best_over_pinned(
    evaluations: pd.DataFrame, accounting: Accounting, engine: Evaluator
) -> pd.DataFrame:
    """Return, for every workload of the paper, the best binding's metrics over the pinned one's.

    The best is by latency, then traffic, then energy, on the paper's machine.

    Args:
        evaluations: the paper's points (`analysis.results.Results.evaluations`).
        accounting: the one that they are under.
        engine: evaluates the best bindings.

    Returns:
        24 rows with the columns model, seq_len, latency, traffic, energy (ratios).

    """
    pinned = evaluations[evaluations["configuration"] == "flat"].set_index(["model", "seq_len"])
    rows = []
    machine = described("flat").machine.parameters
    for shape in TRANSFORMERS.values():
        for seq_len in SEQ_LENS:
            workload = Workload(shape, seq_len)
            designs = paper_design("flat", workload).only(machine)
            ours = engine.evaluate("flat", workload, designs, accounting).whole().metrics
            theirs = pinned.loc[shape.name, seq_len]
            ratios = {
                name.rpartition("_")[0]: float(ours[name][0] / theirs[name]) for name in QUANTITIES
            }
            rows.append({"model": shape.name, "seq_len": seq_len} | ratios)
    return pd.DataFrame(rows)
