"""Orders in which the steps of a group run one by one with the words that registers have.

A step is one turn of an Einsum's inner loops on its whole array; an Einsum takes its steps in the
order of its loops. How the steps of different Einsums follow one another is what is searched,
exhaustively: so a binding without an order cannot run with those registers, whatever the rules say.

A word waits in a register from the step that makes or loads it to the last that takes it from
there, and while its Einsum rests on it. In the edge register words of a column wait from the step
of one array to that of the other.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import inf

import numpy as np

from evaluators.mapper.binding import loop_nest
from evaluators.mapper.resources import PE, SIDES
from evaluators.mapper.uses import BUFFER, EDGE, OFF_CHIP

_STATES = 2_000
"""Progresses without a way on that are met before a search is given up."""

START = (-1, 0)
"""The step before all others."""


class NoOrder(Exception):
    """No order of the steps fits the registers, or none was found; `proven` tells which."""

    def __init__(self, *, proven):
        super().__init__("no order of the steps fits the registers")
        self.proven = proven


@dataclass(frozen=True)
class Wait:
    """A word, or what the edge register holds of a tensor, from a step until after another."""

    word: tuple
    where: str
    since: tuple
    until: tuple


class Steps:
    """The steps of a group in a tile of its shared loops: in the last one, where there are more.

    Register files have `more` words than they have; how many words of a column wait in the edge
    register is told by `edge_words`, which the rules do not bound.
    """

    def __init__(self, bound, structure, resources, extents, more=0, edge_words=inf):
        self.more, self.edge_words = more, edge_words
        self.structure, self.resources, self.bound = structure, resources, bound
        self.steps = dict(zip(bound.group, bound.steps, strict=True))
        self.loops, self.size = {}, {}
        for place, step in self.steps.items():
            einsum = structure.einsums[place]
            _, counts = loop_nest(einsum, step, bound, structure, resources, extents)
            order = step.placement.order
            self.loops[place] = [(rank, counts[f"{rank}1"]) for rank in order]
            whole = (*structure.batch, structure.cascade.along)
            self.size[place] = {
                rank: counts.get(f"{rank}0", 1) for rank in einsum.ranks if rank not in whole
            }
        self.turns = {
            place: list(product(*(range(n) for _, n in loops)))
            for place, loops in self.loops.items()
        }
        self.waits = [*self._resting(), *self._held(), *self._edge()]
        self.needs = {place: self._needed(place) for place in self.steps}

    def ranks(self, tensor, place):
        """Return the ranks of a tensor as an Einsum has them."""
        tensors = self.structure.einsums[place].tensors
        return next(each.ranks for each in tensors if each.name == tensor)

    def block(self, place, turn, ranks):
        """Return what a step has of some ranks: first and last of each, in the tile."""
        at = dict(
            zip((rank for rank, _ in self.loops[place]), self.turns[place][turn], strict=True)
        )
        size = self.size[place]
        return {
            r: (at.get(r, 0) * size[r], (at.get(r, 0) + 1) * size[r]) for r in ranks if r in size
        }

    def word(self, tensor, place, turn):
        """Return the word of a tensor that each PE or lane has in a step."""
        array = self.steps[place].placement.array
        block = self.block(place, turn, self.ranks(tensor, place))
        return array, tensor, tuple(sorted(block.items()))

    def words(self, tensor, place):
        """Return the words of a tensor at an Einsum, each with its first and its last step."""
        found = {}
        for turn in range(len(self.turns[place])):
            found.setdefault(self.word(tensor, place, turn), []).append(turn)
        return {word: (turns[0], turns[-1]) for word, turns in found.items()}

    def _resting(self):
        """Yield the words of an Einsum's own tensors while step after step has the same."""
        for place, step in self.steps.items():
            for tensor in step.keep:
                begin = 0
                words = [self.word(tensor, place, k) for k in range(len(self.turns[place]))]
                for turn in range(1, len(words) + 1):
                    if turn == len(words) or words[turn] != words[begin]:
                        array = step.placement.array
                        yield Wait(words[begin], array, (place, begin), (place, turn - 1))
                        begin = turn

    def transfers(self):
        """Yield what is read past the stores: tensor, source, target, whether it crosses."""
        for place, step in self.steps.items():
            for operand in self.structure.einsums[place].operands:
                keep, array = step.keep[operand.name], step.placement.array
                if keep not in ("", EDGE):
                    continue
                users = [
                    k
                    for k in self.steps
                    if k < place
                    and operand.name in self.steps[k].keep
                    and self.steps[k].placement.array == array
                ]
                maker = self.structure.place.get(operand.name)
                sent = maker in self.steps and self.steps[maker].placement.array != array
                sent = sent and (keep == EDGE or EDGE in self.steps[maker].keep[operand.name])
                assert sent or users, (operand.name, step.einsum)
                yield operand.name, (maker if sent else users[-1]), place, sent

    def _held(self):
        """Yield the words that wait in registers for a later Einsum of the array."""
        for tensor, source, target, sent in self.transfers():
            if sent:
                continue
            array = self.steps[source].placement.array
            takes = self.words(tensor, target)
            einsum = self.structure.einsums[source]
            makes = einsum.name == tensor
            lost = not {OFF_CHIP, BUFFER} & set(self.steps[source].keep[tensor])
            kept = makes and lost and self.bound.keys > 1 and self.structure.keys in einsum.reduced
            for word, (first, last) in self.words(tensor, source).items():
                since = (source, first if makes and lost else last)
                assert word in takes, (tensor, word, "is on another side")
                yield Wait(word, array, START if kept else since, (target, takes[word][1]))

    def _edge(self):
        """Yield the words that wait in the edge register, one for every column in a 2D step."""
        for tensor, source, target, sent in self.transfers():
            if not sent:
                continue
            sends = self.steps[source].placement.array == PE
            pe, lanes = (source, target) if sends else (target, source)
            for turn in range(len(self.turns[pe])):
                block = self.block(pe, turn, self.ranks(tensor, pe))
                met = [
                    k
                    for k in range(len(self.turns[lanes]))
                    if meet(block, self.block(lanes, k, self.ranks(tensor, lanes)))
                ]
                ends = ((pe, turn), (lanes, max(met))) if sends else ((lanes, min(met)), (pe, turn))
                yield Wait((tensor, tuple(sorted(block.items()))), EDGE, *ends)

    def _needed(self, place):
        """Return, for every step of an Einsum, how far the others must be."""
        needed = [{} for _ in self.turns[place]]
        for operand in self.structure.einsums[place].operands:
            maker = self.structure.place.get(operand.name)
            if maker not in self.steps or maker == place:
                continue
            for turn, need in enumerate(needed):
                block = self.block(place, turn, self.ranks(operand.name, place))
                for other in range(len(self.turns[maker])):
                    if meet(block, self.block(maker, other, self.ranks(operand.name, maker))):
                        need[maker] = max(need.get(maker, 0), other + 1)
        for tensor, source, target, sent in self.transfers():
            if target == place and not sent:
                loaded = self.words(tensor, source)
                for turn, need in enumerate(needed):
                    _, last = loaded[self.word(tensor, place, turn)]
                    need[source] = max(need.get(source, 0), last + 1)
        return needed

    def order(self, most=_STATES):
        """Return the steps, (Einsum, turn) each, in an order that fits, or raise `NoOrder`."""
        places = list(self.steps)
        done = {START[0]: 1, **dict.fromkeys(places, 0)}
        order, dead = [], set()
        choices = [self._next(done)]
        while len(order) < sum(map(len, self.turns.values())):
            if choices[-1]:
                place = choices[-1].pop(0)
                order.append((place, done[place]))
                done[place] += 1
                known = tuple(done[k] for k in places)
                choices.append([] if known in dead else self._next(done))
                continue
            dead.add(tuple(done[k] for k in places))
            if not order or len(dead) == most:
                raise NoOrder(proven=not order)
            choices.pop()
            place, _ = order.pop()
            done[place] -= 1
        return order

    def _next(self, done):
        """Return the Einsums whose next step may run, the last of the cascade first."""
        return [
            place
            for place in reversed(self.steps)
            if done[place] < len(self.turns[place])
            and all(done[k] >= n for k, n in self.needs[place][done[place]].items())
            and self._fits(place, done)
        ]

    @cached_property
    def _columns(self):
        """Of the registers of an array, or of the edge register: its waits as columns."""
        places = {START[0]: 0} | {place: k + 1 for k, place in enumerate(self.steps)}
        columns = {}
        for where in (*SIDES, EDGE):
            own = [each for each in self.waits if each.where == where]
            numbers = {word: k for k, word in enumerate({each.word: None for each in own})}
            rows = [
                (numbers[w.word], places[w.since[0]], w.since[1], places[w.until[0]], w.until[1])
                for w in own
            ]
            columns[where] = np.array(rows or np.zeros((0, 5)), dtype=int).T
        return columns

    def _fits(self, place, done):
        array = self.steps[place].placement.array
        before = np.fromiter(done.values(), int)
        begun = np.fromiter((n + (k == place) for k, n in done.items()), int)
        for where, depth in (
            (array, self.resources.registers(array) + self.more),
            (EDGE, self.edge_words),
        ):
            word, since, first, until, last = self._columns[where]
            there = (begun[since] > first) & (before[until] <= last)
            if np.count_nonzero(np.bincount(word[there])) > depth:
                return False
        return True


def meet(one, other):
    """Tell whether two blocks have words in common."""
    return all(
        a < d and c < b for (a, b), (c, d) in ((one[r], other[r]) for r in one if r in other)
    )
