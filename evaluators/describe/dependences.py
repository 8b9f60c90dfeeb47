"""Which Einsums of a cascade need the results of which others; previous values of states apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from evaluators.describe.cascade import Einsum


@dataclass(frozen=True)
class Dependences:
    """The dependences of Einsums, which are known by their places in the cascade's order."""

    einsums: tuple[Einsum, ...]

    @cached_property
    def _ahead(self) -> tuple[frozenset[int], ...]:
        """The Einsums that need the result of each, directly or not."""
        ahead: list[frozenset[int]] = [frozenset()] * len(self.einsums)
        for place in reversed(range(len(self.einsums))):
            name = self.einsums[place].name
            direct = [
                k for k, each in enumerate(self.einsums) if name in (t.name for t in each.operands)
            ]
            ahead[place] = frozenset(direct).union(*(ahead[each] for each in direct))
        return tuple(ahead)

    def on_path(self, source: int, target: int) -> tuple[int, ...]:
        """Return the Einsums on a dependence path from one to another, the latter not among them.

        Empty where the second does not need the first.
        """
        if target not in self._ahead[source]:
            return ()
        return tuple(
            place
            for place in range(source, target)
            if place == source or (place in self._ahead[source] and target in self._ahead[place])
        )
