"""`dse front`: a study's front, how good it is, and how the paper's points stand against it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from dse.commands import front_tables
from dse.reports import front_text
from dse.reports.front import report
from dse.reports.misses import misses, text_of
from dse.reports.searched import Searched, searched_in
from dse.search.home import begun
from studies.builtin import COLLECTIONS


def run(options: argparse.Namespace) -> int:
    """Report studies, of a collection with its figure 12; 1 if one has no feasible trial."""
    names = [each for name in options.study for each in _names(name, options.out)]
    searched = [searched_in(options.out / name) for name in dict.fromkeys(names)]
    barren = [each for each in searched if each.front.empty]
    for each in barren:
        print(f"dse front: no trial of {each.study.name} is feasible", file=sys.stderr)
        if each.counts["trials"]:
            print(text_of(misses(each.study, each.trials)), file=sys.stderr)
    if barren:
        return 1
    reports = [report(each) for each in searched]
    collected: dict[str, Any] = {"studies": reports, "tables": [], "figures": []}
    if options.table:
        front_tables.write(reports, options.table)
        collected["tables"] = [str(each) for each in options.table]
    if files := _figures(options, searched):
        from dse.reports.front_figures import draw  # noqa: PLC0415  # Matplotlib loads slowly

        draw(searched, reports, files)
        collected["figures"] = [str(each) for each in files]
    if options.json:
        print(json.dumps(collected if len(searched) > 1 else reports[0], indent=1))
        return 0
    print("\n\n".join(front_text.text(each, options.out) for each in reports))
    for path in collected["tables"]:
        print(f"\nthe table is in {path}")
    for path in collected["figures"]:
        print(f"\nthe figure is in {path}")
    return 0


def _figures(options: argparse.Namespace, searched: list[Searched]) -> list[Path]:
    """Return where a figure goes: a collection's beside its studies, any other where asked for."""
    if options.figure is not None:
        return [options.figure]
    if options.study[0] not in COLLECTIONS or len(searched) == 1:
        return []
    folder = options.out / options.study[0] / "figures"
    return [folder / "fig12.pdf", folder / "fig12.png"]


def _names(name: str, out: Path) -> tuple[str, ...]:
    """Return the studies of a collection, or the one study."""
    return (name,) if begun(out / name) else COLLECTIONS.get(name, (name,))
