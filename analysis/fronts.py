"""Pareto fronts of objectives, and how good a front is by its hypervolume.

A point dominates another that it equals or undercuts in every objective and undercuts in one;
objectives that are maximised count with the other sign.
A point that none dominates is on the front; equal points do not dominate each other, so designs
that tie are all on it. Both algorithms are those of `moocore`; this module adds the fronts of
tables, the comparison of fronts and checks of the values, as infinities can crash `moocore`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import moocore  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MAX_OBJECTIVES = 5
"""Of m objectives a front takes O(n log^(m-2) n), and O(n log n) at least. A hypervolume takes
O(n log n) up to three objectives, O(n^2) of four, O(n^3) of five; beyond, the cost grows fast."""

MARGIN = 1.1
"""The reference point lies this factor beyond the worst of the true front, so its ends count."""

Values = NDArray[np.float64]


def non_dominated(values: Values) -> NDArray[np.bool_]:
    """Tell which points are on the front of minimised objectives; comparisons alone, so exact.

    By sorting and sweeping: Kung, Luccio and Preparata, "On finding the maxima of a set of
    vectors", J. ACM 22(4), 1975.

    Args:
        values: shape (n, m), one row a point, one column an objective in any unit; m is 1 to
            `MAX_OBJECTIVES`.

    Returns:
        Shape (n,): true where no other point dominates. All copies of such a point are true.

    Raises:
        ValueError: another shape, or a value that is not finite.

    """
    _check(values)
    mask: NDArray[np.bool_] = moocore.is_nondominated(values, keep_weakly=True)
    return mask


def pareto_front(
    table: pd.DataFrame, objectives: Sequence[str], maximised: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows of a table that are on its front, in an order that is theirs alone.

    Args:
        table: one row a design; the columns beside the objectives identify it. All can be sorted.
        objectives: columns of float64, one to `MAX_OBJECTIVES`.
        maximised: those of them of which more is better.

    Returns:
        The rows with all columns, sorted by the objectives, then by the remaining columns from
        left to right, and numbered anew. Designs that tie are all kept.

    Raises:
        ValueError: an objective that is not finite.

    """
    return pareto_front_of_chunks([table], objectives, maximised)


