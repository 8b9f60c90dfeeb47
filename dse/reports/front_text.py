"""The report of `dse front` as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dse.reports import text as layout
from dse.search.place import command
from evaluators.protocol import BINDING

WIDTH = 100


def text(report: dict[str, Any], out: Path) -> str:
    """Lay out the report of a study in the folder `out`, see `dse.reports.front.report`."""
    return "\n".join(
        [
            f"{report['study']} ({report['told']}): {report['trials']} trials, "
            f"{report['feasible']} feasible, front of {len(report['front'])} designs",
            *([f"objectives: {report['objectives_of']}"] if report["objectives_of"] else []),
            *_front(report),
            *_bindings(report),
            "",
            _quality(report, out),
            "",
            *_paper_points(report),
            *_importances(report["importances"]),
        ]
    )


def _front(report: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys(name for row in report["front"] for name in row["parameters"]))
    pins = _short_ids([row["pin"] for row in report["front"]])
    columns = {"trial": [str(row["trial"]) for row in report["front"]]}
    if any(pins):
        columns["pin"] = pins
    columns |= {
        name: [str(row["parameters"].get(name, "-")) for row in report["front"]] for name in names
    }
    columns |= {
        name: [f"{row[name]:.4g}" for row in report["front"]] for name in report["objectives"]
    }
    return _blocks(columns)


def _bindings(report: dict[str, Any]) -> list[str]:
    found = {row["trial"]: row["found"][BINDING] for row in report["front"] if row["found"]}
    told = [layout.wrapped(f"trial {trial}: {sentence}") for trial, sentence in found.items()]
    return ["", *told] if told else []


def _short_ids(pins: Sequence[str | None]) -> list[str]:
    """Leave out of the ids of pins what all have in common between their ends."""
    parts = [pin.split("/") for pin in pins if pin]
    if len({len(each) for each in parts}) > 1:
        return [pin or "" for pin in pins]
    shown = [
        place
        for place, values in enumerate(zip(*parts, strict=True))
        if place in {0, len(parts[0]) - 1} or len(set(values)) > 1
    ]
    return ["/".join(pin.split("/")[i] for i in shown) if pin else "" for pin in pins]


def _blocks(columns: dict[str, list[str]]) -> list[str]:
    """Lay columns out, in several tables where they are too wide for one; each has the first."""
    names = list(columns)
    widths = {
        name: max(len(cell) for cell in [*name.split("_"), *columns[name]]) + 2 for name in names
    }
    blocks = [[names[0]]]
    for name in names[1:]:
        if sum(widths[each] for each in [*blocks[-1], name]) > WIDTH:
            blocks.append([names[0]])
        blocks[-1].append(name)
    lines = []
    for block in blocks:
        heads = [name.split("_") for name in block]
        depth = max(map(len, heads))
        header = [[""] * (depth - len(head)) + head for head in heads]
        first, *others = zip(*header, strict=True)
        rows = zip(*(columns[name] for name in block), strict=True)
        lines += ["", layout.table(first, [*others, *rows], left=0)]
    return lines


def _quality(report: dict[str, Any], out: Path) -> str:
    true = report["true_front"]
    if true is None:
        sweep = command(out, "sweep", report["study"])
        return f"{sweep} would tell how much of the true front this is"
    reference = ", ".join(f"{name} {value:.4g}" for name, value in true["reference"].items())
    return (
        f"hypervolume {true['hypervolume_ratio']:.4f} of the true front's, which has "
        f"{true['designs']} of {report['space']} designs\n"
        f"(volumes of log10 of the objectives up to {reference})"
    )


def _paper_points(report: dict[str, Any]) -> list[str]:
    points = report["paper_points"]
    lines = [f"the paper's points and the {report['paper_points_against']}:"] if points else []
    for point in points:
        lines += _paper_point(point, report["objectives"])
    if report["paper_points_outside"]:
        lines.append(f"outside the space: {', '.join(report['paper_points_outside'])}")
    return [*lines, ""] if lines else []


def _paper_point(point: dict[str, Any], objectives: Sequence[str]) -> list[str]:
    if not point["evaluated"]:
        return [f"  {point['point']} is not evaluated in this study"]
    if not point["feasible"]:
        if point["failure"]:
            return [f"  {point['point']} failed: {point['failure']}"]
        short = ", ".join(f"{name} {value:.4g}" for name, value in point["violations"].items())
        return [f"  {point['point']} is infeasible: {short}"]
    values = ", ".join(f"{name} {point[name]:.4g}" for name in objectives)
    if point["on_front"]:
        return [f"  {point['point']} is on it: {values}"]
    lines = [f"  {point['point']} is dominated by {point['dominators']} of it: {values}"]
    for best in point["best"]:
        factors = ", ".join(f"{name} {best['factors'][name]:.5g}x" for name in objectives)
        lines += [f"    {factors}", f"      {best['command']}"]
    return lines


def _importances(importances: dict[str, dict[str, float]]) -> list[str]:
    if not importances:
        return ["too few feasible trials to tell which parameters matter"]
    names = list(next(iter(importances.values())))
    rows = [[name, *(f"{each[name]:.2f}" for each in importances.values())] for name in names]
    return [
        "what matters for the best tenth of each objective (PED-ANOVA, shares of 1):",
        layout.table(["parameter", *importances], rows),
    ]
