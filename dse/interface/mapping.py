"""The best of all bindings of cascades on a machine, proven, beside the paper's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dse.interface.typed import typed
from dse.results.designs import LABEL_DEFAULTS, Setting, evaluate_pinned, reasons
from dse.results.mapped import COMPARED_METRICS, Compared, Mapped, Paced
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.describe.layers import shipped
from evaluators.describe.machine import Machine
from evaluators.design import Designs
from evaluators.engine.rules import one_chip
from evaluators.errors import InputError, known_are, shown
from evaluators.foreign import integer
from evaluators.mapper.binding import evaluate
from evaluators.mapper.cascade_search import Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.freedoms import without
from evaluators.mapper.machines import exp_cycles as exp_cycles_of
from evaluators.mapper.machines import known_machine
from evaluators.mapper.placement import ARRAYS
from evaluators.mapper.resources import (
    EXPONENTIAL,
    LANES,
    MACHINE,
    PARAMETERS,
    PE,
    RANKS,
    Resources,
)
from evaluators.mapper.scheduled import Runs, shortest_schedule
from evaluators.mapper.search import Found, search
from evaluators.mapper.structure import Structure
from evaluators.protocol import evaluator
from evaluators.workloads.sizes import LONGEST

PAPERS = ("binding", "architecture", "cascade", "flat", "unfused")
"""The paper's configurations, which stand beside the optimum on machines with their stores."""

_LAYERS = ("D", "S")
"""Ranks of the feed-forward network, for a cascade of one's own."""

_FIXED = {"configuration": PAPERS[0], "accounting": "corrected"}


@typed
def best_binding(
    *,
    cascade: str = "all",
    machine: str = MACHINE,
    chunks: str | None = None,
    exp_cycles: int | None = None,
    front: bool = False,
    freedoms: bool = False,
    tolerance: float = 0.0,
    scheduled: bool = False,
    time_limit_s: float | None = None,
    **values: str | int | float,
) -> Mapped:
    """Search all bindings of cascades on a machine for the proven best.

    Args:
        cascade: '1-pass', '2-pass', '3-pass' over the keys, several joined by commas, 'all', or the
            path of a file.
        machine: one that `dse machine list` lists, or the path of a file; its sizes are those that
            are not among the values.
        chunks: keys in a chunk of 1-pass, as '64,128', or 'all'; where None the rows of the array,
            or what of them divides the keys.
        exp_cycles: of an exponential unit in each lane; where None the machine's, where that has
            none six multiply-adds.
        front: the whole front of latency and energy, too.
        freedoms: the optimum with each freedom taken away in turn, too.
        tolerance: take the least energy of what is slower than the fastest by no more than this
            share.
        scheduled: take what is fastest by a schedule that registers and buffer hold, instead of
            what is fastest if arrays and memory overlap wholly.
        time_limit_s: end the search after so much CPU time, with the gap that is left.
        values: of the workload (model or shape, seq_len, ...), of the machine (array_rows,
            array_cols, vector_lanes, buffer_bytes, pe_registers, lane_registers, dram_bytes_per_s,
            clock_hz), and sram, where the costs of a buffer come from that the table lacks.

    Returns:
        The optimum, its costs, and of attention those of the bindings that ship for such a machine.

    Raises:
        Error: for what is no machine or workload, or where no binding fits.

    Examples:
        >>> import dse
        >>> chip = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": "4 KiB"}
        >>> best = dse.map(cascade="2-pass", shape="1,8,2,2,1,8", seq_len=8, **chip)
        >>> print(round(best.costs.latency_s / best.compared[0].metrics["latency_s"], 2))
        0.75

    """
    if not 0 <= tolerance <= 1:
        raise InputError(f"tolerance {tolerance}: give a share of the least latency, 0 to 1")
    if scheduled and (front or freedoms):
        raise InputError(
            "front and freedoms are of ideal latencies; ask for them without scheduled"
        )
    given = {name: str(value) for name, value in values.items()}
    setting = _setting({name: text for name, text in given.items() if name not in PARAMETERS})
    sizes = {name: text for name, text in given.items() if name in PARAMETERS}
    resources = _resources(known_machine(machine), sizes, exp_cycles, setting)
    known = {rank: setting.workload.extents[rank] for rank in (*RANKS, *_LAYERS)}
    cascades = _cascades(cascade, known)
    _check_units(cascades, resources)
    used = {rank for each in cascades.values() for rank in each.cascade.ranks}
    extents = {rank: n for rank, n in known.items() if rank in RANKS or rank in used}
    chunk_sizes = _chunks(chunks, cascades, resources, extents["M"])
    started_s = time.process_time()
    within = None if front else tolerance
    limits = Limits(chunk_sizes, within=within, seconds=time_limit_s)
    found = search(cascades, resources, extents, limits)
    if not found.front:
        raise InputError(
            "no binding fits this machine: give it more buffer_bytes, pe_registers or "
            "lane_registers"
            if np.isinf(found.left_s)
            else f"no binding was found in {time_limit_s:g} s; give --time-limit more"
        )
    point = found.optimum(tolerance)
    binding = found.binding(point)
    paced = None
    if scheduled:
        spent_s = time.process_time() - started_s
        left_s = None if time_limit_s is None else max(0.0, time_limit_s - spent_s)
        limits = replace(limits, seconds=left_s)
        runs = shortest_schedule(
            cascades, resources, setting.workload, extents, limits, binding, found.fastest_s
        )
        spent_s = time.process_time() - started_s
        binding, paced = runs.binding, _paced(runs, found, spent_s, time_limit_s)
    cpu_s = time.process_time() - started_s
    attention = all(each.cascade.computes == "attention" for each in cascades.values())
    beside = _with_stores_of(resources.built) if attention else []
    taken_away = None
    if freedoms:
        limits = replace(limits, within=tolerance)
        taken_away = tuple(without(cascades, resources, extents, limits, tolerance))
    return Mapped(
        setting,
        resources,
        extents,
        cascades,
        chunk_sizes,
        tolerance,
        found.front,
        binding,
        evaluate(binding, cascades[binding.cascade], resources, extents),
        paced,
        found.gaps(point),
        tuple(_compared(each, setting, resources) for each in beside),
        taken_away,
        sum(each.ways() for each in found.searches.values()),
        sum(each.counted for each in found.searches.values()),
        sum(each.searched for each in found.searches.values()),
        cpu_s,
    )


