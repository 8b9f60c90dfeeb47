"""Designs in detail: their breakdown by Einsum, array and component, and their waterfall.

Rows are those of a study's parts: a design on a workload each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.engine.schedule import Times
from evaluators.protocol import BINDING, ENERGIES, METRICS, evaluator
from studies.specification import Specification

Row = Mapping[str, Any]

OFF_CHIP = "off-chip"
"""The lane of off-chip traffic in a waterfall."""

COMPONENTS = dict(zip(("DRAM", "buffer", "registers", "arithmetic"), ENERGIES, strict=True))
"""What has energy, and the column of that."""

_CALLED = {"2d": "2D array", "1d": "1D array"}


def called(array: str) -> str:
    """Return what people call an array of a breakdown, '2d|1d' where an Einsum runs on either."""
    return " or ".join(_CALLED.get(each, each) for each in array.split("|"))


RESOURCES = {
    "compute_2d_s": called("2d"),
    "compute_1d_s": called("1d"),
    "memory_latency_s": OFF_CHIP,
}
"""The columns of busy times of the paper's resources, and what people call them."""


def resources(columns: Iterable[str]) -> dict[str, str]:
    """Return the columns of busy times among some of results, and what each is the time of."""
    own = {name: name[7:-1] for name in columns if name.startswith("busy_s[")}
    return {name: label for name, label in RESOURCES.items() if name in columns} | own


def details(study: Specification, rows: Sequence[Row]) -> dict[str, list[dict[str, Any]]]:
    """Return of each design, by its number as text, one entry a row of the study.

    An entry has the metrics, the `einsums` with their part of each, the `components` with their
    energy in pJ, how long each array and the off-chip bandwidth is in use (`busy_s`), the
    `binding` that was found, '' for none, the `waterfall`, see `waterfalls`, and whether off-chip
    traffic overlaps the whole of that, else each stage by itself.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    spans = waterfalls(study, rows)
    for row, span in zip(rows, spans, strict=True):
        found.setdefault(str(row["design"]), []).append(
            {
                "metrics": {name: row[name] for name in METRICS},
                "einsums": [each | {"array": called(each["array"])} for each in row["breakdown"]],
                "components": {
                    name: row[column]
                    for name, column in COMPONENTS.items()
                    if row[column] is not None
                },
                "busy_s": _busy(row),
                "binding": row.get(BINDING) or "",
                "waterfall": span,
                "overlapped": described(row["configuration"]).overlapped_memory,
            }
        )
    return found


def waterfalls(study: Specification, rows: Sequence[Row]) -> list[list[dict[str, Any]]]:
    """Return of each row the stages of its schedule, as our engine has them; none of an optimum.

    A stage has how long it `lasts_s`, and its `lanes`: array -> [Einsum, busy s], and `OFF_CHIP` ->
    [Einsum, s of its traffic]. Einsums of a stage share its time; their order there is the
    schedule's.
    """
    found: list[list[dict[str, Any]]] = [[] for _ in rows]
    if not evaluator(study.evaluator).own_binding:
        return found
    for places, configuration, workload in _groups(study, rows):
        own = [rows[place] for place in places]
        designs = _designs(configuration, own)
        nests = nests_of(configuration, workload, designs, study.accounting)
        names = {array: name for name, array in nests.accelerator.machine.paper_names.items()}
        for span in Times(nests, Costs(nests)).spans():
            lanes: dict[str, list[tuple[str, Any]]] = {}
            for einsum, busy in span.busy_s.items():
                for array, time_s in busy.items():
                    lane = called(names.get(array, array))
                    lanes.setdefault(lane, []).append((einsum, _column(time_s, len(own))))
            for einsum, time_s in span.traffic_s.items():
                lanes.setdefault(OFF_CHIP, []).append((einsum, _column(time_s, len(own))))
            lasts_s = _column(span.lasts_s, len(own))
            for i, place in enumerate(places):
                parts = {
                    lane: [[einsum, column[i]] for einsum, column in parts if column[i] > 0]
                    for lane, parts in lanes.items()
                }
                found[place].append({"lasts_s": lasts_s[i], "lanes": parts})
    return found


def _busy(row: Row) -> dict[str, float]:
    return {name: row[column] for column, name in resources(row).items() if row[column]}


def _column(value: Any, n: int) -> list[float]:
    column: list[float] = np.broadcast_to(np.asarray(value, dtype=float), n).tolist()
    return column


def _groups(study: Specification, rows: Sequence[Row]) -> Iterator[tuple[list[int], str, Any]]:
    """Yield the places of the rows that share configuration and workload, with both."""
    count = len(study.rows)
    configurations = dict.fromkeys(row["configuration"] for row in rows)
    for configuration in configurations:
        for number, (workload, _) in enumerate(study.rows):
            places = [
                place
                for place in range(number, len(rows), count)
                if rows[place]["configuration"] == configuration
            ]
            if places:
                yield places, configuration, workload


def _designs(configuration: str, rows: Sequence[Row]) -> Designs:
    """Return the designs of rows, every parameter as it was resolved."""
    declared = described(configuration).all_parameters
    columns = {}
    for name, each in declared.items():
        values = [row[name] for row in rows]
        if any(value is None for value in values):
            continue
        codes = [each.labels.index(value) for value in values] if each.labels else values
        columns[name] = np.array(codes, dtype=np.float64 if each.real else np.int64)
    return Designs(columns, len(rows))
