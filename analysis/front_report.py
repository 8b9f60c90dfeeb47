"""How designs and fronts stand against a reference front: who dominates whom, and by what factor.

A reference front is a table of non-dominated designs, one row each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.fronts import hypervolume_ratio, reference_point, signs_of


def dominators(
    front: pd.DataFrame,
    point: Mapping[str, float],
    objectives: Sequence[str],
    maximised: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the designs of a front that dominate a point, the best first.

    Args:
        front: one row a design; the objectives are columns, positive.
        point: objective -> value, positive, in the units of the front.
        objectives: what both are compared by.
        maximised: those of them of which more is better.

    Returns:
        The rows of the front that are nowhere worse than the point and somewhere better, each
        objective replaced by its factor, the design's value over the point's; sorted by the product
        of the factors, those of what is maximised inverted, then as in the front. None where no
        design of the front dominates the point, and then no design behind the front does.

    """
    values = front[list(objectives)].to_numpy(dtype=float)
    bounds = np.array([point[name] for name in objectives])
    ways = signs_of(objectives, maximised)
    costs, limits = ways * values, ways * bounds
    better = (costs <= limits).all(axis=1) & (costs < limits).any(axis=1)
    factors = values[better] / bounds
    found = front[better].assign(**dict(zip(objectives, factors.T, strict=True)))
    order = np.argsort((factors**ways).prod(axis=1), kind="stable")
    best: pd.DataFrame = found.iloc[order].reset_index(drop=True)
    return best


@dataclass(frozen=True)
class Quality:
    """How much of a true front a search found.

    Attributes:
        hypervolume_ratio: see `analysis.fronts.hypervolume_ratio`; 1 is all of it.
        reference: objective -> the reference point of the hypervolumes.

    """

    hypervolume_ratio: float
    reference: dict[str, float]


def quality(
    front: pd.DataFrame,
    true_front: pd.DataFrame,
    objectives: Sequence[str],
    reference: NDArray[np.float64] | None = None,
    maximised: Sequence[str] = (),
) -> Quality:
    """Compare a front with the true one, by objectives that are columns of both.

    Volumes reach up to the reference, where all of the true front undercuts it; else up to
    `analysis.fronts.reference_point` of the true front.
    """
    ways = signs_of(objectives, maximised)
    found, true = (each[list(objectives)].to_numpy(dtype=float) for each in (front, true_front))
    if reference is None or not (ways * true < ways * reference).all():
        reference = reference_point(true, ways)
    return Quality(
        hypervolume_ratio(found, true, reference, ways),
        dict(zip(objectives, reference.tolist(), strict=True)),
    )
