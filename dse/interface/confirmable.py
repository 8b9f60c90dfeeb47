"""The feasible designs of a table, one a job, to be confirmed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dse.execution.executors import Job
from dse.results.design_rows import Wrong, evaluated
from dse.results.design_tables import DesignTable
from dse.results.designs import settings, with_paper_binding
from dse.results.table_files import Chunk
from evaluators.protocol import evaluator

_OURS = "analytical"


def jobs_of(table: DesignTable, limit: int | None) -> tuple[list[Job], list[str]]:
    """Return the first feasible designs of a table, and a sentence for each that is left out.

    Args:
        table: the designs.
        limit: how many, all by default.

    Raises:
        InputError: for what no design can be.

    """
    jobs: list[Job] = []
    left_out: list[str] = []
    for chunk in table.chunks():
        found = dict(_rows(table, chunk))
        for row in sorted(found):
            if len(jobs) == limit:
                return jobs, left_out
            if isinstance(job := found[row], Job):
                jobs.append(job)
            else:
                left_out.append(f"row {chunk.place.first + row} is left out: {job}")
    return jobs, left_out


def _rows(table: DesignTable, chunk: Chunk) -> Iterator[tuple[int, Job | str]]:
    """Yield the rows of a chunk, each with its job, or with why it has none."""
    ours = evaluator(_OURS)
    for rows, name, labels, designs in table.designs(chunk, ours):
        try:
            parts = list(evaluated(name, labels, designs, ours))
        except Wrong as wrong:
            raise chunk.place.error(int(rows[wrong.row]), wrong) from None
        for members, columns in parts:
            reasons = np.broadcast_to(np.asarray(columns["reason"], dtype=object), len(members))
            for member, reason in zip(members.tolist(), reasons, strict=True):
                if reason:
                    yield int(rows[member]), str(reason)
                    continue
                own = designs.take([member])
                ((_, setting),) = settings({**labels, "configuration": name}, own)
                ((_, bound),) = with_paper_binding(name, setting.workload, own, setting.accounting)
                yield (
                    int(rows[member]),
                    Job(_OURS, name, setting.workload, bound, setting.accounting, breakdown=True),
                )
