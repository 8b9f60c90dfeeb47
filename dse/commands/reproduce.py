"""`dse reproduce`: the paper's figures 6 to 12 and every number in them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from analysis.headlines import headlines
from dse.interface.reproducing import reproduce
from dse.reports.checks import as_json as checks_as_json
from dse.reports.reproduction import Reproduction


def run(options: argparse.Namespace) -> int:
    """Evaluate, write, draw, check and print; return 1 where a published number is missed."""
    found = reproduce(
        accounting=options.accounting,
        evaluator=options.evaluator,
        reference=options.reference,
        out=options.out,
    )
    print(json.dumps(as_json(found), indent=1) if options.json else found)
    return 0 if found.agrees else 1


def as_json(found: Reproduction) -> dict[str, Any]:
    """Return what it came to as plain values."""
    return {
        "accounting": found.accounting.name,
        "evaluations": len(found.results.table),
        "runs": vars(found.results.runs),
        "checks": checks_as_json(found.checks),
        "headlines": {name: headlines(step) for name, step in found.corrected.items()}
        | {found.accounting.name: found.headlines},
        "flat_best_over_pinned_binding": found.bindings.to_dict("records"),
        "files": [str(found.out / "evaluations"), *(str(path) for path in found.figures)],
    }
