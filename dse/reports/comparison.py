"""The report of `dse compare`: designs beside each other, or studies' fronts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dse.reports import text
from evaluators.describe.catalogue import described
from evaluators.protocol import BINDING


@dataclass(frozen=True)
class ComparedDesigns:
    """Designs beside each other; printed, as the command does.

    Attributes:
        designs: a row a design, by what it was called: what bounds it, its metrics, the binding
            found where it has no own, and parameters. Of a mix the metrics are what its objectives
            are of, which stand beside them, and latency_s[PART], bound_by[PART] those of each part.
        wins: a row for latency_s, energy_pj, area_um2 and traffic_bytes each: metric, design (the
            best), factor (the next best's value over its), next, and why.

    """

    designs: pd.DataFrame
    wins: pd.DataFrame

    def __str__(self) -> str:
        """Lay it out for people: a column a design, parameters only where they differ.

        Of the choices of bindings those that all designs have; a sentence tells each binding.
        """
        bindings = self.designs[BINDING]
        choices = {
            name
            for each in self.designs["configuration"]
            for name in described(each).open_parameters
        }
        lacking = [name for name in choices if self.designs[name].isna().any()]
        of_parts = any(str(name).startswith("bound_by[") for name in self.designs)
        bound = ["bound_by"] if of_parts else []  # each part tells its own
        table = self.designs.drop(columns=[BINDING, *lacking, *bound])
        shown = {str(name): [_written(value) for value in table[name]] for name in table}
        rows = [
            [name, *values]
            for name, values in shown.items()
            if name.partition("[")[0] in _ALWAYS or len(set(values)) > 1
        ]
        marks = {str(name): f"[{place}]" for place, name in enumerate(table.index, 1)}
        lines = []
        for (name, mark), binding in zip(marks.items(), bindings, strict=True):
            lines.append(f"{mark} {name}")
            lines += [text.wrapped(f"    binding {binding}")] if binding else []
        lines += ["", text.table(["", *marks.values()], rows), ""]
        for each in self.wins.to_dict("records"):
            if each["factor"] == 1:
                lines.append(f"{each['metric']}: the best are even")
            else:
                lines.append(
                    f"{each['metric']}: {marks[each['design']]} wins, {marks[each['next']]} has "
                    f"x {each['factor']:.4g}; {each['why']}"
                )
        return "\n".join(lines)


_ALWAYS = ("bound_by", "latency_s", "energy_pj", "area_um2", "traffic_bytes")


@dataclass(frozen=True)
class ComparedStudies:
    """Fronts of studies beside each other; printed, as the command does.

    Attributes:
        fronts: which fronts: 'true fronts' where all studies were swept, else 'fronts'.
        studies: a row a study: study, accounting, trials, feasible, front (its designs),
            hypervolume (of log10 of the objectives, up to one reference for all), share (of the
            joint front's hypervolume), joint (its designs on the joint front).
        joint: the front of all their designs: study, design (its number), the objectives.
        wins: a row a study that has a design on the joint front ahead of all others': study,
            design, rival (study), rival_design, ahead (the least factor, over the others' designs,
            of their worst objective over its), factors (objective -> the rival's over its),
            bound_by, rival_bound_by, parameters (name -> its and the rival's value).

    """

    fronts: str
    studies: pd.DataFrame
    joint: pd.DataFrame
    wins: pd.DataFrame

    def __str__(self) -> str:
        """Lay it out for people."""
        rows = [
            [
                each["study"],
                each["accounting"],
                f"{each['feasible']}/{each['trials']}",
                str(each["front"]),
                f"{each['hypervolume']:.6g}",
                f"{each['share']:.2%}",
                f"{each['joint']}/{len(self.joint)}",
            ]
            for each in self.studies.to_dict("records")
        ]
        header = ["study", "accounting", "feasible", "front", "hypervolume", "of joint", "wins"]
        lines = [f"{self.fronts} in {', '.join(self.joint.columns[2:])}"]
        lines += ["", text.table(header, rows, left=2)]
        for each in self.wins.to_dict("records"):
            lines += ["", _win(each, self.joint)]
        return "\n".join(lines)


def _win(win: Mapping[Any, Any], joint: pd.DataFrame) -> str:
    (point,) = joint[(joint["study"] == win["study"]) & (joint["design"] == win["design"])].to_dict(
        "records"
    )
    at = ", ".join(f"{name} {point[name]:.6g}" for name in joint.columns[2:])
    factors = ", ".join(f"{name} x {factor:.4g}" for name, factor in win["factors"].items())
    others = ", ".join(
        f"{name} {own} not {other}" for name, (own, other) in win["parameters"].items()
    )
    told = (
        f"{win['study']} is furthest ahead, x {win['ahead']:.4g}, with design {win['design']} at "
        f"{at}; the closest is design {win['rival_design']} of {win['rival']}: {factors}; it is "
        f"bound by {win['bound_by']}, that by {win['rival_bound_by']}; it has "
        f"{others or 'the same parameters'}"
    )
    return text.wrapped(told)


def _written(value: object) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.6g}"  # noqa: PLR0124  # NaN
    return "-" if value is None else str(value)
