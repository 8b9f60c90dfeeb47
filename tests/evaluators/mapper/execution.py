"""A binding executed on numbers in the order of its loops: what is read too early shows.

Einsums of a group run tile by tile of the shared loops. Inside a tile they run one after the other,
but for those that hand a tensor on past the buffer: these run the loops together that leave no more
words to wait than the rules say, and what only registers hold is lost when these loops go on. So a
partial sum, or a word that is no longer there, is a wrong number or none.
"""

from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import product
from math import gcd, prod

import numpy as np

from evaluators.mapper.binding import chunked, loop_nest
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

JOINS = {"sum": np.add, "max": np.maximum}
OPERATIONS = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide,
    "max": np.maximum, "exp": np.exp, "relu": lambda x: np.maximum(x, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Together:
    """Einsums that run some loops together, and the tensor that they hand on, from one to another.

    `held` is whether registers of one array hand it on, `words` what each holds, `apart` what each
    held if no loop ran together.
    """

    tensor: str
    source: int
    target: int
    einsums: frozenset
    loops: tuple
    held: bool
    words: int
    apart: int


class Circle(Exception):
    """Einsums that wait for one another if they run their loops together."""


def executed(binding, structure, resources, extents, inputs):
    """Return the last output of the cascade.

    Where Einsums cannot run as many loops together as they might, registers hold more; they must.
    """
    apart = set()
    while True:
        run = _Run(binding, structure, resources, chunked(binding, structure, extents), inputs)
        run.apart = apart
        try:
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                for bound in binding.groups:
                    run.group(bound)
            return run.values[structure.einsums[-1].name]
        except Circle as circle:
            apart.add(circle.args[0])


class _Run:
    def __init__(self, binding, structure, resources, extents, inputs):
        self.structure, self.extents, self.resources = structure, extents, resources
        self.along, self.previous = structure.cascade.along, structure.cascade.previous
        self.values = dict(inputs)
        for each in structure.einsums:
            shape = [extents[rank] for rank in each.output.ranks]
            self.values[each.name] = np.full(shape, np.nan)

    def group(self, bound):
        structure = self.structure
        nests = {}
        for place, step in zip(bound.group, bound.steps, strict=True):
            einsum = structure.einsums[place]
            _, counts = loop_nest(einsum, step, bound, structure, self.resources, self.extents)
            order = [(rank, counts[f"{rank}1"]) for rank in step.placement.order]
            nests[place] = [each for each in order if each[1] > 1]
        handed = list(self._handed(bound, nests))
        self._check_registers(bound, handed)
        lost = {each.tensor for each in handed} & {
            step.einsum
            for step in bound.steps
            if not {OFF_CHIP, BUFFER} & set(step.keep[step.einsum])
        }
        queries, keys = structure.queries, structure.keys
        inside = [k for k in bound.group if structure.has_keys(k)]
        behind = [k for k in bound.group if not structure.has_keys(k)]
        waiting = {each.tensor for each in handed if each.einsums & set(behind)}
        for outer in range(bound.outer):
            for key, inner in product(range(bound.keys), range(bound.inner)):
                tile = {
                    queries: _part(self.extents[queries], bound.outer * bound.inner, outer + inner),
                    keys: _part(self.extents[keys], bound.keys, key),
                }
                self._tile(inside, nests, handed, tile, lost - waiting)
            tile = {queries: _part(self.extents[queries], bound.outer, outer)}
            if bound.inner == 1:
                self._tile(behind, nests, handed, tile, lost)
        if bound.inner > 1:
            assert not behind

    def _tile(self, places, nests, handed, tile, lost):
        blocks = {
            place: {
                rank: tile.get(rank, (0, self.extents[rank]))
                for rank in self.structure.einsums[place].ranks
            }
            for place in places
        }
        needs = [each for each in handed if each.einsums <= set(places)]
        self._loops(places, {k: nests[k] for k in places}, blocks, needs, lost)
        for name in lost & {self.structure.einsums[k].name for k in places}:
            self.values[name][...] = np.nan

    def _handed(self, bound, nests):
        """Yield what runs together: for every use past the stores, with its nearest earlier one."""
        structure = self.structure
        steps = dict(zip(bound.group, bound.steps, strict=True))
        for place, step in steps.items():
            for operand in structure.einsums[place].operands:
                keep = step.keep[operand.name]
                maker = structure.place.get(operand.name, -1)
                users = [
                    k
                    for k in bound.group
                    if k < place
                    and operand.name in steps[k].keep
                    and steps[k].placement.array == step.placement.array
                ]
                crossing = maker in bound.group and not users
                crossing |= EDGE in keep or (
                    maker in bound.group
                    and (
                        steps[maker].placement.array != step.placement.array
                        and EDGE in steps[maker].keep[operand.name]
                    )
                )
                if keep not in ("", EDGE):
                    continue
                source = maker if crossing else users[-1]
                path = set(structure.on_path(source, place)) | {source, place}
                waits = structure.has_keys(source) and not structure.has_keys(place)
                loops = (
                    ()
                    if waits and bound.keys > 1
                    else self._common(operand, source, place, path, nests)
                )
                if (operand.name, source, place) in self.apart:
                    loops = ()
                shown = self._shown(operand.name, source)
                mine = {rank: n for rank, n in nests[source] if rank in shown}
                words = prod(n for rank, n in mine.items() if rank not in loops)
                yield Together(
                    operand.name,
                    source,
                    place,
                    frozenset(path),
                    loops,
                    not crossing,
                    words,
                    prod(mine.values()),
                )

    def _shown(self, name, place):
        """Return the ranks of a tensor as an Einsum has them."""
        return next(t.ranks for t in self.structure.einsums[place].tensors if t.name == name)

    def _check_registers(self, bound, handed):
        """Hold that every register file has room for all that waits in it."""
        steps = dict(zip(bound.group, bound.steps, strict=True))
        for place, step in steps.items():
            words = {each.name: 1 for each in self.structure.einsums[place].tensors}
            array = step.placement.array
            for each in handed:
                mine = each.held and steps[each.source].placement.array == array
                if mine and each.source <= place <= each.target:
                    words[each.tensor] = max(words.get(each.tensor, 0), each.words)
            held = sum(words.values())
            assert held <= self.resources.registers(array), (step.einsum, words)

    def _common(self, tensor, source, target, path, nests):
        found = []
        shown = self._shown(tensor.name, source)
        for ranks in zip(*([rank for rank, _ in nests[k]] for k in path), strict=False):
            summed = {r for k in path - {target} for r in self.structure.einsums[k].reduced} - (
                set() if self.structure.on_path(source, target) else set(shown)
            )
            if len(set(ranks)) > 1 or ranks[0] not in shown or ranks[0] in summed:
                break
            found.append(ranks[0])
        return tuple(found)

    def _loops(self, places, orders, blocks, needs, lost):
        """Run Einsums over their blocks, those together that hand something on in these loops."""
        leader = {place: place for place in places}
        for need in needs:
            if need.loops:
                joined = {leader[k] for k in need.einsums}
                leader = {k: min(joined) if at in joined else at for k, at in leader.items()}
        for at in self._in_order(places, leader):
            cluster = [k for k in places if leader[k] == at]
            inner = [each for each in needs if each.loops and each.einsums <= set(cluster)]
            if not inner:
                for place in cluster:
                    self._compute(place, blocks[place])
                continue
            ranks = {orders[k][0][0] if orders[k] else None for k in cluster}
            if len(ranks) > 1:
                least = min(inner, key=lambda each: (each.apart, each.source, each.target))
                raise Circle((least.tensor, least.source, least.target))
            (rank,) = ranks
            steps = gcd(*(orders[k][0][1] for k in cluster))
            same = all(orders[k][0][1] == steps for k in cluster)
            rest = [replace(each, loops=each.loops[1:] if same else ()) for each in inner]
            orders_in = {k: orders[k][1:] for k in cluster}
            outside = {each.tensor for each in needs if each not in inner}
            lost_in = lost - outside
            last = {each.tensor for each in rest} - {each.tensor for each in rest if each.loops}
            for i in range(steps):
                parts = {
                    k: {**blocks[k], rank: _part_of(blocks[k][rank], steps, i)} for k in cluster
                }
                self._loops(cluster, orders_in, parts, rest, lost_in)
                for name in last & lost_in:
                    output = self.structure.einsums[self.structure.place[name]].output
                    words = self._at(output, parts[self.structure.place[name]])
                    self.values[name][words] = np.nan

    def _in_order(self, places, leader):
        """Return the leaders in the dependences' order; what waits for each other is joined."""
        while True:
            depends = {at: set() for at in leader.values()}
            for place in places:
                for operand in self.structure.einsums[place].operands:
                    maker = self.structure.place.get(operand.name, -1)
                    if maker in leader and leader[maker] != leader[place]:
                        depends[leader[place]].add(leader[maker])
            try:
                return list(TopologicalSorter(depends).static_order())
            except CycleError as error:
                circle = set(error.args[1])
                for place in places:
                    if leader[place] in circle:
                        leader[place] = min(circle)

    def _at(self, tensor, block):
        return tuple(slice(*block[rank]) for rank in tensor.ranks)

    def _compute(self, place, block):
        einsum = self.structure.einsums[place]
        ranks = list(einsum.ranks)
        read = {each.name: self._read(each, ranks, block) for each in einsum.operands}

        def value(formula):
            if formula.operation == "tensor":
                return read[formula.tensor]
            if formula.operation == "number":
                return formula.number
            if formula.operation == "product":
                return np.prod(np.broadcast_arrays(*read.values()), axis=0)
            return OPERATIONS[formula.operation](*(value(each) for each in formula.operands))

        shape = [block[rank][1] - block[rank][0] for rank in ranks]
        found = np.broadcast_to(value(einsum.formula), shape)
        summed = tuple(k for k, rank in enumerate(ranks) if rank in einsum.reduced)
        if summed:
            found = JOINS[einsum.reduction].reduce(found, axis=summed)
        kept = [rank for rank in ranks if rank not in einsum.reduced]
        found = found.transpose([kept.index(rank) for rank in einsum.output.ranks])
        at = self._at(einsum.output, block)
        if summed:
            old = self.values[einsum.name][at]
            found = np.where(np.isnan(old), found, JOINS[einsum.reduction](old, found))
        self.values[einsum.name][at] = found

    def _read(self, tensor, ranks, block):
        state = self.previous.get(tensor.name, tensor.name)
        values = self.values[state]
        where = [block[rank] for rank in tensor.ranks]
        if state in self.structure.place and self.along:
            made = self.structure.einsums[self.structure.place[state]].output.ranks
            if self.along in made:
                values = np.moveaxis(values, made.index(self.along), 0)
                if tensor.name in self.previous:
                    first = np.full_like(values[:1], -np.inf if self._is_max(state) else 0.0)
                    values = np.concatenate([first, values[:-1]])
                    values = np.moveaxis(values, 0, made.index(self.along))
                elif self.along not in tensor.ranks:
                    values = values[-1]
                else:
                    values = np.moveaxis(values, 0, made.index(self.along))
        values = values[tuple(slice(*each) for each in where)]
        present = [rank for rank in ranks if rank in tensor.ranks]
        values = values.transpose([tensor.ranks.index(rank) for rank in present])
        return values.reshape([
            values.shape[present.index(rank)] if rank in present else 1 for rank in ranks
        ])  # fmt: skip

    def _is_max(self, state):
        return self.structure.einsums[self.structure.place[state]].formula.operation == "max"


def _part(extent, steps, k):
    return _part_of((0, extent), steps, k)


def _part_of(block, steps, k):
    size = (block[1] - block[0]) // steps
    return block[0] + k * size, block[0] + (k + 1) * size
