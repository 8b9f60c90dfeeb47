"""The best binding of one machine, under the choices that its design sets, as metrics have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

from evaluators.describe.catalogue import described
from evaluators.engine.nests import Nests
from evaluators.mapper.binding import (
    Binding,
    Costs,
    EinsumCosts,
    Step,
    chunked,
    einsum_costs,
    evaluate,
)
from evaluators.mapper.cascade_search import SAME, Limits
from evaluators.mapper.cascades import NAMES, structure
from evaluators.mapper.choices import Choices, Values
from evaluators.mapper.machines import resources_of
from evaluators.mapper.resources import PE, RANKS, WORD_BYTES, Resources
from evaluators.mapper.search import least_latency_s, search
from evaluators.mapper.sentence import sentence
from evaluators.mapper.structure import Structure
from evaluators.protocol import ENERGIES
from evaluators.workloads.closed_forms import attention


class Best:
    """The best binding of one machine.

    Args:
        nests: the machine, the workload and the accounting.
        values: of the choices of an accelerator that leaves its binding open.

    Attributes:
        resources: the machine.
        extents: rank -> its extent.
        cascades: those that were searched.
        binding: the best; None where none fits.

    """

    def __init__(self, nests: Nests, values: Values) -> None:
        self.resources = resources_of(nests)
        self.extents = {rank: nests.workload.extents[rank] for rank in RANKS}
        self._least_s = attention(nests.workload).macs / (
            self.resources.rows * self.resources.columns * self.resources.clock_hz
        )
        self._choices = None if nests.accelerator.open is None else Choices(nests.accelerator)
        self._values = values
        if self._choices is None:
            self.cascades = shipped_cascades()
            limits = Limits((self.resources.chunk(self.extents["M"]),), within=0.0)
        else:
            self.cascades = {nests.accelerator.name: self._choices.structure}
            chunks = self._choices.chunks(values, self.resources, self.extents["M"])
            limits = Limits(chunks, within=0.0, freedom=self._choices.freedom(values))
        found = search(self.cascades, self.resources, self.extents, limits)
        self.binding = found.binding(found.optimum()) if found.front else None

    def choices(self, binding: Binding) -> Mapping[str, int]:
        """Return the choices that a binding has made."""
        if self._choices is None:
            return {}
        return self._choices.found(self._values, binding, self.resources, self.extents)

    def sentence(self, binding: Binding) -> str:
        """Tell a binding, see `evaluators.mapper.sentence`."""
        return sentence(binding, self.cascades[binding.cascade], self.extents)

    def costs(self, binding: Binding) -> Costs:
        """Return what a binding costs."""
        return evaluate(binding, self.cascades[binding.cascade], self.resources, self.extents)

    def gap(self, costs: Costs) -> float:
        """Return the share by which a latency is above that of the best binding."""
        machine = _machine(self.resources, tuple(self.extents.items()))
        gap = costs.latency_s / machine.least_s(costs.latency_s) - 1
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

    def energies(self, binding: Binding) -> dict[str, float]:
        """Return `ENERGIES`."""
        found = dict.fromkeys(ENERGIES, 0.0)
        for _, own in self._of_einsums(binding):
            for name, energy_pj in own.component_pj.items():
                found[name] += energy_pj
        return found

    def einsums(
        self, binding: Binding, latency_s: float
    ) -> Iterator[tuple[str, str, tuple[float, ...]]]:
        """Yield each Einsum, its array and its `EINSUM_METRICS`."""
        for step, own in self._of_einsums(binding):
            busy_s = own.cycles / self.resources.clock_hz
            array = "2d" if step.placement.array == PE else "1d"
            active = busy_s / latency_s if array == "2d" else 0.0
            values = (busy_s, active, WORD_BYTES * own.words, own.energy_pj)
            yield step.einsum, array, values

    def _of_einsums(self, binding: Binding) -> Iterator[tuple[Step, EinsumCosts]]:
        cascade, resources = self.cascades[binding.cascade], self.resources
        extents = chunked(binding, cascade, self.extents)
        for bound in binding.groups:
            for place, step in zip(bound.group, bound.steps, strict=True):
                yield step, einsum_costs(place, step, bound, cascade, resources, extents)


class _Machine:
    """The least latency of a machine over the cascades that ship and all their chunks."""

    def __init__(self, resources: Resources, extents: Mapping[str, int]) -> None:
        self._resources, self._extents = resources, extents
        self._least_s: float | None = None

    def least_s(self, known_s: float) -> float:
        """Return it, where it is known that it is no more than that."""
        if self._least_s is None:
            sizes = [
                Choices(described(name)).chunks({}, self._resources, self._extents["M"])
                for name in NAMES.values()
            ]
            chunks = tuple(dict.fromkeys(size for each in sizes for size in each))
            self._least_s = least_latency_s(
                shipped_cascades(), self._resources, self._extents, Limits(chunks), known_s
            )
        return self._least_s


@lru_cache(maxsize=256)
def _machine(resources: Resources, extents: tuple[tuple[str, int], ...]) -> _Machine:
    return _Machine(resources, dict(extents))


@cache
def shipped_cascades() -> Mapping[str, Structure]:
    """Return the cascades that ship, the same ones to all machines, which share what they count."""
    return {name: structure(name) for name in NAMES}
