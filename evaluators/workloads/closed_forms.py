"""What a workload asks of any machine: multiply-accumulates and the bytes that it cannot avoid.

Of one layer; a model has as many as its transformer says. Masked pairs count nothing, whatever an
accelerator makes of them (docs/model/workloads.md#closed-forms).
"""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.workloads.workload import Workload

WORD_BYTES = 2
"""Of a word of the paper's machines."""


@dataclass(frozen=True)
class Demand:
    """Work and traffic.

    Attributes:
        macs: multiply-accumulates of matrix products.
        weight_bytes: of weights, read once.
        other_bytes: of all else, inputs and outputs each moved once.

    """

    macs: int
    weight_bytes: int
    other_bytes: int

    @property
    def bytes(self) -> int:
        """All bytes: compulsory traffic."""
        return self.weight_bytes + self.other_bytes

    @property
    def macs_per_byte(self) -> float:
        """Arithmetic intensity; infinite where nothing moves."""
        return self.macs / self.bytes if self.bytes else float("inf")

    def __add__(self, other: Demand) -> Demand:
        return Demand(
            self.macs + other.macs,
            self.weight_bytes + other.weight_bytes,
            self.other_bytes + other.other_bytes,
        )

    def times(self, count: int) -> Demand:
        """Return the demand of so many layers."""
        return Demand(count * self.macs, count * self.weight_bytes, count * self.other_bytes)


@dataclass(frozen=True)
class MatrixProduct:
    """A linear layer: rows x contraction by contraction x columns."""

    name: str
    rows: int
    contraction: int
    columns: int

    @property
    def macs(self) -> int:
        """Its multiply-accumulates."""
        return self.rows * self.contraction * self.columns

    def demand(self, word_bytes: int) -> Demand:
        """Return its work, weights, inputs and outputs."""
        return Demand(
            self.macs,
            word_bytes * self.contraction * self.columns,
            word_bytes * self.rows * (self.contraction + self.columns),
        )


def attention(workload: Workload, word_bytes: int = WORD_BYTES) -> Demand:
    """Return the demand of QK and AV: queries, keys and values read, the output written.

    Absorbed multi-head latent attention reads its latent keys once, the values among them.
    """
    shape = workload.transformer
    width = shape.query_width + shape.value_width
    absorbed = shape.latent is not None and shape.key_heads < shape.heads
    cached = shape.query_width if absorbed else width
    words = shape.heads * workload.queries * width + shape.key_heads * workload.attended * cached
    macs = shape.batch * shape.heads * workload.pairs * width
    return Demand(macs, 0, word_bytes * shape.batch * words)


def linear_layers(workload: Workload) -> tuple[MatrixProduct, ...]:
    """Return the linear layers that a workload has, in their order."""
    x = workload.extents
    every = (
        MatrixProduct("QA", x["TQ"], x["D"], x["QR"]),
        MatrixProduct("Q", x["TQ"], x["QC"], x["QW"]),
        MatrixProduct("K", x["TK"], x["D"], x["KW"]),
        MatrixProduct("V", x["TK"], x["VC"], x["VW"]),
        MatrixProduct("Z", x["TQ"], x["ZC"], x["D"]),
        MatrixProduct("GATE", x["TQ"], x["D"], x["GW"]),
        MatrixProduct("FFN1", x["TQ"], x["D"], x["S"]),
        MatrixProduct("FFN2", x["TQ"], x["S"], x["D"]),
    )
    return tuple(each for each in every if each.macs)


def linear(workload: Workload, word_bytes: int = WORD_BYTES) -> Demand:
    """Return the demand of the linear layers, one after the other."""
    layers = linear_layers(workload)
    return sum((each.demand(word_bytes) for each in layers), Demand(0, 0, 0))
