"""Specifications from TOML: every key checked, every error with its line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from functools import partial
from itertools import product
from pathlib import Path

from evaluators.accounting import Accounting
from evaluators.analytical.configurations import CONFIGURATIONS
from evaluators.errors import InputError
from evaluators.foreign import read_text
from evaluators.foreign_toml import Lines, Table
from evaluators.protocol import evaluator
from evaluators.workload import TRANSFORMERS, Transformer, Workload, parse_seq_len
from search_spaces.space import SearchSpace
from studies.objectives import BOUNDABLE, OBJECTIVES
from studies.specification import JOINT, SAMPLERS, Specification

_KEYS = (
    "name",
    "configuration",
    "models",
    "seq_lens",
    "objectives",
    "sampler",
    "seed",
    "trials",
    "time_limit_s",
    "batch",
    "evaluator",
    "accounting",
    "pinned",
    "constraints",
    "space",
    "transformers",
    "made_with",
)
_SHAPE = tuple(each.name for each in fields(Transformer) if each.name != "name")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_OBJECTIVES = 3
_TOO_LONG = 2**31
"""Its square, the scores of one head, is past what the evaluators count exactly."""


def load(path: Path) -> Specification:
    """Read a specification; `InputError` names the line, the key and what was expected."""
    return parse(read_text(path, "a study as TOML"), str(path))


def parse(text: str, where: str) -> Specification:
    """Read a specification from TOML text; `where` names it in errors."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no TOML: {error}") from None
    return _specification(Table(values, (), Lines(text, where)))


def checked_name(name: str) -> str:
    """Return the name of a study, a folder's as well; `InputError` says what it may have."""
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name}' is no name; use letters, digits, '.', '_' and '-'")
    return name


def _specification(table: Table) -> Specification:
    table.only(_KEYS, "a study")
    name = table.get("name", str, "a name", required=True)
    configuration = table.get("configuration", str, "a configuration", required=True)
    table.one_of("configuration", configuration, (*CONFIGURATIONS, JOINT))
    sampler = table.get("sampler", str, "a sampler", default="tpe")
    table.one_of("sampler", sampler, SAMPLERS)
    time_limit_s = table.positive("time_limit_s", "a number of seconds")
    accounting = table.get("accounting", str, "an accounting", default="published")
    constraints = table.table("constraints", "a table of upper bounds")
    constraints.only((*BOUNDABLE, "registers"), "constraints")
    bounds = {each: constraints.positive(each, "a number") for each in BOUNDABLE}
    study = Specification(
        name=table.checked("name", lambda: checked_name(name)),
        configuration=configuration,
        workloads=_workloads(table),
        objectives=_objectives(table),
        bounds={each: bound for each, bound in bounds.items() if bound is not None},
        enforce_registers=constraints.get("registers", bool, "true or false", default=False),
        sampler=sampler,
        seed=table.count("seed", least=0, default=0),
        trials=table.count("trials", least=1, default=300 if time_limit_s is None else None),
        time_limit_s=time_limit_s,
        batch=table.count("batch", least=1, default=16),
        evaluator=table.get("evaluator", str, "an evaluator", default="analytical"),
        accounting=table.checked("accounting", lambda: Accounting.parse(accounting)),
        pinned=table.get("pinned", bool, "true or false", default=True),
    )
    table.checked("evaluator", lambda: evaluator(study.evaluator))
    return _with_space(study, table)


def _with_space(study: Specification, table: Table) -> Specification:
    changes = table.table("space", "a table of parameters")
    for key, change in changes.values.items():
        changes.checked(key, partial(_space, replace(study, overrides={key: change})))
    study = replace(study, overrides=changes.values)
    table.checked("space", partial(_space, study))
    return study


def _space(study: Specification) -> SearchSpace:
    return study.space


def _objectives(table: Table) -> tuple[str, ...]:
    objectives = table.list("objectives", str, "objectives", default=["area", "latency"])
    for each in objectives:
        table.one_of("objectives", each, tuple(OBJECTIVES))
    if len(objectives) > _MOST_OBJECTIVES:
        raise table.error("objectives", f"give one to {_MOST_OBJECTIVES}")
    return tuple(objectives)


def _workloads(table: Table) -> tuple[Workload, ...]:
    known = TRANSFORMERS | _transformers(table.table("transformers", "a table for each"))
    models = table.list("models", str, "names of models")
    given = table.list("seq_lens", (str, int), "lengths as '256K' or 262144")
    for model in models:
        if model not in known:
            raise table.error(
                "models",
                f"'{model}' is unknown; known are {', '.join(known)}; "
                f"[transformers.{model}] would describe it",
            )
    seq_lens = [table.checked("seq_lens", partial(_seq_len, each)) for each in given]
    if len(set(seq_lens)) < len(seq_lens):
        raise table.error("seq_lens", "give each one once")
    return tuple(Workload(known[model], each) for model, each in product(models, seq_lens))


def _seq_len(given: str | int) -> int:
    seq_len = parse_seq_len(given)
    if not 1 <= seq_len < _TOO_LONG:
        raise InputError(f"sequence length {given}: give 1 to 2^31 - 1 tokens")
    return seq_len


def _transformers(table: Table) -> dict[str, Transformer]:
    shapes = {}
    for name in table.values:
        shape = table.table(name, f"a table [transformers.{name}]")
        shape.only(_SHAPE, f"transformer {name}")
        sizes = {key: shape.count(key, least=1) for key in _SHAPE}
        lacking = [key for key, value in sizes.items() if value is None]
        if lacking:
            raise table.error(name, f"it lacks {', '.join(lacking)}")
        shapes[name] = Transformer(name, **sizes)
    return shapes
