"""What is wrong with an accelerator that its file's form does not show.

Every check yields places in the files and sentences: what is wrong, and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterator

from evaluators.components.arithmetic import WIDTHS
from evaluators.describe.accelerator import WORKLOAD_RANKS, Accelerator, Table
from evaluators.describe.expressions import Expression
from evaluators.describe.machine import CLOCK_HZ, REGISTERS, WORD_BITS, Machine
from evaluators.describe.mapping import Mapping, Row
from evaluators.describe.open_binding import CHUNK_KEYS
from evaluators.describe.parameters import RESERVED, LargestThatFits
from evaluators.describe.places import Places
from evaluators.describe.trials import Problems, factors, numbers, partial_sums


def problems(accelerator: Accelerator) -> list[str]:
    """Return all that is wrong with an accelerator: 'mine.toml line 4: ...' each."""
    at = Places(accelerator)
    bound = accelerator.open is None
    static, tried = (*_STATIC, *(_BOUND if bound else ())), _TRIED if bound else (numbers,)
    found = [pair for check in static for pair in check(accelerator, at)]
    if not found:
        found = [pair for check in tried for pair in check(accelerator, at)]
    return list(dict.fromkeys(f"{place}: {said}" for place, said in found))


def _known(accelerator: Accelerator) -> set[str]:
    return {*WORKLOAD_RANKS, *accelerator.all_parameters, *accelerator.ranks}


def _reserved(accelerator: Accelerator, at: Places) -> Problems:
    """Parameters that are called as something that stands beside them."""
    ranks = {*WORKLOAD_RANKS, *accelerator.ranks, *accelerator.cascade.ranks}
    for name in accelerator.all_parameters:
        if name in RESERVED or name in ranks:
            taken = "a rank is" if name in ranks else "a column of results, an option or a word is"
            yield (
                at.key("parameters", name),
                f"parameters.{name}: {taken} called so; give it another name",
            )


def _names(accelerator: Accelerator, at: Places) -> Problems:
    """Names that expressions read, and parameters and Einsums that are spoken of."""
    for where, expression, names in _expressions(accelerator):
        for name in sorted(expression.names - names):
            yield (
                at.key(*where.split("."))
                if " " not in where
                else at.factor(where.split()[1], expression),
                f"{where}: '{expression.text}' reads {name}, which is nothing; known are "
                f"{', '.join(sorted(names))}",
            )
    for choice in accelerator.choices:
        for name in choice.parameters:
            if name not in accelerator.parameters:
                yield (
                    at.key("choose"),
                    f"choose: {name} is no parameter of [parameters]",
                )
            elif accelerator.parameters[name].domain is None:
                yield (
                    at.key("parameters", name),
                    f"parameters.{name}: it is chosen, but has no domain to choose from",
                )
        for name in choice.einsums:
            if name not in accelerator.cascade.einsums:
                yield (
                    at.key("choose"),
                    f"choose: {name} is no Einsum of the cascade",
                )
    for tensor, name in accelerator.keeps.items():
        if name not in accelerator.parameters:
            yield (
                at.key("keeps", tensor),
                f"keeps.{tensor}: {name} is no parameter of [parameters]",
            )


def _expressions(accelerator: Accelerator) -> Iterator[tuple[str, Expression, set[str]]]:
    """Yield every expression with its place in the file and the names that it may read."""
    known = _known(accelerator)
    before = known - set(accelerator.ranks)
    for rank, expression in accelerator.ranks.items():
        yield f"ranks.{rank}", expression, set(before)
        before.add(rank)
    for table in accelerator.tables:
        before = set(known)
        for name, expression in table.factors.items():
            yield f"factor {name} of {table.array}", expression, set(before)
            before.add(name)
    for each in accelerator.requires:
        yield "requires", each, known
    times = {f"time({name})" for name in accelerator.cascade.einsums}
    for stage in accelerator.stages:
        if stage.stall is not None:
            yield "schedule.stalls", stage.stall, known | times
    yield from ((where, each, known) for where, each in _of_machine(accelerator.machine))
    yield from ((f"bits.{name}", each, known) for name, each in accelerator.bits.items())
    for spill in accelerator.spills:
        yield "spill.share", spill.share, known | {"footprint", "resident"}
    for name, parameter in accelerator.all_parameters.items():
        domains = [parameter.domain]
        if isinstance(parameter.rule, Expression):
            yield f"parameters.{name}", parameter.rule, known
        elif isinstance(parameter.rule, LargestThatFits):
            domains.append(parameter.rule.of)
        for domain in domains:
            if domain is not None and domain.divisors_of is not None:
                yield f"parameters.{name}", domain.divisors_of, known


def _of_machine(machine: Machine) -> Iterator[tuple[str, Expression]]:
    """Yield the expressions of a machine with their places in its file."""
    for store in machine.stores:
        for key in ("bytes", "row_words", "bytes_per_s"):
            if (expression := getattr(store, key)) is not None:
                yield f"stores.{store.name}.{key}", expression
    for array in machine.arrays.values():
        for expression in (*array.sides, array.registers, *array.shared.values()):
            yield f"arrays.{array.name}", expression


def _cascade(accelerator: Accelerator, at: Places) -> Problems:
    """Tensors that are read and never written, states, ranks without an extent."""
    cascade = accelerator.cascade
    written = {*cascade.einsums, *cascade.previous, *cascade.inputs}
    seen: set[str] = set()
    for name, einsum in cascade.einsums.items():
        for operand in einsum.operands:
            if operand.name not in written and cascade.computes == "attention":
                yield (
                    at.einsum(name),
                    f"Einsum {name} reads {operand.name}, which nothing writes; name it under "
                    "cascade.inputs or cascade.previous",
                )
            elif operand.name in cascade.einsums and operand.name not in seen:
                yield (
                    at.einsum(name),
                    f"Einsum {name} reads {operand.name} before it is computed; order the cascade, "
                    "or give the value before its own name under cascade.previous",
                )
        seen.add(name)
    for name, state in cascade.previous.items():
        if state not in cascade.einsums:
            yield (
                at.key("cascade", "previous"),
                f"cascade.previous: {name} is the value of {state}, which is no Einsum",
            )
        elif cascade.along not in cascade.einsums[state].ranks:
            yield (
                at.key("cascade", "previous"),
                f"cascade.previous: {state} has no rank '{cascade.along}'; 'along' names the rank "
                "that its chunks are along",
            )
    chunked = {cascade.along, CHUNK_KEYS} if accelerator.open is not None else set()
    for rank in cascade.ranks:
        if rank not in WORKLOAD_RANKS and rank not in {*accelerator.ranks, *chunked}:
            yield (
                at.key("ranks"),
                f"rank {rank} has no extent; it is none of the workload's "
                f"({' '.join(WORKLOAD_RANKS)}), give it under [ranks]",
            )


def _mappings(accelerator: Accelerator, at: Places) -> Problems:
    """Einsums without a way to run or with two, units, conditions, choices, inputs off chip."""
    outer = accelerator.machine.stores[0].name
    for name in accelerator.cascade.einsums:
        rows = accelerator.rows(name)
        if not rows:
            yield (
                at.einsum(name),
                f"Einsum {name} is in no table of mappings; give it a row",
            )
        ways = [tuple(sorted(row.when.items())) for _, row in rows]
        for way in dict.fromkeys(ways):
            if ways.count(way) > 1:
                how = f" under when {_told(dict(way))}" if way else ""
                yield (
                    at.row(name),
                    f"Einsum {name} is mapped {ways.count(way)} times{how}; tell the rows apart by "
                    "'when'",
                )
        if () in ways and len(rows) > 1:
            yield (
                at.row(name),
                f"Einsum {name} has a row without 'when' beside others; give each a condition",
            )
        if len(rows) > 1 and accelerator.footprint.waiting:
            yield (
                at.row(name),
                f"Einsum {name} is mapped {len(rows)} times; what waits in registers is counted "
                "where each Einsum runs in one way, else leave out footprint.registers",
            )
        for table, row in rows:
            yield from _row(accelerator, table, row, outer, at)


def _row(accelerator: Accelerator, table: Table, row: Row, outer: str, at: Places) -> Problems:
    units = accelerator.machine.arrays[row.array].units
    for unit in row.operations:
        if unit not in units and not (unit == "add" and "mac" in units):
            yield (
                at.row(row.einsum),
                f"{row.einsum} on {row.array} needs the unit {unit}, which it lacks; it has "
                f"{', '.join(units)}",
            )
    for tensor in row.marked:
        if tensor not in accelerator.keeps:
            yield (
                at.row(row.einsum),
                f"{row.einsum}: {tensor} is marked as a choice; name its parameter under [keeps]",
            )
    cascade = accelerator.cascade
    ends = [t.name for t in row.streamed.einsum.operands if t.name in cascade.inputs]
    ends += [row.einsum] if row.einsum in cascade.outputs else []
    for mapping in {row.streamed, row.resident}:
        for tensor in ends:
            if _kept(mapping, outer, tensor):
                continue
            if not _left(accelerator, row, mapping, outer, tensor):
                yield (
                    at.row(row.einsum),
                    f"{row.einsum}: {tensor} is not kept in {outer}, where the workload has it",
                )
    defined = _known(accelerator) | set(table.factors)
    for loop in row.streamed.loops:
        if loop.factor not in defined:
            yield (
                at.row(row.einsum),
                f"{row.einsum}: factor {loop.factor} is not defined; give it under this mapping's "
                "factors",
            )
    yield from _conditions(accelerator, row, at)


def _kept(mapping: Mapping, level: str, tensor: str) -> bool:
    return tensor in mapping.levels[mapping.index(level)].keep


def _left(accelerator: Accelerator, row: Row, mapping: Mapping, outer: str, tensor: str) -> bool:
    """Tell whether an earlier Einsum of the stage left an input where this one takes it.

    That is a buffer, or the registers of one array.
    """
    taken = next(level.name for level in mapping.levels if tensor in level.keep)
    names = list(accelerator.cascade.einsums)
    earlier = names[: names.index(row.einsum)]
    together = {
        name for each in accelerator.stages if row.einsum in each.einsums for name in each.einsums
    }
    return any(
        tensor in (operand.name for operand in each.streamed.einsum.operands)
        and _kept(each.streamed, outer, tensor)
        and _kept(each.streamed, taken, tensor)
        and (taken != REGISTERS or each.array == row.array)
        for name in earlier
        if name in together
        for _, each in accelerator.rows(name)
    )


def _conditions(accelerator: Accelerator, row: Row, at: Places) -> Problems:
    for name, label in row.when.items():
        parameter = accelerator.all_parameters.get(name)
        if parameter is None:
            yield (
                at.row(row.einsum),
                f"{row.einsum}: when names {name}, which is no parameter",
            )
        elif parameter.labels and label not in parameter.labels:
            yield (
                at.row(row.einsum),
                f"{row.einsum}: when {name}={label}: it is one of {', '.join(parameter.labels)}",
            )
        elif not parameter.labels and not label.isdecimal():
            yield (
                at.row(row.einsum),
                f"{row.einsum}: when {name}={label}: write a number",
            )


def _told(conditions: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in conditions.items())


def _taken(accelerator: Accelerator, tensor: str, reader: str, array: str) -> bool:
    """Tell whether an earlier reader on the same array takes a tensor from where it is held."""
    names = list(accelerator.cascade.einsums)
    return any(
        row.array == array and _held(row, tensor)
        for name in names[: names.index(reader)]
        if any(each.name == tensor for each in accelerator.cascade.einsums[name].operands)
        for _, row in accelerator.rows(name)
    )


def _handed_over(accelerator: Accelerator, at: Places) -> Problems:
    """Tensors that one array makes and another reads, and no store holds."""
    cascade = accelerator.cascade
    for reader, einsum in cascade.einsums.items():
        for operand in einsum.operands:
            maker = cascade.previous.get(operand.name, operand.name)
            for _, made in accelerator.rows(maker):
                for _, read in accelerator.rows(reader):
                    if made.array == read.array or _held(made, maker) or _held(read, operand.name):
                        continue
                    if _taken(accelerator, operand.name, reader, read.array):
                        continue
                    yield (
                        at.row(maker),
                        f"{maker} is made on {made.array} and read on {read.array} by {reader}, "
                        "and is kept nowhere between them; keep it in a store or at an edge",
                    )


def _held(row: Row, tensor: str) -> bool:
    """Tell whether a row keeps a tensor above the registers."""
    return any(tensor in level.keep for level in row.resident.levels[:-1])


def _schedule(accelerator: Accelerator, at: Places) -> Problems:
    """Einsums in no stage or two, and stages against the dependences."""
    cascade = accelerator.cascade
    places: dict[str, int] = {}
    for place, stage in enumerate(accelerator.stages):
        for name in stage.einsums:
            if name not in cascade.einsums:
                yield (
                    at.key("schedule", "stages"),
                    f"schedule: stage {place + 1} has {name}, which is no Einsum",
                )
            elif name in places:
                yield (
                    at.key("schedule", "stages"),
                    f"schedule: {name} is in stages {places[name] + 1} and {place + 1}; put it in "
                    "one",
                )
            places.setdefault(name, place)
    for name in cascade.einsums:
        if name not in places:
            yield (
                at.key("schedule", "stages"),
                f"schedule: Einsum {name} is in no stage; put it in one",
            )
    skew: dict[str, int] = {}
    for name, einsum in cascade.einsums.items():
        skew[name] = 0
        for operand in einsum.operands:
            if operand.name in skew and name in places and operand.name in places:
                later = places[name] < places[operand.name]
                skew[name] = max(skew[name], skew[operand.name] + later)
        if skew[name] > 1:
            yield (
                at.key("schedule", "stages"),
                f"schedule: {name} runs {skew[name]} tiles behind what it depends on; one tile of "
                "skew is what stages overlap",
            )


def _widths(accelerator: Accelerator, at: Places) -> Problems:
    """The clock, and bits of words that nothing prices or no tensor has."""
    parameters = accelerator.all_parameters
    if CLOCK_HZ not in parameters:
        yield (
            at.key("parameters"),
            f"parameters: the machine has no {CLOCK_HZ}; give it a default",
        )
    word = parameters[WORD_BITS]
    searched = () if word.domain is None else word.domain.values
    for width in dict.fromkeys((word.default, *searched)):
        if width not in WIDTHS:
            known = ", ".join(str(each) for each in WIDTHS)
            yield (
                at.key("parameters", WORD_BITS),
                f"parameters.{WORD_BITS}: {width}; the component tables have {known} bits alone",
            )
    given = accelerator.cascade.given
    for name in accelerator.bits:
        if name not in given:
            yield (
                at.key("bits", name),
                f"bits.{name}: the workload has no such tensor; it has {', '.join(sorted(given))}",
            )


_STATIC = (_reserved, _names, _cascade, _widths)
_BOUND = (_mappings, _handed_over, _schedule)
"""Checks of what an open binding lacks."""
_TRIED = (factors, partial_sums, numbers)
"""Checks that need a description without other faults."""
