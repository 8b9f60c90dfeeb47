"""`dse map`: the best of all bindings of cascades on a machine, proven, beside +Binding."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from typing import Any

from dse.interface.mapping import best_binding
from dse.reports import mapping_text
from dse.reports.bar import searching
from dse.results.designs import LABEL_DEFAULTS
from dse.results.mapped import Mapped, groups
from evaluators.describe.layers import is_path
from evaluators.errors import InputError, shown
from evaluators.files import check_writable, write_atomically
from evaluators.foreign import is_there
from evaluators.mapper.accelerator_file import accelerator_file
from evaluators.mapper.resources import Resources

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def run(options: argparse.Namespace) -> int:
    """Search, write the optimum where it is asked for, then print."""
    target = None if options.out is None else _target(options.out)
    given = {name: text for name, text in vars(options).items() if name in LABEL_DEFAULTS and text}
    with searching("map"):
        mapped = best_binding(
            cascade=options.cascade,
            machine=options.machine,
            chunks=options.chunks,
            exp_cycles=options.exp_cycles,
            front=options.front,
            freedoms=options.freedoms,
            tolerance=options.tolerance,
            scheduled=options.scheduled,
            time_limit_s=options.time_limit,
            **given,
            **options.parameters,
        )
    if target is not None:
        write_atomically(target, _file(target, mapped).encode())
    if options.json:
        print(json.dumps(as_json(mapped, front=options.front), indent=1))
    else:
        print(mapping_text.report(mapped, front=options.front))
        if target is not None:
            given.pop("sram", None)
            own = ((f"--{name.replace('_', '-')}", text) for name, text in given.items())
            again = shlex.join(["dse", "accelerator", "check", str(target), *chain(*own)])
            print(f"\n{target}; {again} checks and describes it")
    return 0


def _target(given: str) -> Path:
    """Return the file to write, which is not there yet."""
    target = Path(given)
    if not is_path(given) or not _NAME.fullmatch(target.stem):
        raise InputError(
            f"--out '{shown(given)}': an accelerator's file is a name of letters, digits, '.', "
            "'_', '-', and ends in .toml"
        )
    if is_there(target):
        raise InputError(f"{target} is there already; name another file with --out")
    check_writable(target)
    return target


def _file(target: Path, mapped: Mapped) -> str:
    """Return the optimum as an accelerator file."""
    binding, machine, workload = mapped.binding, mapped.resources, mapped.setting.workload
    return accelerator_file(
        target.stem,
        f"{binding.cascade} on {machine.rows} x {machine.columns}, for {workload.called}",
        binding,
        mapped.cascades[binding.cascade],
        machine,
        mapped.extents,
    )


def _machine(resources: Resources) -> dict[str, Any]:
    own = {each.name: getattr(resources, each.name) for each in fields(resources)}
    return {"name": own.pop("built").name, **own}


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
        "machine": _machine(mapped.resources),
        "accounting": mapped.setting.accounting.name,
        "cascades": list(mapped.cascades),
        "chunks": None if mapped.chunks is None else list(mapped.chunks),
        "optimum": {
            "cascade": mapped.binding.cascade,
            "chunk": mapped.binding.chunk or None,
            **asdict(mapped.costs),
            "groups": [asdict(each) for each in groups(mapped)],
        },
        **({} if mapped.scheduled is None else {"scheduled": asdict(mapped.scheduled)}),
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
