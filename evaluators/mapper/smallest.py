"""The machine of least area that reaches a latency, of a grid of machines, with few of them mapped.

Machines of the same sides are a family. In it a larger buffer and more registers make nothing
slower, so that a machine that is too slow speaks for all that have no more of anything, and one
that is fast enough leaves those of less area alone. Families are taken in the order of the least
area that they have, so that most have nothing left to offer when their turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import CORRECTED
from evaluators.design import Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.costs import prices
from evaluators.engine.evaluator import nests_of
from evaluators.mapper.resources import Resources, fusemax
from evaluators.workloads.closed_forms import attention
from evaluators.workloads.workload import Workload

SIDES = ("array_rows", "array_cols", "vector_lanes")
"""What machines of a family have in common."""

STORES = ("buffer_bytes", "pe_registers", "lane_registers")
"""What more of makes nothing slower."""

_PRICED = "binding"
"""An accelerator of the machine; its binding does not matter to areas."""

_PRODUCT_WORDS = 3
"""Of a register file beside which a product runs: its two factors and its sum."""

Areas = NDArray[np.float64]
Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Smallest:
    """What was found, and how.

    Attributes:
        sizes: parameter -> its value; None where no machine of the grid reaches the latency.
        area_um2: of the machine; infinite where there is none.
        machines: of the grid.
        bounded: those that lack PEs and lanes, or words beside them, for the products alone, or
            that have a buffer of no known price.
        mapped: those that were mapped. All others are no smaller than the one found, or have no
            more of anything than one that was mapped and is too slow.

    """

    sizes: Sizes | None
    area_um2: float
    machines: int
    bounded: int
    mapped: int


def grid() -> dict[str, Sequence[int]]:
    """Return the sizes of machines: their domains, of registers all up to the paper's."""
    declared = fusemax().parameters
    sizes: dict[str, Sequence[int]] = {}
    for name in (*SIDES, *STORES):
        domain, most = declared[name].domain, int(declared[name].default or 0)
        sizes[name] = [int(each) for each in domain.values] if domain else range(1, most + 1)
    return sizes


def smallest(
    workload: Workload,
    sizes: Mapping[str, Sequence[int]],
    latency_s: float,
    reaches: Callable[[Sizes], bool],
) -> Smallest:
    """Find the machine of least area that reaches a latency.

    Args:
        workload: attention.
        sizes: of `SIDES` and `STORES`, the values that there may be, ascending.
        latency_s: that is to be reached.
        reaches: tells whether the machine of some sizes does.

    """
    known = {name: np.array(sizes[name]) for name in (*SIDES, *STORES)}
    areas = _areas_um2(workload, known, latency_s)
    families = areas.reshape(-1, *(len(known[name]) for name in STORES))
    found, least, mapped = None, np.inf, 0
    for family in np.argsort(families.min((1, 2, 3)), kind="stable").tolist():
        sides = np.unravel_index(family, areas.shape[: len(SIDES)])

        def fast(stores: tuple[int, ...], sides: tuple[int, ...] = sides) -> bool:
            return reaches(_at(known, (*sides, *stores)))

        stores, tried = _smallest_of(families[family], least, fast)
        mapped += tried
        if stores is not None:
            found, least = _at(known, (*sides, *stores)), float(families[family][stores])
    return Smallest(found, least, areas.size, int(np.isinf(areas).sum()), mapped)


def _at(known: Mapping[str, NDArray[np.int64]], place: tuple[int, ...]) -> Sizes:
    """Return the sizes at a place of the grid."""
    return {name: int(each[k]) for (name, each), k in zip(known.items(), place, strict=True)}


def _areas_um2(
    workload: Workload, known: Mapping[str, NDArray[np.int64]], latency_s: float
) -> Areas:
    """Return the area of every machine; infinite where bounds say that it is none."""
    rows, columns, lanes, _, pe_words, lane_words = np.ix_(*known.values())
    products = rows * columns * (pe_words >= _PRODUCT_WORDS)
    products = products + lanes * (lane_words >= _PRODUCT_WORDS)
    enough = attention(workload).macs / (Resources().clock_hz * latency_s) <= products
    able = np.broadcast_to(enough, [len(each) for each in known.values()])
    places = np.nonzero(able)
    designs = Designs.of(
        **{name: each[k] for (name, each), k in zip(known.items(), places, strict=True)}
    )
    nests = nests_of(_PRICED, workload, designs, CORRECTED)
    chips = np.asarray(areas_um2(nests.accelerator.machine, nests.values, prices(nests))["chip"])
    areas = np.full(able.shape, np.inf)
    areas[places] = np.where(np.isnan(chips), np.inf, chips)
    return areas


def _smallest_of(
    areas: Areas, least: float, fast: Callable[[tuple[int, ...]], bool]
) -> tuple[tuple[int, ...] | None, int]:
    """Return the smallest machine of a family below an area, and how many were mapped.

    Those that have most of everything come first, and show whether there is any; then each leaves
    about half of the others, fast or not.
    """
    open_, found, mapped = areas < least, None, 0
    order = np.argsort(areas, axis=None)
    while open_.any():
        settled = open_.astype(np.int64)
        for axis in range(areas.ndim):
            settled = settled.cumsum(axis)
        if found is not None:
            larger = np.empty(areas.size, np.int64)
            larger[order] = open_.ravel()[order][::-1].cumsum()[::-1]
            settled = np.minimum(settled, larger.reshape(areas.shape))
        best = int(np.where(open_, settled, 0).argmax())
        place = tuple(int(each) for each in np.unravel_index(best, areas.shape))
        mapped += 1
        if fast(place):
            found = place
            open_ &= areas < areas[place]
        else:
            open_[tuple(slice(each + 1) for each in place)] = False
    return found, mapped
