"""How a design is fitted and charged where nothing is said (docs/how-to/evaluate.md#defaults).

The points of the paper are as the paper has them; anything else is padded, and its accounting is
the corrected one: the slips of the published one have no sensible extension.
"""

from __future__ import annotations

from collections.abc import Iterable

from evaluators.describe.catalogue import described

PAPERS = {"accounting": "published", "fit": "strict"}
"""Of the points of figures 6 to 12 (`studies.paper.are_points`) and of the built-in studies."""

OWN = {"accounting": "corrected", "fit": "pad"}
"""Of any other design, and of studies from files."""

MAPPER = "mapper"
"""The evaluator that finds bindings itself: no design of its is a point of the paper, none pads."""

_MAPPED = OWN | {"fit": "strict"}


def own(configurations: Iterable[str], evaluator: str | None = None) -> dict[str, str]:
    """Return what is meant of configurations that are not the paper's points.

    That is `OWN`, but no binding that the mapper finds pads.
    """
    return _MAPPED if MAPPER in (evaluator, evaluator_of(configurations)) else OWN


def evaluator_of(configurations: Iterable[str]) -> str:
    """Return the evaluator of configurations where none is named."""
    return MAPPER if leave_open(configurations) else "analytical"


def leave_open(configurations: Iterable[str]) -> bool:
    """Tell whether one of the configurations leaves its binding open."""
    return any(described(name).open is not None for name in configurations)
