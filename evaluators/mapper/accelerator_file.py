"""A binding as an accelerator file: what the mapper finds, said in the words of every other.

docs/reference/accelerator-files.md says what the words mean. The outermost loop over a rank is what
the others leave of it, so that the file also takes other lengths, where they divide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from evaluators.describe.cascade import Einsum
from evaluators.describe.machine import Array, Store
from evaluators.mapper.binding import Binding, BoundGroup, Step, chunked, loop_nest
from evaluators.mapper.resources import (
    EXPONENTIAL,
    LANES,
    MACHINE,
    PARAMETERS,
    PE,
    Resources,
    fusemax,
)
from evaluators.mapper.structure import Structure
from evaluators.mapper.uses import BUFFER, EDGE, LAST, OFF_CHIP

_COLUMNS = ("Einsum", "DRAM loops", "L3 loops", "spatial", "DRAM keep", "L3 keep", "operations")
_EDGE_COLUMN = "edge keep"


@dataclass
class _Table:
    """A table of mappings as it is put together: its array, its factors, its rows."""

    array: str
    factors: dict[str, str]
    rows: list[list[str]] = field(default_factory=list)


def accelerator_file(
    name: str,
    title: str,
    binding: Binding,
    structure: Structure,
    resources: Resources,
    extents: Mapping[str, int],
) -> str:
    """Return the text of the file.

    Args:
        name: what it is called in files.
        title: what people call it.
        binding: of the cascade.
        structure: of the cascade.
        resources: the machine; the file's parameters have its sizes as defaults.
        extents: what the binding was found for.

    """
    cascade = structure.cascade
    along = [f'along    = "{cascade.along}"'] if cascade.along else []
    ranks = []
    if cascade.along:
        ranks = ["", "[ranks]", f"M0 = {binding.chunk}", f'{cascade.along} = "M / M0"']
    stages = [
        " ".join(structure.einsums[place].name for place in each.group) for each in binding.groups
    ]
    return "\n".join(
        [
            f'name    = "{name}"',
            f"title   = {json.dumps(title, ensure_ascii=False)}",
            "",
            "[cascade]",
            'einsums = """',
            *(each.text for each in structure.einsums),
            '"""',
            *along,
            *([f"previous = {_table_of(cascade.previous)}"] if cascade.previous else []),
            *([f"inputs   = {_table_of(cascade.inputs)}"] if cascade.inputs else []),
            f'computes = "{cascade.computes}"',
            *ranks,
            *(line for table in _tables(binding, structure, resources, extents) for line in table),
            "",
            "[schedule]",
            f"stages = [{', '.join(f'{each!r}' for each in stages)}]".replace("'", '"'),
            'memory = "stage"',
            "",
            "[footprint]",
            'registers = "waiting"',
            "",
            *_machine(resources),
            "",
        ]
    )


def _table_of(names: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f'{key} = "{value}"' for key, value in names.items()) + " }"


def _machine(resources: Resources) -> Iterator[str]:
    built, plain = resources.built, fusemax()
    yield "[machine]"
    yield f'name = "{built.name}"'
    if built.title != plain.title:
        yield f"title = {json.dumps(built.title, ensure_ascii=False)}"
        yield f"source = {json.dumps(built.source, ensure_ascii=False)}"
    yield f'base = "{MACHINE}"'
    yield ""
    yield "[machine.parameters]"
    for name, attribute in PARAMETERS.items():
        said, value = built.parameters[name], getattr(resources, attribute)
        more = [f"most = {said.most}"]
        if said.real:
            value, more = float(value), ["real = true"]
        if said.domain is not None:
            more.append(f"domain = {sorted({*said.domain.values, value})}")
        more.append(f'help = "{said.help}"')
        yield f"{name} = {{ default = {value!r}, {', '.join(more)} }}"
    _, buffer = built.stores
    if buffer != plain.stores[1]:
        yield from _store(buffer)
    for name, array in built.arrays.items():
        units = [f'"{each}"' for each in array.units if each != EXPONENTIAL]
        if name == LANES and resources.exp_cycles is not None:
            shared = f'{{ unit = "{EXPONENTIAL}", shared_by = {resources.exp_cycles} }}'
            units.append(shared if resources.exp_cycles > 1 else f'"{EXPONENTIAL}"')
        if units != [f'"{each}"' for each in plain.arrays[name].units]:
            yield from _array(array, units)


def _store(store: Store) -> Iterator[str]:
    assert store.bytes is not None
    assert store.row_words is not None
    yield ""
    yield f"[machine.stores.{store.name}]"
    yield f'kind = "{store.kind}"'
    yield f'bytes = "{store.bytes.text}"'
    yield f'row_words = "{store.row_words.text}"'


