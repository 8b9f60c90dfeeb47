"""`dse map`: the best of all bindings of cascades on a machine, proven, beside +Binding."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from dse.interface.mapping import best_binding
from dse.reports import mapping_text
from dse.results.designs import LABEL_DEFAULTS
from dse.results.mapped import Mapped, groups


def run(options: argparse.Namespace) -> int:
    """Search, then print."""
    given = {name: text for name, text in vars(options).items() if name in LABEL_DEFAULTS and text}
    mapped = best_binding(
        cascade=options.cascade,
        chunks=options.chunks,
        exp_cycles=options.exp_cycles,
        front=options.front,
        **given,
        **options.parameters,
    )
    if options.json:
        print(json.dumps(as_json(mapped, front=options.front), indent=1))
    else:
        print(mapping_text.report(mapped, front=options.front))
    return 0


def as_json(mapped: Mapped, *, front: bool) -> dict[str, Any]:
    """Return what was found as plain values; the front only where it was asked for."""
    compared = mapped.compared
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
        "proven": True,
        "binding": {"reason": compared} if isinstance(compared, str) else dict(compared),
        **({"front": points} if front else {}),
        "labels": mapped.labels,
        "configurations": mapped.configurations,
        "cpu_s": mapped.cpu_s,
    }