def _paced(runs: Runs, found: Found, spent_s: float, time_limit_s: float | None) -> Paced:
    """Tell how a binding runs, beside what none is faster than; refuse where none fits."""
    if not np.isinf(runs.latency_s):
        least_s = min(found.left_s, found.fastest_s)
        return Paced(runs.latency_s, runs.latency_s / least_s - 1, runs.tried)
    if time_limit_s is not None and spent_s >= time_limit_s:
        raise InputError(
            f"no schedule was found in {time_limit_s:g} s, of {runs.tried} bindings that were "
            "tried; give --time-limit more"
        )
    raise InputError(
        f"no schedule fits this machine, of {runs.tried} bindings that were tried: give it more "
        "pe_registers, lane_registers or buffer_bytes"
    )


def _setting(given: Mapping[str, str]) -> Setting:
    if {"model", "shape"} <= given.keys():
        raise InputError("--model and --shape both describe the transformer; give one of them")
    known = [name for name in LABEL_DEFAULTS if name not in _FIXED]
    if strange := next((name for name in given if name not in known), None):
        every = [*known, *PARAMETERS]
        raise InputError(f"unknown argument '{shown(strange)}'; {known_are(strange, every)}")
    setting = Setting.parse({"fit": "strict", "sram": "exact", **given, **_FIXED})
    if setting.workload.masked or setting.workload.padded:
        raise InputError(
            "the open space has bindings without masks and padding alone; take window 0, mask "
            "none, fit strict"
        )
    return setting


def _resources(
    built: Machine, given: Mapping[str, str], exp_cycles: int | None, setting: Setting
) -> Resources:
    """Return the machine, of sizes as given, else by their rules and defaults."""
    accelerator = replace(described(PAPERS[0]), machine=built)
    declared = built.parameters
    read = {name: declared[name].read(text) for name, text in given.items()}
    chip = one_chip(accelerator, [setting.workload], Designs.of(**read))
    whole = {name: chip.columns[name][0].item() for name in PARAMETERS}
    sizes: dict[str, Any] = {
        name: float(size) if declared[name].real else size for name, size in whole.items()
    }
    return Resources(
        **{PARAMETERS[name]: size for name, size in sizes.items()},
        exp_cycles=exp_cycles_of(built, sizes) if exp_cycles is None else exp_cycles,
        sram_source=setting.accounting.sram,
        built=built,
    )


