"""The configurations: which array runs each Einsum, at which cost, under which schedule.

Sources: FuseMax (MICRO 2024), section 6; docs/model/cascades.md#operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting, Correction
from evaluators.analytical import architecture, binding, mappings, schedule
from evaluators.analytical.activity import Activity
from evaluators.analytical.architecture import Architecture
from evaluators.analytical.binding import Bound
from evaluators.analytical.counting import Count
from evaluators.analytical.feasibility import Told, told_of_fusemax, told_of_three_pass
from evaluators.analytical.flat import Flat
from evaluators.analytical.fusemax import FuseMax
from evaluators.analytical.linear import Linear, told_of_layers
from evaluators.analytical.unfused import Unfused
from evaluators.design import Designs
from evaluators.engine.loopnest import LoopNest
from evaluators.errors import InputError
from evaluators.workloads.workload import Workload


class LoopNests(Protocol):
    """A configuration's loop nests on a batch of designs."""

    def check(self, workload: Workload) -> None:
        """Raise `InputError` for a workload too large to count."""
        ...

    def resolve(self, workload: Workload, designs: Designs, accounting: Accounting) -> Designs:
        """Fill in the automatic parameters and, where choices are left open, the best binding."""
        ...

    def violations(
        self, workload: Workload, designs: Designs, accounting: Accounting
    ) -> dict[str, NDArray[np.int64]]:
        """Return the constraints' magnitudes for resolved designs."""
        ...

    def activities(
        self,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        count: Count = LoopNest,
    ) -> dict[str, Activity]:
        """Return every Einsum's activity for feasible, resolved designs, in the cascade's order.

        `count` counts their loop nests.
        """
        ...


@dataclass(frozen=True)
class Configuration:
    """One accelerator under study.

    Attributes:
        name: its name on the command line.
        architecture: the chip.
        binding: where each Einsum runs, in the cascade's order.
        nests: its loop nests.
        told: what messages tell of its designs.
        latency: its schedule.
        counts_idle_pes: activity of the 2D array is weighted by the PEs in use (quirk Q14).
        unpaid: functional unit -> the correction that charges it; free under the others.
        shared_unpaid: the correction that charges the register file above the 2D array.

    """

    name: str
    architecture: Architecture
    binding: dict[str, Bound]
    nests: LoopNests
    told: Told
    latency: Callable[[schedule.Times], Any]
    counts_idle_pes: bool = False
    unpaid: tuple[tuple[str, Correction], ...] = ()
    shared_unpaid: Correction | None = None


_FUSEMAX_NESTS = FuseMax(mappings.FUSEMAX_MAPPINGS, mappings.FUSEMAX_MAPPINGS_PER_CHUNK)

CONFIGURATIONS = {
    configuration.name: configuration
    for configuration in (
        Configuration(
            name="unfused",
            architecture=architecture.FLAT,
            binding=binding.THREE_PASS,
            nests=Unfused(),
            told=told_of_three_pass,
            latency=schedule.unfused,
        ),
        Configuration(
            name="flat",
            architecture=architecture.FLAT,
            binding=binding.THREE_PASS,
            nests=Flat(),
            told=told_of_three_pass,
            latency=schedule.flat,
            counts_idle_pes=True,
        ),
        Configuration(
            name="cascade",
            architecture=architecture.CASCADE,
            binding=binding.CASCADE,
            nests=FuseMax(
                mappings.CASCADE_MAPPINGS,
                mappings.CASCADE_MAPPINGS_PER_CHUNK,
                keeps_scores=True,
                published_tiling_bytes=architecture.FUSEMAX.buffer_bytes,
            ),
            told=told_of_fusemax,
            latency=schedule.cascade,
            unpaid=(("exponential", Correction.Q3),),
            shared_unpaid=Correction.Q4,
        ),
        Configuration(
            name="architecture",
            architecture=architecture.FUSEMAX,
            binding=binding.FUSEMAX,
            nests=_FUSEMAX_NESTS,
            told=told_of_fusemax,
            latency=schedule.architecture,
        ),
        Configuration(
            name="binding",
            architecture=architecture.FUSEMAX,
            binding=binding.FUSEMAX,
            nests=_FUSEMAX_NESTS,
            told=told_of_fusemax,
            latency=schedule.binding,
        ),
        Configuration(
            name="linear_flat",
            architecture=architecture.FLAT,
            binding=binding.LINEAR,
            nests=Linear(),
            told=told_of_layers,
            latency=schedule.linear,
        ),
        Configuration(
            name="linear_fusemax",
            architecture=architecture.LINEAR_FUSEMAX,
            binding=binding.LINEAR,
            nests=Linear(),
            told=told_of_layers,
            latency=schedule.linear,
        ),
    )
}
"""The paper's five configurations and the linear layers on their two chips."""


def configuration(name: str) -> Configuration:
    """Return the configuration of that name; `InputError` lists the known ones."""
    try:
        return CONFIGURATIONS[name]
    except KeyError:
        raise InputError(
            f"unknown configuration '{name}'; known are {', '.join(CONFIGURATIONS)}"
        ) from None
