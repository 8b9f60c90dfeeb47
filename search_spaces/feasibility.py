"""Registers short: the constraint on designs that the published model leaves out.

The other constraints, with their magnitudes, are `Evaluations.violations`. The published model does
not enforce the capacity of the register files (spec/generalization.md, decision 14).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.analytical import binding, mappings
from evaluators.analytical.configurations import configuration
from evaluators.analytical.loopnest import LoopNest
from evaluators.describe.mapping import Mapping
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.workload import Workload

Int64s = NDArray[np.int64]

_UNFUSED = {name: orders[0][0] for name, orders in mappings.UNFUSED_MAPPINGS.items()}
_FLAT = {name: choices[0][0] for name, choices in mappings.FLAT_MAPPINGS.items()}
_LINEAR = dict.fromkeys(binding.LINEAR, mappings.LINEAR_MAPPING)

_MAPPINGS: dict[str, dict[str, Mapping]] = {
    "unfused": mappings.SOFTMAX_MAPPINGS[0] | _UNFUSED,
    "flat": mappings.SOFTMAX_MAPPINGS[0] | _FLAT,
    "cascade": mappings.CASCADE_MAPPINGS,
    "architecture": mappings.FUSEMAX_MAPPINGS,
    "binding": mappings.FUSEMAX_MAPPINGS,
    "linear_flat": _LINEAR,
    "linear_fusemax": _LINEAR,
}
"""One mapping of each Einsum; where there is a choice, all are alike in the register files."""


def registers_short(
    configuration_name: str, workload: Workload, designs: Designs
) -> dict[str, Int64s]:
    """Return by how many words the register files are too small, shape (n,); 0 or less is enough.

    A register file holds the tile of every tensor that its Einsum keeps there (spec/loopnest.md,
    quantity 3); the Einsum that asks for most sets the need. Automatic depths are resolved.
    `InputError` names an unknown configuration.
    """
    config = configuration(configuration_name)
    factors = Factors({"M0": designs.array_rows})
    need = {array: np.zeros(len(designs), dtype=np.int64) for array in ("2d", "1d")}
    for name, mapping in _MAPPINGS[configuration_name].items():
        nest = LoopNest(mapping, factors, wrapped=False)
        words = sum(nest.size("reg_file", tensor) for tensor in mapping.levels[-1].keep)
        array = config.binding[name].array
        need[array] = np.maximum(need[array], words)
    resolved = config.architecture.resolve_registers(designs, workload.transformer.query_width)
    return {
        "pe_registers_short": need["2d"] - resolved.pe_registers,
        "lane_registers_short": need["1d"] - resolved.lane_registers,
    }
