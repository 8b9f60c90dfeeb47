"""Declarations of parameters, read from a machine's file or an accelerator's."""

from __future__ import annotations

from functools import partial

from evaluators.describe.expressions import Expression
from evaluators.describe.layers import (
    Layers,
    expression_at,
)
from evaluators.describe.parameters import (
    LARGEST,
    LARGEST_REAL,
    LargestThatFits,
    Parameter,
    parse_automatic,
    parse_domain,
    parse_value,
)
from evaluators.design import AUTOMATIC
from evaluators.errors import shown
from evaluators.foreign_toml import Table as Section
from evaluators.quantities import unit_of

_PARAMETER = ("default", "domain", "most", "real", "labels", "rule", "automatic", "help")


def parameters_at(layers: Layers) -> dict[str, Parameter]:
    """Return the parameters that a description declares, by name."""
    return {
        name: _parameter(file.section("parameters"), name)
        for name, file in layers.names("parameters").items()
    }


def _parameter(section: Section, name: str) -> Parameter:
    if not name.isidentifier():
        raise section.error(name, "a parameter's name has letters, digits and '_' alone")
    table = section.table(name, "a table { default = ..., domain = ..., help = ... }")
    table.only(_PARAMETER, f"parameter {name}")
    real = table.get("real", bool, "true or false", default=False)
    labels = (
        tuple(table.list("labels", str, "labels", default=[])) if "labels" in table.values else ()
    )
    default = table.get("default", (int, float, str), "a number, or as '16 MiB'")
    unit = unit_of(name)
    if labels and isinstance(default, str):
        if default not in labels:
            raise table.error("default", f"'{shown(default)}' is none of its labels")
        default = labels.index(default)
    elif default is not None:
        default = table.checked("default", partial(parse_value, default, unit, real=real))
    domain = None
    if labels:
        domain = parse_domain(list(range(len(labels))), labels)
    if "domain" in table.values:
        given = table.values["domain"]
        domain = table.checked("domain", lambda: parse_domain(given, labels, unit, real=real))
    most = _most(table, unit, real=real)
    rule: Expression | LargestThatFits | str | None = None
    if "rule" in table.values:
        rule = expression_at(table, "rule")
    elif "automatic" in table.values:
        text = table.get("automatic", str, "'best' or 'largest of DOMAIN that fits'")
        rule = table.checked("automatic", lambda: parse_automatic(text))
    if default is None and rule is None:
        raise section.error(name, "it has neither a default nor a rule nor 'automatic'; give one")
    parameter = Parameter(
        name=name,
        help=table.get("help", str, "a sentence", default=""),
        default=default,
        domain=domain,
        most=most,
        real=real,
        labels=labels,
        rule=rule,
    )
    _check_values(parameter, table)
    return parameter


def _check_values(parameter: Parameter, table: Section) -> None:
    """Refuse a default or a value of the domain that no design may have."""
    default = () if parameter.default is None else (parameter.default,)
    domain = () if parameter.domain is None else parameter.domain.values
    for key, values in (("default", default), ("domain", domain)):
        for value in values:
            if not parameter.allows(value) or (value == AUTOMATIC and not parameter.switch):
                raise table.error(key, f"{parameter.written(value)} is not {parameter}")
    if domain and not parameter.labels and not set(default) <= set(domain):
        among = ", ".join(parameter.written(each) for each in domain)
        raise table.error(
            "default",
            f"{parameter.written(*default)} is not in its domain, {shown(among)}; put it there",
        )


def _most(table: Section, unit: str, *, real: bool) -> int | float:
    given = table.get("most", (int, float, str), "a number, or as '16 MiB'")
    if given is None:
        return LARGEST_REAL if real else LARGEST
    return table.checked("most", lambda: parse_value(given, unit, real=real))
