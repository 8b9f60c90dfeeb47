"""`dse verify`: every point against the published tables."""

from __future__ import annotations

import argparse
import json

from analysis.results import evaluate_points
from analysis.verify import verify_tables
from dse.reports.checks import as_json, report, short_registers
from evaluators.accounting import PUBLISHED
from evaluators.protocol import evaluator
from studies.paper import points


def run(options: argparse.Namespace) -> int:
    """Compare, print, and return 1 where a row does not agree."""
    results = evaluate_points(points(), PUBLISHED, evaluator("analytical"))
    checks = verify_tables(results, options.reference, options.tolerance)
    if options.json:
        print(json.dumps({"tolerance": options.tolerance, "tables": as_json(checks)}, indent=1))
    else:
        print(report(checks))
        print(short_registers())
    return 0 if all(check.agrees for check in checks) else 1
