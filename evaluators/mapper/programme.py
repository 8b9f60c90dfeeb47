"""The dynamic programme over the Einsums of one group, for many shared loops at once.

A label is a partial binding: its busy cycles, words off chip, energy and words in the buffer. Of
the labels of one state and one configuration of the shared loops only the best are kept
(docs/model/open-bindings.md, section 7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from evaluators.mapper.bounds import Bound, Bounds
from evaluators.mapper.labels import (
    HURRIED,
    LEANINGS,
    Beaten,
    Labels,
    Least,
    Reals,
    promising,
    rounded,
)
from evaluators.mapper.loops import Flags, Integers, Shared
from evaluators.mapper.move_costs import Costs
from evaluators.mapper.moves import AFTER, Chosen, moves
from evaluators.mapper.numbers import Numbers
from evaluators.mapper.outlook import Outlook
from evaluators.mapper.pareto import best
from evaluators.mapper.reservations import Load
from evaluators.mapper.resources import PE, WORD_BYTES, Resources
from evaluators.mapper.states import Freedom, State
from evaluators.mapper.structure import Group

_MOST_PAIRS = 2**17
"""Pairs of a label and a placement that are bounded at once."""


class Programme:
    """The programme of one group under shared loops of one shape.

    Args:
        bounds: of the Einsums, over all configurations.
        group: the Einsums.
        rows: the configurations, all of one shape.
        freedom: what bindings may choose.

    """

    def __init__(self, bounds: Bounds, group: Group, rows: Integers, freedom: Freedom) -> None:
        self.uses, self.group, self.rows = bounds.uses, group, rows
        shared: Shared = self.uses.shared
        self.costs = Costs(self.uses, rows)
        which = {place: bounds.which(place, rows) for place in group}
        self.placements = {
            place: tuple(bounds.quick(place).places.placements[row] for row in some.tolist())
            for place, some in which.items()
        }
        holds = bounds.holds[bounds.kind[rows[0]]]
        self.moves = moves(shared.structure, group, holds, self.placements, freedom)
        self._resources: Resources = self.uses.resources
        self._weights = bounds.weights[:, None]
        self._outlook = Outlook(bounds, self.moves, which, rows)
        self._behind: dict[tuple[int, int], Bound] = {}
        self._states = Numbers[int]()
        self._states.of(self.moves.states.of(State()))
        self.kinds: list[Integers] = []
        self.history: list[Labels] = []
        self.counted = 0
        self._leanings = LEANINGS
        self._alive: Callable[[], None] = lambda: None

    def run(
        self,
        least: Least,
        front: Beaten,
        beam: int = 0,
        alive: Callable[[], None] = lambda: None,
    ) -> Labels:
        """Return the labels of whole groups.

        Args:
            least: what labels end with at least.
            front: those that end no better than its points are dropped.
            beam: keep as many labels of each configuration alone, the most promising; 0: all.
            alive: called now and then; raises what is to end the run.

        """
        n = len(self.rows)
        zero = np.zeros(n, np.int64)
        labels = Labels(np.arange(n), zero, zero, zero, zero, np.zeros(n), zero, zero - 1, zero - 1)
        self.kinds, self.history, self._alive = [], [labels], alive
        self._leanings = HURRIED if front.timed_only else LEANINGS
        for place in self.group:
            labels = self._step(place, labels, least, front, beam)
            if not len(labels):
                return labels
            if beam:
                left = self._left(place + 1, labels)
                more = self._more(place + 1, labels)
                scores = self._scores(place + 1, labels, left.words, more, least)
                labels = labels.take(promising(labels.row, scores, beam))
            self.history.append(labels)
            self.counted += len(labels)
        return labels

    def trace(self, label: int) -> list[Chosen]:
        """Return the moves that led to a label of the last run."""
        found: list[Chosen] = []
        steps = list(zip(self.group, self.kinds, self.history[1:], strict=True))
        for place, rows, labels in reversed(steps):
            found.append(self.moves.read(place, rows[labels.move[label]]))
            label = int(labels.parent[label])
        return found[::-1]

    def _step(self, place: int, labels: Labels, least: Least, front: Beaten, beam: int) -> Labels:
        useful = self._useful(place, labels, least, front, beam)
        labelled = self._moved(place, labels, useful)
        if not len(labelled):
            return labelled
        left = self._left(place + 1, labelled)
        good = np.flatnonzero(~front.beats(*self._ends(labelled, left, least)))
        labelled, words = labelled.take(good), left.words[good]
        if not len(labelled):
            return labelled
        more = self._more(place + 1, labelled)
        labelled = labelled.take(self._on_front(place + 1, labelled, words, more, least, front))
        if not len(labelled):
            return labelled
        keys = labelled.row * len(self._states) + labelled.state
        columns = [labelled.pe, labelled.lanes, labelled.words, labelled.tiles]
        small = [each.astype(float) for each in columns]
        if not front.timed_only:
            small.insert(0, rounded(labelled.energy_pj))
        return labelled.take(best(keys, small))

    def _moved(self, place: int, labels: Labels, useful: Flags) -> Labels:
        """Return the labels behind an Einsum, of every move that a label's registers can hold."""
        rows, placed, spans = self._found(place, labels, useful)
        self.kinds.append(rows)
        if not len(rows):
            return labels.take(slice(0, 0))
        cost = self.costs.of(self.moves, rows)
        after = self._numbers(rows[:, AFTER])
        counts = spans[labels.state, 1]
        parent = np.repeat(np.arange(len(labels)), counts)
        ends = np.cumsum(counts)
        move = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        move += spans[labels.state[parent], 0]
        fits = useful[parent, placed[move]]
        parent, move = parent[fits], move[fits]
        row = labels.row[parent]
        tiles = labels.tiles[parent] + cost.tiles[cost.tile[move], row]
        fits = cost.fits[cost.load[move], row]
        fits &= tiles * WORD_BYTES <= self._resources.buffer_bytes
        parent, move, row, tiles = parent[fits], move[fits], row[fits], tiles[fits]
        use, work, on_pe = cost.use[move], cost.work[move], cost.on_pe[move]
        cycles = cost.cycles[work, row]
        energy_pj = cost.use_pj[use, row[:, None]].sum(axis=1) + cost.work_pj[work, row]
        return Labels(
            row,
            after[move],
            labels.pe[parent] + cycles * on_pe,
            labels.lanes[parent] + cycles * ~on_pe,
            labels.words[parent] + cost.words[use, row[:, None]].sum(axis=1),
            labels.energy_pj[parent] + energy_pj,
            tiles,
            parent,
            move,
        )

    def _found(
        self, place: int, labels: Labels, useful: Flags
    ) -> tuple[Integers, Integers, Integers]:
        """Return the moves of an Einsum, their placements, and each state's first and count."""
        blocks: list[Integers] = [self.moves.none(place)]
        placed: list[Integers] = [np.zeros(0, np.int64)]
        spans = np.zeros((len(self._states), 2), np.int64)
        first = 0
        for number in np.unique(labels.state).tolist():
            own = np.flatnonzero(labels.state == number)
            count = 0
            for which in np.flatnonzero(useful[own].any(axis=0)).tolist():
                some = np.unique(labels.row[own[useful[own, which]]])
                for each in self._moves(place, number, which, some):
                    blocks.append(each)
                    placed.append(np.full(len(each), which))
                    count += len(each)
            spans[number] = first, count
            first += count
        return np.concatenate(blocks), np.concatenate(placed), spans

    def _left(self, place: int, labels: Labels) -> Bound:
        """Return what is left for each label at least."""
        numbers, at = np.unique(labels.state, return_inverse=True)
        behind = []
        for number in numbers.tolist():
            known = self._behind.get((place, number))
            if known is None:
                known = self._outlook.behind(place, self._states.things[number])
                self._behind[place, number] = known
            behind.append(known)
        return Bound(
            np.array([each.words for each in behind])[at, labels.row],
            np.array([each.energy_pj for each in behind])[at, labels.row],
            np.array([each.busy for each in behind])[at, :, labels.row].T,
        )

    def _ends(self, labels: Labels, left: Bound, least: Least) -> tuple[Reals, Reals]:
        """Return the latency and energy that labels end with at least."""
        share = self._weights
        busy = (share * labels.pe + (1 - share) * labels.lanes + left.busy).max(axis=0)
        return least(labels.row, labels.words + left.words, busy, labels.energy_pj + left.energy_pj)

    def _more(self, place: int, labels: Labels) -> Reals:
        numbers, at = np.unique(labels.state, return_inverse=True)
        more = [
            self._outlook.more_pj(place, self._states.things[each]) for each in numbers.tolist()
        ]
        return np.array(more).reshape(len(numbers), -1)[at, labels.row]

    def _on_front(
        self,
        place: int,
        labels: Labels,
        words: Integers,
        more: Reals,
        least: Least,
        front: Beaten,
    ) -> Flags:
        """Tell which labels have a tail with which they may end on the front."""
        tails = self._outlook.tails(place)
        found = np.zeros(len(labels), bool)
        for pe, lanes, energy in zip(tails.pe, tails.lanes, tails.energy_pj, strict=True):
            open_ = np.flatnonzero(~found)
            if not len(open_):
                break
            row = labels.row[open_]
            busy = np.maximum(labels.pe[open_] + pe[row], labels.lanes[open_] + lanes[row])
            total = labels.energy_pj[open_] + energy[row] + more[open_]
            finite = np.isfinite(total)
            good = ~front.beats(*least(row, labels.words[open_] + words[open_], busy, total))
            found[open_] = good & finite
        return found

    def _useful(self, place: int, labels: Labels, least: Least, front: Beaten, beam: int) -> Flags:
        """Tell which placements of an Einsum may lead labels to the front: (labels, placements)."""
        count = len(self.placements[place])
        good = np.zeros((len(labels), count), bool)
        rated = np.full((len(self._leanings), len(labels) if beam else 0, count), np.inf)
        step = max(1, _MOST_PAIRS // count)
        for first in range(0, len(labels), step):
            some = slice(first, first + step)
            good[some] = self._some_useful(
                place, labels.take(some), least, front, rated[:, some] if beam else None
            )
        if beam:
            pairs = promising(np.repeat(labels.row, count), rated.reshape(len(rated), -1), beam)
            chosen = np.zeros(good.size, bool)
            chosen[pairs] = True
            good &= chosen.reshape(good.shape)
        return good

    def _some_useful(
        self, place: int, labels: Labels, least: Least, front: Beaten, rated: Reals | None
    ) -> Flags:
        """Tell the same of some labels, and rate all that are not beaten at once."""
        numbers, of = np.unique(labels.state, return_inverse=True)
        states = [self._states.things[each] for each in numbers.tolist()]
        here = [self._outlook.here(place, state) for state in states]
        more = np.array([self._outlook.more_here_pj(place, state) for state in states])
        rest = [
            np.array([getattr(each, name) for _, each in here])
            for name in ("words", "energy_pj", "busy")
        ]
        own_words = np.array([own.words for own, _ in here])[of, :, labels.row]
        own_energy = np.array([own.energy_pj for own, _ in here])[of, :, labels.row]
        good = np.zeros(own_words.shape, bool)
        at, which = np.nonzero(
            np.isfinite(own_energy) & np.isfinite(rest[1][of, labels.row])[:, None]
        )
        pairs, state = labels.take(at), of[at]
        words = own_words[at, which] + rest[0][state, pairs.row]
        energy = own_energy[at, which]
        busy = here[0][0].busy[which, :, pairs.row]
        left = Bound(
            words,
            energy + rest[1][state, pairs.row],
            (busy + rest[2][state, :, pairs.row]).T,
        )
        open_ = np.flatnonzero(~front.beats(*self._ends(pairs, left, least)))
        at, which, pairs = at[open_], which[open_], pairs.take(open_)
        cycles, words = busy[open_].max(axis=1), words[open_]
        on_pe = np.array([each.array == PE for each in self.placements[place]])[which]
        pairs = replace(
            pairs,
            pe=pairs.pe + cycles * on_pe,
            lanes=pairs.lanes + cycles * ~on_pe,
            energy_pj=pairs.energy_pj + energy[open_],
        )
        extra = more[state[open_], pairs.row]
        good[at, which] = self._on_front(place + 1, pairs, words, extra, least, front)
        if rated is not None:
            rated[:, at, which] = self._scores(place + 1, pairs, words, extra, least)
        return good

    def _scores(
        self, place: int, labels: Labels, words: Integers, more: Reals, least: Least
    ) -> Reals:
        """Return how promising labels are under each leaning, less is better."""
        tails = self._outlook.tails(place)
        scores = np.full((len(self._leanings), len(labels)), np.inf)
        leanings = np.array(self._leanings)[:, None]
        row = labels.row
        for pe, lanes, energy in zip(tails.pe, tails.lanes, tails.energy_pj, strict=True):
            busy = np.maximum(labels.pe + pe[row], labels.lanes + lanes[row])
            ends = least(row, labels.words + words, busy, labels.energy_pj + energy[row] + more)
            latency, total = (np.log(np.maximum(each, 1e-300)) for each in ends)
            np.minimum(scores, leanings * latency + (1 - leanings) * total, out=scores)
        return scores

    def _moves(self, place: int, number: int, which: int, rows: Integers) -> Iterator[Integers]:
        """Yield the moves of an Einsum so placed in a state, under some of the configurations."""
        self._alive()
        placement = self.placements[place][which]

        def fits(load: Load) -> Flags:
            return self.costs.fits(placement.array, load)[rows]

        state = self._states.things[number]
        return self.moves.at(place, state, placement, fits, self.costs.idle)

    def _numbers(self, states: Integers) -> Integers:
        """Return the own numbers of states, which are in the order of their first mention here."""
        found, first, at = np.unique(states, return_index=True, return_inverse=True)
        own = np.zeros(len(found), np.int64)
        for k in np.argsort(first).tolist():
            own[k] = self._states.of(int(found[k]))
        return own[at]
