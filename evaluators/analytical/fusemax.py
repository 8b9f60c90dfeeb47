"""The FuseMax cascade on a design: +Cascade, +Architecture and +Binding.

Chunks of M0 = R keys stay on the rows of the 2D array while P1 tiles of P0 = C queries, resident in
the global buffer, pass over them (docs/model/mappings.md#fusemax).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.activity import Activity, activity
from evaluators.analytical.counting import Count
from evaluators.analytical.feasibility import remainders
from evaluators.describe.mapping import Mapping
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.columns import Column, Factors, bounded_product, divisors, shared
from evaluators.engine.loopnest import LoopNest, check_attention
from evaluators.workloads.workload import Workload

Int64s = NDArray[np.int64]


@dataclass(frozen=True)
class FuseMax:
    """The loop nests of the FuseMax cascade.

    Attributes:
        mappings: one an Einsum, in the cascade's order.
        mappings_per_chunk: the same with one SLNV a chunk (correction Q6).
        keeps_scores: a row of QK and one of SLN stay in the buffer for every query (+Cascade).
        published_tiling_bytes: the published accounting tiles queries for no larger a buffer than
            this (quirk Q7).

    """

    mappings: dict[str, Mapping]
    mappings_per_chunk: dict[str, Mapping]
    keeps_scores: bool = False
    published_tiling_bytes: int | None = None

    def check(self, workload: Workload) -> None:
        """Raise `InputError` where the counts of an Einsum pass what is exact."""
        check_attention(workload)

    def resolve(self, workload: Workload, designs: Designs, accounting: Accounting) -> Designs:
        """Fill in automatic query tiles: the largest divisor of L/C that fits the buffer."""
        automatic = designs.query_tiles == AUTOMATIC
        if not automatic.any():
            return designs
        fits = self._most_tiles(workload, designs, accounting)
        tiles = designs.query_tiles.copy()
        for cols in np.unique(designs.array_cols[automatic]):
            rows = automatic & (designs.array_cols == cols)
            choices = divisors(max(1, workload.seq_len // int(cols)))
            most = np.searchsorted(choices, fits[rows], side="right") - 1
            tiles[rows] = choices[np.maximum(0, most)]
        return designs.with_columns(query_tiles=tiles)

    def violations(
        self, workload: Workload, designs: Designs, accounting: Accounting
    ) -> dict[str, Int64s]:
        """Return the constraints' magnitudes for resolved designs."""
        tiles, cols = designs.query_tiles, designs.array_cols
        return remainders(workload, designs, lanes_cut=bounded_product(tiles, cols)) | {
            "query_tiles_remainder": np.maximum(1, workload.seq_len // cols) % tiles,
            "buffer_short_bytes": bounded_product(
                tiles, cols, self._bytes_per_query(workload, designs)
            )
            + _chunk_bytes(workload, designs)
            - self._tiling_bytes(designs, accounting),
        }

    def activities(
        self,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count = LoopNest,
    ) -> dict[str, Activity]:
        """Return every Einsum's activity for feasible, resolved designs, in the cascade's order."""
        per_chunk = accounting.repairs(Correction.Q6)
        wrapped = not accounting.repairs(Correction.Q5)
        factors = _factors(workload, designs)
        mappings = self.mappings_per_chunk if per_chunk else self.mappings
        return {
            name: activity(
                count(mapping, factors[_array(mapping)], wrapped=wrapped), wrapped=wrapped
            )
            for name, mapping in mappings.items()
        }

    def _bytes_per_query(self, workload: Workload, designs: Designs) -> Int64s:
        """Bytes a resident query row takes: Q, RNV, RM and RD, for +Cascade also QK and SLN."""
        shape = workload.transformer
        words = shape.query_width + shape.value_width + 2
        scores = 2 * designs.array_rows if self.keeps_scores else np.zeros_like(designs.array_rows)
        return 2 * (words + scores)

    def _tiling_bytes(self, designs: Designs, accounting: Accounting) -> Int64s:
        """Bytes of the buffer that queries are tiled for."""
        if self.published_tiling_bytes is None or accounting.repairs(Correction.Q7):
            return designs.buffer_bytes
        return np.minimum(designs.buffer_bytes, self.published_tiling_bytes)

    def _most_tiles(self, workload: Workload, designs: Designs, accounting: Accounting) -> Int64s:
        available = self._tiling_bytes(designs, accounting) - _chunk_bytes(workload, designs)
        tile_bytes = bounded_product(self._bytes_per_query(workload, designs), designs.array_cols)
        fits: Int64s = np.maximum(0, available) // tile_bytes
        return fits


def _chunk_bytes(workload: Workload, designs: Designs) -> Int64s:
    """Bytes of one chunk of BK and BV."""
    shape = workload.transformer
    chunk: Int64s = bounded_product(2 * (shape.query_width + shape.value_width), designs.array_rows)
    return chunk


def _array(mapping: Mapping) -> str:
    """Which array an Einsum's spatial loops unroll on: both sides of the 2D array, or the lanes."""
    return "2d" if any(level.name == "reg_file_1d" for level in mapping.levels) else "1d"


def _factors(workload: Workload, designs: Designs) -> dict[str, Factors]:
    """Return the loop factors of the Einsums on either array."""
    shape, seq_len = workload.transformer, workload.seq_len
    rows, cols, lanes = (
        shared(column) for column in (designs.array_rows, designs.array_cols, designs.vector_lanes)
    )
    queries = shared(designs.query_tiles * designs.array_cols)
    common: dict[str, Column] = {
        "B": shape.batch,
        "H": shape.heads,
        "E": shape.query_width,
        "F": shape.value_width,
        "P2": seq_len // queries,
        "M1": seq_len // rows,
        "M0": rows,
    }
    return {
        "2d": Factors(common | {"P1": shared(designs.query_tiles), "P0": cols}),
        "1d": Factors(common | {"P1": queries // lanes, "P0": lanes}),
    }
