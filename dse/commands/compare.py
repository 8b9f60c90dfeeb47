"""`dse compare`: designs beside each other, or studies' fronts."""

from __future__ import annotations

import argparse
import json

from dse.interface.comparing import compare
from dse.reports.bar import searching
from dse.reports.plain import plain


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    with searching("compare"):
        found = compare(*options.what, out=options.out)
    print(json.dumps(plain(found), indent=1) if options.json else found)
    return 0
