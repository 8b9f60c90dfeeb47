"""What the rules ask of a cascade, derived from its Einsums: who reads what, what waits for what.

Nothing here knows an Einsum or a rank by name (docs/model/open-bindings.md, section 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evaluators.describe.cascade import Cascade, Einsum, Formula, Tensor
from evaluators.describe.dependences import Dependences
from evaluators.describe.passes import passes


@dataclass(frozen=True)
class Group:
    """Consecutive Einsums of a cascade that run under the same shared loops: [start, stop)."""

    start: int
    stop: int

    def __contains__(self, place: int) -> bool:
        return self.start <= place < self.stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))


@dataclass(frozen=True, eq=False)
class Structure:
    """A cascade as the rules see it.

    Attributes:
        cascade: its Einsums are known by their place in its order.
        batch: the ranks that every tensor has; whole at the shared loops.
        queries: the rank that every result keeps, which is cut at the shared loops; '' where there
            is none.
        keys: the rank over which the passes are made, or the chunks of a cascade with states.

    """

    cascade: Cascade
    batch: tuple[str, ...]
    queries: str
    keys: str

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, cascade: Cascade) -> Structure:
        """Derive the roles of the ranks.

        Equal cascades have one structure, so that all searches of them share what they count.
        """
        einsums = tuple(cascade.einsums.values())
        batch = cascade.batch
        common = (
            rank
            for rank in cascade.ranks
            if rank not in (*batch, cascade.along)
            and all(rank in each.output.ranks for each in einsums)
        )
        queries = next(common, "")
        others = [rank for rank in cascade.ranks if rank not in (*batch, queries)]

        def visits(rank: str) -> tuple[int, int]:
            return passes(cascade, rank), sum(rank in each.ranks for each in einsums)

        keys = cascade.along or max(others, key=visits, default="")
        return cls(cascade, batch, queries, keys)

    @cached_property
    def einsums(self) -> tuple[Einsum, ...]:
        """The Einsums in order."""
        return tuple(self.cascade.einsums.values())

    @property
    def whole(self) -> Group:
        """All Einsums as one group."""
        return Group(0, len(self.einsums))

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Tensor -> the place of the Einsum that produces it."""
        return {each.name: place for place, each in enumerate(self.einsums)}

    @cached_property
    def readers(self) -> Mapping[str, tuple[int, ...]]:
        """Tensor -> the places of the Einsums that read it."""
        found: dict[str, list[int]] = {each.name: [] for each in self.einsums}
        for place, each in enumerate(self.einsums):
            for operand in each.operands:
                found.setdefault(operand.name, []).append(place)
        return {name: tuple(places) for name, places in found.items()}

    @cached_property
    def previous_of(self) -> Mapping[str, str]:
        """State -> the name of its previous value."""
        return {state: name for name, state in self.cascade.previous.items()}

    @cached_property
    def _dependences(self) -> Dependences:
        return Dependences(self.einsums)

    def on_path(self, source: int, target: int) -> tuple[int, ...]:
        """Return the Einsums on a dependence path from one to another, see `Dependences`."""
        return self._dependences.on_path(source, target)

    def has_keys(self, place: int) -> bool:
        """Tell whether an Einsum runs over the keys; one that does not runs after their loop."""
        return self.keys in self.einsums[place].ranks

    def sums_keys(self, place: int) -> bool:
        """Tell whether an Einsum's result is complete only after the whole loop over the keys."""
        return self.keys in self.einsums[place].reduced

    def operations(self, place: int) -> dict[str, int]:
        """Return operations per point: 'multiply-add', 'add', 'max', 'exp', 'divide'."""
        return _operations(self.einsums[place])

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Where the cascade may be cut: before which places. A recurrence is not cut."""
        return tuple(
            cut
            for cut in range(1, len(self.einsums))
            if not any(
                reader < cut <= self.place[state]
                for name, state in self.cascade.previous.items()
                for reader in self.readers[name]
            )
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every legal group."""
        ends = (0, *self.cuts, len(self.einsums))
        return tuple(Group(a, b) for k, a in enumerate(ends) for b in ends[k + 1 :])

    def leaves(self, tensor: str, group: Group) -> tuple[Tensor, ...]:
        """Return how the Einsums outside a group read a tensor produced in it; () if none does.

        What nobody reads leaves as it is: it is the cascade's result.
        """
        output = self.einsums[self.place[tensor]].output
        if not self.readers[tensor]:
            return (output,)
        names = dict.fromkeys((tensor, self.previous_of.get(tensor, tensor)))
        return tuple(
            operand
            for name in names
            for place in self.readers[name]
            if place not in group
            for operand in self.einsums[place].operands
            if operand.name == name
        )

    def once(self, outside: tuple[Tensor, ...]) -> bool:
        """Tell whether those who read a state outside its group read its last value alone."""
        return all(self.cascade.along not in each.ranks for each in outside)

    def complete(self, group: Group) -> bool:
        """Tell whether a loop over a part of the keys leaves every consumer a complete operand.

        Inside such a loop what sums over the keys is a partial sum (rule 7).
        """
        return not any(
            self.sums_keys(place) and self.has_keys(reader)
            for place in group
            for reader in self.readers[self.einsums[place].name]
            if reader in group
        )


def _operations(einsum: Einsum) -> dict[str, int]:
    found: dict[str, int] = {}

    def count(formula: Formula) -> None:
        name = {"+": "add", "-": "add", "*": "multiply-add", "product": "multiply-add"}.get(
            formula.operation, {"/": "divide"}.get(formula.operation, formula.operation)
        )
        if name not in ("tensor", "number"):
            found[name] = found.get(name, 0) + 1
        for each in formula.operands:
            count(each)

    count(einsum.formula)
    if einsum.reduced and "multiply-add" not in found:
        joined = {"sum": "add"}.get(einsum.reduction, einsum.reduction)
        found[joined] = found.get(joined, 0) + 1
    return found
