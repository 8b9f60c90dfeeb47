"""The report of `dse explain`: what bounds a design, and what a step from it would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dse.reports import text
from evaluators.protocol import ENERGIES

PJ_PER_J = 1e12
UM2_PER_CM2 = 1e8

_NO_OBJECTIVES = ("latency_s", "energy_pj", "area_um2", "array_area_um2", *ENERGIES)
"""What of the metrics of several workloads is told elsewhere."""


@dataclass(frozen=True)
class Nearest:
    """The point of a front that is nearest to a design, in decades of the objectives.

    Attributes:
        study: whose front it is.
        front: 'true front' or 'front'.
        design: its number in the study's space.
        decades: how far it is: the root of the sum of squares of log10 of the factors.
        factors: objective -> its value over the design's.
        dominated_by: how many designs of the front dominate the explained one.
        parameters: what it has otherwise, by name.
        binding: that was found for it, '' where its file's own runs.

    """

    study: str
    front: str
    design: int
    decades: float
    factors: Mapping[str, float]
    dominated_by: int
    parameters: Mapping[str, Any]
    binding: str


@dataclass(frozen=True)
class Explanation:
    """What `dse explain` tells of a design; printed, as the command does.

    Attributes:
        design: what it is, and on which workload.
        metrics: latency_s, energy_pj, area_um2 and the others, by name; of several workloads what
            the study's objectives are of.
        binding: that was found, '' where its file's own runs.
        parts: of several workloads, a mix or end to end a row for each part that runs: part, times
            (how often), latency_s and energy_pj of once, bound_by, bound_share (of its latency),
            binding, latency_share and energy_share (of a mix); else empty. The three tables below
            have the column `part` then, too.
        bounds: a row a resource, the busiest first: resource, busy_s, share (of the latency),
            einsum (that asks most of it), einsum_share (of its use).
        components: a row a component: component, energy_pj, share.
        einsums: a row an Einsum: einsum, array, busy_s, active_fraction, traffic_bytes, energy_pj.
        steps: a row a step of one parameter to its next value in its domain, or to another choice:
            parameter, old, new, the factors of latency, energy and area, bound_by (the busiest
            resource then), and the reason where it is infeasible.
        nearest: the nearest point of a study's front, None without a study.

    """

    design: str
    metrics: Mapping[str, float]
    binding: str
    parts: pd.DataFrame
    bounds: pd.DataFrame
    components: pd.DataFrame
    einsums: pd.DataFrame
    steps: pd.DataFrame
    nearest: Nearest | None

    def __str__(self) -> str:
        """Lay it out for people."""
        told = self.metrics
        several = not self.parts.empty
        further = "".join(
            f", {name} {told[name]:.6g}" for name in told if several and name not in _NO_OBJECTIVES
        )
        return "\n".join(
            [
                text.wrapped(self.design),
                text.wrapped(
                    f"  latency {told['latency_s']:.6g} s, energy "
                    f"{told['energy_pj'] / PJ_PER_J:.6g} J, area "
                    f"{told['area_um2'] / UM2_PER_CM2:.6g} cm^2{further}"
                ),
                *([text.wrapped(f"  binding {self.binding}")] if self.binding else []),
                *(["", _parts(self.parts)] if several else []),
                "",
                _bounds(self.bounds),
                "",
                _components(self.components),
                "",
                _steps(self.steps),
                *(["", _nearest(self.nearest)] if self.nearest is not None else []),
            ]
        )


def _parts(parts: pd.DataFrame) -> str:
    """Lay out what runs; how often, and its shares, where it is a mix."""
    weighted = bool(parts["latency_share"].notna().all())
    often = bool((parts["times"] != 1).any())
    rows = [
        [
            each["part"],
            *([f"{each['times']:.6g}"] if often else []),
            f"{each['latency_s']:.6g}",
            *([f"{each['latency_share']:.1%}"] if weighted else []),
            f"{each['energy_pj'] / PJ_PER_J:.6g}",
            *([f"{each['energy_share']:.1%}"] if weighted else []),
            f"{each['bound_by']} {each['bound_share']:.1%}",
        ]
        for each in parts.to_dict("records")
    ]
    of = ["of all"] if weighted else []
    header = ["runs", *(["times"] if often else []), "latency s", *of, "energy J", *of, "bound by"]
    lines = [text.table(header, rows)]
    lines += [
        text.wrapped(f"{each['part']}: binding {each['binding']}")
        for each in parts.to_dict("records")
        if each["binding"]
    ]
    return "\n".join(lines)


def _of_parts(table: pd.DataFrame, rows: list[list[str]], header: list[str]) -> str:
    """Lay out rows; those of several parts under the name of each."""
    if "part" not in table:
        return text.table(header, rows)
    lines = text.table(header, rows).split("\n")
    told = [lines[0]]
    for place, part in enumerate(table["part"]):
        if place == 0 or part != table["part"].iloc[place - 1]:
            told.append(f"{part}:")
        told.append(lines[1 + place])
    return "\n".join(told)


def _bounds(bounds: pd.DataFrame) -> str:
    rows = [
        [
            each["resource"],
            f"{each['busy_s']:.6g}",
            f"{each['share']:.1%}",
            f"{each['einsum']} {each['einsum_share']:.1%}" if each["einsum"] else "-",
        ]
        for each in bounds.to_dict("records")
    ]
    return _of_parts(bounds, rows, ["bounded by, in order", "busy s", "of latency", "most by"])


def _components(components: pd.DataFrame) -> str:
    rows = [
        [each["component"], f"{each['energy_pj'] / PJ_PER_J:.6g}", f"{each['share']:.2%}"]
        for each in components.to_dict("records")
    ]
    return _of_parts(components, rows, ["component", "energy J", "of energy"])


def _steps(steps: pd.DataFrame) -> str:
    """Lay out feasible steps as a table, and under it why the others are not."""
    rows = [
        [
            f"{each['parameter']} {each['old']} -> {each['new']}",
            *(f"x {each[name]:.4g}" for name in ("latency", "energy", "area")),
            each["bound_by"],
        ]
        for each in steps.to_dict("records")
        if not each["reason"]
    ]
    lines = [text.table(["one step", "latency", "energy", "area", "then bound by"], rows)]
    lines += [
        text.wrapped(
            f"{each['parameter']} {each['old']} -> {each['new']} is infeasible: {each['reason']}"
        )
        for each in steps.to_dict("records")
        if each["reason"]
    ]
    return "\n".join(lines)


def _nearest(nearest: Nearest) -> str:
    where = f"the {nearest.front} of {nearest.study}"
    if not nearest.decades:
        return f"it is on {where}"
    factors = ", ".join(f"{name} x {factor:.4g}" for name, factor in nearest.factors.items())
    others = ", ".join(f"{name} {value}" for name, value in nearest.parameters.items())
    many = nearest.dominated_by
    dominated = f"{many or 'none'} of its designs {'dominate' if many > 1 else 'dominates'} it"
    return text.wrapped(
        f"the nearest point of {where} is {nearest.decades:.3g} decades away, design "
        f"{nearest.design}: {factors}; it has {others or 'the same parameters'}; {dominated}"
        + (f"; its binding is {nearest.binding}" if nearest.binding else "")
    )
