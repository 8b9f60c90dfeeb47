"""`dse explain`: what bounds a design, in order, and what a step from it would give."""

from __future__ import annotations

import argparse
import json

from dse.interface.explaining import explain
from dse.reports.bar import searching
from dse.reports.plain import plain


def run(options: argparse.Namespace) -> int:
    """Print the explanation."""
    with searching("explain"):
        found = explain(options.design, against=options.against, out=options.out)
    print(json.dumps(plain(found), indent=1) if options.json else found)
    return 0
