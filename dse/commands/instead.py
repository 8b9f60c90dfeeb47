"""`dse instead`: what one would build instead of FuseMax."""

from __future__ import annotations

import argparse
import json

from dse.interface.instead import instead
from dse.reports.bar import searching
from dse.reports.plain import plain


def run(options: argparse.Namespace) -> int:
    """Print the answers."""
    with searching("instead"):
        found = instead(freedoms=options.freedoms)
    print(json.dumps(plain(found), indent=1) if options.json else found)
    return 0
