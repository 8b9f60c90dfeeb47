"""`dse report`: all of a study in one HTML file, to look at and to hand on."""

from __future__ import annotations

import argparse
from pathlib import Path

from dse.commands.front import report, searched
from dse.reports.html.page import write_page
from dse.reports.html.study_report import study_report
from evaluators.errors import EvaluationError, InputError, shown


def run(options: argparse.Namespace) -> int:
    """Write the report and tell where it is."""
    folder: Path = options.out / options.study
    file: Path = options.file or folder / "report.html"
    if file.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--file {shown(file, 200)}: a report is FILE.html")
    found = searched(folder)
    if found.front.empty:
        raise EvaluationError(f"no trial of {options.study} is feasible")
    write_page(
        study_report(found.study, folder, found.trials, report(found), found.true_front), file
    )
    print(f"the report of {options.study} is {file}")
    return 0
