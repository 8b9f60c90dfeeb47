"""The specification of a study: what is searched, on which workloads, for which objectives, how.

A specification is built in, by name, or a TOML file:

    name = "my-study"
    configuration = "binding"               # or a file of your own, from the folder of this one;
                                            # or a list of both, or "joint", the paper's five: the
                                            # configuration is then a parameter
    models = ["BERT"]                       # the paper's, well-known ones, those of [transformers]
    seq_lens = ["256K"]
    fit = "pad"                             # or strict
    accounting = "corrected"                # or published, or corrections joined by +
    objectives = ["area", "latency"]        # also energy, power, tokens_per_s, util_2d, ...
    sampler = "tpe"                         # nsga2, nsga3, random, qmc, grid, gp
    seed = 1
    trials = 300
    batch = 16

    linear_layers = "linear_fusemax"        # end to end: those of the same chip, too

    [constraints]
    area_um2 = 5e8                          # at most
    util_2d = { min = 0.5 }
    registers = true                        # enforced; by default unless `published`

    [space]                                 # one value, a list, or a range
    vector_lanes = [128, 256]
    buffer_bytes = { min = 1048576 }

    [transformers.mine]
    batch = 8
    model_width = 1024
    query_width = 64
    value_width = 64
    heads = 16
    ffn_width = 4096                        # also kv_heads, gated, experts, layers, window

`models` and `seq_lens` are for self-attention; [[workloads]] in their place say queries and keys, a
batch, a mask (`studies.workload_toml`), and, where they are the scenes of a mix, a name and a
weight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from evaluators.accounting import PUBLISHED, Accounting
from evaluators.behaviour import behaviour
from evaluators.workloads.workload import Workload
from search_spaces.domains import ATTENTION, tokens_of
from search_spaces.space import SearchSpace, joint_space
from studies.end_to_end import paired
from studies.objectives import GEOMETRIC_MEAN, WEIGHTED_SUM

JOINT = "joint"
"""Stands for the five configurations of attention."""

SAMPLERS = ("tpe", "nsga2", "nsga3", "random", "qmc", "grid", "gp")


@dataclass(frozen=True)
class Specification:
    """A study.

    Attributes:
        name: what its folder and its Optuna study are called.
        configurations: what is searched: names, and the absolute paths of a user's files.
        workloads: what every design is evaluated on.
        weights: calls of each workload in the mix that objectives are of; none where objectives are
            geometric means over the workloads.
        scenes: what each workload is called; none for no names.
        whole_model: every workload runs all layers of its transformer, not one.
        linear_layers: accelerators whose linear layers follow the attention of every configuration
            that they share a machine with; none for attention alone.
        objectives: names of `studies.objectives.OBJECTIVES`.
        bounds: one of `studies.objectives.BOUNDABLE` -> the most that it may be on every workload.
        floors: likewise, the least.
        registers: whether register files must hold what the mapping keeps in them; None where the
            accounting decides, see `enforce_registers`.
        overrides: changes of the default search space, see `SearchSpace.override`.
        sampler: one of `SAMPLERS`.
        seed: of the sampler.
        trials: how many designs to try, the paper's own among them; None where time limits alone.
        time_limit_s: start no batch after so long; None where trials limit alone.
        batch: designs asked for at a time and evaluated together.
        evaluator: its name.
        accounting: how counts become energy and area, and where SRAMs come from.
        pinned: try the paper's own designs first.

    """

    name: str
    configurations: tuple[str, ...]
    workloads: tuple[Workload, ...]
    weights: tuple[float, ...] = ()
    scenes: tuple[str, ...] = ()
    whole_model: bool = False
    linear_layers: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ("area", "latency")
    bounds: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    registers: bool | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "tpe"
    seed: int = 0
    trials: int | None = 300
    time_limit_s: float | None = None
    batch: int = 16
    evaluator: str = "analytical"
    accounting: Accounting = PUBLISHED
    pinned: bool = True

    @property
    def enforce_registers(self) -> bool:
        """Whether a design whose register files are short is infeasible.

        The published accounting knows no such constraint (docs/model/designs.md#decision-14); any
        other has it unless the study says otherwise.
        """
        return not self.accounting.is_published if self.registers is None else self.registers

    @property
    def told(self) -> str:
        """How its designs are fitted and charged: 'padded, corrected accounting'."""
        fits = dict.fromkeys("padded" if each.padded else "strict" for each in self.workloads)
        return f"{' and '.join(fits)}, {self.accounting.name} accounting"

    @cached_property
    def space(self) -> SearchSpace:
        """The search space, overrides applied."""
        tokens = [tokens_of(workload) for workload in self.workloads]
        return joint_space(tokens, self.configurations).override(self.overrides)

    @property
    def over_workloads(self) -> str:
        """What an objective of several workloads is, of `studies.objectives.OVER_WORKLOADS`."""
        return WEIGHTED_SUM if self.weights else GEOMETRIC_MEAN

    @property
    def objectives_of(self) -> str:
        """Say what the objectives are of; '' for one layer's attention on one workload."""
        names = self.scenes or [""] * len(self.workloads)
        calls = [
            f"{weight:g} {name or f'of workload {place}'}"
            for place, (weight, name) in enumerate(zip(self.weights, names, strict=False), 1)
        ]
        said = [f"a mix of {' and '.join(calls)}"] if calls else []
        if not calls and len(self.workloads) > 1:
            said = [f"geometric means over {len(self.workloads)} workloads"]
        said += ["attention and linear layers"] if self.linear_layers else []
        said += ["all layers of the model"] if self.whole_model else []
        return ", ".join(said)

    @cached_property
    def evaluated(self) -> dict[str, tuple[str, ...]]:
        """What a design of each configuration is evaluated as: itself, and its linear layers."""
        return paired(self.space.configurations, self.linear_layers)

    @property
    def rows(self) -> tuple[tuple[Workload, int], ...]:
        """What the rows of a design are, in their order: a workload, a place in `evaluated`."""
        places = range(2 if self.linear_layers else 1)
        return tuple((workload, place) for workload in self.workloads for place in places)

    @property
    def row_configurations(self) -> tuple[str, ...]:
        """The configurations that rows are of."""
        return tuple(dict.fromkeys(name for each in self.evaluated.values() for name in each))

    @property
    def configuration(self) -> str | list[str]:
        """The configurations as a study's TOML has them: a name, 'joint', or a list."""
        if self.configurations == ATTENTION:
            return JOINT
        return list(self.configurations) if len(self.configurations) > 1 else self.configurations[0]

    def identity(self) -> dict[str, Any]:
        """Return all that the result of a trial depends on, by name, as plain values.

        The budget is not part of it: a study may be continued with a larger one.
        """
        return {
            "behaviour": self.behaviour(),
            "configuration": self.configuration,
            "workloads": [each.identity for each in self.workloads],
            "objectives": list(self.objectives),
            "constraints": self.constraints | {"registers": self.enforce_registers},
            **self._further,
            "space": {each.name: list(each.values) for each in self.space.parameters},
            "sampler": self.sampler,
            "seed": self.seed,
            "batch": self.batch,
            "evaluator": self.evaluator,
            "accounting": self.accounting.name,
            "sram": self.accounting.sram,
            "pinned": self.pinned,
        }

    @property
    def constraints(self) -> dict[str, Any]:
        """The bounds as a study's TOML has them, by what they bound."""
        return {
            name: {"min": self.floors[name]}
            | ({"max": self.bounds[name]} if name in self.bounds else {})
            if name in self.floors
            else self.bounds[name]
            for name in dict.fromkeys((*self.bounds, *self.floors))
        }

    @property
    def _further(self) -> dict[str, Any]:
        """What a study says of its workloads beside what they are, if it says anything."""
        told: dict[str, Any] = {
            "over_workloads": self.over_workloads if self.weights else None,
            "weights": list(self.weights),
            "scenes": list(self.scenes),
            "whole_model": self.whole_model,
            "linear_layers": list(self.linear_layers),
        }
        return {name: each for name, each in told.items() if each}

    def behaviour(self) -> dict[str, str]:
        """Return the digests of its configurations' evaluations and of the components.

        A study is not continued, nor a sweep served, where they differ.
        """
        return behaviour(self.evaluator, self.row_configurations)

    def digest(self) -> str:
        """Return a hash of `identity`."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
