"""`dse report`: all of a study, or of the paper's figures, in one HTML file to hand on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dse.reports.front import report
from dse.reports.html.page import write_page
from dse.reports.html.paper_report import is_run, paper_report
from dse.reports.html.study_report import study_report
from dse.reports.searched import searched
from dse.results.parts import Parts
from dse.results.study_tables import trials_of
from dse.search.home import begun, stored
from evaluators.errors import EvaluationError, InputError, shown


def run(options: argparse.Namespace) -> int:
    """Write the report and tell where it is."""
    folder: Path = options.out / options.study
    file: Path = options.file or folder / "report.html"
    if file.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--file {shown(file, 200)}: a report is FILE.html")
    if is_run(folder) and not begun(folder):
        data = paper_report(folder, [options.out / each for each in options.beside])
    elif options.beside:
        raise InputError(f"--beside is of what dse reproduce wrote, which {folder} is not")
    else:
        data = _of_study(folder)
    write_page(data, file)
    print(f"the report of {options.study} is {file}")
    return 0


def _of_study(folder: Path) -> dict[str, Any]:
    study = stored(folder)
    table = Parts(study, folder).table()
    found = searched(study, folder, trials_of(study, table))
    if found.front.empty:
        raise EvaluationError(f"no trial of {folder.name} is feasible")
    return study_report(found, folder, table, report(found))
