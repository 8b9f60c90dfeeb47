"""The evaluator `mapper`: a machine under the best of all bindings, instead of the file's own.

A design sets the machine of a configuration; the search finds what runs on it fastest, and of that
what takes the least energy (docs/model/open-bindings.md). The breakdown tells the cascade found and
the array of every Einsum; `dse map` with the same machine tells the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from evaluators.accounting import CORRECTED, Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.describe.machine import WORD_BITS
from evaluators.describe.open_binding import OpenBinding
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.columns import Columns
from evaluators.engine.costs import buffer_of, prices
from evaluators.engine.nests import Nests
from evaluators.engine.reasons import reason
from evaluators.engine.rules import by_rule, given_of
from evaluators.engine.widths import store_row_bytes
from evaluators.errors import InputError
from evaluators.mapper.binding import Binding, Costs, chunked, einsum_costs, evaluate
from evaluators.mapper.cascade_search import SAME, Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.choices import Choices, Values
from evaluators.mapper.machines import is_known, resources_of
from evaluators.mapper.resources import PE, RANKS, WORD_BYTES, Resources
from evaluators.mapper.search import search
from evaluators.mapper.structure import Structure
from evaluators.protocol import (
    BINDING_GAP,
    EINSUM_METRICS,
    METRICS,
    EinsumEvaluation,
    Evaluations,
)
from evaluators.workloads.closed_forms import attention
from evaluators.workloads.workload import Workload

NO_BINDING = "no_binding"
"""The constraint of a machine that no binding of the space fits."""

_WORD_BITS = 8 * WORD_BYTES


class MapperEvaluator:
    """The best of all bindings of the cascades that ship, proven, of one machine after the other.

    A chunk has as many keys as the array has rows, or the most below that divide them.
    """

    name = "mapper"
    one_by_one = True
    own_binding = False

    def check_installed(self) -> None:
        """Do nothing: it runs no program."""

    def check_known(self, configuration: str, workload: Workload, accounting: Accounting) -> None:
        """Refuse what the open space does not know."""
        _check(described(configuration), workload, accounting)

    def evaluate(
        self,
        configuration: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch, see `evaluators.protocol.Evaluator.evaluate`.

        Raises:
            InputError: also for a machine that is not FuseMax's, a parameter that is not the
                machine's, a workload with a mask or padding, words of other than 16 bits, and an
                accounting that leaves a slip.

        """
        accelerator = described(configuration)
        _check(accelerator, workload, accounting)
        n = len(designs)
        columns = by_rule(accelerator, workload, given_of(accelerator, designs), n)
        machine = {name: columns[name] for name in accelerator.machine.parameters}
        _check_given(accelerator, columns)
        choices = None if accelerator.open is None else Choices(accelerator)
        chosen = {
            name: columns.get(name, np.full(n, AUTOMATIC))
            for name in (accelerator.open.parameters if accelerator.open is not None else ())
        }
        told = {name: column.copy() for name, column in chosen.items()}
        gap = () if accelerator.open is None else (BINDING_GAP,)
        metrics = {name: np.full(n, np.nan) for name in (*METRICS, *gap)}
        einsums: dict[str, EinsumEvaluation] = {}
        row_rest = buffer_of(accelerator).constraint("row_remainder_bytes")
        violations = {
            name: np.zeros(n, np.int64) for name in (row_rest, "sram_unknown", NO_BINDING)
        }
        for row in range(n):
            nests = _nests(accelerator, workload, machine, row, accounting)
            store = buffer_of(accelerator)
            assert store.bytes is not None
            rest = store.bytes(nests.values) % store_row_bytes(store, nests.values)
            area = areas_um2(accelerator.machine, nests.values, prices(nests))
            violations[row_rest][row] = rest
            violations["sram_unknown"][row] = unknown = rest == 0 and np.isnan(area["chip"])
            if rest or unknown:
                continue
            own_choices = {name: int(column[row]) for name, column in chosen.items()}
            mapped = Mapped(nests, choices, own_choices)
            violations[NO_BINDING][row] = mapped.binding is None
            if mapped.binding is not None:
                costs = mapped.costs(mapped.binding)
                own = mapped.metrics(costs) | {
                    "array_area_um2": area[PE],
                    "area_um2": area["chip"],
                }
                for name, value in own.items():
                    metrics[name][row] = value
                if gap:
                    metrics[BINDING_GAP][row] = mapped.gap(costs)
                for name, choice in mapped.choices(mapped.binding).items():
                    told[name][row] = choice
                parts = mapped.einsums(mapped.binding, costs.latency_s) if breakdown else ()
                for name, array, values in parts:
                    _put(einsums, name, array, values, row, n)
        return Evaluations(Designs(machine | told, n), metrics, violations, einsums)

    def reason(
        self,
        configuration: str,
        constraint: str,
        magnitude: int,
        workload: Workload,
        designs: Designs,
    ) -> str:
        """Explain a violation, see `evaluators.protocol.Evaluator.reason`."""
        accelerator = described(configuration)
        if constraint == NO_BINDING and accelerator.open is not None:
            return (
                "no binding with these choices fits this machine; leave one of them open, or give "
                "it more buffer_bytes, pe_registers or lane_registers"
            )
        if constraint == NO_BINDING:
            return (
                "no binding of any cascade fits this machine; give it more buffer_bytes, "
                "pe_registers or lane_registers"
            )
        columns = by_rule(accelerator, workload, given_of(accelerator, designs), len(designs))
        nests = _nests(accelerator, workload, columns, 0, CORRECTED)
        return reason(nests, constraint, magnitude)


