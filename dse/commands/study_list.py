"""`dse study list`: a line a study, from the counts of its last part."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dse.commands.options import BAD_INPUT
from dse.reports import text
from dse.results.parts import Parts
from dse.search.home import stored
from evaluators.errors import InputError, shown
from evaluators.foreign import is_there


def run(options: argparse.Namespace) -> int:
    """Print one line a study; one that cannot be read is named, and the code is then 2."""
    if is_there(options.out) and not options.out.is_dir():
        raise InputError(f"--out {shown(options.out, 200)} is a file; name a folder of studies")
    rows = []
    code = 0
    for path in sorted(options.out.glob("*/study.toml")):
        try:
            rows.append(_line(path.parent))
        except InputError as error:
            print(f"dse study: {error}", file=sys.stderr)
            code = BAD_INPUT
    if not rows:
        print(f"there are no studies in {options.out}")
    else:
        header = ["study", "configuration", "sampler", "trials", "feasible", "front"]
        print(text.table(header, rows, left=3))
    return code


def _line(folder: Path) -> list[str]:
    """Tell of a study what its last part counts."""
    study = stored(folder)
    counts = Parts(study, folder).so_far()
    return [
        folder.name,
        study.configuration if isinstance(study.configuration, str) else "several",
        study.sampler,
        f"{counts['trials']}/{study.trials or '-'}",
        str(counts["feasible"]),
        str(counts["front"]),
    ]
