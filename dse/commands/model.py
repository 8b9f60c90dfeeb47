"""`dse model`: Timeloop's input in, the statistics of `timeloop-model` out, counted by our engine.

The text has the layout of Timeloop's statistics file without energies and areas, and without the
levels that hold nothing, so that a comparison with one shows no difference in a count.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evaluators.engine.throttling import Throttle
from evaluators.formats.timeloop_components import Mesh, Storage
from evaluators.formats.timeloop_mapping import MappedLevel
from evaluators.formats.timeloop_yaml import (
    TimeloopCase,
    compute_cycles,
    count,
    read_case,
    throttles,
)

_TENSOR_WIDTH = 41
_SPECS_WIDTH = 32
_INTENSITY_WIDTH = 40

Counts = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Count the mapping that the files describe, then print."""
    case = read_case(options.files)
    counts = count(case, wrapped=not options.exact)
    if options.json:
        print(json.dumps({"id": case.case.id, "counts": counts}))
    else:
        print(report(case, counts))
    return 0


def report(case: TimeloopCase, counts: Counts) -> str:
    """Write the counts of a case (see `count`) as Timeloop's statistics file has them."""
    lines = [
        f"Counts of {case.case.id}; energy and area come from dse evaluate.",
        "",
        *_ruled("Buffer and Arithmetic Levels"),
        *_ruled("Level 0"),
        *_arithmetic(case, counts),
    ]
    slowed = throttles(case, counts)
    for number, (storage, mapped) in enumerate(_inward(case), start=1):
        if mapped.keep:
            lines += [f"Level {number}", "-------"]
            lines += _level(storage, mapped, case.tensors, counts, slowed[storage.name])
    lines += [*_ruled("Networks"), "", *_intensity(case, counts), "", "", *_summary(case, counts)]
    return "\n".join(lines)


def _arithmetic(case: TimeloopCase, counts: Counts) -> list[str]:
    arithmetic = case.architecture.arithmetic
    specs = {"Word bits": arithmetic.word_bits, "Instances": _instances(arithmetic.mesh)}
    stats = {
        "Utilized instances": counts["utilized_instances"],
        "Computes (total)": counts["computes"],
        "Cycles": compute_cycles(counts),
    }
    return [
        f"=== {arithmetic.name} ===",
        "",
        *_indented(_ruled("SPECS")),
        *_indented(_rows(specs, 22)),
        "",
        *_indented(_ruled("STATS")),
        *_indented(_rows(stats, 24)),
        "",
    ]


def _inward(case: TimeloopCase) -> list[tuple[Storage, MappedLevel]]:
    """Pair levels of storage and what the mapping does there, the innermost first.

    Timeloop tells no loops of a level outside the outermost one that holds the first tensor.
    """
    pairs, held = [], False
    for storage, mapped in zip(case.architecture.storages, case.levels, strict=True):
        held = held or case.tensors[0] in mapped.keep
        pairs.append((storage, mapped if held else replace(mapped, loops=(), spatial=())))
    return pairs[::-1]


def _level(
    storage: Storage,
    mapped: MappedLevel,
    tensors: tuple[str, ...],
    counts: Counts,
    slowed: Throttle,
) -> list[str]:
    """Write a level of storage that holds tensors."""
    held = counts["levels"][storage.name]
    bandwidth = storage.bandwidth
    specs = {
        "Technology": "DRAM" if storage.dram else "SRAM",
        "Size": _limit(storage.words),
        "Word bits": storage.word_bits,
        "Block size": storage.block_words,
        "Cluster size": 1,
        "Instances": _instances(storage.mesh),
        "Shared bandwidth": _limit(bandwidth.shared_words),
        "Read bandwidth": _limit(bandwidth.read_words),
        "Write bandwidth": _limit(bandwidth.write_words),
        "Multiple buffering": f"{storage.copies:.2f}",
        "Effective size": _limit(storage.effective_words),
        "Min utilization": f"{storage.least_used:.2f}",
    }
    stats = {"Cycles": slowed.cycles, "Bandwidth throttling": f"{slowed.slowdown:.2f}"}
    lines = [
        *_ruled("SPECS"),
        *_indented(_rows(specs, _SPECS_WIDTH)),
        "",
        *_ruled("MAPPING"),
        "Loop nest:",
        *_nest(mapped),
        "",
        *_ruled("STATS"),
        *_rows(stats, 21),
    ]
    for tensor in tensors:
        if tensor in held:
            scale = bandwidth.scales.get(tensor, 1.0)
            moved = _moved(held[tensor], compute_cycles(counts), scale, slowed.slowdown)
            lines += [f"{tensor}:", *_indented(_tensor(held[tensor], scale, moved))]
    return [f"=== {storage.name} ===", "", *_indented(lines), ""]


def _limit(value: float | None) -> object:
    """Write a limit: '-' for none, a number of words a cycle with two decimals."""
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else value


