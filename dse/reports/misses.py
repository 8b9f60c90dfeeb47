"""What keeps a study's designs from being feasible, and what its front leaves out of account."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from dse.reports import text
from evaluators.accounting import NEXT_LARGER
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.needs import next_larger_bytes, registers_short
from studies.objectives import broken_bound
from studies.specification import Specification


def misses(study: Specification, table: pd.DataFrame) -> pd.DataFrame:
    """Return how many designs violate each constraint, and which does by least, the worst first.

    Args:
        study: the study.
        table: its trials, see `dse.results.study_tables.trials`; a design counts once, failed ones
            do not.

    Returns:
        A row a constraint that some design violates: constraint, violated_by (designs), tried
        (designs), least (by how much at least, in its unit), trial (whose that is), nearest (that
        in words: of a bound of the study's, the least that was reached).

    """
    tried = table if table.empty else table[~table["failed"]].drop_duplicates("design")
    missed: dict[str, list[tuple[float, int]]] = {}
    for trial, violations in zip(tried["trial"], tried["violations"], strict=True):
        for constraint, magnitude in violations.items():
            missed.setdefault(constraint, []).append((magnitude, trial))
    rows = [
        (constraint, len(each), len(tried), *min(each), _nearest(study, constraint, min(each)[0]))
        for constraint, each in sorted(missed.items(), key=lambda item: -len(item[1]))
    ]
    names = ["constraint", "violated_by", "tried", "least", "trial", "nearest"]
    return pd.DataFrame(rows, columns=names)


def _nearest(study: Specification, constraint: str, least: float) -> str:
    broken = broken_bound(constraint, study.bounds, study.floors)
    if broken is None:
        return f"by {least:.6g} at least"
    metric, bound = broken
    if constraint == f"{metric}_over":
        return f"{metric} {bound:.6g}: the least reached is {bound + least:.6g}"
    return f"{metric} {bound:.6g}: the most reached is {bound - least:.6g}"


def text_of(found: pd.DataFrame) -> str:
    """Lay out `misses` for people."""
    rows = [
        [
            row["constraint"],
            f"{row['violated_by']}/{row['tried']}",
            row["nearest"],
            str(row["trial"]),
        ]
        for row in found.to_dict("records")
    ]
    return text.table(["constraint", "designs violate it", "nearest miss", "trial"], rows, left=1)


def larger_buffers_on(study: Specification, front: pd.DataFrame) -> int:
    """Count the trials of a front whose buffers are priced as the next larger of the table."""
    if study.accounting.sram != NEXT_LARGER:
        return 0
    count = 0
    for name, designs in _designs(front):
        larger = next_larger_bytes(name, study.workloads[0], designs)
        count += int(np.any([size > 0 for size in larger.values()], axis=0).sum())
    return count


def registers_short_on(study: Specification, front: pd.DataFrame) -> int:
    """Count the trials of a front whose register files do not hold what the mapping keeps there."""
    count = 0
    for name, designs in _designs(front):
        halves = [designs, *[_sizes(designs, half) for half in study.evaluated[name][1:]]]
        short = [
            words > 0
            for workload, half in study.rows
            for words in registers_short(
                study.evaluated[name][half], workload, halves[half]
            ).values()
        ]
        count += int(np.any(short, axis=0).sum())
    return count


def _sizes(designs: Designs, configuration: str) -> Designs:
    return designs.only(described(configuration).machine.parameters)


def _designs(front: pd.DataFrame) -> Iterator[tuple[str, Designs]]:
    for name, group in front.groupby("configuration"):
        sizes = described(str(name)).machine.parameters
        columns = {each: group[each].infer_objects().to_numpy() for each in sizes}
        yield str(name), Designs.of(**columns)
