"""What an accelerator without mappings leaves open: choices of its binding that are parameters.

The file names them by Einsum, tensor and rank; what each may be follows from the cascade
(docs/reference/accelerator-files.md#an-open-binding). One that is 0, or `auto`, is the mapper's.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations

from evaluators.describe.cascade import Cascade, Einsum
from evaluators.describe.expressions import expression
from evaluators.describe.parameters import MAPPER, Domain, Parameter
from evaluators.foreign_toml import Table as Section

CHUNK = "chunk"
"""The parameter of a cascade with states: keys in a chunk, in rows of the 2D array."""

KEYS, CHUNK_KEYS = "M", "M0"
"""The keys, and those of a chunk."""

AUTO = "auto"
DRAM, BUFFER, REGISTERS = "dram", "buffer", "registers"
NO, YES = "no", "yes"
"""Labels of choices: whose it is, where a read comes from, whether there is a cut."""

_EMPTY = "-"
_MOST_CHUNKS = 1024
_KEYS = ("chunks", "places", "orders", "reads", "tiles", "cuts")


@dataclass(frozen=True)
class Place:
    """Where an Einsum runs.

    Attributes:
        array: '2d' or '1d'.
        sides: the ranks on its sides, rows and columns or lanes, with None for one that is empty;
            None where they are left open.

    """

    array: str
    sides: tuple[str | None, ...] | None = None

    @classmethod
    def of(cls, label: str) -> Place:
        """Read what a user writes: '2d', '2d M0/P', '1d P'."""
        array, _, sides = label.partition(" ")
        ranks = tuple(None if each == _EMPTY else each for each in sides.split("/"))
        return cls(array, ranks if sides else None)

    @property
    def label(self) -> str:
        """How a user writes it."""
        if self.sides is None:
            return self.array
        return f"{self.array} {'/'.join(each or _EMPTY for each in self.sides)}"


@dataclass(frozen=True)
class OpenBinding:
    """The choices of a binding that are parameters.

    Attributes:
        parameters: all of them, by name.
        places: parameter -> the Einsum whose place it is, see `Place`.
        orders: parameter -> the Einsum whose loops below the buffer it orders, by the ranks.
        reads: parameter -> (Einsum, tensor): where the Einsum reads the tensor from; '' for all
            Einsums that read it.
        tiles: parameter -> (Einsum, rank): how much of the rank a tile has where the Einsum runs.
        cuts: parameter -> the Einsum before which the cascade may be cut.

    """

    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tiles: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    cuts: Mapping[str, str] = field(default_factory=dict)


def open_binding(section: Section, cascade: Cascade) -> OpenBinding:
    """Read the table `open` of an accelerator's file; `InputError` says what is wrong there."""
    section.only(_KEYS, "an open binding")
    names = list(cascade.einsums)
    tiled = [f"{name}.{rank}" for name in names for rank in _tiled(cascade)]
    uses = [f"{name}.{each.name}" for name in names for each in cascade.einsums[name].operands]
    given = {each.partition(".")[2] for each in uses} - {*cascade.einsums, *cascade.previous}
    places = {f"{name.lower()}_on": name for name in _listed(section, "places", names)}
    orders = {f"{name.lower()}_order": name for name in _listed(section, "orders", names)}
    read = [each.rpartition(".") for each in _listed(section, "reads", [*sorted(given), *uses])]
    reads = {f"{name}{dot and '_'}{of}_in".lower(): (name, of) for name, dot, of in read}
    cuts = {f"{name.lower()}_cut": name for name in _listed(section, "cuts", names[1:])}
    pairs = [each.partition(".") for each in _listed(section, "tiles", tiled)]
    tiles = {f"{name.lower()}_{rank.lower()}_tile": (name, rank) for name, _, rank in pairs}
    declared = [
        *_chunk(section, cascade),
        *(
            _labelled(each, _labels(cascade), f"where {name} runs", _of(cascade, name))
            for each, name in places.items()
        ),
        *(
            _labelled(each, _orders(cascade, name), f"loops of {name} below the buffer, from outer")
            for each, name in orders.items()
        ),
        *(
            _labelled(
                each,
                [DRAM, BUFFER] if tensor in given else [DRAM, BUFFER, REGISTERS],
                f"where {name or 'who reads it'} reads {tensor} from",
            )
            for each, (name, tensor) in reads.items()
        ),
        *(
            _number(each, Domain(divisors_of=expression(rank)), f"{rank} in a tile where {name} is")
            for each, (name, rank) in tiles.items()
        ),
        *(
            _labelled(each, [NO, YES], f"a new group of Einsums begins with {name}")
            for each, name in cuts.items()
        ),
    ]
    parameters = {each.name: each for each in declared}
    if len(parameters) < len(declared):
        raise section.error("places", "two choices have one name; names differ beyond their case")
    return OpenBinding(parameters, places, orders, reads, tiles, cuts)


