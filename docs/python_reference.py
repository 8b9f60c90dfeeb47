"""Writes docs/reference/python.md from the docstrings of what `import dse` offers."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import dse

PAGE = Path(__file__).with_name("reference") / "python.md"

HEAD = """# The Python interface

`import dse` offers what the command does, as functions of plain values and DataFrames. The commands
call the same functions. [From Python](../how-to/python.md) shows them at work; every example here
is run by the tests. What is wrong with an input raises `dse.Error`: one line, as the command prints
it. It is an `InputError`, and a `ValueError`, where the input is wrong, and an `EvaluationError`
where an evaluation failed for no fault of its own.
"""

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Examples):\n", re.MULTILINE)
_ENTRY = re.compile(r"^(\S[^:\n]*): ", re.MULTILINE)


def page() -> str:
    """Return the page: functions, then the classes of what they return."""
    offered = [(f"dse.{name}", getattr(dse, name)) for name in dse.__all__]
    functions = [(name, each) for name, each in offered if inspect.isfunction(each)]
    returned = [get_type_hints(each)["return"] for _, each in functions]
    classes = dict.fromkeys(cls for each in returned for cls in _classes(each))
    parts = [HEAD]
    parts += [_described(f"{name}{_signature(each)}", name, each) for name, each in functions]
    parts.append("## What functions return\n")
    parts += [_described("", each.__name__, each) for each in classes]
    return "\n".join(parts)


def _classes(kind: Any) -> Iterator[type]:
    """Yield the dataclasses that a type names, and those of our reports that they consist of."""
    for each in getattr(kind, "__args__", (kind,)):
        if is_dataclass(each):
            yield each  # type: ignore[misc]
            if each.__module__.startswith("dse.reports"):
                for field in get_type_hints(each).values():
                    yield from (c for c in _classes(field) if c.__module__.startswith("dse."))


def _signature(function: Any) -> str:
    """Return a signature without the types, which the text tells."""
    signature = inspect.signature(function)
    bare = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r"PosixPath\(('[^']*')\)", r"\1", text)


def _described(signature: str, name: str, what: Any) -> str:
    level = "##" if signature else "###"
    lines = [f"{level} {name}\n"]
    if signature:
        lines.append(
            "```text\n" + textwrap.fill(signature, 100, subsequent_indent="    ") + "\n```\n"
        )
    lines.append(_text(inspect.getdoc(what) or ""))
    if not signature:
        lines += [_member(key, each) for key, each in vars(what).items() if _public(key, each)]
    return "\n".join(lines)


def _public(name: str, member: Any) -> bool:
    return not name.startswith("_") and (isinstance(member, property) or inspect.isfunction(member))


def _member(name: str, member: Any) -> str:
    called = name if isinstance(member, property) else f"{name}{_signature(member)}"
    text = _text(inspect.getdoc(member) or "").strip()
    return f"`.{called.replace('(self, ', '(').replace('(self)', '()')}`: {text}\n"


def _text(doc: str) -> str:
    """Return a docstring as Markdown: sections of entries are lists, examples blocks."""
    intro, *sections = _SECTION.split(doc)
    parts = [_prose(intro)]
    for name, content in zip(sections[::2], sections[1::2], strict=True):
        body = textwrap.dedent(content).strip("\n")
        if name == "Examples":
            parts.append(f"```pycon\n{body}\n```\n")
        elif name == "Returns":
            parts.append(f"Returns: {_prose(body)}")
        else:
            told = "\n".join(_entries(body)) + "\n"
            parts.append(told.replace("* ", "Raises ") if name == "Raises" else told)
    return "\n".join(parts)


def _entries(body: str) -> Iterator[str]:
    starts = [match.start() for match in _ENTRY.finditer(body)]
    for start, stop in zip(starts, [*starts[1:], len(body)], strict=True):
        name, _, text = body[start:stop].partition(": ")
        names = ", ".join(f"`{each}`" for each in name.split(", "))
        yield f"* {names}: {' '.join(text.split())}"


def _prose(text: str) -> str:
    """Return paragraphs, each on one line."""
    return "\n\n".join(" ".join(each.split()) for each in text.strip().split("\n\n")) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
