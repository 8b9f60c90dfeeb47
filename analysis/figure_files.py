"""Figures as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from analysis.figures import PNG, STYLE
from evaluators.errors import InputError, shown
from evaluators.files import write_atomically

FORMATS: dict[str, dict[str, Any]] = {
    ".pdf": {"metadata": {"CreationDate": None}},
    ".png": PNG,
    ".svg": {"metadata": {"Date": None}},
}
"""How a figure is written, by the end of its file's name: the same figure gives the same bytes."""


class Shown(Figure):
    """A figure that a notebook shows at the end of a cell, though pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        with rc_context(STYLE):
            self.savefig(content, format="png", **PNG)
        return content.getvalue()


def write_figures(draw: Callable[[], Figure], files: Sequence[Path]) -> None:
    """Draw a figure and write it to files, each whole or not at all.

    Args:
        draw: draws it; not called where a file's name is wrong.
        files: where to, in which of `FORMATS`; folders are made if they are missing.

    Raises:
        InputError: for a name that tells no format.

    """
    for file in files:
        if file.suffix.lower() not in FORMATS:
            raise InputError(f"{shown(file, 200)}: figures are {', '.join(FORMATS)}")
    with rc_context(STYLE | {"svg.hashsalt": "figure"}):
        figure = draw()
        for file in files:
            content = BytesIO()
            suffix = file.suffix.lower()
            figure.savefig(content, format=suffix[1:], **FORMATS[suffix])
            write_atomically(file, content.getvalue())