class Mapped:
    """The best binding of one machine.

    Args:
        nests: the machine, the workload and the accounting.
        choices: those that the accelerator leaves open; None for one that has a binding.
        values: of the choices.

    Attributes:
        resources: the machine.
        extents: rank -> its extent.
        cascades: those that were searched.
        binding: the best; None where none fits.

    """

    def __init__(self, nests: Nests, choices: Choices | None, values: Values) -> None:
        self.resources = resources_of(nests)
        self.extents = {rank: nests.workload.extents[rank] for rank in RANKS}
        self._least_s = attention(nests.workload).macs / (
            self.resources.rows * self.resources.columns * self.resources.clock_hz
        )
        self._choices, self._values = choices, values
        if choices is None:
            self.cascades = _cascades()
            limits = Limits((self.resources.chunk(self.extents["M"]),), within=0.0)
        else:
            self.cascades = {nests.accelerator.name: choices.structure}
            chunks = choices.chunks(values, self.resources, self.extents["M"])
            limits = Limits(chunks, within=0.0, freedom=choices.freedom(values))
        found = search(self.cascades, self.resources, self.extents, limits)
        self.binding = found.binding(found.optimum()) if found.front else None

    def choices(self, binding: Binding) -> Mapping[str, int]:
        """Return the choices that a binding has made."""
        if self._choices is None:
            return {}
        return self._choices.found(self._values, binding, self.resources, self.extents)

    def costs(self, binding: Binding) -> Costs:
        """Return what a binding costs."""
        return evaluate(binding, self.cascades[binding.cascade], self.resources, self.extents)

    def gap(self, costs: Costs) -> float:
        """Return the share by which a latency is above that of the best binding."""
        best_s = least_latency_s(self.resources, tuple(self.extents.items()))
        gap = costs.latency_s / best_s - 1
        return 0.0 if abs(gap) < SAME else gap

    def metrics(self, costs: Costs) -> dict[str, float]:
        """Return `METRICS` but the areas."""
        return {
            "latency_s": costs.latency_s,
            "energy_pj": costs.energy_pj,
            "traffic_bytes": costs.traffic_bytes,
            "util_1d": costs.lanes_busy_s / costs.latency_s,
            "util_2d": costs.pe_busy_s / costs.latency_s,
            "memory_latency_s": costs.traffic_bytes / self.resources.dram_bytes_per_s,
            "compute_2d_s": costs.pe_busy_s,
            "compute_1d_s": costs.lanes_busy_s,
            "padded_share": 0.0,
            "useful_util_2d": self._least_s / costs.latency_s,
        }

    def einsums(
        self, binding: Binding, latency_s: float
    ) -> Iterator[tuple[str, str, tuple[float, ...]]]:
        """Yield each Einsum, its array and its `EINSUM_METRICS`."""
        cascade, resources = self.cascades[binding.cascade], self.resources
        extents = chunked(binding, cascade, self.extents)
        for bound in binding.groups:
            for place, step in zip(bound.group, bound.steps, strict=True):
                own = einsum_costs(place, step, bound, cascade, resources, extents)
                busy_s = own.cycles / resources.clock_hz
                array = "2d" if step.placement.array == PE else "1d"
                active = busy_s / latency_s if array == "2d" else 0.0
                values = (busy_s, active, WORD_BYTES * own.words, own.energy_pj)
                yield step.einsum, array, values


