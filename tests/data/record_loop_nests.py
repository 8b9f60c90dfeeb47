"""Have the real timeloop-model count random loop nests: loop_nests.jsonl.gz anew.

    python -m tests.data.record_loop_nests

The cases are always the same: drawn from a fixed seed. Each is a line of JSON as `dse loopnest`
reads it, with what Timeloop counted under 'counts'. Every level of the chip is of class DRAM, so
that no tile is too large for it: the counts do not depend on the class.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

from evaluators.timeloop import nodes, programs, stats
from evaluators.timeloop.run import run
from evaluators.timeloop.text import as_yaml

OUT = Path(__file__).with_name("loop_nests.jsonl.gz")
SEED = 8
SMALL, LARGE = 480, 160
MOST_COMPUTES = 2**53
"""Larger counts Timeloop rounds: its temporal reductions pass through floating-point numbers."""

LETTERS = "BEFHMNP"
STATISTICS = "timeloop-model.stats.txt"

Case = dict[str, Any]


def main() -> None:
    """Draw the cases, count them and write them."""
    drawn = list(cases(random.Random(SEED)))
    with ThreadPoolExecutor(2) as pool:
        counted = list(pool.map(count, drawn))
    lines = "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in counted)
    OUT.write_bytes(gzip.compress(lines.encode(), mtime=0))
    print(f"{len(counted)} loop nests, {OUT.stat().st_size} bytes: {OUT}")


def cases(rng: random.Random) -> Iterator[Case]:
    """Draw loop nests; those with an L have large ranks, whose products pass 64 bits."""
    for number in range(SMALL):
        yield case(rng, f"S{number}", rng.randint(2, 6), [2, 2, 2, 3, 5, 7], 5, 4)
    for number in range(LARGE):
        yield case(rng, f"L{number}", rng.randint(2, 4), [2, 2, 2, 3], 20, 9)


def case(
    rng: random.Random, name: str, ranks: int, primes: list[int], most: int, side: int
) -> Case:
    """Draw one case: up to `most` prime factors a rank, sides of up to 2^side units."""
    letters = rng.sample(LETTERS, ranks)
    computes = MOST_COMPUTES + 1
    while computes > MOST_COMPUTES:
        factors = {
            rank: [rng.choice(primes) for _ in range(rng.randint(0, most))] for rank in letters
        }
        computes = prod(prod(own) for own in factors.values())
    levels = ["DRAM", "GLB", *rng.choice([[], ["VRF"]]), "X", "Y", "RF"]
    trips = {level: dict.fromkeys(letters, 1) for level in levels}
    for rank, own in factors.items():
        for factor in own:
            level = trips[rng.choice(levels)]
            level[rank] *= factor
    for level in ("X", "Y"):  # what an array's side cannot hold is looped over in DRAM
        for rank in letters:
            while prod(trips[level].values()) > 1 << side and trips[level][rank] > 1:
                factor = next(each for each in (2, 3, 5, 7) if trips[level][rank] % each == 0)
                trips[level][rank] //= factor
                trips["DRAM"][rank] *= factor
    tensors = [
        {"name": f"I{i}", "ranks": rng.sample(letters, rng.randint(1, ranks))}
        for i in range(rng.randint(1, 3))
    ]
    tensors.append({"name": "Z", "ranks": rng.sample(letters, rng.randint(1, ranks))})
    for tensor in tensors:
        tensor["ranks"].sort(key=letters.index)
    tensors[-1]["output"] = True
    storage = [level for level in levels if level not in ("X", "Y")]
    kept: dict[str, list[str]] = {level: [] for level in storage}
    for tensor in tensors:
        homes = [level for level in storage if rng.random() < 0.7] or [rng.choice(storage)]
        for level in homes:
            kept[level].append(tensor["name"])
    return {
        "id": name,
        "ranks": {rank: prod(own) for rank, own in factors.items()},
        "tensors": tensors,
        "array": {
            side: max(2, prod(trips[side].values()) * rng.choice([1, 1, 2])) for side in "XY"
        },
        "levels": levels,
        "mapping": [
            {"target": level, "loops": [[rank, trips[level][rank]] for rank in order]}
            | ({"type": "temporal", "keep": kept[level]} if level in kept else {"type": "spatial"})
            for level in levels
            for order in [rng.sample(letters, ranks)]
        ],
    }


def count(case: Case) -> Case:
    """Return the case with what Timeloop counts."""
    files = {"input.yaml": as_yaml(document(case)), "tables.yaml": as_yaml(prices(case))}
    command = [str(programs.find(programs.MODEL)), *files]
    found = stats.parse(run(command, files, [STATISTICS])[STATISTICS], case["id"])
    return case | {
        "counts": {
            "levels": {
                level: {tensor: asdict(counts) for tensor, counts in tensors.items()}
                for level, tensors in found.levels.items()
            },
            "utilized_instances": float(found.instances),
            "computes": found.computes,
            "cycles": found.cycles,
        }
    }


def chip(case: Case) -> list[nodes.Node]:
    """Return the levels of the chip: X spreads out what lies inside along X, Y along Y."""
    cols, rows = case["array"]["X"], case["array"]["Y"]
    meshes = {"X": (1, 1), "Y": (cols, 1), "RF": (cols, rows)}
    local = []
    for level in case["levels"]:
        mesh = meshes.get(level, (1, 1))
        if level in ("X", "Y"):
            local.append(nodes.fanout(level, mesh))
        else:
            local.append(nodes.storage(level, "DRAM", mesh, type="LPDDR4", width=64))
    return [*local, nodes.unit("mac", "intmac", (cols, rows), multiplier_width=16)]


def document(case: Case) -> nodes.Node:
    """Return the flat file that Timeloop reads."""
    order = list(case["ranks"])
    names = [tensor["name"] for tensor in case["tensors"]]
    mapping: list[nodes.Node] = []
    for entry in case["mapping"]:
        loops = {
            "factors": ",".join(f"{rank}={trips}" for rank, trips in entry["loops"]),
            "permutation": "".join(rank for rank, _ in entry["loops"]),
        }
        target = entry["target"]
        kept = entry.get("keep", [])
        if entry["type"] == "spatial":
            target = f"inter_{target}_spatial"
            split = len(order) if entry["target"] == "X" else 0
            mapping.append({"target": target, "type": "spatial", "split": split, **loops})
            loops = {
                "factors": ",".join(f"{rank}=1" for rank in order),
                "permutation": "".join(order),
            }
        mapping.append({"target": target, "type": "temporal", **loops})
        bypassed = [name for name in names if name not in kept]
        held = {key: value for key, value in (("keep", kept), ("bypass", bypassed)) if value}
        mapping.append({"target": target, "type": "bypass", **held})
    return {
        "architecture": nodes.architecture("16nm", chip(case)),
        "architecture_constraints": {"targets": []},
        "problem": {
            "version": nodes.VERSION,
            "instance": {**case["ranks"], "densities": {}},
            "shape": {
                "name": "random",
                "dimensions": order,
                "coefficients": [],
                "data_spaces": [
                    {
                        "name": tensor["name"],
                        "projection": [[[rank]] for rank in tensor["ranks"]],
                        "read_write": tensor.get("output", False),
                    }
                    for tensor in case["tensors"]
                ],
            },
        },
        "mapping": mapping,
    }


def prices(case: Case) -> nodes.Node:
    """Return tables under which everything costs 1, so that Timeloop asks no Accelergy."""
    names = [f"{nodes.TOP}.{node['name']}" for node in chip(case)]
    actions = [
        {"name": name, "arguments": {}, "energy": 1.0}
        for name in ("read", "write", "update", "leak", "compute")
    ]
    return {
        "ERT": {
            "version": nodes.VERSION,
            "tables": [{"name": name, "actions": actions} for name in names],
        },
        "ART": {
            "version": nodes.VERSION,
            "tables": [{"name": name, "area": 1.0} for name in names],
        },
    }


if __name__ == "__main__":
    main()
