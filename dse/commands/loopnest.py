"""`dse loopnest`: count the accesses of loop nests given as JSON lines."""

from __future__ import annotations

import argparse
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

from dse.reports import text
from evaluators.errors import InputError, shown
from evaluators.foreign import LARGEST_TEXT_BYTES, read_bytes
from evaluators.formats.cases import Case, count_case, parse_case

WIDTH = 100
"""Columns of a terminal that a table may fill."""

_QUANTITIES = ("capacity", "instances", "partition", "reads", "fills", "updates")
_NAME_WIDTH = 24
_WHAT = "a file of JSON lines, one case a line"
_GZIP = b"\x1f\x8b"


def run(options: argparse.Namespace) -> int:
    """Count every case of a file, then print; nothing is printed where a case is bad."""
    cases = read_cases(options.file)
    counted = [(case, count_case(case, wrapped=not options.exact)) for case in cases]
    if options.json:
        print("\n".join(json.dumps({"id": case.id, "counts": each}) for case, each in counted))
    else:
        print("\n\n".join(report(case, each) for case, each in counted))
    return 0


def read_cases(path: Path) -> list[Case]:
    """Read JSON lines, plain or gzip-compressed; blank lines are skipped.

    Raises `InputError` where the file cannot be read, has no case, or has one that is bad.
    """
    lines = enumerate(_text(path).split("\n"), start=1)
    name = shown(path, 200)
    cases = [parse_case(line, f"{name} line {number}") for number, line in lines if line.strip()]
    if not cases:
        raise InputError(f"{name}: it has no case; write one JSON object a line, a whole case")
    return cases


def _text(path: Path) -> str:
    content = read_bytes(path, _WHAT, largest_bytes=LARGEST_TEXT_BYTES)
    try:
        if content.startswith(_GZIP):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(LARGEST_TEXT_BYTES + 1)
        if len(content) > LARGEST_TEXT_BYTES:
            raise InputError(
                f"{shown(path, 200)}: uncompressed it has more than {LARGEST_TEXT_BYTES} bytes; "
                "split it"
            )
        return content.decode("utf-8-sig")
    except (gzip.BadGzipFile, zlib.error, EOFError):
        raise InputError(f"{shown(path, 200)}: damaged gzip; compress the file again") from None
    except UnicodeDecodeError:
        raise InputError(
            f"{shown(path, 200)}: not text; give JSON lines in UTF-8, plain or gzip"
        ) from None


def report(case: Case, counts: dict[str, Any]) -> str:
    """Write the counts of a case as text of at most `WIDTH` columns."""
    return "\n".join(
        [
            _clipped(f"case {case.id}", WIDTH),
            f"cycles {counts['cycles']:,}  computes {counts['computes']:,}  "
            f"instances {counts['utilized_instances']:,}",
            *_tables(counts["levels"]),
        ]
    )


def _tables(levels: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """Lay out one row a level and tensor; what does not fit the width goes into another table."""
    rows = [
        (level, name, each) for level, tensors in levels.items() for name, each in tensors.items()
    ]
    names = [[_clipped(level, _NAME_WIDTH), _clipped(name, _NAME_WIDTH)] for level, name, _ in rows]

    def lay_out(quantities: list[str]) -> str:
        numbers = [[f"{each[quantity]:,}" for quantity in quantities] for _, _, each in rows]
        cells = [left + right for left, right in zip(names, numbers, strict=True)]
        return text.table(["level", "tensor", *quantities], cells, left=2)

    tables: list[list[str]] = [[]]
    for quantity in _QUANTITIES:
        wider = [*tables[-1], quantity]
        if max(map(len, lay_out(wider).split("\n"))) <= WIDTH:
            tables[-1] = wider
        else:
            tables.append([quantity])
    return [lay_out(quantities) for quantities in tables]


def _clipped(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