def _array(array: Array, units: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"[machine.arrays.{array.name}]"
    yield f"sides = {json.dumps([each.text for each in array.sides])}"
    yield f'registers = "{array.registers.text}"'
    yield f"units = [{', '.join(units)}]"
    if array.edge is not None:
        yield f'edge = {{ name = "{array.edge.name}", like = "{array.edge.like}" }}'


def _tables(
    binding: Binding, structure: Structure, resources: Resources, extents: Mapping[str, int]
) -> Iterator[list[str]]:
    """Yield the tables of mappings; Einsums whose factors agree stand in one."""
    known = chunked(binding, structure, extents)
    tables: list[_Table] = []
    for group in binding.groups:
        for place, step in zip(group.group, group.steps, strict=True):
            einsum = structure.einsums[place]
            factors, row = _row(einsum, step, group, structure, resources, known)
            array = step.placement.array
            table = next((t for t in tables if t.array == array and _agree(t, factors)), None)
            if table is None:
                table = _Table(array, {})
                tables.append(table)
            table.factors |= factors
            table.rows.append(row)
    for table in tables:
        yield _written(table)


def _agree(table: _Table, factors: Mapping[str, str]) -> bool:
    """Tell whether a row reads the same of every name that it shares with a table."""
    return all(table.factors.get(name, said) == said for name, said in factors.items())


def _written(table: _Table) -> list[str]:
    header = list(_COLUMNS)
    if table.array == PE:
        header.insert(-1, _EDGE_COLUMN)
    # What is what it is named after needs no definition.
    factors = {name: said for name, said in table.factors.items() if said != name}
    rows = [header, *table.rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    given = ", ".join(
        f"{name} = {said}" if said.isdecimal() else f'{name} = "{said}"'
        for name, said in factors.items()
    )
    said = [f"factors = {{ {given} }}"] if factors else []
    return ["", "[[mapping]]", f'array   = "{table.array}"', *said, 'table   = """', *lines, '"""']


def _row(
    einsum: Einsum,
    step: Step,
    group: BoundGroup,
    structure: Structure,
    resources: Resources,
    extents: Mapping[str, int],
) -> tuple[dict[str, str], list[str]]:
    """Return the factors of an Einsum, and its row."""
    _, counts = loop_nest(einsum, step, group, structure, resources, extents)
    placement, queries, keys = step.placement, structure.queries, structure.keys
    outer = [rank for rank in structure.batch if rank in einsum.ranks]
    shared = [keys] if keys in einsum.ranks and (structure.cascade.along or group.keys > 1) else []
    if queries:
        shared.insert(0 if group.inner == 1 else len(shared), queries)
    outer += shared
    inner = list(placement.order)
    inner += [rank for rank in einsum.ranks if rank not in (*outer, *inner)]
    sides = {rank: counts[f"{rank}0"] for rank in placement.side_of}
    factors: dict[str, str] = {}

    def named(rank: str, digit: str, inside: int) -> str:
        """Name a loop over what others leave of a rank."""
        said = f"{rank} / {inside}" if inside > 1 else rank
        name = f"{rank}{digit}" if inside > 1 else rank
        factors[name] = said
        return name

    above = []
    for rank in outer:
        step_of = counts[f"{rank}1"] if rank in placement.order else 1
        above.append(named(rank, "2", step_of * sides.get(rank, 1)))
    below = []
    for rank in inner:
        if rank in outer:
            factors[f"{rank}1"] = str(counts[f"{rank}1"])
            below.append(f"{rank}1")
        else:
            below.append(named(rank, "1", sides.get(rank, 1)))
    across = [rank for rank in reversed(placement.sides) if rank is not None]
    if placement.array == PE and placement.sides[1] is None and across:
        across.insert(0, next(rank for rank in einsum.ranks if rank not in across))
    factors |= {f"{rank}0": str(sides.get(rank, 1)) for rank in across}
    cells = [
        einsum.name,
        " ".join(above),
        " ".join(below),
        " ".join(f"{rank}0" for rank in across),
        " ".join(_kept(einsum, step, OFF_CHIP)),
        " ".join(_kept(einsum, step, BUFFER)),
        _operations(structure, einsum, step, resources),
    ]
    if step.placement.array == PE:
        cells.insert(-1, " ".join(_kept(einsum, step, EDGE)))
    return factors, cells


def _kept(einsum: Einsum, step: Step, level: str) -> Iterator[str]:
    for tensor in einsum.tensors:
        keep = step.keep[tensor.name]
        if level in keep:
            yield f"{tensor.name}!" if level == OFF_CHIP and LAST in keep else tensor.name


def _operations(structure: Structure, einsum: Einsum, step: Step, resources: Resources) -> str:
    work = resources.work(structure.operations(structure.place[einsum.name]), step.placement.array)
    assert work is not None
    joint = " & " if EXPONENTIAL in work.units else ", "
    return joint.join(
        unit if count == 1 else f"{count} {unit}" for unit, count in work.units.items()
    )
