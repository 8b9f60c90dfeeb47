"""`dse confirm`: the same designs evaluated by Timeloop and by our engine, metric by metric."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from dse.interface.confirming import confirm
from dse.reports.confirmation import Confirmed
from evaluators.errors import InputError


def run(options: argparse.Namespace) -> int:
    """Evaluate, compare and print; return 1 where a metric differs or a run failed."""
    if (options.study is None) == (options.designs is None):
        raise InputError(
            "give one of NAME, a study that was run or paper, and --designs FILE, a table of "
            "designs"
        )
    confirmed = confirm(
        options.study or options.designs,
        limit=options.limit,
        evaluator=options.evaluator,
        executor=options.executor,
        workers=options.workers,
        ray_address=options.ray_address,
        out=options.out,
        progress=sys.stderr.isatty(),
    )
    print(json.dumps(as_json(confirmed), indent=1) if options.json else confirmed)
    return 0 if confirmed.agree else 1


def as_json(confirmed: Confirmed) -> dict[str, Any]:
    """Return what a comparison came to as plain values."""
    found = confirmed.found
    return {
        "designs": confirmed.designs,
        "agree": found is not None and found.agree,
        "counts_agree": found is not None and found.counts_agree,
        "deviations": [vars(each) for each in found.deviations] if found else [],
        "prices": found.prices if found else {},
        "changes": [each.since for each in found.changes or ()] if found else [],
        "failures": list(confirmed.failures),
        "left_out": list(confirmed.left_out),
        "runs": vars(confirmed.runs),
        "seconds": confirmed.seconds,
    }
