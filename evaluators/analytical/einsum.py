"""Einsums and cascades of Einsums, written as in the paper (section 2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evaluators.errors import InputError

_TENSOR = re.compile(r"(\w+)\[([\w,]*)\]")
_REDUCTION = re.compile(r"\w+\(([\w,]+)\)")


@dataclass(frozen=True)
class Tensor:
    """A tensor and the ranks that index it."""

    name: str
    ranks: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.ranks)) != len(self.ranks):
            raise InputError(f"tensor {self.name}: a rank occurs twice in {','.join(self.ranks)}")


@dataclass(frozen=True)
class Einsum:
    """One tensor operation.

    Attributes:
        name: what mappings and bindings call it.
        output: the tensor it produces.
        operands: the tensors it reads.
        ranks: its iteration space; a rank of no tensor multiplies the work alone.

    """

    name: str
    output: Tensor
    operands: tuple[Tensor, ...]
    ranks: tuple[str, ...]

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

    @classmethod
    def parse(cls, text: str) -> Einsum:
        """Read an Einsum as 'Z[m,n] = A[m,k] * B[k,n] :: sum(k)'.

        What stands between the operands is for the reader; the ranks behind '::' are reduced. An
        Einsum has its output's name.
        """
        equation, _, reduction = text.partition("::")
        tensors = [
            Tensor(name, tuple(ranks.split(",")) if ranks else ())
            for name, ranks in _TENSOR.findall(equation)
        ]
        if "=" not in equation or len(tensors) < 2:
            raise InputError(f"Einsum '{text}': write 'Z[m,n] = A[m,k] * B[k,n] :: sum(k)'")
        output, *operands = tensors
        reduced = [rank for ranks in _REDUCTION.findall(reduction) for rank in ranks.split(",")]
        free = {rank for operand in operands for rank in operand.ranks} - set(output.ranks)
        if not free <= set(reduced) or set(reduced) & set(output.ranks):
            raise InputError(
                f"Einsum '{text}': the ranks behind '::' must be those of its operands that its "
                f"output lacks, {','.join(sorted(free))}"
            )
        return cls(output.name, output, tuple(operands), (*output.ranks, *reduced))


Cascade = dict[str, Einsum]
"""The Einsums of one algorithm by name, in order."""


def parse_cascade(text: str) -> Cascade:
    """Read a cascade, one Einsum a line."""
    einsums = [Einsum.parse(line.strip()) for line in text.strip().splitlines()]
    return {einsum.name: einsum for einsum in einsums}
