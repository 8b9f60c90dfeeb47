"""Loop-nest counts against a simulator that walks the nest, and the laws that they obey."""

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluators.describe.cascade import Einsum, Tensor
from evaluators.describe.mapping import Level, Loop, Mapping
from evaluators.engine.columns import Factors
from evaluators.engine.loopnest import LoopNest

RANKS = ("M", "N", "K")
SMALL = (1, 2, 2, 3)
LOOPS = 7
LARGE = (1, 3, 2**7, 2**8, 3 * 2**7)
"""At most seven of these multiply to less than 2^63; squares of their products pass 2^64."""
FEW = settings(max_examples=200, deadline=None)
MANY = settings(max_examples=1000, deadline=None)


@dataclass(frozen=True)
class Nest:
    """A mapping and the factors of its loops."""

    mapping: Mapping
    factors: dict[str, int]

    def counts(self, *, wrapped: bool = False) -> dict:
        return all_counts(LoopNest(self.mapping, Factors(self.factors), wrapped=wrapped))

    def extent_of(self, loops) -> int:
        return prod(self.factors[loop.factor] for loop in loops)


def all_counts(nest: LoopNest) -> dict:
    counts = {
        (level.name, name): asdict(nest.counts(level.name, name))
        for level in nest.mapping.levels
        for name in level.keep
    }
    return counts | {"cycles": nest.cycles, "instances": nest.instances}


def kept_by(mapping: Mapping, name: str) -> list[int]:
    return [i for i, level in enumerate(mapping.levels) if name in level.keep]


@st.composite
def nests(draw, sizes=SMALL) -> Nest:
    """Random loops at random places, each tensor kept at some of the levels."""
    subsets = st.sets(st.sampled_from(RANKS)).map(lambda ranks: tuple(sorted(ranks)))
    operands = tuple(Tensor(f"I{i}", draw(subsets)) for i in range(draw(st.integers(1, 2))))
    einsum = Einsum("Z", Tensor("Z", draw(subsets)), operands, RANKS)
    depth = draw(st.integers(1, 4))
    place = st.tuples(st.integers(0, depth - 1), st.booleans(), st.sampled_from(RANKS))
    places = draw(st.lists(place, max_size=LOOPS))
    factors = {f"f{i}": draw(st.sampled_from(sizes)) for i in range(len(places))}
    homes = {
        tensor.name: draw(st.sets(st.integers(0, depth - 1), min_size=1))
        for tensor in einsum.tensors
    }

    def loops(level: int, spatial: bool) -> tuple[Loop, ...]:
        return tuple(
            Loop(rank, f"f{i}")
            for i, (at, unrolled, rank) in enumerate(places)
            if (at, unrolled) == (level, spatial)
        )

    levels = tuple(
        Level(
            f"L{i}",
            loops(i, False),
            loops(i, True),
            frozenset(name for name, at in homes.items() if i in at),
        )
        for i in range(depth)
    )
    return Nest(Mapping(einsum, levels), factors)


