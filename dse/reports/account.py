"""A readable account of one evaluation: what is busy, what bounds it, where the energy goes."""

from __future__ import annotations

import textwrap
from typing import Any

from numpy.typing import NDArray

from dse.reports import bounds, text
from dse.reports.bounds import Resource
from dse.reports.workload_text import sizes
from dse.results.designs import Setting
from evaluators.describe.catalogue import described
from evaluators.engine.rules import by_rule, given_of
from evaluators.protocol import BINDING_GAP, Evaluations
from search_spaces.domains import parameters_of

KIB, GIB = 2**10, 2**30
UM2_PER_CM2 = 1e8


def account(setting: Setting, evaluations: Evaluations) -> str:
    """Write an account of a batch of one feasible design, with its breakdown."""
    metrics = {name: float(column[0]) for name, column in evaluations.metrics.items()}
    shape = setting.workload.transformer
    lines = [
        f"{setting.configuration} on {shape.name} {setting.workload.told}, "
        f"{'' if setting.workload.padded else 'strict, '}{setting.accounting.name} accounting",
        f"  workload  {sizes(setting.workload)}",
        f"  design    {_machine(setting, evaluations)}{_buffer(setting, evaluations)}",
        *_binding_line(setting, evaluations),
        *(_lines("found", each) for each in evaluations.bindings),
        *_usefulness(setting, metrics),
        f"  latency   {metrics['latency_s']:.6g} s, {_bound(setting, metrics, evaluations)}",
        *(
            f"  {each.called:9} busy {each.busy_s:.6g} s, utilization {each.util:.1%}"
            f"{_leader(each)}"
            for each in bounds.arrays(setting, evaluations)
        ),
        f"  DRAM      {metrics['traffic_bytes'] / GIB:.6g} GiB at "
        f"{_dram_bytes_per_s(setting, evaluations) / GIB:.4g} GiB/s take "
        f"{metrics['memory_latency_s']:.6g} s, "
        f"{metrics['memory_latency_s'] / metrics['latency_s']:.1%} of the latency",
        f"  energy    {metrics['energy_pj'] * 1e-12:.6g} J",
        f"  area      {metrics['area_um2'] / UM2_PER_CM2:.6g} cm^2, the 2D array "
        f"{metrics['array_area_um2'] / metrics['area_um2']:.1%} of it",
        "",
        _breakdown(evaluations, metrics),
    ]
    return "\n".join(lines)


def _usefulness(setting: Setting, metrics: dict[str, float]) -> list[str]:
    """Tell what padding costs, what of a 2D array's peak is worth something, and the gap."""
    lines = []
    if setting.workload.padded:
        lines = [f"  padding   {metrics['padded_share']:.2%} of the macs"]
    if "2d" in described(setting.configuration).machine.paper_names:
        lines += [f"  useful    {metrics['useful_util_2d']:.2%} of the 2D array's peak"]
    if BINDING_GAP in metrics:
        lines += [f"  gap       {metrics[BINDING_GAP]:.2%} above the best binding's latency here"]
    return lines


def _columns(setting: Setting, evaluations: Evaluations) -> dict[str, NDArray[Any]]:
    accelerator = described(setting.configuration)
    columns = given_of(accelerator, evaluations.designs)
    return by_rule(accelerator, setting.workload, columns, len(evaluations.designs))


def _dram_bytes_per_s(setting: Setting, evaluations: Evaluations) -> float:
    bytes_per_s = described(setting.configuration).machine.stores[0].bytes_per_s
    assert bytes_per_s is not None
    return float(bytes_per_s(_columns(setting, evaluations))[0])


def _machine(setting: Setting, evaluations: Evaluations) -> str:
    """Tell of each array its sides and registers: '256 x 256 PEs with 12 registers, '."""
    accelerator = described(setting.configuration)
    columns = _columns(setting, evaluations)
    told: list[str] = []
    for array in accelerator.machine.arrays.values():
        cols, *rows = (int(side(columns)[0]) for side in array.sides)
        depth = int(array.registers(columns)[0])
        what = f"{rows[0]} x {cols} PEs" if rows else f"{cols} lanes"
        many = (
            what
            if array.name in accelerator.machine.paper_names.values()
            else f"{cols} {array.name}"
        )
        told.append(f"{many} with {depth}{' registers' if not told else ''}, ")
    return "".join(told)


def _buffer(setting: Setting, evaluations: Evaluations) -> str:
    stores = described(setting.configuration).machine.stores
    columns = _columns(setting, evaluations)
    return ", ".join(
        f"{float(each.bytes(columns)[0]) / KIB:,.10g} KiB buffer" for each in stores if each.bytes
    )


def _binding_line(setting: Setting, evaluations: Evaluations) -> list[str]:
    """Tell the parameters of the binding, those that mappers chose for single Einsums aside."""
    accelerator = described(setting.configuration)
    own = [each for each in parameters_of(setting.configuration) if each in accelerator.parameters]
    told = [
        f"{each} {accelerator.parameters[each].written(evaluations.designs.columns[each][0])}"
        for each in own
        if each not in accelerator.machine.parameters and each in evaluations.designs.columns
    ]
    return [_lines("binding", ", ".join(told))] if told else []


def _lines(name: str, told: str) -> str:
    start, indent = f"  {name:10}", " " * 12
    return textwrap.fill(told, 98, initial_indent=start, subsequent_indent=indent)


def _bound(setting: Setting, metrics: dict[str, float], evaluations: Evaluations) -> str:
    """Name the resource that bounds the latency, and the Einsum that asks most of it."""
    busiest = bounds.in_order(setting, evaluations)[0]
    share = busiest.busy_s / metrics["latency_s"]
    if share >= bounds.SATURATED:
        return f"bound by {busiest.bounding}, most by {busiest.einsum}"
    return (
        f"bound by its schedule; {busiest.bounding} is in use {share:.1%} of it, "
        f"most by {busiest.einsum}"
    )


def _leader(array: Resource) -> str:
    return f"; {array.einsum} {array.einsum_share:.1%} of the busy time" if array.einsum else ""


def _breakdown(evaluations: Evaluations, metrics: dict[str, float]) -> str:
    rows = [
        [
            name,
            part.array,
            f"{part.busy_s[0]:.6g}",
            f"{part.active_fraction[0]:.2%}",
            f"{part.traffic_bytes[0] / GIB:.6g}",
            f"{part.energy_pj[0] * 1e-12:.6g}",
            f"{part.energy_pj[0] / metrics['energy_pj']:.2%}",
        ]
        for name, part in evaluations.einsums.items()
    ]
    header = ["Einsum", "array", "busy s", "2D active", "traffic GiB", "energy J", "of energy"]
    return text.table(header, rows, left=2)