def _cascades(text: str, extents: Mapping[str, int]) -> dict[str, Structure]:
    names = NAMES if text == "all" else tuple(each.strip() for each in text.split(","))
    cascades = {name: structure(name) for name in names}
    for name, each in cascades.items():
        along = {each.cascade.along, "M0"} if each.cascade.along else set()
        unknown = sorted(set(each.cascade.ranks) - set(extents) - along)
        if unknown or not each.keys:
            wrong = f"rank {unknown[0]} is none of it" if unknown else "it has no keys to tile over"
            raise InputError(
                f"cascade {shown(name)}: {wrong}; the workload has {', '.join(extents)}, and a "
                "cascade with states cuts M into chunks of M0"
            )
    return cascades


def _check_units(cascades: Mapping[str, Structure], resources: Resources) -> None:
    """Refuse an Einsum that no array has the units for."""
    for name, each in cascades.items():
        for place, einsum in enumerate(each.einsums):
            needs = each.operations(place)
            if all(resources.work(needs, array) is None for array in ARRAYS):
                raise InputError(
                    f"{einsum.name} of {name} takes {', '.join(needs)}, and no array of "
                    f"{resources.built.name} has the units for that"
                )


def _chunks(
    text: str | None, cascades: Mapping[str, Structure], resources: Resources, keys: int
) -> tuple[int, ...] | None:
    """Return keys in a chunk: those given, or as many as the array has rows or what divides."""
    if text is None:
        return (resources.chunk(keys),)
    if not any(each.cascade.along for each in cascades.values()):
        raise InputError("--chunks is of cascades with one pass; none of these has chunks")
    if text == "all":
        return None
    found = [integer(each.strip(), 1, LONGEST) for each in text.split(",")]
    sizes = [each for each in found if each is not None]
    if len(sizes) < len(found):
        raise InputError(f"chunks '{shown(text)}': give keys in a chunk, as 64,128, or all")
    return tuple(dict.fromkeys(sizes))


def _with_stores_of(built: Machine) -> list[str]:
    """Return the configurations that ship for machines with such stores, the paper's first."""
    others = [name for name in shipped() if name not in PAPERS]
    return [name for name in (*PAPERS, *others) if _runs_on(described(name), built)]


def _runs_on(accelerator: Accelerator, built: Machine) -> bool:
    machine = accelerator.machine
    return (
        accelerator.open is None
        and accelerator.cascade.computes == "attention"
        and (machine.stores, {*machine.arrays}) == (built.stores, {*built.arrays})
    )


def _compared(name: str, setting: Setting, resources: Resources) -> Compared:
    """Evaluate a configuration that ships on the machine, or say why it does not run.

    One that leaves something of a side over is padded, and the note says so.
    """
    strict = _evaluated(name, setting, resources, "")
    if strict.metrics is not None:
        return strict
    padded = replace(setting, workload=replace(setting.workload, padded=True))
    return _evaluated(name, padded, resources, "padded")


def _evaluated(name: str, setting: Setting, resources: Resources, told: str) -> Compared:
    accelerator = described(name)
    arrays, known = accelerator.machine.arrays, resources.built.arrays
    has = EXPONENTIAL in arrays[LANES].units
    notes = [told] if told else []
    if has != (resources.exp_cycles is not None):
        notes.append(f"has {'an' if has else 'no'} exponential unit")
    notes += [
        f"has a unit '{unit}' in every {called}"
        for array, called in ((PE, "PE"), (LANES, "lane"))
        for unit in arrays[array].units
        if unit not in (EXPONENTIAL, *known[array].units)
    ]
    engine, run = evaluator("analytical"), replace(setting, configuration=name)
    sizes = {each: getattr(resources, own) for each, own in PARAMETERS.items()}
    try:
        ((_, results),) = evaluate_pinned(run, Designs.of(**sizes), engine)
        evaluations = results.whole()
        (reason,) = reasons(run, evaluations, engine)
    except InputError as error:
        return Compared(name, accelerator.title, None, str(error))
    if reason:
        return Compared(name, accelerator.title, None, reason)
    metrics = {each: float(evaluations.metrics[each][0]) for each in COMPARED_METRICS}
    return Compared(name, accelerator.title, metrics, ", ".join(notes))
