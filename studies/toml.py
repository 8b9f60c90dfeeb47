"""Specifications from TOML: every key checked, every error with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from evaluators.accounting import Accounting
from evaluators.describe.catalogue import canonical, described
from evaluators.describe.layers import is_path
from evaluators.errors import InputError, known_are, shown
from evaluators.foreign import read_text
from evaluators.foreign_toml import Lines, Table, check_sizes
from evaluators.protocol import evaluator
from search_spaces.domains import ATTENTION, CONFIGURATIONS
from search_spaces.space import SearchSpace
from studies.bounds_toml import read_bounds
from studies.defaults import OWN, evaluator_of, own
from studies.end_to_end import paired
from studies.objectives import OBJECTIVES
from studies.paper import PAPER
from studies.specification import JOINT, SAMPLERS, Specification
from studies.toml_text import to_toml
from studies.workload_toml import read_mix, read_workloads

_KEYS = (
    "name",
    "configuration",
    "models",
    "seq_lens",
    "workloads",
    "fit",
    "over_workloads",
    "whole_model",
    "linear_layers",
    "objectives",
    "sampler",
    "seed",
    "trials",
    "time_limit_s",
    "batch",
    "evaluator",
    "accounting",
    "sram",
    "pinned",
    "constraints",
    "space",
    "transformers",
    "behaviour",
    "made_with",
)
_LONGEST_NAME = 100
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_LONGEST_NAME - 1}}}")
_LARGEST_BYTES = 2**18
_DEEPEST = 8
_DEEP_KEY = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{_DEEPEST}}}")
_RIGHT = 'a study has lines as name = "mine", configuration = "binding", models = ["BERT"]'
LARGEST_SEED = 2**32 - 1
"""The largest that every sampler takes."""

LARGEST_TRIALS = 10**9
LARGEST_BATCH = 2**16
_MOST_OBJECTIVES = 5
"""Those of `analysis.fronts.MAX_OBJECTIVES`."""


def load(path: Path) -> Specification:
    """Read a specification; `InputError` names the line, the key and what was expected."""
    text = read_text(path, "a study as TOML", largest_bytes=_LARGEST_BYTES)
    return parse(text, shown(path, 200), path.parent)


def parse(text: str, where: str, folder: Path | None = None) -> Specification:
    """Read a specification from TOML text.

    Args:
        text: the TOML.
        where: what it is called in errors.
        folder: from which relative paths go, the working directory by default.

    """
    if _DEEP_KEY.search(text):
        raise InputError(f"{where}: no TOML: a key has more than {_DEEPEST} parts; {_RIGHT}")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no TOML: {shown(_reason(error), 200)}; {_RIGHT}") from None
    lines = Lines(text, where)
    check_sizes(values, lines)
    return _specification(Table(values, (), lines), folder)


def of_values(values: Mapping[str, Any], where: str) -> Specification:
    """Read a specification from the values that its TOML would have; see `parse`."""
    return _specification(Table(dict(values), (), Lines("", where)), None)


def changed(study: Specification, changes: Mapping[str, Any], where: str) -> Specification:
    """Return a study with other values of some keys of its TOML; see `of_values`."""
    return of_values(tomllib.loads(to_toml(study, {})) | dict(changes), where)


def _reason(error: ValueError | RecursionError) -> str:
    """Say what is wrong with TOML; Python's own words are for who programs in it."""
    if isinstance(error, tomllib.TOMLDecodeError):
        return str(error)
    return "it is nested too deep" if isinstance(error, RecursionError) else "a number is too long"


def checked_name(name: str) -> str:
    """Return the name of a study, a folder's as well; `InputError` says what it may have."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{shown(name)}' is no name; use up to {_LONGEST_NAME} letters, digits, '.', '_', '-'"
        )
    if name == PAPER:
        raise InputError(f"'{PAPER}' is what the paper's own points are called; take another name")
    return name


def _configurations(table: Table, folder: Path | None) -> tuple[str, ...]:
    key = "configuration"
    given = table.get(key, (str, list), "a configuration or a list of them", required=True)
    listed = [given] if isinstance(given, str) else table.list(key, str, "configurations")
    names = [
        name
        for each in listed
        for name in (ATTENTION if each == JOINT else (_named(table, key, each, folder, JOINT),))
    ]
    if len(set(names)) < len(names):
        raise table.error(key, "give each one once")
    if len({described(name).cascade.computes for name in names}) > 1:
        raise table.error(key, "they compute different things; give those that can be compared")
    return tuple(names)


def _named(table: Table, key: str, given: str, folder: Path | None, *others: str) -> str:
    """Return the name of an accelerator: a shipped one's, or the path of a file."""
    if not is_path(given):
        table.one_of(key, given, (*CONFIGURATIONS, *others))
        return given
    name = canonical(given, folder)
    table.checked(key, lambda: described(name))
    return name


