"""`dse report`: all of a study, or of the paper's figures, in one HTML file to hand on."""

from __future__ import annotations

import argparse

from dse.interface.reporting import report


def run(options: argparse.Namespace) -> int:
    """Write the report and tell where it is."""
    file = report(options.study, file=options.file, out=options.out, beside=options.beside)
    print(f"the report of {options.study} is {file}")
    return 0