class Walk:
    """All points of a small loop nest in the order of execution, and who holds what when.

    A point is one value for every loop. The step of a level is the values of the temporal loops
    outside it; its instance, those of the spatial loops above it.
    """

    def __init__(self, nest: Nest) -> None:
        self.levels = nest.mapping.levels
        self.output = nest.mapping.einsum.output.name
        self.ranks = {tensor.name: tensor.ranks for tensor in nest.mapping.einsum.tensors}
        self.loops = [loop for level in self.levels for loop in (*level.loops, *level.spatial)]
        self.factors = nest.factors
        values = (range(self.factors[loop.factor]) for loop in self.loops)
        self.points = list(product(*values))
        self.temporal = [
            [loop for level in self.levels[:i] for loop in level.loops]
            for i in range(len(self.levels) + 1)
        ]
        self.above = [
            [loop for level in self.levels[:i] for loop in level.spatial]
            for i in range(len(self.levels) + 1)
        ]

    def values(self, point: tuple, loops: list[Loop]) -> tuple:
        return tuple(point[self.loops.index(loop)] for loop in loops)

    def element(self, point: tuple, tensor: str) -> tuple:
        """Coordinates of the tensor's element at a point: loops of a rank, outermost slowest."""
        coordinates = []
        for rank in self.ranks[tensor]:
            index = 0
            for loop, value in zip(self.loops, point, strict=True):
                if loop.rank == rank:
                    index = index * self.factors[loop.factor] + value
            coordinates.append(index)
        return tuple(coordinates)

    def tiles(self, i: int, tensor: str) -> list[tuple]:
        """(instance, tile) at every step of level i, steps in order; i past the last: operations.

        Below the innermost level every step of the whole nest is a step.
        """
        held = defaultdict(lambda: defaultdict(set))
        for point in self.points:
            step = self.values(point, self.temporal[i])
            held[step][self.values(point, self.above[i])].add(self.element(point, tensor))
        return [held[step] for step in sorted(held)]

    def run(self, tensor: str) -> dict[int, dict]:
        """Words that every instance of every keeping level moves: level -> instance -> counts."""
        kept = [i for i, level in enumerate(self.levels) if tensor in level.keep]
        counts = {i: self.holder(i, tensor) for i in kept}
        below = [*kept[1:], len(self.levels)]
        for parent, child in zip(kept, below, strict=True):
            if tensor == self.output:
                self.accumulate(counts, parent, child, tensor)
            else:
                self.supply(counts, parent, child, tensor)
        return counts

    def holder(self, i: int, tensor: str) -> dict:
        largest = defaultdict(int)
        owned = defaultdict(set)
        for step in self.tiles(i, tensor):
            for instance, tile in step.items():
                largest[instance] = max(largest[instance], len(tile))
                owned[instance] |= tile
        return {
            instance: {
                "capacity": largest[instance],
                "partition": len(owned[instance]),
                "reads": 0,
                "fills": 0,
                "updates": 0,
            }
            for instance in largest
        }

    def supply(self, counts: dict, parent: int, child: int, tensor: str) -> None:
        """Operands: a child is filled when its tile moves; equal tiles are read once for all."""
        arithmetic = child == len(self.levels)
        present: dict = {}
        for step in self.tiles(child, tensor):
            asked = defaultdict(set)
            for instance, tile in step.items():
                new = tile if arithmetic else tile - present.get(instance, set())
                present[instance] = tile
                asked[instance[: len(self.above[parent])]] |= new
                if not arithmetic:
                    counts[child][instance]["fills"] += len(new)
            for instance, words in asked.items():
                counts[parent][instance]["reads"] += len(words)

    def accumulate(self, counts: dict, parent: int, child: int, tensor: str) -> None:
        """Output: a child's tile is drained when it moves, partial sums of one element as one word.

        What an instance has never held needs no old value: no fill, and no read below an update.
        """
        arithmetic = child == len(self.levels)
        present: dict = {}
        seen = defaultdict(set)
        updated = defaultdict(set)

        def drain(instances: dict) -> None:
            arriving = defaultdict(set)
            for instance, words in instances.items():
                arriving[instance[: len(self.above[parent])]] |= words
            for instance, words in arriving.items():
                counts[parent][instance]["updates"] += len(words)
                counts[parent][instance]["reads"] += len(words & updated[instance])
                updated[instance] |= words

        for step in self.tiles(child, tensor):
            if arithmetic:
                drain(step)
                continue
            drain({at: present[at] - tile for at, tile in step.items() if at in present})
            for instance, tile in step.items():
                new = tile - present.get(instance, set())
                counts[child][instance]["fills"] += len(new & seen[instance])
                seen[instance] |= tile
                present[instance] = tile
        drain(present)


