"""End to end: the attention and the linear layers of one chip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.rules import one_chip
from evaluators.errors import InputError
from evaluators.workloads.workload import Workload


def paired(
    configurations: Sequence[str], linear_layers: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return what each configuration's chip runs: its own cascade, then its linear layers, if any.

    The linear layers of a configuration are the first that share its machine. `InputError` says
    which has none, and which are no one's.
    """
    if not linear_layers:
        return {name: (name,) for name in configurations}
    found: dict[str, str] = {}
    for name in configurations:
        machine = described(name).machine
        on_it = [each for each in linear_layers if machine.is_built_as(described(each).machine)]
        if not on_it:
            others = [f"{each} on {described(each).machine.name}" for each in linear_layers]
            raise InputError(
                f"{name} runs on {machine.name}, but {', '.join(others)}; give linear layers on "
                "the same machine, its stores and arrays"
            )
        found[name] = on_it[0]
    idle = [each for each in linear_layers if each not in found.values()]
    if idle:
        raise InputError(f"{', '.join(idle)}: no configuration is on the machine of these")
    return {name: (name, second) for name, second in found.items()}


def on_one_chip(
    runs: Sequence[str], workloads: Sequence[Workload], designs: Designs
) -> list[Designs]:
    """Return the designs of each of the accelerators that one chip runs, its sizes resolved once.

    Where register files are left open, what asks for most decides: of the workloads, and of the
    accelerators. Every other size is that of the first.

    Args:
        runs: the accelerators, see `paired`; the designs are of the first.
        workloads: what each of them runs.
        designs: n designs.

    """
    first, *others = (described(name) for name in runs)
    chip = one_chip(first, workloads, designs)
    sizes = set(first.machine.parameters)
    files = {name for each in first.machine.arrays.values() for name in each.registers.names}
    files &= sizes
    given = chip.only(sizes - files).with_columns(designs.only(files).columns)
    for each in others:
        needs = one_chip(each, workloads, given)
        chip = chip.with_columns(
            {name: np.maximum(chip.columns[name], needs.columns[name]) for name in files}
        )
    return [chip, *(chip.only(each.machine.parameters) for each in others)]
