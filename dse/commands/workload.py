"""`dse workload`: the transformers that ship, and what a workload asks of any machine."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from dse.reports import text
from dse.reports.workload_text import described as text_of
from evaluators.describe.catalogue import described
from evaluators.engine.roofs import Roofs, roofs
from evaluators.workloads.catalogue import known, transformer
from evaluators.workloads.closed_forms import Demand, attention, linear, linear_layers
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.reading import labels_of, workload_of
from evaluators.workloads.transformer import Transformer, shape_label
from evaluators.workloads.workload import Workload

PAPER = "FuseMax (MICRO 2024), section 6.1"


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions."""
    actions = {"list": _list, "show": _show}
    return actions[options.action](options)


def _list(options: argparse.Namespace) -> int:
    shapes = [(shape, PAPER, "") for shape in TRANSFORMERS.values()]
    shapes += [
        (shape, model.source, model.note)
        for model in known().values()
        for shape in model.parts.values()
    ]
    if options.json:
        rows = [
            {"model": shape.name, "shape": shape_label(shape), "source": source, "note": note}
            for shape, source, note in shapes
        ]
        print(json.dumps(rows, indent=1))
        return 0
    header = ["model", "D", "heads", "keys'", "E", "F", "S", "experts", "layers", "window"]
    print(text.table([*header, "source"], [[*_row(x), source] for x, source, _ in shapes]))
    for note in dict.fromkeys(note for _, _, note in shapes if note):
        print(f"{', '.join(x.name for x, _, own in shapes if own == note)}: {note}")
    return 0


def _row(shape: Transformer) -> list[str]:
    sizes = (
        *(shape.model_width, shape.heads, shape.key_heads, shape.query_width, shape.value_width),
        *(f"{shape.ffn_width}{' gated' * shape.gated}", shape.experts, shape.layers),
        shape.window or "-",
    )
    return [shape.name, *map(str, sizes)]


def _show(options: argparse.Namespace) -> int:
    given = {name: value for name, value in vars(options).items() if value is not None}
    workload = workload_of(transformer(options.name), given)
    machine = roofs(described(options.configuration), workload)
    demands = _demands(workload, machine.word_bytes)
    if options.json:
        print(json.dumps(_as_json(workload, demands, machine, options.configuration), indent=1))
    else:
        print(text_of(workload, demands, linear_layers(workload), machine, options.configuration))
    return 0


def _demands(workload: Workload, word_bytes: int) -> dict[str, Demand]:
    parts = {
        "attention": attention(workload, word_bytes),
        "linear layers": linear(workload, word_bytes),
    }
    layer = parts["attention"] + parts["linear layers"]
    return {**parts, "one layer": layer, "all layers": layer.times(workload.transformer.layers)}


def _as_json(
    workload: Workload, demands: dict[str, Demand], machine: Roofs, name: str
) -> dict[str, Any]:
    return {
        **labels_of(workload),
        "layers": workload.transformer.layers,
        "ranks": workload.extents,
        "pairs": workload.pairs,
        "demands": {
            part: asdict(demand)
            | {
                "bytes": demand.bytes,
                "macs_per_byte": demand.macs_per_byte,
                "binds": machine.binds(demand),
                "least_s": machine.least_s(demand),
            }
            for part, demand in demands.items()
        },
        "machine": {"configuration": name, **asdict(machine), "ridge_macs_per_byte": machine.ridge},
    }
