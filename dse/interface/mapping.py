"""The best of all bindings of cascades on a machine, proven, beside +Binding."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from dse.results.designs import LABEL_DEFAULTS, Setting, evaluate_pinned, reasons
from dse.results.mapped import Mapped
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.columns import divisors
from evaluators.engine.rules import one_chip
from evaluators.errors import InputError, known_are, shown
from evaluators.foreign import integer
from evaluators.mapper.binding import evaluate
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.resources import Resources
from evaluators.mapper.search import Found, Limits, Point, search
from evaluators.mapper.structure import Structure
from evaluators.protocol import evaluator
from evaluators.workloads.sizes import LONGEST

PARAMETERS = {
    "array_rows": "rows",
    "array_cols": "columns",
    "vector_lanes": "lanes",
    "buffer_bytes": "buffer_bytes",
    "pe_registers": "pe_registers",
    "lane_registers": "lane_registers",
    "dram_bytes_per_s": "dram_bytes_per_s",
    "clock_hz": "clock_hz",
}
"""Parameters of the machine `fusemax` -> the attribute of `Resources` that each sets."""

RANKS = ("B", "H", "E", "F", "P", "M")
"""The ranks of attention that a cascade may have, beside chunks."""

_COMPARED = "binding"
_FIXED = {"configuration": _COMPARED, "accounting": "corrected", "sram": "exact"}
_SAME = 1e-12


def best_binding(
    *,
    cascade: str = "all",
    chunks: str | None = None,
    exp_cycles: int | None = None,
    front: bool = False,
    **values: str | int | float,
) -> Mapped:
    """Search all bindings of attention on a machine for the proven best.

    Args:
        cascade: '1-pass', '2-pass', '3-pass' over the keys, several joined by commas, 'all', or the
            path of a file.
        chunks: keys in a chunk of 1-pass, as '64,128', or 'all'; where None the rows of the array,
            or what of them divides the keys.
        exp_cycles: of an exponential unit in each lane; none where None, but six multiply-adds.
        front: the whole front of latency and energy, too.
        values: of the workload (model or shape, seq_len, ...) and of the machine (array_rows,
            array_cols, vector_lanes, buffer_bytes, pe_registers, lane_registers, dram_bytes_per_s,
            clock_hz).

    Returns:
        The optimum, its costs, and +Binding's on the same machine.

    Raises:
        Error: for what is no machine or workload, or where no binding fits.

    Examples:
        >>> import dse
        >>> chip = {"array_rows": 8, "array_cols": 8, "vector_lanes": 8, "buffer_bytes": "4 KiB"}
        >>> best = dse.map(cascade="2-pass", shape="1,8,2,2,1,8", seq_len=8, **chip)
        >>> print(round(best.costs.latency_s / best.compared["latency_s"], 2))
        0.75

    """
    given = {name: str(value) for name, value in values.items()}
    setting = _setting({name: text for name, text in given.items() if name not in PARAMETERS})
    sizes = _sizes({name: text for name, text in given.items() if name in PARAMETERS}, setting)
    resources = Resources(
        **{PARAMETERS[name]: sizes[name] for name in PARAMETERS}, exp_cycles=exp_cycles
    )
    extents = {rank: setting.workload.extents[rank] for rank in RANKS}
    cascades = _cascades(cascade, extents)
    sizes_of_chunks = _chunks(chunks, cascades, resources, extents["M"])
    started_s = time.process_time()
    found = search(
        cascades, resources, extents, Limits(sizes_of_chunks, within=None if front else 0.0)
    )
    if not found.front:
        raise InputError(
            "no binding fits this machine: give it more buffer_bytes, pe_registers or "
            "lane_registers"
        )
    binding = found.binding(_optimum(found))
    cpu_s = time.process_time() - started_s
    return Mapped(
        setting,
        resources,
        extents,
        cascades,
        sizes_of_chunks,
        found.front,
        binding,
        evaluate(binding, cascades[binding.cascade], resources, extents),
        _compared(setting, sizes, resources),
        sum(each.counted for each in found.searches.values()),
        sum(each.searched for each in found.searches.values()),
        cpu_s,
    )


def _optimum(found: Found) -> Point:
    """Return the point of least energy among those of least latency; rounding makes no other."""
    least_s = found.front[0].latency_s * (1 + _SAME)
    return min(
        (each for each in found.front if each.latency_s <= least_s), key=lambda p: p.energy_pj
    )


def _setting(given: Mapping[str, str]) -> Setting:
    if {"model", "shape"} <= given.keys():
        raise InputError("--model and --shape both describe the transformer; give one of them")
    known = [name for name in LABEL_DEFAULTS if name not in _FIXED]
    if strange := next((name for name in given if name not in known), None):
        every = [*known, *PARAMETERS]
        raise InputError(f"unknown argument '{shown(strange)}'; {known_are(strange, every)}")
    setting = Setting.parse({**given, **_FIXED})
    if setting.workload.masked or setting.workload.padded:
        raise InputError(
            "the open space has bindings without masks and padding alone; give --mask none, "
            "--window 0 and --fit strict"
        )
    return setting


def _sizes(given: Mapping[str, str], setting: Setting) -> dict[str, Any]:
    """Return the machine's parameters: as given, else by their rules and defaults."""
    accelerator = described(_COMPARED)
    declared = accelerator.machine.parameters
    read = {name: declared[name].read(text) for name, text in given.items()}
    chip = one_chip(accelerator, [setting.workload], Designs.of(**read))
    sizes = {name: chip.columns[name][0].item() for name in PARAMETERS}
    return {name: float(size) if declared[name].real else size for name, size in sizes.items()}


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


def _chunks(
    text: str | None, cascades: Mapping[str, Structure], resources: Resources, keys: int
) -> tuple[int, ...] | None:
    """Return keys in a chunk: those given, or as many as the array has rows or what divides."""
    if text is None:
        dividing = divisors(keys)
        return (int(dividing[dividing <= resources.rows].max()),)
    if not any(each.cascade.along for each in cascades.values()):
        raise InputError("--chunks is of cascades with one pass; none of these has chunks")
    if text == "all":
        return None
    found = [integer(each.strip(), 1, LONGEST) for each in text.split(",")]
    sizes = [each for each in found if each is not None]
    if len(sizes) < len(found):
        raise InputError(f"chunks '{shown(text)}': give keys in a chunk, as 64,128, or all")
    return tuple(dict.fromkeys(sizes))


def _compared(
    setting: Setting, sizes: Mapping[str, Any], resources: Resources
) -> Mapping[str, float] | str:
    """Evaluate +Binding on the same machine and workload, or say why it does not run there."""
    if resources.exp_cycles is not None:
        return "its machine has no exponential unit"
    engine = evaluator("analytical")
    try:
        ((_, results),) = evaluate_pinned(setting, Designs.of(**sizes), engine)
        evaluations = results.whole()
        (reason,) = reasons(setting, evaluations, engine)
    except InputError as error:
        return str(error)
    names = ("latency_s", "energy_pj", "traffic_bytes")
    return reason or {name: float(evaluations.metrics[name][0]) for name in names}
