"""`dse map`: the best of all bindings of cascades on a machine, proven, beside +Binding."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dse.reports import mapping_text
from dse.results.designs import LABEL_DEFAULTS, Setting, evaluate_pinned, reasons
from dse.results.mapped import COMPARED_METRICS, Compared, Mapped, groups
from evaluators.describe.catalogue import described
from evaluators.describe.layers import is_path
from evaluators.design import Designs
from evaluators.engine.rules import one_chip
from evaluators.errors import InputError, shown
from evaluators.files import write_atomically
from evaluators.foreign import integer
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.binding import evaluate
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.freedoms import without
from evaluators.mapper.resources import LANES, PARAMETERS, RANKS, Resources
from evaluators.mapper.search import Limits, search
from evaluators.mapper.structure import Structure
from evaluators.protocol import evaluator
from evaluators.workloads.sizes import LONGEST

PAPERS = ("binding", "architecture", "cascade", "flat", "unfused")
"""The paper's configurations, which stand beside the optimum."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def run(options: argparse.Namespace) -> int:
    """Search, write the optimum where it is asked for, then print."""
    target = None if options.out is None else _target(options.out)
    mapped = _mapped(options)
    if target is not None:
        write_atomically(target, _file(target, mapped).encode())
    if options.json:
        print(json.dumps(as_json(mapped, front=options.front), indent=1))
    else:
        print(mapping_text.report(mapped, front=options.front))
        if target is not None:
            print(f"\n{target}; dse accelerator check {target} checks and describes it")
    return 0


def _target(given: str) -> Path:
    """Return the file to write, which is not there yet."""
    target = Path(given)
    if not is_path(given) or not _NAME.fullmatch(target.stem):
        raise InputError(
            f"--out '{shown(given)}': an accelerator's file is a name of letters, digits, '.', "
            "'_', '-', and ends in .toml"
        )
    if target.exists():
        raise InputError(f"{target} is there already; name another file with --out")
    return target


def _file(target: Path, mapped: Mapped) -> str:
    """Return the optimum as an accelerator file."""
    binding, machine = mapped.binding, mapped.resources
    return accelerator_file(
        target.stem,
        f"{binding.cascade} on {machine.rows} x {machine.columns}",
        binding,
        mapped.cascades[binding.cascade],
        machine,
        mapped.extents,
    )


def _mapped(options: argparse.Namespace) -> Mapped:
    setting = _setting(options)
    sizes = _sizes(options.parameters, setting)
    resources = Resources(
        **{PARAMETERS[name]: sizes[name] for name in PARAMETERS}, exp_cycles=options.exp_cycles
    )
    extents = {rank: setting.workload.extents[rank] for rank in RANKS}
    cascades = _cascades(options.cascade, extents)
    chunks = _chunks(options.chunks, cascades, resources, extents["M"])
    started_s = time.process_time()
    within = None if options.front else options.tolerance
    limits = Limits(chunks, within=within, seconds=options.time_limit)
    found = search(cascades, resources, extents, limits)
    if not found.front:
        raise InputError(
            "no binding fits this machine: give it more buffer_bytes, pe_registers or "
            "lane_registers"
            if np.isinf(found.left_s)
            else f"no binding was found in {options.time_limit:g} s; give --time-limit more"
        )
    point = found.optimum(options.tolerance)
    binding = found.binding(point)
    cpu_s = time.process_time() - started_s
    freedoms = None
    if options.freedoms:
        limits = replace(limits, within=options.tolerance)
        freedoms = tuple(without(cascades, resources, extents, limits, options.tolerance))
    return Mapped(
        setting,
        resources,
        extents,
        cascades,
        chunks,
        options.tolerance,
        found.front,
        binding,
        evaluate(binding, cascades[binding.cascade], resources, extents),
        found.gaps(point),
        tuple(_compared(name, setting, sizes, resources) for name in PAPERS),
        freedoms,
        sum(each.ways() for each in found.searches.values()),
        sum(each.counted for each in found.searches.values()),
        sum(each.searched for each in found.searches.values()),
        cpu_s,
    )


def _setting(options: argparse.Namespace) -> Setting:
    if options.model is not None and options.shape is not None:
        raise InputError("--model and --shape both describe the transformer; give one of them")
    given = {name: text for name, text in vars(options).items() if name in LABEL_DEFAULTS and text}
    fixed = {"configuration": PAPERS[0], "accounting": "corrected", "sram": "exact"}
    setting = Setting.parse({"fit": "strict"} | given | fixed)
    if setting.workload.masked or setting.workload.padded:
        raise InputError(
            "the open space has bindings without masks and padding alone; give --mask none, "
            "--window 0 and --fit strict"
        )
    return setting


def _sizes(given: Mapping[str, str], setting: Setting) -> dict[str, Any]:
    """Return the machine's parameters: as given, else by their rules and defaults."""
    accelerator = described(PAPERS[0])
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


def _compared(
    name: str, setting: Setting, sizes: Mapping[str, Any], resources: Resources
) -> Compared:
    """Evaluate one of the paper's configurations on the machine, or say why it does not run."""
    accelerator = described(name)
    has = "exponential" in accelerator.machine.arrays[LANES].units
    note = ""
    if has != (resources.exp_cycles is not None):
        note = f"has {'an' if has else 'no'} exponential unit"
    engine, own = evaluator("analytical"), replace(setting, configuration=name)
    try:
        ((_, results),) = evaluate_pinned(own, Designs.of(**sizes), engine)
        evaluations = results.whole()
        (reason,) = reasons(own, evaluations, engine)
    except InputError as error:
        return Compared(name, accelerator.title, None, str(error))
    if reason:
        return Compared(name, accelerator.title, None, reason)
    metrics = {each: float(evaluations.metrics[each][0]) for each in COMPARED_METRICS}
    return Compared(name, accelerator.title, metrics, note)


def as_json(mapped: Mapped, *, front: bool) -> dict[str, Any]:
    """Return what was found as plain values; the front only where it was asked for."""
    points = [
        {
            "latency_s": each.latency_s,
            "energy_pj": each.energy_pj,
            "cascade": each.cascade,
            "chunk": each.chunk or None,
            "groups": [
                [mapped.cascades[each.cascade].einsums[place].name for place in part.group]
                for part in each.parts
            ],
        }
        for each in mapped.front
    ]
    return {
        "model": mapped.setting.workload.transformer.name,
        "extents": dict(mapped.extents),
        "machine": asdict(mapped.resources),
        "accounting": mapped.setting.accounting.name,
        "cascades": list(mapped.cascades),
        "chunks": None if mapped.chunks is None else list(mapped.chunks),
        "optimum": {
            "cascade": mapped.binding.cascade,
            "chunk": mapped.binding.chunk or None,
            **asdict(mapped.costs),
            "groups": [asdict(each) for each in groups(mapped)],
        },
        "tolerance": mapped.tolerance,
        "proven": not any(mapped.gaps),
        "gaps": {"latency": mapped.gaps[0], "energy": mapped.gaps[1]},
        "papers": [{**asdict(each), **(each.metrics or {})} for each in mapped.compared],
        **({} if mapped.freedoms is None else {"without": [asdict(x) for x in mapped.freedoms]}),
        **({"front": points} if front else {}),
        "ways": mapped.ways,
        "labels": mapped.labels,
        "configurations": mapped.configurations,
        "cpu_s": mapped.cpu_s,
    }
