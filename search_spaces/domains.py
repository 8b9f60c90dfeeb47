"""What is searched by default: the parameters of each configuration and their domains.

Both follow from what an accelerator's file, and its machine's, declare
(docs/model/designs.md#search-domains).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import gcd

from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.describe.layers import is_path, shipped
from evaluators.describe.parameters import BEST, MAPPER, Domain
from evaluators.describe.parameters import Parameter as Declared
from evaluators.design import AUTOMATIC
from evaluators.errors import InputError
from evaluators.workloads.workload import Workload
from search_spaces.parameter import Parameter

ATTENTION = ("unfused", "flat", "cascade", "architecture", "binding")
"""The configurations of the joint space."""

PAPERS = (*ATTENTION, "linear_flat", "linear_fusemax")
"""The paper's configurations: those of the joint space, and the linear layers on both chips."""

CONFIGURATIONS = (*PAPERS, *(name for name in shipped() if name not in PAPERS))
"""The labels of the parameter 'configuration'; files of a user's own follow."""

_READ = ("P", "M")
"""What a domain may read: query rows and keys."""


def parameters_of(configuration: str) -> tuple[str, ...]:
    """Return the names of the parameters that a space of a configuration has.

    What a mapper chooses for single Einsums is left to it. `InputError` names an unknown
    configuration.
    """
    return tuple(_declared(described(configuration)))


def _declared(accelerator: Accelerator) -> dict[str, Declared]:
    mapped = {name for each in accelerator.choices if each.einsums for name in each.parameters}
    return {k: each for k, each in accelerator.all_parameters.items() if k not in mapped}


def tokens_of(workload: Workload) -> dict[str, int]:
    """Return the extents of a workload that a domain may read."""
    return {name: workload.extents[name] for name in _READ}


def parameters(
    configurations: Sequence[str], seq_lens: Sequence[int | Mapping[str, int]]
) -> tuple[Parameter, ...]:
    """Return 'configuration' and every parameter that one of the configurations has.

    Tiles of queries divide every sequence length. `InputError` names an unknown configuration, or
    a sequence length that is not positive. A workload is a sequence length or what `tokens_of` says
    of it.
    """
    each_has = [dict.fromkeys(_READ, each) if isinstance(each, int) else each for each in seq_lens]
    if not seq_lens or min(min(each.values()) for each in each_has) < 1:
        raise InputError(f"sequence lengths {list(seq_lens)}: give one or more positive integers")
    declared: dict[str, Declared] = {}
    for name in configurations:
        for parameter, each in _declared(described(name)).items():
            known = declared.get(parameter)
            if known is None or (known.rule is None and each.rule is not None):
                declared[parameter] = each
            elif known.rule == MAPPER and known.labels:
                declared[parameter] = _joined(known, each)
    labels = (*CONFIGURATIONS, *(name for name in configurations if is_path(name)))
    codes = tuple(sorted(labels.index(name) for name in configurations))
    tokens = {name: gcd(*(each[name] for each in each_has)) for name in _READ}
    return (
        Parameter(Declared("configuration", "what is searched", labels=labels), codes, codes),
        *(_parameter(each, tokens) for each in declared.values()),
    )


def _joined(one: Declared, other: Declared) -> Declared:
    """Return the choice that two open bindings have, of an Einsum with fewer places in one."""
    if one.labels != other.labels or one.domain is None or other.domain is None:
        raise InputError(
            f"{one.name}: configurations call different things so; search them in studies apart"
        )
    values = sorted({*one.domain.values, *other.domain.values})
    return replace(one, domain=Domain(tuple(values)))


def _parameter(declared: Declared, tokens: Mapping[str, int]) -> Parameter:
    if declared.domain is None:
        return Parameter(declared, (AUTOMATIC,), None)
    domain = _values(declared.name, declared.domain, tokens)
    if declared.rule in (None, BEST) or declared.switch:
        return Parameter(declared, domain, domain)
    return Parameter(declared, (AUTOMATIC,), (AUTOMATIC, *domain))


def _values(name: str, domain: Domain, tokens: Mapping[str, int]) -> tuple[int | float, ...]:
    reads = domain.divisors_of.names if domain.divisors_of is not None else frozenset()
    if not reads <= tokens.keys():
        raise InputError(
            f"{name}: its domain reads {', '.join(sorted(reads - tokens.keys()))}; a search knows "
            f"{' and '.join(tokens)} alone"
        )
    return domain.at(tokens)
