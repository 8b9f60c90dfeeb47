"""The paper's figures 6 to 12 and every number in them: evaluated, drawn, compared."""

from __future__ import annotations

import sys
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path

import pandas as pd

from analysis.bindings import best_over_pinned
from analysis.figure_data import figure_data
from analysis.figures import FIGURES, draw_figures
from analysis.results import PART, Results, evaluate_points, write
from analysis.verify import TOLERANCE, Check, verify_figures, verify_tables
from dse.execution.executors import Executor, Processes, Serial, in_order, usable_cpus
from dse.interface.typed import typed
from dse.reports.reproduction import Reproduction
from dse.search.home import begun
from dse.search.place import RUNS
from evaluators import protocol
from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.errors import InputError, shown
from evaluators.files import check_writable
from evaluators.protocol import Evaluator
from studies.paper import PAPER, points

PLACE = RUNS / PAPER
"""Where results and figures go, unless told."""


@typed
def reproduce(
    *,
    accounting: str = "published",
    evaluator: str = "analytical",
    reference: str | PathLike[str] | None = None,
    out: str | PathLike[str] = PLACE,
) -> Reproduction:
    """Evaluate every published point of FuseMax, draw figures 6 to 12, check every number.

    Args:
        accounting: 'published', 'corrected', or corrections joined by +, as 'Q1+Q2'.
        evaluator: 'analytical', or 'timeloop' where that is installed.
        reference: a folder of the published tables, to compare with them too.
        out: the folder of results (Parquet) and figures (PDF and PNG).

    Returns:
        The evaluations, the values of the figures, and how they compare; printed, what the command
        says.

    Raises:
        Error: for an unknown accounting or evaluator, or a reference that cannot be read.

    Examples:
        >>> import dse
        >>> paper = dse.reproduce()
        >>> paper.agrees, len(paper.figure_data)
        (True, 852)
        >>> print(round(paper.headlines["attention speedup"], 3))
        6.723

    """
    charged = Accounting.parse(accounting)
    engine = protocol.evaluator(evaluator)
    folder = Path(out)
    if begun(folder):
        raise InputError(f"{shown(folder, 200)} has a study; name another folder for the paper's")
    check_writable(folder / "evaluations" / PART)
    results = evaluate_points(points(charged), charged, engine)
    data = _figure_data(results)
    checks = _checks(results, data, reference) if charged == PUBLISHED else []
    write(results.table, folder / "evaluations")
    return Reproduction(
        charged,
        engine.name,
        folder,
        results,
        data,
        tuple(checks),
        best_over_pinned(results.evaluations, charged, engine),
        {} if charged == PUBLISHED else step_by_step(charged, engine),
        _drawn(data, folder / "figures"),
    )


def _drawn(data: pd.DataFrame, folder: Path) -> tuple[Path, ...]:
    """Draw the figures, on two processes where they start at once; return the files' paths."""
    executor: Executor = Serial()
    if sys.platform == "linux" and usable_cpus() > 1:
        executor = Processes(2, forked=True)
    with executor:
        draw = partial(draw_figures, data, folder)
        files = in_order(executor.completed(draw, [(name,) for name in FIGURES]))
    return tuple(chain.from_iterable(files))


def step_by_step(accounting: Accounting, engine: Evaluator) -> dict[str, pd.DataFrame]:
    """Return the figure data as published and under each correction of an accounting alone."""
    steps = [PUBLISHED, *(Accounting(frozenset({each})) for each in Correction)]
    return {
        step.name: _figure_data(evaluate_points(points(step), step, engine))
        for step in steps
        if step.corrections <= accounting.corrections
    }


def _figure_data(results: Results) -> pd.DataFrame:
    return figure_data(results.evaluations, results.breakdown)


def _checks(
    results: Results, data: pd.DataFrame, reference: str | PathLike[str] | None
) -> list[Check]:
    checks = verify_figures(data)
    if reference is not None:
        checks += verify_tables(results, Path(reference), TOLERANCE)
    return checks