def mapped(
    configuration: str, workload: Workload, designs: Designs, accounting: Accounting
) -> Mapped:
    """Return the best binding of the first of some designs; `InputError` as `MapperEvaluator`."""
    accelerator = described(configuration)
    _check(accelerator, workload, accounting)
    columns = by_rule(accelerator, workload, given_of(accelerator, designs), len(designs))
    _check_given(accelerator, columns)
    choices = None if accelerator.open is None else Choices(accelerator)
    names = accelerator.open.parameters if accelerator.open is not None else ()
    values = {name: int(columns[name][0]) for name in names if name in columns}
    return Mapped(_nests(accelerator, workload, columns, 0, accounting), choices, values)


@lru_cache(maxsize=256)
def least_latency_s(resources: Resources, extents: tuple[tuple[str, int], ...]) -> float:
    """Return the latency of the best binding of the cascades that ship, with all their chunks."""
    known = dict(extents)
    cascades = _cascades()
    sizes = [Choices(described(name)).chunks({}, resources, known["M"]) for name in NAMES.values()]
    chunks = tuple(dict.fromkeys(size for each in sizes for size in each))
    found = search(cascades, resources, known, Limits(chunks, within=0.0))
    return found.optimum().latency_s


@cache
def _cascades() -> Mapping[str, Structure]:
    """Return the cascades that ship, the same ones to all machines, which share what they count."""
    return {name: structure(name) for name in NAMES}


def _check(accelerator: Accelerator, workload: Workload, accounting: Accounting) -> None:
    """Refuse what the open space does not know."""
    if accelerator.cascade.computes != "attention":
        raise InputError(
            f"the mapper binds attention alone, and {accelerator.name} is none; take the evaluator "
            "analytical"
        )
    if not is_known(accelerator.machine):
        raise InputError(
            f"the mapper knows FuseMax's machine, and {accelerator.name} has another machine; take "
            "binding"
        )
    if workload.masked or workload.padded:
        raise InputError(
            "the mapper's bindings are without masks and padding; take mask none, no window, fit "
            "strict"
        )
    if not accounting.corrections >= CORRECTED.corrections:
        raise InputError(
            f"the mapper counts as the corrected accounting does, not as {accounting.name}"
        )


def _check_given(accelerator: Accelerator, columns: Columns) -> None:
    """Refuse parameters that a binding of the space does not have."""
    bound = accelerator.parameters.keys() - (accelerator.open or OpenBinding()).parameters.keys()
    for name, column in columns.items():
        if name in bound and (column != AUTOMATIC).any():
            raise InputError(f"the mapper chooses the binding itself; leave out {name}")
    if (columns[WORD_BITS] != _WORD_BITS).any():
        raise InputError(f"the mapper's words have {_WORD_BITS} bits; leave out {WORD_BITS}")


def _nests(
    accelerator: Accelerator,
    workload: Workload,
    columns: Columns,
    row: int,
    accounting: Accounting,
) -> Nests:
    """Return a machine as the engine prices it; the file's own binding does not matter."""
    values = {name: columns[name][row].item() for name in accelerator.machine.parameters}
    own = dict.fromkeys(accelerator.parameters, 1)
    return Nests(accelerator, workload, own | values, accounting)


def _put(
    einsums: dict[str, EinsumEvaluation],
    name: str,
    array: str,
    values: tuple[float, ...],
    row: int,
    n: int,
) -> None:
    """Put a design's Einsum into the columns of all; where designs differ, both arrays are told."""
    known = einsums.get(name)
    if known is None:
        known = EinsumEvaluation(array, *(np.full(n, np.nan) for _ in EINSUM_METRICS))
    elif array not in known.array:
        known = replace(known, array="1d|2d")
    einsums[name] = known
    for metric, value in zip(EINSUM_METRICS, values, strict=True):
        getattr(known, metric)[row] = value
