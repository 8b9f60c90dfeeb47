"""Expressions of an accelerator's file: integer and real arithmetic over columns.

    M / array_rows        max(1, W // E)        2 * (query_tiles + 1)

Known are numbers, names, + - * / //, min, max, ceil, time(EINSUM), and what a side of an array
makes of a rank: steps(X, SIDE), and side(X, SIDE), the units of the side that a step uses. An
expression is parsed once and evaluated on columns, one value a design. `/` between integers leaves
no remainder: what it would leave is a constraint of the design (`Expression.divisions`); among
reals it divides.

Without padding steps(X, SIDE) is X / SIDE, and side(X, SIDE) is SIDE. `Expression.padded` rounds up
instead: X takes ceil(X / SIDE) steps, equal but for the last, of as few units as do. With a third
argument the steps are a multiple of it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
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
ARITIES = {
    "min": (2, 8),
    "max": (2, 8),
    "ceil": (1, 1),
    "time": (1, 1),
    "side": (2, 3),
    "steps": (2, 3),
}
_KNOWN = "numbers, names, + - * / //, min, max, ceil, side, steps"


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
        text: as it was written, or what it comes to without padding.
        root: what it says, without padding.
        real: `/` divides reals, leaving no constraint.
        with_padding: what it says with padding; None where that is the same.

    """

    text: str
    root: Node
    real: bool = False
    with_padding: Node | None = None

    def __hash__(self) -> int:
        return hash((self.text, self.real))

    def __reduce__(self) -> tuple[Any, ...]:
        return Expression, (self.text, self.root, self.real)  # without what is compiled

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

    @property
    def padded(self) -> Expression:
        """The expression with padding."""
        if self.with_padding is None:
            return self
        return Expression(written(self.with_padding), self.with_padding, self.real)

    def __call__(
        self,
        values: Mapping[str, Any],
        *,
        real: bool = False,
        known: dict[str, Any] | None = None,
    ) -> Any:
        """Evaluate on columns: an integer or a real for each design, or one for all.

        Args:
            values: of every name.
            real: divide reals, whatever remains.
            known: what other expressions rounded up on these values, by its text; is added to.

        """
        compiled = self._real if real or self.real else self._exact
        return compiled(values, {} if known is None else known)

    @cached_property
    def _real(self) -> Compiled:
        return _compiled(self.root, real=True)

    @cached_property
    def _exact(self) -> Compiled:
        return _compiled(self.root, real=False)


@lru_cache(maxsize=4096)
def expression(text: str, *, real: bool = False) -> Expression:
    """Parse an expression; `InputError` says what it has that it may not have."""
    if len(text) > LONGEST:
        raise InputError(f"'{shown(text)}': an expression has {LONGEST} characters at most")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"'{shown(text)}' is no expression; known are {_KNOWN}") from None
    given = _parsed(tree.body, text, 0)
    strict, padded = _fitted(given, pads=False), _fitted(given, pads=True)
    if strict == padded:
        return Expression(text.strip(), given, real)
    return Expression(written(strict), strict, real, padded)


def _fitted(node: Node, *, pads: bool) -> Node:
    """Return a node with what sides make of ranks written out, with padding or without."""
    operands = tuple(_fitted(each, pads=pads) for each in node.operands)
    if pads and node.operation == "/" and operands[0].operation == "*":
        left, right = operands[0].operands
        if operands[1] == left:  # steps(X, SIDE, T) / T
            return right
    if node.operation not in ("side", "steps"):
        return replace(node, operands=operands)
    extent, side, *multiple = operands
    if not pads:
        return side if node.operation == "side" else Node("/", (extent, side))
    steps = _rounded_up(extent, side)
    for each in multiple:
        steps = Node("*", (each, _rounded_up(steps, each)))
    return steps if node.operation == "steps" else _rounded_up(extent, steps)


def _rounded_up(above: Node, below: Node) -> Node:
    return Node("ceil", (Node("/", (above, below)),))


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
        case ast.BinOp(left=left, op=joins, right=right) if type(joins) in _OPERATORS:
            return Node(_OPERATORS[type(joins)], (parsed(left), parsed(right)))
        case ast.Call(func=ast.Name(id="time"), args=[ast.Name(id=einsum)], keywords=[]):
            return Node("name", name=f"time({einsum})")
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in ARITIES:
            least, most = ARITIES[name]
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


Compiled = Callable[[Mapping[str, Any], dict[str, Any]], Any]

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "min": lambda a, b: np.minimum(a, b) if _any_column(a, b) else min(a, b),
    "max": lambda a, b: np.maximum(a, b) if _any_column(a, b) else max(a, b),
}


def _any_column(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) or isinstance(b, np.ndarray)


def _compiled(node: Node, *, real: bool) -> Compiled:
    """Return a function that evaluates a node; `/` divides reals, or is exact among integers."""
    value = node.value
    match node.operation:
        case "number":
            return lambda values, known: value
        case "name":
            name = node.name
            return lambda values, known: values[name]
        case "ceil":
            return _remembered(written(node), _ceiling(node.operands[0], real=real))
    first, *rest = (_compiled(each, real=real) for each in node.operands)
    join = _BINARY[{"/": "//"}.get(node.operation, node.operation)]
    if node.operation == "/" and real:
        join = operator.truediv
    if len(rest) == 1:
        (second,) = rest
        return lambda values, known: join(first(values, known), second(values, known))
    return lambda values, known: reduce(
        join, (each(values, known) for each in rest), first(values, known)
    )


def _ceiling(inside: Node, *, real: bool) -> Compiled:
    if inside.operation == "/":
        above, below = (_compiled(each, real=real) for each in inside.operands)
        return lambda values, known: -(-above(values, known) // below(values, known))
    whole = _compiled(inside, real=real)
    return lambda values, known: np.ceil(whole(values, known))


def _remembered(text: str, compiled: Compiled) -> Compiled:
    def remembered(values: Mapping[str, Any], known: dict[str, Any]) -> Any:
        if text not in known:
            known[text] = compiled(values, known)
        return known[text]

    return remembered


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