@MANY
@given(nests())
def test_counts_are_those_of_a_walk_through_the_nest(nest):
    assume(prod(nest.factors.values()) <= 500)
    walk, counted = Walk(nest), nest.counts()
    for tensor in nest.mapping.einsum.tensors:
        for i, instances in walk.run(tensor.name).items():
            ours = counted[nest.mapping.levels[i].name, tensor.name]
            assert ours["instances"] == len(instances)
            for walked in instances.values():
                assert {name: ours[name] for name in walked} == walked
    assert counted["cycles"] * counted["instances"] == len(walk.points)


@FEW
@given(nests(sizes=LARGE))
def test_a_parent_reads_an_operand_as_often_as_its_children_are_filled_but_multicast_once(nest):
    counted, levels = nest.counts(), nest.mapping.levels
    for tensor in nest.mapping.einsum.operands:
        kept = kept_by(nest.mapping, tensor.name)
        for outer, inner in pairwise(kept):
            between = [loop for level in levels[outer:inner] for loop in level.spatial]
            multicast = nest.extent_of(loop for loop in between if loop.rank not in tensor.ranks)
            parent, child = (counted[levels[i].name, tensor.name] for i in (outer, inner))
            read = parent["reads"] * parent["instances"]
            assert read * multicast == child["fills"] * child["instances"]


@FEW
@given(nests(sizes=LARGE), st.data())
def test_a_loop_of_factor_1_changes_no_count(nest, data):
    levels = list(nest.mapping.levels)
    i = data.draw(st.integers(0, len(levels) - 1))
    kind = data.draw(st.sampled_from(("loops", "spatial")))
    loops = list(getattr(levels[i], kind))
    loops.insert(
        data.draw(st.integers(0, len(loops))), Loop(data.draw(st.sampled_from(RANKS)), "one")
    )
    levels[i] = replace(levels[i], **{kind: tuple(loops)})
    with_one = Nest(Mapping(nest.mapping.einsum, tuple(levels)), nest.factors | {"one": 1})
    for wrapped in (False, True):
        assert with_one.counts(wrapped=wrapped) == nest.counts(wrapped=wrapped)


@FEW
@given(nests(sizes=LARGE), st.permutations(RANKS), st.permutations(("I0", "I1", "Z")))
def test_names_of_ranks_and_tensors_mean_nothing(nest, ranks, tensors):
    rank = dict(zip(RANKS, ranks, strict=True))
    name = dict(zip(("I0", "I1", "Z"), tensors, strict=True))

    def renamed(tensor: Tensor) -> Tensor:
        return Tensor(name[tensor.name], tuple(rank[each] for each in tensor.ranks))

    def relooped(loops):
        return tuple(Loop(rank[loop.rank], loop.factor) for loop in loops)

    einsum = nest.mapping.einsum
    operands = tuple(renamed(tensor) for tensor in einsum.operands)
    levels = tuple(
        Level(
            level.name,
            relooped(level.loops),
            relooped(level.spatial),
            frozenset(name[tensor] for tensor in level.keep),
        )
        for level in nest.mapping.levels
    )
    other = Nest(
        Mapping(Einsum("X", renamed(einsum.output), operands, tuple(ranks)), levels), nest.factors
    )
    counted = nest.counts(wrapped=True)
    expected = {
        (key[0], name[key[1]]) if isinstance(key, tuple) else key: value
        for key, value in counted.items()
    }
    assert other.counts(wrapped=True) == expected


@FEW
@given(nests(sizes=LARGE), st.data())
def test_a_larger_tile_is_never_filled_more(nest, data):
    """The innermost temporal loop above a level becomes its outermost one: its tile grows by it."""
    levels = list(nest.mapping.levels)
    movable = [i for i in range(1, len(levels)) if levels[i - 1].loops]
    assume(movable)
    i = data.draw(st.sampled_from(movable))
    loop = levels[i - 1].loops[-1]
    levels[i - 1] = replace(levels[i - 1], loops=levels[i - 1].loops[:-1])
    levels[i] = replace(levels[i], loops=(loop, *levels[i].loops))
    before = nest.counts()
    after = Nest(Mapping(nest.mapping.einsum, tuple(levels)), nest.factors).counts()
    for name in levels[i].keep:
        key = levels[i].name, name
        assert after[key]["capacity"] >= before[key]["capacity"]
        assert after[key]["fills"] <= before[key]["fills"]


