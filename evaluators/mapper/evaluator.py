"""The evaluator `mapper`: a machine under the best of all bindings, instead of the file's own.

A design sets the machine of a configuration; the search finds what runs on it fastest, and of that
what takes the least energy (docs/model/open-bindings.md). A sentence tells the binding found, the
breakdown the array of every Einsum; `dse map` with the same machine tells the rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluators.accounting import CORRECTED, Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.describe.machine import WORD_BITS
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.areas import areas_um2
from evaluators.engine.columns import Columns
from evaluators.engine.costs import buffer_of, prices
from evaluators.engine.reasons import reason
from evaluators.engine.rules import by_rule, given_of
from evaluators.engine.widths import store_row_bytes
from evaluators.errors import InputError
from evaluators.mapper.best import Best
from evaluators.mapper.machines import check_known, priced
from evaluators.mapper.resources import PE, WORD_BYTES
from evaluators.protocol import (
    BINDING_GAP,
    EINSUM_METRICS,
    ENERGIES,
    METRICS,
    EinsumEvaluation,
    Evaluations,
)
from evaluators.workloads.workload import Workload

NO_BINDING = "no_binding"
"""The constraint of a machine that no binding of the space fits."""

_WORD_BITS = 8 * WORD_BYTES


class MapperEvaluator:
    """The best of all bindings of the cascades that ship, proven, of one machine after the other.

    A chunk has as many keys as the array has rows, or the most below that divide them.

    Args:
        gap: whether designs that leave their binding open are told their `BINDING_GAP`, for which
            all cascades are searched.

    """

    name = "mapper"
    one_by_one = True
    own_binding = False

    def __init__(self, *, gap: bool = True) -> None:
        self._gap = gap

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
            InputError: also for a machine that the mapper does not know, a parameter that is not
                the machine's, a workload with a mask or padding, words of other than 16 bits, and
                an accounting that leaves a slip.

        """
        accelerator = described(configuration)
        _check(accelerator, workload, accounting)
        n = len(designs)
        columns = by_rule(accelerator, workload, given_of(accelerator, designs), n)
        machine = {name: columns[name] for name in accelerator.machine.parameters}
        _check_given(accelerator, columns)
        chosen = {
            name: columns.get(name, np.full(n, AUTOMATIC)) for name in accelerator.open_parameters
        }
        told = {name: column.copy() for name, column in chosen.items()}
        bindings = [""] * n
        gap = (BINDING_GAP,) if self._gap and accelerator.open is not None else ()
        metrics = {name: np.full(n, np.nan) for name in (*METRICS, *ENERGIES, *gap)}
        einsums: dict[str, EinsumEvaluation] = {}
        row_rest = buffer_of(accelerator).constraint("row_remainder_bytes")
        violations = {
            name: np.zeros(n, np.int64) for name in (row_rest, "sram_unknown", NO_BINDING)
        }
        for row in range(n):
            nests = priced(accelerator, workload, machine, row, accounting)
            store = buffer_of(accelerator)
            assert store.bytes is not None
            rest = store.bytes(nests.values) % store_row_bytes(store, nests.values)
            area = areas_um2(accelerator.machine, nests.values, prices(nests))
            violations[row_rest][row] = rest
            violations["sram_unknown"][row] = unknown = rest == 0 and np.isnan(area["chip"])
            if rest or unknown:
                continue
            best = Best(nests, {name: int(column[row]) for name, column in chosen.items()})
            violations[NO_BINDING][row] = best.binding is None
            if best.binding is not None:
                costs = best.costs(best.binding)
                own = best.metrics(costs) | best.energies(best.binding)
                own |= {
                    "array_area_um2": area[PE],
                    "area_um2": area["chip"],
                }
                for name, value in own.items():
                    metrics[name][row] = value
                if gap:
                    metrics[BINDING_GAP][row] = best.gap(costs)
                bindings[row] = best.sentence(best.binding)
                for name, choice in best.choices(best.binding).items():
                    told[name][row] = choice
                parts = best.einsums(best.binding, costs.latency_s) if breakdown else ()
                for name, array, values in parts:
                    _put(einsums, name, array, values, row, n)
        return Evaluations(
            Designs(machine | told, n), metrics, violations, einsums, bindings=tuple(bindings)
        )

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
        nests = priced(accelerator, workload, columns, 0, CORRECTED)
        return reason(nests, constraint, magnitude)


def _check(accelerator: Accelerator, workload: Workload, accounting: Accounting) -> None:
    """Refuse what the open space does not know."""
    if accelerator.cascade.computes != "attention":
        raise InputError(
            f"the mapper binds attention alone, and {accelerator.name} is none; take the evaluator "
            "analytical"
        )
    check_known(accelerator.machine)
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
    bound = accelerator.parameters.keys() - accelerator.open_parameters.keys()
    for name, column in columns.items():
        if name in bound and (column != AUTOMATIC).any():
            raise InputError(f"the mapper chooses the binding itself; leave out {name}")
    if (columns[WORD_BITS] != _WORD_BITS).any():
        raise InputError(f"the mapper's words have {_WORD_BITS} bits; leave out {WORD_BITS}")


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