def pareto_front_of_chunks(
    chunks: Iterable[pd.DataFrame], objectives: Sequence[str], maximised: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the front of a table that arrives in pieces, as `pareto_front` of the whole would.

    Memory holds the front so far and at most two chunks. A chunk of c rows costs what a front of n
    does, where n is c plus the rows of the front so far, so chunks no smaller than the front suit
    best.
    Neither the cuts nor the order of the chunks change the result. A front is itself a chunk, so
    the fronts of parts merge.

    Args:
        chunks: at least one table with the same columns, see `pareto_front`.
        objectives: see `pareto_front`.
        maximised: see `pareto_front`.

    Raises:
        ValueError: no chunk, or an objective that is not finite.

    """
    import pandas as pd  # noqa: PLC0415  # workers, which need no tables, start sooner

    front: pd.DataFrame | None = None
    for chunk in chunks:
        kept = _keep_non_dominated(chunk, objectives, maximised)
        front = (
            kept
            if front is None
            else _keep_non_dominated(pd.concat([front, kept]), objectives, maximised)
        )
    if front is None:
        raise ValueError("no chunk: the columns of the front are unknown")
    identity = [column for column in front.columns if column not in objectives]
    return front.sort_values([*objectives, *identity], ignore_index=True)


def hypervolume(front: Values, reference: Values) -> float:
    """Return the volume that lies between a set of points and a reference, united over the points.

    A larger volume is a better front (Zitzler and Thiele, PPSN V, 1998). Exact but for rounding,
    which is the same for any order of the points. Fonseca, Paquete and Lopez-Ibanez, "An improved
    dimension-sweep algorithm for the hypervolume indicator", CEC 2006; of four objectives and more
    Guerreiro and Fonseca, "Computing and updating hypervolume contributions in up to four
    dimensions", IEEE Trans. Evol. Comput. 22(3), 2018.

    Args:
        front: shape (n, m), minimised; m is 1 to `MAX_OBJECTIVES`. Dominated points and copies add
            nothing, nor do points that do not undercut the reference in every objective.
        reference: shape (m,), in the units of the front.

    Returns:
        The volume, in the product of the objectives' units.

    Raises:
        ValueError: another shape, or a value that is not finite.

    """
    if reference.shape != front.shape[1:]:
        raise ValueError(f"reference of shape {reference.shape} for front of {front.shape}")
    _check(reference[np.newaxis])
    # Sorted, as the rounding depends on the order; without dominated points, as sorting is slow.
    points = np.unique(front[non_dominated(front)], axis=0)
    return float(moocore.hypervolume(points, ref=reference))


def reference_point(true_front: Values, signs: Values | None = None) -> Values:
    """Return the reference for hypervolumes: the worst of the true front, times `MARGIN`.

    The worst (nadir) is the maximum of each objective over the front, of one that is maximised the
    minimum, which is divided by the factor; points that are not on the front are passed over. The
    factor is the same step on a logarithmic scale for any unit.

    Args:
        true_front: shape (n, m) with n at least 1, positive; m is 1 to `MAX_OBJECTIVES`.
        signs: shape (m,), -1 for an objective that is maximised, else 1; all are 1 where None.

    Returns:
        Shape (m,), in the units of the front.

    Raises:
        ValueError: no point, another shape, or a value that is not positive and finite.

    """
    _check_positive(true_front)
    if not len(true_front):
        raise ValueError("a front without points has no reference")
    ways = _ways(true_front, signs)
    front = true_front[non_dominated(ways * true_front)]
    worst: Values = np.where(ways > 0, MARGIN * front.max(axis=0), front.min(axis=0) / MARGIN)
    return worst


def hypervolume_ratio(
    front: Values,
    true_front: Values,
    reference: Values | None = None,
    signs: Values | None = None,
) -> float:
    """Return which share of the true front's hypervolume a front covers, on logarithms.

    Areas and latencies span decades: on linear axes the worst decade would hold nearly all of the
    volume and the best designs none. So the volume is that of log10 of the objectives, up to the
    log10 of the reference; the ratio does not depend on units.

    Args:
        front: shape (n, m), positive, found by a search among the points behind the true front.
        true_front: shape (k, m) with k at least 1, positive, in the same units; m is 1 to
            `MAX_OBJECTIVES`.
        reference: shape (m,), in the same units; `reference_point` of the true front where None.
        signs: see `reference_point`.

    Returns:
        0 if no point undercuts the reference, 1 for the true front itself; above 1 only if the
        front dominates a part of what is said to be true.

    Raises:
        ValueError: no point in the true front, another shape, or a value that is not positive and
            finite.

    """
    _check_positive(front)
    ways = _ways(true_front, signs)
    end = ways * np.log10(reference_point(true_front, ways) if reference is None else reference)
    whole = hypervolume(ways * np.log10(true_front), end)
    return hypervolume(ways * np.log10(front), end) / whole


def signs_of(objectives: Sequence[str], maximised: Sequence[str]) -> Values:
    """Return -1 for each objective that is maximised, else 1, shape (m,)."""
    return np.array([-1.0 if name in maximised else 1.0 for name in objectives])


def _ways(values: Values, signs: Values | None) -> Values:
    return np.ones(values.shape[1]) if signs is None else signs


def _keep_non_dominated(
    table: pd.DataFrame, objectives: Sequence[str], maximised: Sequence[str]
) -> pd.DataFrame:
    ways = signs_of(objectives, maximised)
    return table[non_dominated(ways * table[list(objectives)].to_numpy(dtype=np.float64))]


def _check_positive(values: Values) -> None:
    _check(values)
    if not (values > 0).all():
        raise ValueError("objectives must be positive to have logarithms")


def _check(values: Values) -> None:
    if values.ndim != 2 or not 1 <= values.shape[1] <= MAX_OBJECTIVES:
        raise ValueError(f"points of 1 to {MAX_OBJECTIVES} objectives, not shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("objectives must be finite")
