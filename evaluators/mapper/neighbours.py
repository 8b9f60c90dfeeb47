"""What the least latencies of machines say of one another.

A larger buffer, more registers or a faster memory make no binding illegal and none slower
(docs/model/open-bindings.md, section 7): a machine is no faster than one that has at least as much
of each, and no slower than one that has no more of any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.resources import Resources
from evaluators.mapper.structure import Structure

_STORES = ("buffer_bytes", "dram_bytes_per_s", "pe_registers", "lane_registers")
"""What machines may have more of than a neighbour; all else is the same."""


class Neighbours:
    """Machines that differ by their stores alone, and the least latencies that are known."""

    def __init__(self) -> None:
        self._sizes = np.zeros((0, len(_STORES)))
        self._latency_s = np.zeros(0)

    def between(self, resources: Resources) -> tuple[float, float]:
        """Return what a machine takes at least and at most; infinite where nothing fits it."""
        own = _sizes(resources)
        more = (self._sizes >= own).all(axis=1)
        fewer = (self._sizes <= own).all(axis=1)
        return (
            float(self._latency_s[more].max(initial=0.0)),
            float(self._latency_s[fewer].min(initial=np.inf)),
        )

    def add(self, resources: Resources, latency_s: float) -> None:
        """Add what a machine takes at least, infinite where nothing fits it.

        What others said already tells nothing new.
        """
        if self.between(resources) == (latency_s, latency_s):
            return
        self._sizes = np.vstack((self._sizes, _sizes(resources)))
        self._latency_s = np.append(self._latency_s, latency_s)


def neighbours(
    cascades: Mapping[str, Structure],
    resources: Resources,
    extents: Mapping[str, int],
    limits: Limits,
) -> Neighbours:
    """Return the machines around one that the same is searched for."""
    none: dict[str, Any] = dict.fromkeys(_STORES, 0)
    bare = replace(resources, **none)
    asked = replace(limits, within=None, seconds=None)
    return _around(tuple(cascades.values()), bare, tuple(extents.items()), asked)


@lru_cache(maxsize=64)
def _around(
    cascades: tuple[Structure, ...],
    bare: Resources,
    extents: tuple[tuple[str, int], ...],
    asked: Limits,
) -> Neighbours:
    return Neighbours()


def _sizes(resources: Resources) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([getattr(resources, name) for name in _STORES], float)
