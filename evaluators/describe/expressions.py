"""Expressions of an accelerator's file: integer and real arithmetic over columns.

    M / array_rows        max(1, W // E)        2 * (query_tiles + 1)

Known are numbers, names, + - * / //, min, max, ceil and time(EINSUM). An expression is parsed once
and evaluated on columns, one value a design. `/` between integers leaves no remainder: what it
would leave is a constraint of the design (`Expression.divisions`); among reals it divides.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np

from evaluators.errors import InputError, shown

LONGEST = 500
"""Characters of an expression."""
_DEEPEST = 40

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
}
_ARITIES = {"min": (2, 8), "max": (2, 8), "ceil": (1, 1), "time": (1, 1)}
_KNOWN = "numbers, names, + - * / //, min, max, ceil"


@dataclass(frozen=True)
class Node:
    """A number, a name, or an operation on operands."""

    operation: str
    operands: tuple[Node, ...] = ()
    value: int | float = 0
    name: str = ""


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: as it was written.
        root: what it says.
        real: `/` divides reals, leaving no constraint.

    """

    text: str
    root: Node
    real: bool = False

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it reads; the busy time of an Einsum as 'time(LM)'."""
        return frozenset(node.name for node in _walk(self.root) if node.operation == "name")

    @cached_property
    def divisions(self) -> tuple[tuple[Expression, Expression], ...]:
        """Numerator and denominator of every `/` that must leave no remainder, inner ones first."""
        if self.real:
            return ()
        return tuple(
            (Expression(written(a), a), Expression(written(b), b))
            for a, b in _exact_divisions(self.root)
        )

    def __call__(self, values: Mapping[str, Any], *, real: bool = False) -> Any:
        """Evaluate on columns: an integer or a real for each design, or one for all.

        Args:
            values: of every name.
            real: divide reals, whatever remains.

        """
        return _value(self.root, values, real=self.real or real)


@lru_cache(maxsize=4096)
def expression(text: str, *, real: bool = False) -> Expression:
    """Parse an expression; `InputError` says what it has that it may not have."""
    if len(text) > LONGEST:
        raise InputError(f"'{shown(text)}': an expression has {LONGEST} characters at most")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"'{shown(text)}' is no expression; known are {_KNOWN}") from None
    return Expression(text.strip(), _parsed(tree.body, text, 0), real)


def _parsed(tree: ast.expr, text: str, depth: int) -> Node:
    if depth > _DEEPEST:
        raise InputError(f"'{shown(text)}': nested more than {_DEEPEST} deep")

    def parsed(each: ast.expr) -> Node:
        return _parsed(each, text, depth + 1)

    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if abs(value) < 2**63:
                return Node("number", value=value)
        case ast.Name(id=name):
            return Node("name", name=name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Node("-", (Node("number", value=0), parsed(operand)))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return Node(_OPERATORS[type(operator)], (parsed(left), parsed(right)))
        case ast.Call(func=ast.Name(id="time"), args=[ast.Name(id=einsum)], keywords=[]):
            return Node("name", name=f"time({einsum})")
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _ARITIES:
            least, most = _ARITIES[name]
            if least <= len(given) <= most and name != "time":
                return Node(name, tuple(parsed(each) for each in given))
    part = ast.get_source_segment(text.strip(), tree) or text
    raise InputError(f"'{shown(text)}': '{shown(part)}' is not known here; known are {_KNOWN}")


def _walk(node: Node) -> Iterator[Node]:
    for operand in node.operands:
        yield from _walk(operand)
    yield node


def _exact_divisions(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield the operands of every `/`, inner ones first; what ceil rounds is not exact."""
    operands = node.operands
    if node.operation == "ceil" and operands[0].operation == "/":
        operands = operands[0].operands
    for operand in operands:
        yield from _exact_divisions(operand)
    if node.operation == "/":
        a, b = node.operands
        yield a, b


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "min": lambda a, b: min(a, b) if _plain(a, b) else np.minimum(a, b),
    "max": lambda a, b: max(a, b) if _plain(a, b) else np.maximum(a, b),
}


def _plain(*values: Any) -> bool:
    return not any(isinstance(each, np.ndarray) for each in values)


def _value(node: Node, values: Mapping[str, Any], *, real: bool) -> Any:
    match node.operation:
        case "number":
            return node.value
        case "name":
            return values[node.name]
        case "/" if real:
            a, b = (_value(each, values, real=True) for each in node.operands)
            return a / b
        case "/":
            a, b = (_value(each, values, real=False) for each in node.operands)
            return a // b
        case "ceil":
            (inside,) = node.operands
            if inside.operation == "/":
                a, b = (_value(each, values, real=real) for each in inside.operands)
                return -(-a // b)
            return np.ceil(_value(inside, values, real=real))
        case operation:
            each = [_value(operand, values, real=real) for operand in node.operands]
            return reduce(_BINARY[operation], each)


_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2}


def written(node: Node) -> str:
    """Write a part of an expression as its file has it, but for brackets and spaces."""
    if node.operation == "number":
        return str(node.value)
    if node.operation == "name":
        return node.name
    if node.operation not in _BINDS:
        return f"{node.operation}({', '.join(written(each) for each in node.operands)})"
    binds = _BINDS[node.operation]
    left, right = (
        f"({written(each)})" if _BINDS.get(each.operation, 3) < binds + after else written(each)
        for after, each in enumerate(node.operands)
    )
    return f"{left} {node.operation} {right}"
