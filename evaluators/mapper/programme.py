"""The dynamic programme over the Einsums of one group, for many shared loops at once.

A label is a partial binding: its busy cycles, words off chip, energy and words in the buffer. Of
the labels of one state and one configuration of the shared loops only the best are kept
(docs/model/open-bindings.md, section 7).
"""

from __future__ import annotations

from collections.abc import Callable
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
from evaluators.mapper.moves import Moves
from evaluators.mapper.outlook import Outlook
from evaluators.mapper.pareto import best
from evaluators.mapper.resources import PE, WORD_BYTES, Resources
from evaluators.mapper.states import Freedom, Move, State
from evaluators.mapper.structure import Group


class Programme:
    """The programme of one group under shared loops of one shape.

    Args:
        bounds: of the Einsums, over all configurations.
        group: the Einsums.
        kind: the number of the shape.
        rows: the configurations, all of one shape.
        freedom: what bindings may choose.

    """

    def __init__(
        self, bounds: Bounds, group: Group, kind: int, rows: Integers, freedom: Freedom
    ) -> None:
        self.uses, self.group, self.rows = bounds.uses, group, rows
        shared: Shared = self.uses.shared
        self.costs = Costs(self.uses, rows, roomy=bounds.holds[kind]["roomy",])
        self.moves = Moves(
            shared.structure,
            group,
            bounds.holds[kind],
            {place: bounds.placements(place, kind) for place in group},
            freedom,
            self.costs.fits,
            self.costs.idle,
        )
        self._resources: Resources = self.uses.resources
        self._weights = bounds.weights[:, None]
        self._outlook = Outlook(bounds, self.moves, kind, rows)
        self._behind: dict[tuple[int, int], Bound] = {}
        self._states: dict[State, int] = {State(): 0}
        self._state_list: list[State] = [State()]
        self._moves_of: dict[tuple[int, int, int], list[Move]] = {}
        self.kinds: list[list[Move]] = []
        self.history: list[Labels] = []
        self.counted = 0
        self._leanings = LEANINGS
        self._alive: Callable[[], None] = lambda: None

    def run(
        self,
        rows: Integers,
        least: Least,
        front: Beaten,
        beam: int = 0,
        alive: Callable[[], None] = lambda: None,
    ) -> Labels:
        """Return the labels of whole groups.

        Args:
            rows: places in `self.rows`.
            least: what labels end with at least.
            front: those that end no better than its points are dropped.
            beam: keep as many labels of each configuration alone, the most promising; 0: all.
            alive: called now and then; raises what is to end the run.

        """
        n = len(rows)
        zero = np.zeros(n, np.int64)
        labels = Labels(rows, zero, zero, zero, zero, np.zeros(n), zero, zero - 1, zero - 1)
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

    def trace(self, label: int) -> list[Move]:
        """Return the moves that led to a label of the last run."""
        moves: list[Move] = []
        for kinds, labels in zip(reversed(self.kinds), reversed(self.history), strict=False):
            moves.append(kinds[labels.move[label]])
            label = int(labels.parent[label])
        return moves[::-1]

    def _step(self, place: int, labels: Labels, least: Least, front: Beaten, beam: int) -> Labels:
        if not len(labels):
            self.kinds.append([])
            return labels
        moves: list[Move] = []
        spans = np.zeros((len(self._state_list), 2), np.int64)
        useful = self._useful(place, labels, least, front, beam)
        for number in np.unique(labels.state).tolist():
            first = len(moves)
            for which in np.flatnonzero(useful[labels.state == number].any(axis=0)).tolist():
                moves += self._moves(place, number, which)
            spans[number] = first, len(moves) - first
        self.kinds.append(moves)
        if not moves or not len(labels):
            return labels.take(slice(0, 0))
        cost = self.costs.of(place, moves)
        after = np.array([self._number(move.after) for move in moves])

        counts = spans[labels.state, 1]
        parent = np.repeat(np.arange(len(labels)), counts)
        ends = np.cumsum(counts)
        move = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        move += spans[labels.state[parent], 0]
        row = labels.row[parent]
        tiles = labels.tiles[parent] + cost.tiles[move, row]
        fits = cost.fits[move, row] & (tiles * WORD_BYTES <= self._resources.buffer_bytes)
        parent, move, row, tiles = parent[fits], move[fits], row[fits], tiles[fits]
        labelled = Labels(
            row,
            after[move],
            labels.pe[parent] + cost.pe[move, row],
            labels.lanes[parent] + cost.lanes[move, row],
            labels.words[parent] + cost.words[move, row],
            labels.energy_pj[parent] + cost.energy_pj[move, row],
            tiles,
            parent,
            move,
        )
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
        keys = labelled.row * len(self._state_list) + labelled.state
        columns = [labelled.pe, labelled.lanes, labelled.words, labelled.tiles]
        small = [each.astype(float) for each in columns]
        if not front.timed_only:
            small.insert(0, rounded(labelled.energy_pj))
        return labelled.take(best(keys, small))

    def _left(self, place: int, labels: Labels) -> Bound:
        """Return what is left for each label at least."""
        numbers, at = np.unique(labels.state, return_inverse=True)
        behind = []
        for number in numbers.tolist():
            known = self._behind.get((place, number))
            if known is None:
                known = self._outlook.behind(place, self._state_list[number])
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
        more = [self._outlook.more_pj(place, self._state_list[each]) for each in numbers.tolist()]
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
        numbers, at = np.unique(labels.state, return_inverse=True)
        states = [self._state_list[each] for each in numbers.tolist()]
        here = [self._outlook.here(place, state) for state in states]
        more = np.array([self._outlook.more_here_pj(place, state) for state in states])
        count = len(self.moves.placements[place])
        good = np.zeros((len(labels), count), bool)
        rated = np.full((len(self._leanings), len(labels), count), np.inf)
        for which, placement in enumerate(self.moves.placements[place]):
            own_words = np.array([own.words[which] for own, _ in here])[at, labels.row]
            own_energy = np.array([own.energy_pj[which] for own, _ in here])[at, labels.row]
            own_busy = here[0][0].busy[which][:, labels.row]
            rest = Bound(
                np.array([each.words for _, each in here])[at, labels.row],
                np.array([each.energy_pj for _, each in here])[at, labels.row],
                np.array([each.busy for _, each in here])[at, :, labels.row].T,
            )
            left = Bound(own_words + rest.words, own_energy + rest.energy_pj, own_busy + rest.busy)
            legal = np.isfinite(left.energy_pj)
            open_ = np.flatnonzero(legal & ~front.beats(*self._ends(labels, left, least)))
            some = labels.take(open_)
            cycles = own_busy.max(axis=0)[open_]
            on_pe = placement.array == PE
            some = replace(
                some,
                pe=some.pe + cycles * on_pe,
                lanes=some.lanes + cycles * (not on_pe),
                energy_pj=some.energy_pj + own_energy[open_],
            )
            extra = more[at[open_], some.row]
            words = left.words[open_]
            good[open_, which] = self._on_front(place + 1, some, words, extra, least, front)
            if beam:
                rated[:, open_, which] = self._scores(place + 1, some, words, extra, least)
        if beam:
            pairs = promising(np.repeat(labels.row, count), rated.reshape(len(rated), -1), beam)
            chosen = np.zeros(good.size, bool)
            chosen[pairs] = True
            good &= chosen.reshape(good.shape)
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

    def _moves(self, place: int, number: int, which: int) -> list[Move]:
        known = self._moves_of.get((place, number, which))
        if known is None:
            self._alive()
            state = self._state_list[number]
            placement = self.moves.placements[place][which]
            known = self._moves_of[place, number, which] = [
                move
                for move in self.moves.at(place, state, placement)
                if self.moves.keeps_states(place, move, state)
            ]
        return known

    def _number(self, state: State) -> int:
        number = self._states.get(state)
        if number is None:
            number = self._states[state] = len(self._state_list)
            self._state_list.append(state)
        return number
