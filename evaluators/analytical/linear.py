"""The linear layers of a transformer on a chip (docs/model/mappings.md#linear-layers).

Z[M,N] = A[M,K]*B[K,N]: activations of M = B*L rows stay on C columns of the 2D array, N output
columns on its R rows; a tile of A and one of B, both with the whole contraction, are in the buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.activity import WORD_BYTES, Activity, activity
from evaluators.analytical.counting import Count
from evaluators.analytical.feasibility import buffer_rows
from evaluators.analytical.mapper import groups
from evaluators.analytical.mappings import LINEAR_MAPPING
from evaluators.design import Designs
from evaluators.engine.columns import Factors, bounded_product, divisors, shared
from evaluators.engine.loopnest import LoopNest, check_mappable
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

Int64s = NDArray[np.int64]


def layers(shape: Transformer) -> dict[str, tuple[int, int]]:
    """Return the layers in order: name -> (output columns N, contraction K)."""
    return {
        "Q": (shape.heads * shape.query_width, shape.model_width),
        "K": (shape.heads * shape.query_width, shape.model_width),
        "V": (shape.heads * shape.value_width, shape.model_width),
        "Z": (shape.model_width, shape.heads * shape.value_width),
        "FFN1": (shape.ffn_width, shape.model_width),
        "FFN2": (shape.model_width, shape.ffn_width),
    }


def told_of_layers(workload: Workload, design: dict[str, int]) -> dict[str, str]:
    """Tell of a design, for `SENTENCES`: the layer that divides worst, and the one that fits worst.

    Lanes carry nothing.
    """
    each = layers(workload.transformer)
    uneven = max(each, key=lambda name: each[name][0] % design["array_rows"])
    deepest = max(each, key=lambda name: each[name][1])
    tokens = workload.transformer.batch * workload.seq_len
    return {
        "array_rows_cut": f"the {each[uneven][0]} output columns of layer {uneven}",
        "array_cols_cut": f"the {tokens} tokens of the batch",
        "held": (
            f"the smallest tile of layer {deepest}, array_rows + array_cols rows of "
            f"{each[deepest][1]} words"
        ),
        "smaller": "the array",
    }


@dataclass(frozen=True)
class Tiles:
    """All tiles of a layer on an array of a given size, from the one that needs least buffer.

    Attributes:
        words: buffer words that each needs, ascending.
        best: for each, the index of the best tile among those up to it: least words moved, then
            the smallest tile.
        rows: tiles of C rows of A in the buffer, M1.
        cols: tiles of R columns of B in the buffer, N1.

    """

    words: Int64s
    best: NDArray[np.intp]
    rows: Int64s
    cols: Int64s


def tiles(rows: int, cols: int, contraction: int, array_rows: int, array_cols: int) -> Tiles:
    """Enumerate the tiles of a layer of rows x cols outputs; the array's sides divide them."""
    outer_rows, outer_cols = rows // array_cols, cols // array_rows
    m1, n1 = (each.ravel() for each in np.meshgrid(divisors(outer_rows), divisors(outer_cols)))
    words = bounded_product(contraction, m1 * array_cols + n1 * array_rows)
    passes_over_b = np.where(n1 == outer_cols, 1, outer_rows // m1)
    order = np.lexsort((m1, words))
    rank = np.empty_like(order)
    rank[np.lexsort((words[order], passes_over_b[order]))] = np.arange(len(order))
    leader = np.minimum.accumulate(rank)
    by_rank = np.argsort(rank)
    return Tiles(words[order], by_rank[leader], m1[order], n1[order])


@dataclass(frozen=True)
class Linear:
    """The loop nests of the six linear layers."""

    def check(self, workload: Workload) -> None:
        """Raise `InputError` where the counts of a layer pass what is exact."""
        shape = workload.transformer
        for name, (cols, contraction) in layers(shape).items():
            check_mappable(
                {"M": shape.batch * workload.seq_len, "N": cols, "K": contraction},
                f"layer {name} of {shape.name} at {workload.seq_len} tokens",
            )

    def resolve(self, workload: Workload, designs: Designs, accounting: Accounting) -> Designs:
        """Choose every layer's tile, the best of all that fit; 0 where none does."""
        del accounting
        rows = workload.transformer.batch * workload.seq_len
        binding: dict[str, Int64s] = {}
        capacity = designs.buffer_bytes // WORD_BYTES
        same_array = list(groups(designs.array_rows, designs.array_cols))
        for name, (cols, contraction) in layers(workload.transformer).items():
            m1, n1 = (np.zeros(len(designs), dtype=np.int64) for _ in range(2))
            for group in same_array:
                array_rows, array_cols = (
                    int(side[group[0]]) for side in (designs.array_rows, designs.array_cols)
                )
                if rows % array_cols or cols % array_rows:
                    continue
                choices = tiles(rows, cols, contraction, array_rows, array_cols)
                fits = np.searchsorted(choices.words, capacity[group], side="right") - 1
                chosen = choices.best[fits]
                m1[group] = np.where(fits >= 0, choices.rows[chosen], 0)
                n1[group] = np.where(fits >= 0, choices.cols[chosen], 0)
            binding |= {f"{name}_m1": m1, f"{name}_n1": n1}
        return designs.with_columns(binding=binding)

    def violations(
        self, workload: Workload, designs: Designs, accounting: Accounting
    ) -> dict[str, Int64s]:
        """Return the constraints' magnitudes for resolved designs."""
        del accounting
        shape = workload.transformer
        each = layers(shape).values()
        least_bytes = bounded_product(
            WORD_BYTES * max(contraction for _, contraction in each),
            designs.array_rows + designs.array_cols,
        )
        return {
            "array_rows_remainder": np.max([cols % designs.array_rows for cols, _ in each], axis=0),
            "array_cols_remainder": shape.batch * workload.seq_len % designs.array_cols,
            **buffer_rows(designs),
            "buffer_short_bytes": least_bytes - designs.buffer_bytes,
        }

    def activities(
        self,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count = LoopNest,
    ) -> dict[str, Activity]:
        """Return every layer's activity for feasible, resolved designs."""
        shape = workload.transformer
        rows = shape.batch * workload.seq_len
        wrapped = not accounting.repairs(Correction.Q5)
        array_rows, array_cols = shared(designs.array_rows), shared(designs.array_cols)
        known: dict[tuple[int, int], Activity] = {}
        activities = {}
        for name, (cols, contraction) in layers(shape).items():
            if (cols, contraction) not in known:
                m1, n1 = (shared(designs.binding[f"{name}_{tile}"]) for tile in ("m1", "n1"))
                factors = Factors(
                    {
                        "M2": rows // (m1 * array_cols),
                        "N2": cols // (n1 * array_rows),
                        "M1": m1,
                        "N1": n1,
                        "K": contraction,
                        "M0": array_cols,
                        "N0": array_rows,
                    }
                )
                nest = count(LINEAR_MAPPING, factors, wrapped=wrapped)
                known[cols, contraction] = activity(nest, wrapped=wrapped)
            activities[name] = known[cols, contraction]
        return activities
