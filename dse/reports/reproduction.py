"""What reproducing the paper's evaluation came to, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analysis.headlines import CORRECTABLE, PAPER, headlines
from analysis.results import Results
from analysis.verify import Check
from dse.reports import text
from dse.reports.checks import report, short_registers
from evaluators.accounting import Accounting, Correction
from evaluators.protocol import Runs
from evaluators.workloads.sizes import seq_len_label


@dataclass(frozen=True)
class Reproduction:
    """The paper's points evaluated, drawn and compared; printed, as `dse reproduce` does.

    Attributes:
        accounting: how counts became energy and area.
        evaluator: its name.
        out: the folder of results and figures.
        results: the evaluations; `results.evaluations` and `results.breakdown` are DataFrames.
        figure_data: every value of figures 6a to 12: columns figure, configuration, model, seq_len,
            array_rows, quantity, value.
        checks: how they compare with the published numbers, table by table; none under corrections.
        bindings: FLAT's best binding over its authors', a row a workload: model, seq_len, and the
            ratios of latency, traffic, energy.
        corrected: the figure data as published and under each correction alone; empty as published.
        figures: the files of figures.

    """

    accounting: Accounting
    evaluator: str
    out: Path
    results: Results
    figure_data: pd.DataFrame
    checks: tuple[Check, ...]
    bindings: pd.DataFrame
    corrected: Mapping[str, pd.DataFrame]
    figures: tuple[Path, ...]

    @property
    def agrees(self) -> bool:
        """Whether every published number is matched."""
        return all(check.agrees for check in self.checks)

    @property
    def headlines(self) -> dict[str, float]:
        """The paper's headlines by name: +Binding against FLAT, means over 24 workloads."""
        return headlines(self.figure_data)

    def __str__(self) -> str:
        """Lay it out for people."""
        name = self.accounting.name
        parts = [
            report(self.checks)
            if self.checks
            else "Published numbers are compared without corrections.",
            f"\n{_headlines(self.accounting, self.figure_data)}\n",
            f"{_bindings(self.bindings)}\n",
        ]
        if self.corrected:
            parts.append(f"{_corrections({**self.corrected, name: self.figure_data})}\n")
        parts.append(f"{len(self.results.table)} evaluations, figures 6a to 12: {self.out}")
        parts.append(short_registers())
        if self.results.runs != Runs():
            parts.append(f"{self.evaluator}: {self.results.runs}")
        return "\n".join(parts)


def _headlines(accounting: Accounting, data: pd.DataFrame) -> str:
    ours = headlines(data)
    rows = [
        ["the paper", *(f"{value:.4g}" for value in PAPER.values())],
        [accounting.name, *(f"{value:.4f}" for value in ours.values())],
    ]
    title = "+Binding against FLAT, arithmetic mean over the 24 workloads"
    return f"{title}\n{text.table(['accounting', *ours], rows)}"


def _bindings(ratios: pd.DataFrame) -> str:
    means = ratios.groupby("seq_len")[["latency", "traffic", "energy"]].mean()
    rows = [
        [seq_len_label(seq_len), *(f"{value:.4f}" for value in row)]
        for seq_len, row in zip(means.index.tolist(), means.to_numpy(), strict=True)
    ]
    title = "FLAT's best binding (by latency, then traffic) over its authors', mean of 4 models"
    return f"{title}\n{text.table(['tokens', *means], rows)}"


def _corrections(data: dict[str, pd.DataFrame]) -> str:
    rows = [
        [name, *(f"{ratio.mean(step):.4f}" for ratio in CORRECTABLE)] for name, step in data.items()
    ]
    lines = [
        "Each correction alone (B +Binding, C +Cascade, F FLAT, U unfused)",
        text.table(["accounting", *(ratio.name for ratio in CORRECTABLE)], rows),
        *(
            f"{name:>4}  {Correction[name].value}"
            for name in data
            if name in Correction.__members__
        ),
    ]
    return "\n".join(lines)
