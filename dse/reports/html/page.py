"""A report's page: one HTML file; plotly.js, its style, scripts and data inside; no network.

The page's policy forbids every request, so that what a report shows stays with its reader.
"""

from __future__ import annotations

import html
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from evaluators.files import write_atomically

_ASSETS = files("dse.reports.html") / "assets"

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)

_WRAPPED = re.compile(
    r"(/\*\*.*?\*/)\s*"
    r"\(\s*function\(root, factory\) \{.*?\(\) => \{\n(.*)\nreturn Plotly;\n\}\)\);\s*",
    re.DOTALL,
)
"""plotly.js: its licence, and its script in a function for those who load modules."""


def write_page(data: dict[str, Any], file: Path) -> None:
    """Write the page of a report, atomically.

    Args:
        data: see `dse.reports.html.study_report` and `dse.reports.html.paper_report`; its `kind`
            names the page's body and script.
        file: where to; its folder is made where it is missing.

    """
    write_atomically(file, page(data).encode())


def page(data: dict[str, Any]) -> str:
    """Return the page of a report: what is text is there before plotly.js is read."""
    kind = data["kind"]
    scripts = "\n".join(
        f"<script>\n{script}</script>"
        for script in (_asset("common.js"), _asset(f"{kind}.js"), _plotly(), "render();\n")
    )
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{html.escape(str(data['name']))} - attention-dse</title>\n"
        f"<style>\n{_asset('report.css')}</style>\n</head>\n<body>\n{_asset(f'{kind}.html')}"
        f'<script type="application/json" id="data">{_embedded(data)}</script>\n'
        f"{scripts}\n</body>\n</html>\n"
    )


def _plotly() -> str:
    """Return plotly.js without its wrapper: a browser reads what is in a function twice."""
    source: str = get_plotlyjs()
    bare = _WRAPPED.fullmatch(source)
    return f"{bare[1]}\n{bare[2]}\n" if bare else source


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _embedded(data: dict[str, Any]) -> str:
    """Write JSON that no text in it can end the script element of."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
