"""How results compare with published numbers, table by table, as text and as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.verify import Check
from dse.reports import text
from evaluators.engine.needs import registers_short
from studies.paper import points

WORST_SHOWN = 5


def short_registers() -> str:
    """Warn of the paper's designs whose register files are too short; no accounting refuses them.

    A study under the corrected accounting would.
    """
    counts: Counter[str] = Counter()
    for point in points():
        magnitudes = registers_short(point.configuration, point.workload, point.designs).values()
        short = np.any([each > 0 for each in magnitudes], axis=0)
        counts[point.configuration] += int(short.sum())
    named = ", ".join(f"{count} of {name}" for name, count in counts.items() if count)
    return f"warning: register files do not hold what the mapping keeps there: {named}"


def report(checks: Sequence[Check]) -> str:
    """Write checks as a table, and the worst rows of those that do not agree."""
    rows = [
        [
            check.table,
            f"{check.matched}/{check.rows}",
            str(check.values),
            text.error(check.largest_error),
        ]
        for check in checks
    ]
    lines = [text.table(["table", "rows matched", "values", "largest relative error"], rows)]
    for check in checks:
        if not check.agrees:
            lines.append(
                f"{check.table}: the worst of {check.rows - check.matched} rows that differ"
            )
            lines += [
                f"  {worst.row}, {worst.column}: published {worst.published:.16g}, "
                f"ours {worst.ours:.16g}, relative error {text.error(worst.relative_error)}"
                for worst in check.worst[:WORST_SHOWN]
            ]
    matched, total = (sum(getattr(check, key) for check in checks) for key in ("matched", "rows"))
    return "\n".join([*lines, f"{matched} of {total} rows matched"])


def as_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Write checks for a script."""
    return [
        asdict(check) | {"agrees": check.agrees, "largest_error": check.largest_error}
        for check in checks
    ]
