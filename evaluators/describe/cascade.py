"""Einsums and cascades of Einsums, written as in the paper (FuseMax, section 2.2).

    QK[B,H,M,P] = Q[B,E,H,P] * K[B,E,H,M]   :: sum(E)

An Einsum has its output's name. What stands right of '=' is computed at every point of the
iteration space; the ranks behind '::' are reduced.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluators.errors import InputError, shown

REDUCTIONS = ("sum", "max", "min")
FUNCTIONS = {"exp": 1, "sqrt": 1, "tanh": 1, "sigmoid": 1, "relu": 1, "max": 2, "min": 2}
"""What a formula may call, with its operands, beside + - * /."""

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
}
_EINSUM = re.compile(r"\s*(\w+)\s*\[([\w,\s]*)\]\s*=\s*(.+?)(?:::\s*(\w+)\s*\(([\w,\s]*)\)\s*)?")
_EXAMPLE = "write 'Z[m,n] = A[m,k] * B[k,n] :: sum(k)'"
_LONGEST = 1000
_DEEPEST = 30


@dataclass(frozen=True)
class Tensor:
    """A tensor and the ranks that index it."""

    name: str
    ranks: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.ranks)) != len(self.ranks):
            raise InputError(f"tensor {self.name}: a rank occurs twice in {','.join(self.ranks)}")


@dataclass(frozen=True)
class Formula:
    """What an Einsum computes at a point: a tensor, a number, an operation on operands.

    'product' without operands is the product of all that the Einsum reads.
    """

    operation: str
    operands: tuple[Formula, ...] = ()
    tensor: str = ""
    number: float = 0.0


@dataclass(frozen=True)
class Einsum:
    """One tensor operation.

    Attributes:
        name: what mappings and schedules call it.
        output: the tensor it produces.
        operands: the tensors it reads, in the order of its formula.
        ranks: its iteration space: those of the output, then the reduced ones; a rank of no tensor
            multiplies the work alone.
        formula: what it computes at a point.
        reduction: how the points of the reduced ranks are joined, one of `REDUCTIONS`.
        text: as it was written; '' for one that was not.

    """

    name: str
    output: Tensor
    operands: tuple[Tensor, ...]
    ranks: tuple[str, ...]
    formula: Formula = Formula("product")
    reduction: str = "sum"
    text: str = ""

    def __post_init__(self) -> None:
        names = [tensor.name for tensor in self.tensors]
        if len(set(names)) != len(names):
            raise InputError(f"Einsum {self.name}: a tensor occurs twice in {', '.join(names)}")
        for tensor in self.tensors:
            for rank in tensor.ranks:
                if rank not in self.ranks:
                    raise InputError(
                        f"Einsum {self.name}: tensor {tensor.name} has rank {rank}, which is not "
                        f"in the iteration space {','.join(self.ranks)}"
                    )

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Operands first, the output last."""
        return (*self.operands, self.output)

    @property
    def reduced(self) -> tuple[str, ...]:
        """The ranks that are summed over, or whose maximum is taken."""
        return tuple(rank for rank in self.ranks if rank not in self.output.ranks)

    @classmethod
    def parse(cls, text: str) -> Einsum:
        """Read one Einsum; `InputError` says what is wrong with it."""
        match = _EINSUM.fullmatch(text)
        if match is None or len(text) > _LONGEST:
            raise InputError(f"'{shown(text)}' is no Einsum; {_EXAMPLE}")
        name, ranks, formula, reduction, reduced = match.groups()
        output = Tensor(name, _listed(ranks))
        operands: dict[str, Tensor] = {}
        root = _formula(formula, operands)
        if not operands:
            raise InputError(f"Einsum {name} reads no tensor; {_EXAMPLE}")
        if name in operands:
            raise InputError(
                f"Einsum {name} reads itself; give the value before it a name of its own, and say "
                "so under 'previous'"
            )
        if reduction not in (None, *REDUCTIONS):
            raise InputError(
                f"Einsum {name}: '{shown(reduction)}' reduces nothing; known are "
                f"{', '.join(REDUCTIONS)}"
            )
        free = {rank for tensor in operands.values() for rank in tensor.ranks} - set(output.ranks)
        away = _listed(reduced or "")
        if not free <= set(away) or set(away) & set(output.ranks):
            raise InputError(
                f"Einsum {name}: the ranks behind '::' must be those of its operands that its "
                f"output lacks, {','.join(sorted(free)) or 'none'}"
            )
        return cls(
            name,
            output,
            tuple(operands.values()),
            (*output.ranks, *away),
            root,
            reduction or "sum",
            " ".join(text.split()),
        )


