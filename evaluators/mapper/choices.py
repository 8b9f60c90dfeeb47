"""A design's choices of an open binding: what they leave to the search, and what it found of them.

`evaluators.describe.open_binding` says which choices there are.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.open_binding import BUFFER as THROUGH
from evaluators.describe.open_binding import (
    CHUNK,
    DRAM,
    KEYS,
    NO,
    REGISTERS,
    YES,
    OpenBinding,
    Place,
    on_sides,
)
from evaluators.describe.parameters import Parameter
from evaluators.design import AUTOMATIC
from evaluators.errors import InputError
from evaluators.mapper.binding import Binding, BoundGroup
from evaluators.mapper.resources import LANES, PE, Resources
from evaluators.mapper.states import Freedom
from evaluators.mapper.structure import Structure
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

_ARRAYS = {"2d": PE, "1d": LANES}
_NAMES = {array: name for name, array in _ARRAYS.items()}
_READS = {DRAM: (OFF_CHIP,), THROUGH: (OFF_CHIP + BUFFER, BUFFER), REGISTERS: ("", EDGE)}

Values = Mapping[str, int]
"""Parameter -> its value, 0 where it is left open."""


class Choices:
    """The choices that an accelerator leaves open.

    Args:
        accelerator: one that leaves its binding open.

    """

    def __init__(self, accelerator: Accelerator) -> None:
        assert accelerator.open is not None
        self.structure = Structure.of(accelerator.cascade)
        self._open: OpenBinding = accelerator.open
        self._declared: Mapping[str, Parameter] = accelerator.open.parameters

    def chunks(self, values: Values, resources: Resources, keys: int) -> tuple[int, ...]:
        """Return keys in a chunk: of the multiple that is set, or of all that may be."""
        given = values.get(CHUNK, AUTOMATIC)
        multiples = (given,) if given else self._multiples
        return tuple(dict.fromkeys(resources.chunk(keys, each) for each in multiples))

    def freedom(self, values: Values) -> Freedom:
        """Return what the choices that are set leave to a search."""
        placed = {
            einsum: place
            for name, einsum in self._open.places.items()
            if (place := self._place(name, values)) is not None
        }
        return Freedom(
            arrays={einsum: (_ARRAYS[place.array],) for einsum, place in placed.items()},
            sides={
                einsum: tuple(each and self._ranks(einsum).get(each, each) for each in place.sides)
                for einsum, place in placed.items()
                if place.sides is not None
            },
            orders={
                einsum: tuple(self._ranks(einsum).get(each, each) for each in label.split())
                for name, einsum in self._open.orders.items()
                if (label := self._label(name, values)) is not None
            },
            keeps={
                (einsum.name, tensor): _READS[label]
                for name, (reader, tensor) in self._open.reads.items()
                if (label := self._label(name, values)) is not None
                for einsum in self.structure.einsums
                if reader in ("", einsum.name) and tensor in (each.name for each in einsum.operands)
            },
            tiles={of: values[name] for name, of in self._open.tiles.items() if values.get(name)},
            cuts={
                einsum: label == YES
                for name, einsum in self._open.cuts.items()
                if (label := self._label(name, values)) is not None
            },
        )

    def found(
        self, values: Values, binding: Binding, resources: Resources, extents: Mapping[str, int]
    ) -> dict[str, int]:
        """Return the choices as a binding has them, with the chunk that is set.

        Where none is, it is the least multiple of that size. Of orders that differ in loops of one
        step it is the first; a read that several Einsums do otherwise stays as it was.
        """
        groups = {self.structure.einsums[k].name: g for g in binding.groups for k in g.group}
        steps = {step.einsum: step for group in binding.groups for step in group.steps}
        told = dict(values)
        if CHUNK in self._declared and not values.get(CHUNK):
            told[CHUNK] = next(
                each
                for each in self._multiples
                if resources.chunk(extents[KEYS], each) == binding.chunk
            )
        for name, einsum in self._open.places.items():
            placement = steps[einsum].placement
            called = {rank: said for said, rank in self._ranks(einsum).items()}
            sides = tuple(each and called[each] for each in placement.sides)
            told[name] = self._index(name, Place(_NAMES[placement.array], sides).label)
        for name, einsum in self._open.orders.items():
            told[name] = told[name] or self._order(name, einsum, steps[einsum].placement.order)
        for name, (reader, tensor) in self._open.reads.items():
            users = [steps[reader]] if reader else steps.values()
            ways = {step.keep[tensor] for step in users if tensor in step.keep}
            for label in (said for said, keeps in _READS.items() if ways <= {*keeps}):
                told[name] = self._index(name, label)
        for name, (einsum, rank) in self._open.tiles.items():
            told[name] = self._tile(groups[einsum], rank, extents)
        for name, einsum in self._open.cuts.items():
            begins = groups[einsum].group.start == self.structure.place[einsum]
            told[name] = self._index(name, YES if begins else NO)
        return told

    @property
    def _multiples(self) -> tuple[int, ...]:
        domain = self._declared[CHUNK].domain if CHUNK in self._declared else None
        return tuple(int(each) for each in domain.values) if domain is not None else (1,)

    def _ranks(self, einsum: str) -> dict[str, str]:
        cascade = self.structure.cascade
        return on_sides(cascade, cascade.einsums[einsum])

    def _label(self, name: str, values: Values) -> str | None:
        """Return the label of a choice, None where it is left open."""
        value = values.get(name, AUTOMATIC)
        labels = self._declared[name].labels
        if value >= len(labels):
            raise InputError(f"{name} {value}: it must be {self._declared[name]}")
        return labels[value] if value else None

    def _place(self, name: str, values: Values) -> Place | None:
        label = self._label(name, values)
        return None if label is None else Place.of(label)

    def _index(self, name: str, label: str) -> int:
        return self._declared[name].labels.index(label)

    def _order(self, name: str, einsum: str, order: tuple[str, ...]) -> int:
        """Return the first order of all ranks that some of them have."""
        ranks = self._ranks(einsum)
        given = ((k, each.split()) for k, each in enumerate(self._declared[name].labels[1:], 1))
        return next(
            k
            for k, names in given
            if tuple(ranks[each] for each in names if ranks[each] in order) == order
        )

    def _tile(self, group: BoundGroup, rank: str, extents: Mapping[str, int]) -> int:
        """Return how much of a rank a tile of a group has."""
        if rank == self.structure.queries:
            return extents[rank] // (group.outer * group.inner)
        return extents[rank] // (group.keys if rank == self.structure.keys else 1)
