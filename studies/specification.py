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
    objectives = ["area", "latency"]        # also energy, traffic, energy_delay; minimised
    sampler = "tpe"                         # nsga2, nsga3, random, qmc, grid, gp
    seed = 1
    trials = 300
    batch = 16

    [constraints]                           # upper bounds
    area_um2 = 5e8
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
batch, a mask (`studies.workload_toml`).
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
        objectives: names of `studies.objectives.OBJECTIVES`, minimised.
        bounds: metric -> upper bound on every workload.
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
    objectives: tuple[str, ...] = ("area", "latency")
    bounds: Mapping[str, float] = field(default_factory=dict)
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
            "constraints": dict(self.bounds) | {"registers": self.enforce_registers},
            "space": {each.name: list(each.values) for each in self.space.parameters},
            "sampler": self.sampler,
            "seed": self.seed,
            "batch": self.batch,
            "evaluator": self.evaluator,
            "accounting": self.accounting.name,
            "sram": self.accounting.sram,
            "pinned": self.pinned,
        }

    def behaviour(self) -> dict[str, str]:
        """Return the digests of its configurations' evaluations and of the components.

        A study is not continued, nor a sweep served, where they differ.
        """
        return behaviour(self.evaluator, self.space.configurations)

    def digest(self) -> str:
        """Return a hash of `identity`."""
        text = json.dumps(self.identity(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
