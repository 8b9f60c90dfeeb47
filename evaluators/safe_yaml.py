"""YAML from outside: plain data that knows its lines; what is hostile is refused before it grows.

Only the parser of PyYAML's safe loader is used: its events become nodes here, scalars stay text, so
no tag of a document ever makes an object, and an alias shares what it names instead of copying it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from evaluators.errors import InputError, shown
from evaluators.foreign import read_text

MOST_NODES = 100_000
"""Nodes of a document, with everything that its aliases repeat."""
DEEPEST = 64
LONGEST_TEXT = 1000

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_CORE = "tag:yaml.org,2002:"
_PLAIN = {f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
_NUMBER = re.compile(r"[0-9]{1,19}")
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True}
_TRUTHS |= {"false": False, "no": False, "off": False, "0": False}

Value: TypeAlias = "str | list[Node] | dict[str, Node]"


@dataclass(frozen=True)
class Node:
    """A value of a document.

    Attributes:
        where: what an error calls it, as 'arch.yaml line 3: nodes'.
        value: text, a list of nodes, or nodes by key.
        tag: an application's tag as '!Component', '' without one.
        weight: how many nodes it is, with everything that aliases repeat.

    """

    where: str
    value: Value
    tag: str = ""
    weight: int = 1

    @property
    def empty(self) -> bool:
        """Whether nothing is there: null, no text, no entries."""
        return self.value in ("", "~", "null", "Null", "NULL", [], {})

    def table(self) -> dict[str, Node]:
        """Return the nodes by key; an empty value has none."""
        if isinstance(self.value, dict) or self.empty:
            return self.value if isinstance(self.value, dict) else {}
        raise self.wrong("a table of keys")

    def find(self, key: str) -> Node | None:
        """Return what stands under a key of a table, None where nothing does."""
        node = self.table().get(key)
        return None if node is None or node.empty else node

    def need(self, key: str) -> Node:
        """Return what stands under a key of a table; `InputError` where nothing does."""
        node = self.find(key)
        if node is None:
            raise InputError(f"{self.where}: '{key}' is missing; give it")
        return node

    def only(self, *known: str) -> None:
        """Raise `InputError` at the first key of a table that says something and is not known."""
        for key, node in self.table().items():
            if key not in known and not node.empty:
                raise InputError(
                    f"{node.where}: this key is not supported here; supported are "
                    f"{', '.join(known)}"
                )

    def entries(self) -> list[Node]:
        """Return the nodes of a list; an empty value has none."""
        if isinstance(self.value, list) or self.empty:
            return self.value if isinstance(self.value, list) else []
        raise self.wrong("a list")

    def text(self) -> str:
        """Return a printable text, not empty and of `LONGEST_TEXT` characters at most."""
        legible = not self.empty and len(self.value) <= LONGEST_TEXT
        if isinstance(self.value, str) and legible and self.value.isprintable():
            return self.value
        raise self.wrong(f"a printable text of at most {LONGEST_TEXT} characters")

    def integer(self, least: int = 1) -> int:
        """Return an integer of at least `least`, below 2^63."""
        if isinstance(self.value, str) and _NUMBER.fullmatch(self.value):
            number = int(self.value)
            if least <= number < 2**63:
                return number
        raise self.wrong(f"an integer of at least {least}, below 2^63, written out")

    def truth(self) -> bool:
        """Return true or false."""
        known = _TRUTHS.get(self.value.lower()) if isinstance(self.value, str) else None
        if known is None:
            raise self.wrong("true or false")
        return known

    def wrong(self, expected: str) -> InputError:
        """Return the error that this is not what was expected."""
        kinds = {list: "a list", dict: "a table of keys"}
        what = kinds.get(type(self.value)) or f"'{shown(str(self.value))}'"
        return InputError(f"{self.where} is {what}; it must be {expected}")


def read_yaml(path: Path) -> Node:
    """Read a file of one YAML document.

    Raises `InputError`, one sentence with file and line, for what `read_text` refuses and what is
    not YAML; for a document of more than `MOST_NODES` nodes with aliases followed or nested deeper
    than `DEEPEST`; and for a repeated key, a tag that names an object or a file, and a second
    document.
    """
    composer = _Composer(path, read_text(path, "a YAML file"))
    try:
        return composer.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise InputError(f"{path}{line}: not YAML, {problem}; correct the file") from None


class _Composer:
    """Makes nodes of a document's events."""

    def __init__(self, path: Path, text: str) -> None:
        directive = re.search(r"^%", text, re.MULTILINE)
        if directive:
            line = text.count("\n", 0, directive.start()) + 1
            raise InputError(f"{path} line {line}: a directive of YAML (%); leave it out")
        self._path = path
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise InputError(f"{self._path}: it is empty; write a YAML document")
        root = self._node(next(self._events), "the document", 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise InputError(f"{self._at(after)}: a second document; write one a file")
        return root

    def _at(self, event: Any) -> str:
        return f"{self._path} line {event.start_mark.line + 1}"

    def _node(self, event: Any, name: str, depth: int, at: str = "") -> Node:
        """Make the node that starts with an event; `at` is the line of its key, if it has one."""
        at = at or self._at(event)
        where = f"{at}: {name}"
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, where)
        if depth > DEEPEST:
            raise InputError(f"{at}: nested more than {DEEPEST} deep; flatten the document")
        tag = self._tag(event, at)
        before = self._nodes
        self._count(1, at)
        value: Value
        if isinstance(event, yaml.ScalarEvent):
            value = event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(name, depth)
        else:
            value = self._table(depth)
        node = Node(where, value, tag, self._nodes - before)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: Any, where: str) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise InputError(
                f"{where} is *{shown(event.anchor)}, which names nothing complete before it; "
                "anchor a value above"
            )
        self._count(node.weight, where)
        return replace(node, where=where)

    def _count(self, nodes: int, at: str) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise InputError(
                f"{at}: more than {MOST_NODES} values, aliases followed; shrink the document"
            )

    def _list(self, name: str, depth: int) -> list[Node]:
        entries = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            entries.append(self._node(event, f"an entry of {name}", depth + 1))
        return entries

    def _table(self, depth: int) -> dict[str, Node]:
        table: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = self._at(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise InputError(f"{at}: a key that is no text; write 'key: value'")
            key = event.value
            node = self._node(next(self._events), shown(key), depth + 1, at)
            if key == "<<":
                merged += node.entries() if isinstance(node.value, list) else [node]
            elif key in table:
                raise InputError(f"{at}: key '{shown(key)}' occurs twice; write it once")
            else:
                table[key] = node
        for each in merged:
            table = each.table() | table
        return table

    def _tag(self, event: Any, at: str) -> str:
        """Return an application's tag; '' for YAML's own that say what plain data says."""
        tag: str = event.tag or "!"
        if tag.startswith("!include"):
            raise InputError(
                f"{at}: '{shown(tag)}' would read another file; name that file itself instead"
            )
        if tag in _PLAIN or tag == "!":
            return ""
        if not tag.startswith("!"):
            raise InputError(f"{at}: tag '{shown(tag)}' names an object; write plain data")
        return tag