def _nest(mapped: MappedLevel) -> list[str]:
    loops = [f"for {rank} in [0:{factor})" for rank, factor in mapped.loops]
    loops += [f"for {x.rank} in [0:{x.factor}) (Spatial-{x.side})" for x in mapped.spatial]
    return ["  " * depth + loop for depth, loop in enumerate(loops, start=1)]


def _moved(counts: dict[str, int], cycles: int, scale: float, slowdown: float) -> dict[str, float]:
    """Return the words that an instance moves a cycle."""
    read = counts["reads"] / cycles * scale
    write = (counts["fills"] + counts["updates"]) / cycles * scale
    return {
        "Shared": slowdown * (read + write),
        "Read": slowdown * read,
        "Write": slowdown * write,
    }


def _tensor(counts: dict[str, int], scale: float, moved: dict[str, float]) -> list[str]:
    reads, fills, updates = (counts[name] for name in ("reads", "fills", "updates"))
    instances = counts["instances"]
    rows = {
        "Partition size": counts["partition"],
        "Utilized capacity": counts["capacity"],
        "Utilized instances (max)": instances,
        "Utilized clusters (max)": instances,
        "Scalar reads (per-instance)": reads,
        "Scalar fills (per-instance)": fills,
        "Scalar updates (per-instance)": updates,
        "Temporal reductions (per-instance)": counts["temporal_reductions"],
        "Address generations (per-cluster)": (updates or reads) + fills,
        "Bandwidth Consumption Scale": f"{scale:.2f}",
    }
    for name, words in moved.items():
        rows[f"{name} Bandwidth (per-instance)"] = f"{words:.2f} words/cycle"
        rows[f"{name} Bandwidth (total)"] = f"{words * instances:.2f} words/cycle"
    return _rows(rows, _TENSOR_WIDTH)


def _intensity(case: TimeloopCase, counts: Counts) -> list[str]:
    """Write how many operations there are for each byte moved, at best and at each level."""
    operations = _operations(case, counts)
    required = sum(_outermost_capacities(counts).values())
    reductions = operations - counts["computes"]
    outermost = case.architecture.storages[0].word_bits
    rows = {
        "Total elementwise ops": counts["computes"],
        "Total reduction ops": reductions,
        "Total ops": operations,
        "Total memory accesses required": required,
        "Optimal Op per Byte": _ratio(operations, outermost * required // 8),
    }
    lines = [
        *_ruled("Operational Intensity Stats"),
        *_indented(_rows(rows, _INTENSITY_WIDTH)),
        "",
    ]
    for storage in reversed(case.architecture.storages):
        lines.append(f"=== {storage.name} ===")
        held = counts["levels"].get(storage.name, {}).values()
        accesses = sum((x["reads"] + x["fills"] + x["updates"]) * x["instances"] for x in held)
        if accesses:
            moved = {
                "Total scalar accesses": accesses,
                "Op per Byte": _ratio(operations, storage.word_bits * accesses // 8),
            }
            lines += _indented(_rows(moved, _INTENSITY_WIDTH))
    return lines


def _summary(case: TimeloopCase, counts: Counts) -> list[str]:
    columns, rows = case.architecture.arithmetic.mesh
    used = counts["computes"] / (columns * rows) / counts["cycles"]
    return [
        *_ruled("Summary Stats"),
        f"GFLOPs (@1GHz): {_ratio(_operations(case, counts), counts['cycles'])}",
        f"Utilization: {used * 100:.2f}%",
        f"Cycles: {counts['cycles']}",
        "",
        f"Computes = {counts['computes']}",
    ]


def _operations(case: TimeloopCase, counts: Counts) -> int:
    """Return multiplications and additions; the first of an output's partial results adds none."""
    output = case.case.mapping.einsum.output.name
    return 2 * int(counts["computes"]) - _outermost_capacities(counts)[output]


def _outermost_capacities(counts: Counts) -> dict[str, int]:
    """Return the words of each tensor's tile at the outermost level that holds it."""
    capacities: dict[str, int] = {}
    for held in counts["levels"].values():
        for tensor, each in held.items():
            capacities.setdefault(tensor, each["capacity"])
    return capacities


def _ratio(operations: int, divisor: int) -> str:
    """Divide in single precision, as Timeloop does; a whole divisor of 0 makes it infinite."""
    if divisor == 0:
        return "inf"
    return f"{np.float32(operations) / np.float32(divisor):.2f}"


def _instances(mesh: Mesh) -> str:
    return f"{mesh[0] * mesh[1]} ({mesh[0]}*{mesh[1]})"


def _ruled(title: str) -> list[str]:
    return [title, "-" * len(title)]


def _rows(values: Mapping[str, object], width: int) -> list[str]:
    return [f"{name:<{width}}: {value}" for name, value in values.items()]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]
