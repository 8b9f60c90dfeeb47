"""What every evaluator takes and gives, and the evaluators by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluators.accounting import Accounting
from evaluators.design import Designs
from evaluators.errors import EvaluationError, InputError, known_are
from evaluators.workloads.workload import Workload

Float64s = NDArray[np.float64]

METRICS = (
    "latency_s",
    "energy_pj",
    "traffic_bytes",
    "util_1d",
    "util_2d",
    "memory_latency_s",
    "compute_2d_s",
    "compute_1d_s",
    "array_area_um2",
    "area_um2",
    "padded_share",
    "useful_util_2d",
)
"""The metrics of an evaluation, in the order of their columns.

Latency; energy; off-chip traffic; busy share of the 1D and of the 2D array; time of all off-chip
traffic; busy time of the 2D and of the 1D array; area of the 2D array; area of the chip; share of
the multiply-accumulates that pad; share of the 2D array's peak that is useful
(docs/model/designs.md#padding).
"""

ENERGIES = ("energy_dram_pj", "energy_buffer_pj", "energy_registers_pj", "energy_arithmetic_pj")
"""The energy by component: DRAM; the stores on chip; register files, those at an edge of an array
among them; functional units. They add up to `energy_pj`; leakage and networks cost nothing."""

BINDING_GAP = "binding_gap"
"""A metric of accelerators that leave their binding open: the share by which the latency is above
that of the best binding on the machine, of the cascades that ship."""

BINDING = "binding"
"""The column of the binding that was found for a design, in a sentence."""

EINSUM_METRICS = ("busy_s", "active_fraction", "traffic_bytes", "energy_pj")
"""The metrics of an Einsum, see `EinsumEvaluation`."""


@dataclass(frozen=True)
class EinsumEvaluation:
    """One Einsum's part in an evaluation; columns of shape (n,), NaN where infeasible.

    Attributes:
        array: the array that runs it, '2d' or '1d' where it is one of the paper's, else by name.
        busy_s: time it keeps that array busy.
        active_fraction: share of the 2D array's PE-time it uses (figure 7); 0 on the 1D array.
        traffic_bytes: its off-chip traffic.
        energy_pj: its energy.

    """

    array: str
    busy_s: Float64s
    active_fraction: Float64s
    traffic_bytes: Float64s
    energy_pj: Float64s


@dataclass(frozen=True)
class Runs:
    """Results of programs outside this process that an evaluation took.

    Attributes:
        made: those that a program was run for.
        cached: those that an earlier run had left.

    """

    made: int = 0
    cached: int = 0

    def __add__(self, other: Runs) -> Runs:
        return Runs(self.made + other.made, self.cached + other.cached)

    def __sub__(self, other: Runs) -> Runs:
        return Runs(self.made - other.made, self.cached - other.cached)

    def __str__(self) -> str:
        return f"{self.made} runs, {self.cached} results from the cache"


@dataclass(frozen=True)
class Evaluations:
    """A batch of n designs, evaluated on one workload.

    Attributes:
        designs: the designs with every automatic parameter resolved (infeasible ones as given).
        metrics: `METRICS` and `ENERGIES` by name, and what else an evaluator tells, shape (n,), NaN
            where infeasible.
        violations: constraint -> magnitude in its natural unit, an integer or a real number, shape
            (n,); feasible where <= 0.
        einsums: the breakdown by Einsum in the cascade's order; empty unless asked for.
        failures: row -> what stopped its evaluation; its metrics are NaN.
        runs: results of programs that the evaluator took.
        bindings: the binding that was found for each design, in a sentence, '' where none is;
            empty of evaluators that find none.
        busy_s, util: array -> busy time and utilization, by the accelerator's names, of evaluators
            that know arrays beside the paper's two.

    """

    designs: Designs
    metrics: Mapping[str, Float64s]
    violations: Mapping[str, NDArray[Any]]
    einsums: Mapping[str, EinsumEvaluation]
    failures: Mapping[int, EvaluationError] = field(default_factory=dict)
    runs: Runs = Runs()
    bindings: tuple[str, ...] = ()
    busy_s: Mapping[str, Float64s] = field(default_factory=dict)
    util: Mapping[str, Float64s] = field(default_factory=dict)

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Tell which designs violate no constraint, shape (n,)."""
        feasible = np.ones(len(self.designs), dtype=bool)
        for magnitude in self.violations.values():
            feasible &= magnitude <= 0
        return feasible

    def whole(self) -> Evaluations:
        """Return these evaluations; raise the first failure where one failed."""
        for _, error in sorted(self.failures.items()):
            raise error
        return self


class Evaluator(Protocol):
    """Design x workload -> evaluation.

    Attributes:
        name: what results are labelled with.
        one_by_one: takes the designs of a batch one after the other, so that workers share a
            batch best by a design each.
        own_binding: designs run the binding of their configuration's file, so that what that keeps
            in register files bounds them.

    """

    name: str
    one_by_one: bool
    own_binding: bool

    def check_installed(self) -> None:
        """Raise `InputError` where a program that it runs is not installed on this machine."""
        ...

    def check_known(self, configuration: str, workload: Workload, accounting: Accounting) -> None:
        """Raise `InputError` where it could evaluate no design of a configuration so."""
        ...

    def evaluate(
        self,
        configuration: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch; infeasible designs get NaN and their violations, not an exception.

        Nor does a design whose evaluation failed raise: it is among the `failures`.

        Raises:
            InputError: for an unknown configuration, a workload too large to count, or live CACTI
                where it is not installed.

        """
        ...

    def reason(
        self,
        configuration: str,
        constraint: str,
        magnitude: int,
        workload: Workload,
        designs: Designs,
    ) -> str:
        """Say in one sentence why the first design violates a constraint, and what would do."""
        ...


EVALUATORS = {
    "analytical": "evaluators.engine.evaluator:AnalyticalEvaluator",
    "mapper": "evaluators.mapper.evaluator:MapperEvaluator",
    "timeloop": "evaluators.timeloop.evaluator:TimeloopEvaluator",
    "timeloop-mapper": "evaluators.timeloop.evaluator:searching",
    "timeloop-audit": "evaluators.timeloop.evaluator:auditing",
    "timeloop-mapper-audit": "evaluators.timeloop.evaluator:auditing_search",
}
"""Name -> module and maker, imported when asked for."""


def evaluator(name: str) -> Evaluator:
    """Return the evaluator of that name; `InputError` lists the known ones."""
    if name not in EVALUATORS:
        raise InputError(f"unknown evaluator '{name}'; {known_are(name, EVALUATORS)}")
    module, _, maker = EVALUATORS[name].partition(":")
    made: Evaluator = getattr(import_module(module), maker)()
    return made