@FEW
@given(nests(sizes=LARGE), st.booleans(), st.data())
def test_a_batch_of_designs_is_counted_as_each_design_alone(nest, wrapped, data):
    designs = data.draw(st.integers(2, 6))
    row = st.just([1] * designs) | st.lists(
        st.sampled_from(LARGE), min_size=designs, max_size=designs
    )
    columns = {
        name: np.array(data.draw(row)) if data.draw(st.booleans()) else factor
        for name, factor in nest.factors.items()
    }
    batch = all_counts(LoopNest(nest.mapping, Factors(columns), wrapped=wrapped))
    for i in range(designs):
        factors = {
            name: int(np.broadcast_to(column, designs)[i]) for name, column in columns.items()
        }
        assert row_of(batch, i, designs) == Nest(nest.mapping, factors).counts(wrapped=wrapped)


def row_of(batch, i: int, designs: int):
    if isinstance(batch, dict):
        return {key: row_of(value, i, designs) for key, value in batch.items()}
    return int(np.broadcast_to(batch, designs)[i])


@FEW
@given(nests(sizes=(1, 2, 3, 16)))
def test_partitions_wrap_only_where_their_product_overflows(nest):
    words = {
        tensor.name: nest.extent_of(
            loop
            for level in nest.mapping.levels
            for loop in (*level.loops, *level.spatial)
            if loop.rank in tensor.ranks
        )
        for tensor in nest.mapping.einsum.tensors
    }
    assert all(each**2 < 2**64 for each in words.values())
    assert nest.counts(wrapped=True) == nest.counts(wrapped=False)


@FEW
@given(nests(sizes=LARGE))
def test_an_overflowing_partition_is_the_true_one_after_truncation_to_64_bits(nest):
    """Walks the levels as the tool does: product modulo 2^64, then a floor division."""
    printed = nest.counts(wrapped=True)
    levels = nest.mapping.levels
    for tensor in nest.mapping.einsum.tensors:

        def extent(loops, ranks=tensor.ranks) -> int:
            return nest.extent_of(loop for loop in loops if loop.rank in ranks)

        partition = 0
        for i, level in enumerate(levels):
            size = extent(x for inner in levels[i:] for x in (*inner.loops, *inner.spatial))
            distinct = extent(levels[i - 1].spatial) if i else 1
            partition = (partition * size) % 2**64 // (size * distinct) if i else size
            if tensor.name in level.keep:
                assert printed[level.name, tensor.name]["partition"] == partition


@pytest.mark.parametrize(
    ("column", "fills"),
    [([1, 1], [1, 1]), ([1, 5], [1, 20]), ([5, 1], [20, 1]), ([5, 5], [20, 20])],
)
def test_a_loop_moves_a_tile_only_in_the_designs_where_it_is_more_than_1(column, fills):
    """Four passes over K, which A lacks, fetch A anew only where M moves its tile within."""
    einsum = Einsum("Z", Tensor("Z", ("K",)), (Tensor("A", ("M",)),), ("K", "M"))
    outer = Level("DRAM", loops=(Loop("K", "k"), Loop("M", "m")), keep=frozenset({"A", "Z"}))
    mapping = Mapping(einsum, (outer, Level("L3", keep=frozenset({"A"}))))
    nest = LoopNest(mapping, Factors({"k": 4, "m": np.array(column)}), wrapped=False)
    assert np.broadcast_to(nest.fills("L3", "A"), 2).tolist() == fills