def _accounting(table: Table) -> Accounting:
    name = table.get("accounting", str, "an accounting", default=OWN["accounting"])
    sram = table.get("sram", str, "a source of SRAMs", default="")
    table.checked("accounting", lambda: Accounting.parse(name))
    return table.checked("sram", lambda: Accounting.parse(name, sram))


def _specification(table: Table, folder: Path | None) -> Specification:
    table.only(_KEYS, "a study")
    name = table.get("name", str, "a name", required=True)
    configurations = _configurations(table, folder)
    sampler = table.get("sampler", str, "a sampler", default="tpe")
    table.one_of("sampler", sampler, SAMPLERS)
    time_limit_s = table.positive("time_limit_s", "a number of seconds")
    constraints = table.table("constraints", "a table of bounds")
    bounds, floors = read_bounds(constraints)
    named = table.get("evaluator", str, "an evaluator", default=evaluator_of(configurations))
    workloads = read_workloads(table, folder, own(configurations, named)["fit"])
    weights, scenes = read_mix(table, len(workloads))
    study = Specification(
        name=table.checked("name", lambda: checked_name(name)),
        configurations=configurations,
        workloads=workloads,
        weights=weights,
        scenes=scenes,
        whole_model=table.get("whole_model", bool, "true or false", default=False),
        linear_layers=_linear_layers(table, configurations, folder),
        objectives=_objectives(table, configurations),
        bounds=bounds,
        floors=floors,
        registers=constraints.get("registers", bool, "true or false"),
        sampler=sampler,
        seed=table.count("seed", least=0, most=LARGEST_SEED, default=0),
        trials=table.count(
            "trials",
            least=1,
            most=LARGEST_TRIALS,
            default=300 if time_limit_s is None else None,
        ),
        time_limit_s=time_limit_s,
        batch=table.count("batch", least=1, most=LARGEST_BATCH, default=16),
        evaluator=named,
        accounting=_accounting(table),
        pinned=table.get("pinned", bool, "true or false", default=True),
    )
    engine = table.checked("evaluator", lambda: evaluator(study.evaluator))
    if study.linear_layers and not engine.own_binding:
        raise table.error(
            "linear_layers", f"the evaluator {engine.name} binds attention alone; leave them out"
        )
    for each in product(configurations, workloads):
        table.checked("evaluator", partial(engine.check_known, *each, study.accounting))
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


def _objectives(table: Table, configurations: Sequence[str]) -> tuple[str, ...]:
    given = table.list("objectives", str, "objectives", default=["area", "latency"])
    return table.checked("objectives", lambda: checked_objectives(given, configurations))


def checked_objectives(given: Sequence[str], configurations: Sequence[str]) -> tuple[str, ...]:
    """Return the objectives of a study; `InputError` says which are none that it can have."""
    for each in given:
        if each not in OBJECTIVES:
            raise InputError(f"'{shown(each)}' is unknown; {known_are(each, tuple(OBJECTIVES))}")
    if len(given) > _MOST_OBJECTIVES:
        raise InputError(f"give one to {_MOST_OBJECTIVES}")
    if len(set(given)) < len(given):
        raise InputError("give each one once")
    if "util_2d" in given:
        for name in configurations:
            if "2d" not in described(name).machine.paper_names:
                raise InputError(f"util_2d: the machine of {name} calls none of its arrays 2d")
    return tuple(given)


def _linear_layers(
    table: Table, configurations: Sequence[str], folder: Path | None
) -> tuple[str, ...]:
    key = "linear_layers"
    given = table.get(key, (str, list), "an accelerator or a list of them", default=[])
    if given == []:
        return ()
    listed = [given] if isinstance(given, str) else table.list(key, str, "accelerators")
    names = tuple(_named(table, key, each, folder) for each in listed)
    for each in names:
        if described(each).cascade.computes != "own":
            raise table.error(key, f"{shown(each)} computes attention, not linear layers")
    table.checked(key, lambda: paired(configurations, names))
    return names
