"""Pinned designs: the paper's own points that belong to a study, each with an id of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluators.protocol import evaluator
from search_spaces.space import SearchSpace
from studies.paper import Point, points
from studies.specification import Specification


@dataclass(frozen=True)
class Pin:
    """A design of the paper as values of a study's parameters.

    Attributes:
        id: where it stands in the paper, as 'attention/binding/BERT/262144/256'.
        columns: parameter -> natural value, shape (1,).

    """

    id: str
    columns: dict[str, NDArray[np.int64]]


def pins(study: Specification) -> tuple[list[Pin], list[str]]:
    """Return the paper's designs inside a study's space, and the ids of those outside it.

    A point belongs to a study if its configuration and one of its workloads are the study's, and
    the evaluator runs a design's own binding. Points that are the same design are pinned once,
    under the first one's id.
    """
    inside: list[Pin] = []
    outside: list[str] = []
    known: set[int] = set()
    space = study.space
    workloads = {replace(each, padded=False) for each in study.workloads}
    own = study.pinned and evaluator(study.evaluator).own_binding
    for point in points() if own else ():
        if point.configuration in space.configurations and point.workload in workloads:
            for row in range(len(point.designs)):
                pin = _pin(point, row, space)
                if not space.contains(pin.columns)[0]:
                    outside.append(pin.id)
                elif (number := int(space.index(pin.columns)[0])) not in known:
                    known.add(number)
                    inside.append(pin)
    return inside, outside


def _pin(point: Point, row: int, space: SearchSpace) -> Pin:
    design = point.designs.take([row])
    labels = (
        point.study,
        point.configuration,
        point.workload.transformer.name,
        point.workload.keys,
        design.columns["array_rows"][0],
    )
    return Pin("/".join(map(str, labels)), space.columns(point.configuration, design))
