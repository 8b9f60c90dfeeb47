"""An accelerator with padding: what a side of an array leaves over is rounded up to whole steps.

Without it a rank that a side does not divide makes a design infeasible
(docs/model/designs.md#padding).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.expressions import Expression
from evaluators.describe.parameters import Domain, LargestThatFits, Parameter
from evaluators.errors import InputError
from evaluators.workloads.workload import Workload


def fitted(accelerator: Accelerator, workload: Workload) -> Accelerator:
    """Return an accelerator as a workload wants it: with padding, or as it is.

    `InputError` refuses one that leaves its binding open, and has no loop nests to fit.
    """
    if accelerator.open is not None:
        raise InputError(
            f"{accelerator.name} leaves its binding open; the evaluator mapper completes it, dse "
            "map writes the best as a file"
        )
    return padded(accelerator) if workload.padded else accelerator


@lru_cache(maxsize=64)
def padded(accelerator: Accelerator) -> Accelerator:
    """Return an accelerator whose sides pad: every `steps` and `side` of its file rounds up."""
    return replace(
        accelerator,
        ranks=_all(accelerator.ranks),
        parameters={name: _parameter(each) for name, each in accelerator.parameters.items()},
        tables=tuple(replace(each, factors=_all(each.factors)) for each in accelerator.tables),
        requires=(),
    )


def _all(expressions: Mapping[str, Expression]) -> dict[str, Expression]:
    return {name: each.padded for name, each in expressions.items()}


def _parameter(parameter: Parameter) -> Parameter:
    rule = parameter.rule
    if isinstance(rule, LargestThatFits):
        rule = LargestThatFits(_domain(rule.of))
    if isinstance(rule, Expression):
        rule = rule.padded
    domain = None if parameter.domain is None else _domain(parameter.domain)
    return replace(parameter, domain=domain, rule=rule)


def _domain(domain: Domain) -> Domain:
    if domain.divisors_of is None:
        return domain
    return Domain(domain.values, domain.divisors_of.padded)
