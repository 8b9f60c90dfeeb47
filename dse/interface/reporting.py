"""All of a study, or of the paper's figures, in one HTML file to hand on."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from dse.interface.studies import Study
from dse.interface.typed import typed
from dse.reports.front import report as front_report
from dse.reports.html.page import write_page
from dse.reports.html.paper_report import is_run, paper_report
from dse.reports.html.study_report import study_report
from dse.reports.searched import Searched
from dse.results.parts import Parts
from dse.results.sweep_parts import SweepParts
from dse.search.home import begun, stored
from dse.search.place import RUNS
from evaluators.errors import EvaluationError, InputError, shown
from evaluators.files import check_writable


@typed
def report(
    study: Study | str,
    /,
    *,
    file: str | PathLike[str] | None = None,
    out: str | PathLike[str] = RUNS,
    beside: Sequence[str] = (),
) -> Path:
    """Write all of a study, or of what `dse.reproduce` wrote, into one HTML file.

    Args:
        study: that was run, or its name; or the name of a folder of `dse.reproduce`, as 'paper'.
        file: where to write it, FILE.html; where None, report.html in the folder of the study.
        out: the folder of studies, where it is called by its name.
        beside: names of other folders of `dse.reproduce`, to switch to.

    Returns:
        The file. It is shown by any browser, and asks for nothing from any network.

    Raises:
        Error: for what was not run, a file that is not called .html, or a study without a feasible
            trial.

    Examples:
        >>> import dse
        >>> study = dse.study("binding-bert", trials=32, sampler="random").run(progress=False)
        >>> print(dse.report(study))
        runs/binding-bert/report.html

    """
    folder = study.folder if isinstance(study, Study) else Path(out) / study
    target = folder / "report.html" if file is None else Path(file)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"file {shown(target, 200)}: a report is FILE.html")
    if file is not None:
        check_writable(target)
    if is_run(folder) and not begun(folder):
        data = paper_report(folder, [Path(out) / each for each in beside])
    elif beside:
        raise InputError(
            f"other runs stand beside one of dse reproduce, which {shown(folder, 200)} is not"
        )
    else:
        data = _of_study(folder)
    write_page(data, target)
    return target


def _of_study(folder: Path) -> dict[str, Any]:
    study = stored(folder)
    parts = Parts(study, folder)
    table = parts.table()
    found = Searched(study, parts, SweepParts(study, folder).front(), table)
    if found.front.empty:
        raise EvaluationError(f"no trial of {folder.name} is feasible")
    return study_report(found, folder, table, front_report(found))
