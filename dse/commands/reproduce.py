"""`dse reproduce`: the paper's figures 6 to 12 and every number in them."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pandas as pd

from analysis.bindings import best_over_pinned
from analysis.figure_data import figure_data
from analysis.figures import draw_figures
from analysis.headlines import CORRECTABLE, PAPER, headlines
from analysis.results import Results, evaluate_points, write
from analysis.verify import TOLERANCE, Check, verify_figures, verify_tables
from dse.commands.verify import as_json, report, short_registers
from dse.reports import text
from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.protocol import Evaluator, Runs, evaluator
from evaluators.workloads.sizes import seq_len_label
from studies.paper import points


def run(options: argparse.Namespace) -> int:
    """Evaluate, write, draw, check and print; return 1 where a published number is missed."""
    accounting = Accounting.parse(options.accounting)
    engine = evaluator(options.evaluator)
    results = evaluate_points(points(accounting), accounting, engine)
    data = _figure_data(results)
    checks = _checks(results, data, options) if accounting == PUBLISHED else []

    write(results.table, options.out / "evaluations")
    figures = draw_figures(data, options.out / "figures")

    bindings = best_over_pinned(results.evaluations, accounting, engine)
    corrected = {} if accounting == PUBLISHED else step_by_step(accounting, engine)
    if options.json:
        summary: dict[str, Any] = {
            "accounting": accounting.name,
            "evaluations": len(results.table),
            "runs": vars(results.runs),
            "checks": as_json(checks),
            "headlines": {name: headlines(step) for name, step in corrected.items()}
            | {accounting.name: headlines(data)},
            "flat_best_over_pinned_binding": bindings.to_dict("records"),
            "files": [str(options.out / "evaluations"), *(str(path) for path in figures)],
        }
        print(json.dumps(summary, indent=1))
    else:
        print(report(checks) if checks else "Published numbers are compared without corrections.")
        print(f"\n{_headlines(accounting, data)}\n")
        print(f"{_bindings(bindings)}\n")
        if corrected:
            print(f"{_corrections(corrected | {accounting.name: data})}\n")
        print(f"{len(results.table)} evaluations, figures 6a to 12: {options.out}")
        print(short_registers())
        if results.runs != Runs():
            print(f"{engine.name}: {results.runs}")
    return 0 if all(check.agrees for check in checks) else 1


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


def _checks(results: Results, data: pd.DataFrame, options: argparse.Namespace) -> list[Check]:
    checks = verify_figures(data)
    if options.reference is not None:
        checks += verify_tables(results, options.reference, TOLERANCE)
    return checks


def _headlines(accounting: Accounting, data: pd.DataFrame) -> str:
    ours = headlines(data)
    rows = [
        ["the paper", *(f"{value:.4g}" for value in PAPER.values())],
        [accounting.name, *(f"{value:.4f}" for value in ours.values())],
    ]
    title = "+Binding against FLAT, arithmetic mean over the 24 workloads"
    return f"{title}\n{text.table(['accounting', *ours], rows)}"


def _bindings(ratios: pd.DataFrame) -> str:
    means = ratios.groupby("seq_len")[["latency", "traffic", "energy"]].mean()
    rows = [
        [seq_len_label(seq_len), *(f"{value:.4f}" for value in row)]
        for seq_len, row in zip(means.index.tolist(), means.to_numpy(), strict=True)
    ]
    title = "FLAT's best binding (by latency, then traffic) over its authors', mean of 4 models"
    return f"{title}\n{text.table(['tokens', *means], rows)}"


def _corrections(data: dict[str, pd.DataFrame]) -> str:
    rows = [
        [name, *(f"{ratio.mean(step):.4f}" for ratio in CORRECTABLE)] for name, step in data.items()
    ]
    lines = [
        "Each correction alone (B +Binding, C +Cascade, F FLAT, U unfused)",
        text.table(["accounting", *(ratio.name for ratio in CORRECTABLE)], rows),
        *(
            f"{name:>4}  {Correction[name].value}"
            for name in data
            if name in Correction.__members__
        ),
    ]
    return "\n".join(lines)