def _listed(section: Section, key: str, known: list[str]) -> tuple[str, ...]:
    """Return the names in a text, all of them known."""
    names = tuple(section.get(key, str, "names, as 'QK AV'", default="").split())
    for name in names:
        section.one_of(key, name, known)
    return names


def _tiled(cascade: Cascade) -> tuple[str, ...]:
    """Return the ranks whose tiles are choices; chunks are those of the keys."""
    return ("P",) if cascade.along else ("P", KEYS)


def _chunk(section: Section, cascade: Cascade) -> Iterator[Parameter]:
    if not cascade.along:
        return
    given = "chunks" in section.values
    chunks = section.list("chunks", int, "multiples, as [1, 2, 4]") if given else [1]
    if min(chunks) < 1 or max(chunks) > _MOST_CHUNKS:
        raise section.error("chunks", f"give integers from 1 to {_MOST_CHUNKS}")
    said = "keys in a chunk in rows of the 2D array, or the most below that divide them"
    yield _number(CHUNK, Domain(tuple(sorted(chunks))), said, _MOST_CHUNKS)


def _number(name: str, domain: Domain, said: str, most: int = 2**31 - 1) -> Parameter:
    return Parameter(name, said, domain=domain, most=most, rule=MAPPER)


def _labelled(
    name: str, labels: list[str], said: str, among: Container[str] | None = None
) -> Parameter:
    values = [k for k, each in enumerate(labels, 1) if among is None or each in among]
    return Parameter(name, said, domain=Domain(tuple(values)), labels=(AUTO, *labels), rule=MAPPER)


def _labels(cascade: Cascade) -> list[str]:
    """Return the labels of all places; cascades of the same ranks have the same."""
    return _places({rank for each in cascade.einsums.values() for rank in on_sides(cascade, each)})


def _of(cascade: Cascade, name: str) -> list[str]:
    return _places(on_sides(cascade, cascade.einsums[name]))


def _orders(cascade: Cascade, name: str) -> list[str]:
    ranks = sorted(on_sides(cascade, cascade.einsums[name]))
    return [" ".join(each) for each in permutations(ranks)]


def on_sides(cascade: Cascade, einsum: Einsum) -> dict[str, str]:
    """Return the ranks of an Einsum that sides may carry, by what choices call them.

    Batch ranks and the rank of the chunks do not lie there; the keys of a chunk are called M.
    """
    return {
        KEYS if cascade.along and rank == CHUNK_KEYS else rank: rank
        for rank in einsum.ranks
        if rank not in (*cascade.batch, cascade.along)
    }


def _places(ranks: Iterable[str]) -> list[str]:
    """Return the labels of an array, alone or with what is on its sides."""
    known = sorted(ranks)
    lone = [pair for each in known for pair in ((each, None), (None, each))]
    two = [*permutations(known, 2), *lone, (None, None)]
    places = [Place("2d"), *(Place("2d", sides) for sides in two)]
    places += [Place("1d"), *(Place("1d", (each,)) for each in (*known, None))]
    return [each.label for each in places]
