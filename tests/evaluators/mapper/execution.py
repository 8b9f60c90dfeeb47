"""A binding executed on numbers, step by step, in an order that its registers allow.

Every place has its own words: the stores, the registers of each array, the edge register. A step
reads where the binding says, and what has waited for its last reader is gone from registers. So a
partial sum, or a word that is no longer there, is a wrong number or none.
"""

from itertools import product

import numpy as np

from evaluators.mapper.binding import chunked
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP
from tests.evaluators.mapper.interleaving import Steps, meet

JOINS = {"sum": np.add, "max": np.maximum}
OPERATIONS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide,
    "max": np.maximum, "exp": np.exp, "relu": lambda x: np.maximum(x, 0),
}  # fmt: skip

STORE = "store"


def executed(binding, structure, resources, extents, inputs, more=0):
    """Return the last output of the cascade, with more words in each register file than it has.

    `NoOrder` where they allow no order of the steps.
    """
    run = _Run(binding, structure, resources, chunked(binding, structure, extents), inputs, more)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for bound in binding.groups:
            run.group(bound)
    return run.there[STORE, structure.einsums[-1].name]


class _Run:
    def __init__(self, binding, structure, resources, extents, inputs, more):
        self.structure, self.extents, self.resources = structure, extents, resources
        self.more = more
        self.along, self.previous = structure.cascade.along, structure.cascade.previous
        self.there = {(STORE, name): value for name, value in inputs.items()}

    def _words(self, where, tensor):
        """Return the words of a tensor in a place, as the Einsum has them that makes it."""
        if (where, tensor) not in self.there:
            place = self.structure.place.get(self.previous.get(tensor, tensor))
            if place is None:
                shape = self.there[STORE, tensor].shape
            else:
                ranks = self.structure.einsums[place].output.ranks
                shape = [self.extents[rank] for rank in ranks]
            self.there[where, tensor] = np.full(shape, np.nan)
        return self.there[where, tensor]

    def group(self, bound):
        self.steps = Steps(bound, self.structure, self.resources, self.extents, self.more)
        order = self.steps.order()
        queries, keys = self.structure.queries, self.structure.keys
        for outer in range(bound.outer):
            for key, inner in product(range(bound.keys), range(bound.inner)):
                self.tile = {
                    queries: self._first(queries, bound.outer * bound.inner, outer + inner),
                    keys: self._first(keys, bound.keys, key),
                }
                last = key == bound.keys - 1
                done = dict.fromkeys(bound.group, 0)
                for place, turn in order:
                    if last or self.structure.has_keys(place):
                        self._step(place, turn)
                        done[place] += 1
                        self._forget((place, turn), done)

    def _first(self, rank, tiles, which):
        return self.extents.get(rank, 1) // tiles * which

    def _forget(self, step, done):
        """Lose what has waited for its last reader."""
        ended = [each for each in self.steps.waits if each.until == step]
        for each in ended:
            tensor, block = each.word[-2:]
            if not any(
                other.word[-2] == tensor
                and other.where == each.where
                and meet(dict(other.word[-1]), dict(block))
                and done.get(other.since[0], 1) > other.since[1]
                and done[other.until[0]] <= other.until[1]
                for other in self.steps.waits
            ):
                self._at(each.where, tensor, step[0], dict(block))[...] = np.nan

    def _at(self, where, tensor, place, block):
        """Return a view of a tensor's words in a block of the tile."""
        words = self._words(where, tensor)
        state = self.previous.get(tensor, tensor)
        made = self.structure.place.get(state)
        ranks = (
            self.steps.ranks(tensor, place)
            if made is None
            else self.structure.einsums[made].output.ranks
        )
        where_in = []
        for rank in ranks:
            first = self.tile.get(rank, 0)
            if rank in block:
                where_in.append(slice(first + block[rank][0], first + block[rank][1]))
            elif rank == self.along:
                last = rank not in self.steps.ranks(tensor, place)
                at = self.extents[rank] - 1 if last else first
                where_in.append(slice(at, at + 1))
            else:
                where_in.append(slice(None))
        return words[tuple(where_in)]

    def _step(self, place, turn):
        einsum, step = self.structure.einsums[place], self.steps.steps[place]
        block = self.steps.block(place, turn, einsum.ranks)
        ranks = list(einsum.ranks)
        read = {each.name: self._read(each, place, block, ranks) for each in einsum.operands}

        def value(formula):
            if formula.operation == "tensor":
                return read[formula.tensor]
            if formula.operation == "number":
                return formula.number
            if formula.operation == "product":
                return np.prod(np.broadcast_arrays(*read.values()), axis=0)
            return OPERATIONS[formula.operation](*(value(each) for each in formula.operands))

        size = {rank: last - first for rank, (first, last) in block.items()}
        shape = [1 if rank == self.along else size.get(rank, self.extents[rank]) for rank in ranks]
        found = np.broadcast_to(value(einsum.formula), shape)
        summed = tuple(k for k, rank in enumerate(ranks) if rank in einsum.reduced)
        if summed:
            found = JOINS[einsum.reduction].reduce(found, axis=summed)
        kept = [rank for rank in ranks if rank not in einsum.reduced]
        found = found.transpose([kept.index(rank) for rank in einsum.output.ranks])
        keep = step.keep[einsum.name]
        wheres = [step.placement.array, *([EDGE] if self._sends(place, keep) else [])]
        wheres += [STORE] if {OFF_CHIP, BUFFER} & set(keep) else []
        if summed:
            old = self._at(wheres[-1], einsum.name, place, block)
            found = np.where(np.isnan(old), found, JOINS[einsum.reduction](old, found))
        for where in wheres:
            self._at(where, einsum.name, place, block)[...] = found

    def _sends(self, place, keep):
        """Tell whether an Einsum's result goes to the other array through the edge register."""
        sent = any(source == place and sent for _, source, _, sent in self.steps.transfers())
        return EDGE in keep or sent

    def _read(self, tensor, place, block, ranks):
        step = self.steps.steps[place]
        array, keep = step.placement.array, step.keep[tensor.name]
        crossing = any(
            name == tensor.name and target == place and sent
            for name, _, target, sent in self.steps.transfers()
        )
        if keep in ("", EDGE):
            values = self._at(EDGE if crossing else array, tensor.name, place, block)
        else:
            values = self._stored(tensor, place, block)
        held = self._at(array, tensor.name, place, block)
        held[...] = values
        made = self.structure.place.get(self.previous.get(tensor.name, tensor.name))
        own = tensor.ranks if made is None else self.structure.einsums[made].output.ranks
        axes = [rank for rank in ranks if rank in own]
        values = values.transpose([
            *(own.index(rank) for rank in axes),
            *(k for k, rank in enumerate(own) if rank not in axes),
        ])  # fmt: skip
        sizes = dict(zip(axes, values.shape, strict=False))
        return values.reshape([sizes.get(rank, 1) for rank in ranks])

    def _stored(self, tensor, place, block):
        """Return what a store has; of a state's earlier value the one of the chunk before."""
        state = self.previous.get(tensor.name)
        if state is None:
            return self._at(STORE, tensor.name, place, block)
        chunk = self.tile[self.along]
        if not chunk:
            first = -np.inf if self._is_max(state) else 0.0
            return np.full_like(self._at(STORE, state, self.structure.place[state], block), first)
        self.tile[self.along] = chunk - 1
        found = self._at(STORE, state, self.structure.place[state], block)
        self.tile[self.along] = chunk
        return found

    def _is_max(self, state):
        return self.structure.einsums[self.structure.place[state]].formula.operation == "max"
