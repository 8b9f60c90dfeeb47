"""YAML from outside: plain data that knows its lines; what is hostile is refused before it grows.

Only the parser of PyYAML's safe loader is used: its events become nodes here, scalars stay text, so
no tag of a document ever makes an object, and an alias shares what it names instead of copying it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
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
LARGEST_INTEGER = 2**63 - 1

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_MERGE_WITHIN = "<<<"
_MERGES = ("<<", _MERGE_WITHIN)
_UNMERGED = "!nomerge"
_CORE = "tag:yaml.org,2002:"
_PLAIN = {f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map")}
_INTEGER = re.compile(r"0|[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][-+]?[0-9]{1,3})?")
_NOT_PLAIN = (
    (r"^(%)", "a directive of YAML (%); leave it out"),
    (r"^[^#\n]*?(\{\{|\{%|\{#)", "a template of Jinja; render it first and name what comes out"),
)
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
        height: how deep it is nested within.

    """

    where: str
    value: Value
    tag: str = ""
    weight: int = 1
    height: int = 0

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
        """Raise `InputError` at the first key of a table that is not known.

        A key that contains 'ignore' is a note to the reader.
        """
        for key, node in self.table().items():
            if key not in known and "ignore" not in key:
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

    def integer(self, least: int = 1, most: int = LARGEST_INTEGER) -> int:
        """Return an integer from `least` to `most`."""
        if isinstance(self.value, str) and _INTEGER.fullmatch(self.value):
            number = int(self.value)
            if least <= number <= most:
                return number
        limit = "below 2^63" if most == LARGEST_INTEGER else f"at most {most}"
        raise self.wrong(f"an integer of at least {least}, {limit}, written out")

    def number(self, *, positive: bool = True) -> float:
        """Return a finite number above 0, or of at least 0."""
        if isinstance(self.value, str) and _NUMBER.fullmatch(self.value):
            number = float(self.value)
            if math.isfinite(number) and (number > 0 or not positive):
                return number
        raise self.wrong("a number above 0" if positive else "a number of at least 0")

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


def read_yaml(path: Path, spellings: Mapping[str, str] | None = None) -> Node:
    """Read a file of one YAML document.

    '<<' merges tables into one that holds it, '<<<' also what lies within them: tables key by key,
    and a list behind the list that it meets; what is tagged !nomerge stays as it is.

    Args:
        path: the file.
        spellings: keys of tables that are read as others.

    Raises:
        InputError: one sentence with file and line, for what `read_text` refuses and what is not
            YAML; for a document of more than `MOST_NODES` nodes with aliases followed or nested
            deeper than `DEEPEST`; and for a repeated key, a tag that names an object or a file, a
            template, and a second document.

    """
    composer = _Composer(path, read_text(path, "a YAML file"), spellings or {})
    try:
        return composer.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise InputError(
            f"{composer.name}{line}: not YAML, {shown(problem, 200)}; correct the file"
        ) from None


class _Composer:
    """Makes nodes of a document's events."""

    def __init__(self, path: Path, text: str, spellings: Mapping[str, str]) -> None:
        self.name = shown(path, 200)
        for pattern, why in _NOT_PLAIN:
            if found := re.search(pattern, text, re.MULTILINE):
                line = text.count("\n", 0, found.start(1)) + 1
                raise InputError(f"{self.name} line {line}: {why}")
        self._spellings = spellings
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise InputError(f"{self.name}: it is empty; write a YAML document")
        root = self._node(next(self._events), "the document", 0)
        next(self._events)  # the end of the document
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise InputError(f"{self._at(after)}: a second document; write one a file")
        return root

    def _at(self, event: Any) -> str:
        return f"{self.name} line {event.start_mark.line + 1}"

    def _node(self, event: Any, name: str, depth: int, at: str = "") -> Node:
        """Make the node that starts with an event; `at` is the line of its key, if it has one."""
        at = at or self._at(event)
        where = f"{at}: {name}"
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, where, depth)
        self._check_depth(depth, at)
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
        node = Node(where, value, tag, self._nodes - before, _height(value))
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _check_depth(self, depth: int, at: str) -> None:
        if depth > DEEPEST:
            raise InputError(f"{at}: nested more than {DEEPEST} deep; flatten the document")

    def _aliased(self, event: Any, where: str, depth: int) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise InputError(
                f"{where} is *{shown(event.anchor)}, which names nothing complete before it; "
                "anchor a value above"
            )
        self._check_depth(depth + node.height, where)
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
        merges: list[tuple[str, Node]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = self._at(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise InputError(f"{at}: a key that is no text; write 'key: value'")
            key = self._spellings.get(event.value, event.value)
            node = self._node(next(self._events), shown(key), depth + 1, at)
            if key in _MERGES:
                merges.append((key, node))
            elif key in table:
                raise InputError(f"{at}: key '{shown(key)}' occurs twice; write it once")
            else:
                table[key] = node
        if len(merges) > 1:
            raise InputError(f"{merges[1][1].where}: a second merge; write one of a list of tables")
        for key, node in merges:
            self._merge(table, node, within=key == _MERGE_WITHIN)
        return table

    def _merge(self, table: dict[str, Node], merged: Node, *, within: bool) -> None:
        """Add to a table what it lacks of others, the first of which goes before."""
        others = merged.entries() if isinstance(merged.value, list) else [merged]
        joined: dict[str, Node] = {}
        for other in others:
            self._join(joined, other.table(), within=within)
        self._join(table, joined, within=within)

    def _join(self, table: dict[str, Node], other: dict[str, Node], *, within: bool) -> None:
        for key, node in other.items():
            own = table.setdefault(key, node)
            if own is node or not within or own.tag == _UNMERGED:
                continue
            value: Value
            if isinstance(own.value, dict) and isinstance(node.value, dict):
                self._count(len(own.value), own.where)  # what is copied counts, however often
                value = dict(own.value)
                self._join(value, node.value, within=within)
            elif isinstance(own.value, list) and isinstance(node.value, list):
                self._count(len(own.value), own.where)
                value = own.value + node.value
            else:
                continue
            weight = own.weight + node.weight
            table[key] = replace(own, value=value, weight=weight, height=_height(value))

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


def _height(value: Value) -> int:
    if isinstance(value, str):
        return 0
    within = value.values() if isinstance(value, dict) else value
    return 1 + max((node.height for node in within), default=0)