def _listed(ranks: str) -> tuple[str, ...]:
    return tuple(rank.strip() for rank in ranks.split(",") if rank.strip())


def _formula(text: str, operands: dict[str, Tensor]) -> Formula:
    """Parse the right side of an Einsum; the tensors that it reads go into `operands`."""
    try:
        tree = ast.parse(text.strip().replace("[]", "[()]"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"'{shown(text)}' is no formula; {_EXAMPLE}") from None
    return _parsed(tree, text, operands, 0)


def _parsed(tree: ast.expr, text: str, operands: dict[str, Tensor], depth: int) -> Formula:
    if depth > _DEEPEST:
        raise InputError(f"'{shown(text)}': nested more than {_DEEPEST} deep")

    def parsed(*each: ast.expr) -> tuple[Formula, ...]:
        return tuple(_parsed(operand, text, operands, depth + 1) for operand in each)

    match tree:
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            entries = index.elts if isinstance(index, ast.Tuple) else [index]
            if all(isinstance(each, ast.Name) for each in entries):
                tensor = Tensor(name, tuple(each.id for each in entries))  # type: ignore[attr-defined]
                if operands.setdefault(name, tensor) != tensor:
                    raise InputError(f"'{shown(text)}': {name} is read with two lists of ranks")
                return Formula("tensor", tensor=name)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return Formula("number", number=float(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Formula("-", (Formula("number"), *parsed(operand)))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return Formula(_OPERATORS[type(operator)], parsed(left, right))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]):
            if len(given) == FUNCTIONS.get(name):
                return Formula(name, parsed(*given))
    part = ast.get_source_segment(text.strip(), tree) or text
    raise InputError(
        f"'{shown(part)}' is not known in a formula; known are tensors as Q[B,E,H,P], numbers, "
        f"+ - * /, {', '.join(FUNCTIONS)}"
    )


@dataclass(frozen=True)
class Cascade:
    """The Einsums of one algorithm.

    Attributes:
        einsums: by name, in order.
        previous: tensor -> the state whose value after the chunk before it is.
        along: the rank that those chunks are along; '' without states.
        inputs: tensor -> what the workload calls it, for those that no Einsum produces.
        computes: what its last output is to be: 'attention', or 'own' where nothing is claimed.

    """

    einsums: Mapping[str, Einsum]
    previous: Mapping[str, str]
    along: str
    inputs: Mapping[str, str]
    computes: str

    def __hash__(self) -> int:
        return hash((tuple(self.einsums.items()), self.along))

    @property
    def ranks(self) -> tuple[str, ...]:
        """All ranks, in the order of their first mention."""
        return tuple(dict.fromkeys(rank for each in self.einsums.values() for rank in each.ranks))

    @property
    def batch(self) -> tuple[str, ...]:
        """The ranks that every tensor has."""
        tensors = [tensor for each in self.einsums.values() for tensor in each.tensors]
        return tuple(rank for rank in self.ranks if all(rank in each.ranks for each in tensors))

    @property
    def given(self) -> frozenset[str]:
        """What the workload calls the tensors that no Einsum produces."""
        read = {operand.name for each in self.einsums.values() for operand in each.operands}
        own = read - self.einsums.keys() - self.previous.keys()
        return frozenset(self.inputs.get(name, name) for name in own)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors that no Einsum reads."""
        read = {operand.name for each in self.einsums.values() for operand in each.operands}
        read |= {self.previous[name] for name in read if name in self.previous}
        return tuple(name for name in self.einsums if name not in read)

    def replaced(self, changes: Mapping[str, Einsum]) -> Mapping[str, Einsum]:
        """Return the Einsums with some of them written otherwise."""
        return {name: changes.get(name, each) for name, each in self.einsums.items()}


def parse_einsums(text: str) -> dict[str, Einsum]:
    """Read Einsums, one a line; `InputError` names the first that is wrong, with its line."""
    einsums: dict[str, Einsum] = {}
    for number, line in numbered(text):
        try:
            einsum = Einsum.parse(line)
        except InputError as error:
            raise LineError(number, str(error)) from None
        if einsum.name in einsums:
            raise LineError(number, f"a second Einsum {einsum.name}; name it otherwise")
        einsums[einsum.name] = einsum
    return einsums


class LineError(InputError):
    """What is wrong in a line of a text.

    Attributes:
        line: its number in the text, from 0.

    """

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text that say something, with their numbers; '#' starts a comment."""
    for number, line in enumerate(text.split("\n")):
        content = line.partition("#")[0].strip()
        if content:
            yield number, content
