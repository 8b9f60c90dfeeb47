"""Tables as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    each: rf"\{each}" for each in "&%$#_{}"
}


DIGITS = 5
"""Significant digits of numbers."""


def tabular(columns: Mapping[str, Sequence[str]]) -> str:
    """Return a table for the package booktabs, a line a row; heads and cells are LaTeX."""
    rows = zip(*columns.values(), strict=True)
    lines = [" & ".join(columns), *(" & ".join(row) for row in rows)]
    head, *body = (rf"{line} \\" for line in lines)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'r' * len(columns)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Return text as LaTeX sets it."""
    return "".join(_ESCAPED.get(each, each) for each in text)


def number(value: float) -> str:
    """Return a number to `DIGITS` digits."""
    digits, _, power = f"{value:.{DIGITS}g}".partition("e")
    return rf"${digits}\times10^{{{int(power)}}}$" if power else digits
