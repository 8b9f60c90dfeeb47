"""`dse reproduce`: the paper's figures 6 to 12 and every number in them."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pandas as pd

from analysis.figure_data import figure_data
from analysis.figures import draw_figures
from analysis.headlines import HEADLINES, headlines
from analysis.results import BREAKDOWN, EVALUATIONS, evaluate_points, write
from analysis.verify import TOLERANCE, Check, verify_figures, verify_tables
from dse import text
from dse.verify import as_json, report
from evaluators.accounting import PUBLISHED, Accounting, Correction
from evaluators.protocol import Evaluator, evaluator
from studies.paper import points


def run(options: argparse.Namespace) -> int:
    """Evaluate, write, draw, check and print; return 1 where a published number is missed."""
    accounting = Accounting.parse(options.accounting)
    engine = evaluator("analytical")
    results = evaluate_points(points(), accounting, engine)
    data = figure_data(results.evaluations, results.breakdown)
    checks: list[Check] = []
    if accounting == PUBLISHED:
        checks = verify_figures(data)
        if options.reference is not None:
            checks += verify_tables(results, options.reference, TOLERANCE)

    write(results.evaluations, EVALUATIONS, options.out / "evaluations")
    write(results.breakdown, BREAKDOWN, options.out / "breakdown")
    figures = draw_figures(data, options.out / "figures")

    ratios = {accounting.name: headlines(data)}
    if accounting != PUBLISHED:
        ratios = corrections_one_by_one(accounting, engine) | ratios
    if options.json:
        summary: dict[str, Any] = {
            "accounting": accounting.name,
            "evaluations": len(results.evaluations),
            "checks": as_json(checks),
            "headlines": ratios,
            "files": [str(options.out / name) for name in ("evaluations", "breakdown")]
            + [str(path) for path in figures],
        }
        print(json.dumps(summary, indent=1))
    else:
        _print(checks, ratios, results.evaluations, options)
    return 0 if all(check.agrees for check in checks) else 1


def corrections_one_by_one(
    accounting: Accounting, engine: Evaluator
) -> dict[str, dict[str, float]]:
    """Return the headline ratios as published and under each correction of `accounting` alone."""
    steps = [PUBLISHED, *(Accounting(frozenset({each})) for each in Correction)]
    ratios = {}
    for step in steps:
        if step.corrections <= accounting.corrections:
            results = evaluate_points(points(), step, engine)
            ratios[step.name] = headlines(figure_data(results.evaluations, results.breakdown))
    return ratios


def _print(
    checks: list[Check],
    ratios: dict[str, dict[str, float]],
    evaluations: pd.DataFrame,
    options: argparse.Namespace,
) -> None:
    if checks:
        print(report(checks))
    else:
        print("The figures show the published accounting; corrected values are not compared.")
    print()
    names = [headline.name for headline in HEADLINES]
    rows = [
        [name, *(f"{values[headline]:.4f}" for headline in names), _meaning(name)]
        for name, values in ratios.items()
    ]
    rows.insert(0, ["the paper", *(f"{headline.paper:.4g}" for headline in HEADLINES), ""])
    print("+Binding against FLAT, arithmetic mean over 24 workloads")
    print(text.table(["accounting", *names, ""], rows))
    print()
    print(f"{len(evaluations)} evaluations and figures 6a to 12 are in {options.out}")


def _meaning(name: str) -> str:
    return f" {Correction[name].value}" if name in Correction.__members__ else ""
