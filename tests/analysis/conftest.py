from pathlib import Path

import pytest

from analysis.results import evaluate_points
from analysis.verify import TABLES
from evaluators.accounting import PUBLISHED
from evaluators.protocol import evaluator
from evaluators.workloads.sizes import seq_len_label
from studies.paper import points


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact's eight tables as our engine gives them, to the last digits.

    That these are the published ones, the rows in `tests/published_rows` and the figures' values
    with four digits tell.
    """
    folder = tmp_path_factory.mktemp("tables")
    results = evaluate_points(points(), PUBLISHED, evaluator("analytical"))
    labels = results.evaluations["seq_len"].map(lambda tokens: seq_len_label(int(tokens)))
    evaluations = results.evaluations.assign(seq_len=labels)
    labels = results.breakdown["seq_len"].map(lambda tokens: seq_len_label(int(tokens)))
    active = results.breakdown.assign(seq_len=labels).pivot_table(
        "active_fraction", ["study", "configuration", "model", "seq_len"], "einsum", sort=False
    )
    for table in TABLES:
        columns = table.keys | table.metrics
        own = evaluations[
            (evaluations["study"] == table.study)
            & (evaluations["configuration"] == table.configuration)
        ].reset_index(drop=True)
        written = own[list(columns.values())].set_axis(list(columns), axis="columns")
        for einsum in table.einsums:
            keys = zip(
                own["study"], own["configuration"], own["model"], own["seq_len"], strict=True
            )
            written[einsum] = [active[einsum][key] for key in keys]
        written.to_csv(folder / table.file, index=False)
    return folder
