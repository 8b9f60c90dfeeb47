"""Behaviour: what an evaluator gives, as digests that change where its evaluations change.

A fixed set of designs is evaluated, feasible and infeasible ones, small ones on a short sequence
and the paper's machines on one long enough for the 64-bit overflow (quirk Q5), under the published
and under the corrected accounting. Results that were stored with other digests are another model's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from evaluators.accounting import CORRECTED, PUBLISHED, Accounting
from evaluators.components import arithmetic, dram
from evaluators.components.register_file import register_file
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.describe.layers import is_path
from evaluators.design import Designs
from evaluators.engine.evaluator import AnalyticalEvaluator
from evaluators.protocol import Evaluator, evaluator
from evaluators.workloads.transformer import Transformer
from evaluators.workloads.workload import Workload

COMPONENTS = "components"
"""The key of the component tables' digest, beside the configurations' names."""

DIGITS = 12
"""Significant digits of a number that count: instruction sets differ in the last ones of 16."""

_TABLES = ("sram_cacti.csv", "intadder.csv")
_TINY = Workload(Transformer("tiny", 1, 8, 4, 4, 1, 8), 8)
_SHORT = Workload(Transformer("short", 2, 96, 32, 64, 3, 192), 64)
_LONG = Workload(Transformer("long", 64, 512, 61, 61, 256, 1024), 1024 * 1024)


def golden() -> list[tuple[Workload, Designs]]:
    """Return what is evaluated for every configuration, as far as it has the parameters."""
    small = Designs.of(
        array_rows=[16, 16, 16, 12],
        array_cols=[8, 8, 8, 8],
        vector_lanes=[8, 16, 32, 8],
        buffer_bytes=[65536, 16384, 65536, 65536],
        query_tiles=[0, 2, 8, 0],
        pe_registers=[0, 0, 9, 0],
        lane_registers=[0, 70, 0, 0],
    )
    large = Designs.of(
        array_rows=256, array_cols=256, vector_lanes=256, buffer_bytes=[1 << 24, 1 << 25]
    )
    return [(_SHORT, small), (_LONG, large)]


def behaviour(evaluator_name: str, configurations: Iterable[str]) -> dict[str, str]:
    """Return the digest of each configuration's evaluations, and of the component tables.

    That of a user's file is followed by its content's. The Timeloop evaluators differ from our
    engine in none of them: mappings, accounting and feasibility are the engine's. `InputError`
    lists the known evaluators, or says what is wrong with a file.
    """
    evaluator(evaluator_name)
    digests = {}
    for name in configurations:
        accelerator = described(name)
        digests[name] = _digest_of(name, accelerator)
        if is_path(name):
            digests[name] += f"-{accelerator.digest}"
    return digests | {COMPONENTS: _components()}


def content_of(digest_of_a_file: str) -> str:
    """Return, of the digest of a user's file, that of its content."""
    return digest_of_a_file.partition("-")[2]


@lru_cache(maxsize=64)
def _digest_of(name: str, accelerator: Accelerator) -> str:
    del accelerator  # one that was edited is another
    return digest(golden_values(name))


@cache
def _components() -> str:
    return digest(_component_values())


def golden_values(configuration_name: str) -> Iterable[tuple[str, Any]]:
    """Yield the columns of all golden evaluations of a configuration, each with its name."""
    if described(configuration_name).open is not None:
        yield from _columns(configuration_name, *_golden_open(), CORRECTED, evaluator("mapper"))
        return
    for accounting in (PUBLISHED, CORRECTED):
        for workload, designs in golden():
            own = designs.only(described(configuration_name).all_parameters)
            yield from _columns(configuration_name, workload, own, accounting)


def _golden_open() -> tuple[Workload, Designs]:
    """Return what is evaluated of accelerators whose binding the mapper completes: what is quick.

    The second machine has a buffer of no whole rows.
    """
    sides = dict.fromkeys(("array_rows", "array_cols", "vector_lanes"), 8)
    return _TINY, Designs.of(**sides, buffer_bytes=[65536, 65000], pe_registers=12)


def _columns(
    name: str,
    workload: Workload,
    designs: Designs,
    accounting: Accounting,
    engine: Evaluator | None = None,
) -> Iterable[tuple[str, Any]]:
    engine = engine or AnalyticalEvaluator()
    results = engine.evaluate(name, workload, designs, accounting, breakdown=True)
    yield from results.designs.columns.items()
    yield from results.violations.items()
    yield from results.metrics.items()
    for einsum, part in results.einsums.items():
        for field, column in vars(part).items():
            yield f"{einsum} {field}", column


def _component_values() -> Iterable[tuple[str, Any]]:
    for table in _TABLES:
        yield table, (files("evaluators.components") / table).read_text(encoding="ascii")
    for unit, costs in arithmetic.units(16).items():
        yield unit, np.array([costs.energy_pj, costs.area_um2])
    yield "dram", np.array([dram.ENERGY_PJ])
    for scaled in (False, True):
        yield from vars(register_file(2 ** np.arange(12), scaled=scaled)).items()


def digest(values: Iterable[tuple[str, Any]]) -> str:
    """Return 8 hexadecimal digits of named columns and texts, numbers to `DIGITS` digits."""
    whole = hashlib.sha256()
    for name, value in values:
        whole.update(f"{name} {_text(value)}\n".encode())
    return whole.hexdigest()[:8]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return " ".join(f"{each:.{DIGITS}g}" for each in np.atleast_1d(value).tolist())
