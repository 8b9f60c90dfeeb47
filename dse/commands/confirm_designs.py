"""The feasible designs of a table, one a job, for `dse confirm --designs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dse.execution.executors import Job
from dse.results.design_tables import chunks_of, evaluate_chunk
from dse.results.table_files import Chunk
from evaluators.accounting import Accounting
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.protocol import Evaluations
from evaluators.workload import Workload


class _Noting:
    """Our engine, with a note of what it evaluated last: what a row of a table comes to."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self._engine = AnalyticalEvaluator()
        self.name = self._engine.name
        self.one_by_one = self._engine.one_by_one
        self.check_installed = self._engine.check_installed
        self.reason = self._engine.reason

    def evaluate(
        self,
        configuration: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch, see `evaluators.protocol.Evaluator.evaluate`."""
        self.job = Job(self.name, configuration, workload, designs, accounting, breakdown=True)
        return self._engine.evaluate(
            configuration, workload, designs, accounting, breakdown=breakdown
        )


def jobs_of(table: Path, limit: int | None) -> tuple[list[Job], list[str]]:
    """Return the first feasible designs of a table, and a sentence for each that is left out.

    Args:
        table: read as `dse evaluate --designs` reads it.
        limit: how many, all by default.

    Raises:
        InputError: as that does.

    """
    jobs: list[Job] = []
    left_out: list[str] = []
    for row in _rows(table):
        if len(jobs) == limit:
            break
        engine = _Noting()
        (result,) = evaluate_chunk(row, engine).to_pylist()
        if result["feasible"] and engine.job is not None:
            jobs.append(engine.job)
        else:
            left_out.append(f"row {row.place.first} is left out: {result['reason']}")
    return jobs, left_out


def _rows(table: Path) -> Iterator[Chunk]:
    for chunk in chunks_of(table):
        for row in range(chunk.rows):
            yield Chunk(
                replace(chunk.place, first=chunk.place.first + row),
                1,
                {name: column.slice(row, 1) for name, column in chunk.columns.items()},
            )
