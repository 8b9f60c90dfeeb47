"""Specifications as TOML text, as `studies.toml` reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from studies.bounds_toml import bound_entries
from studies.specification import Specification
from studies.workload_toml import own_transformers, workload_entries

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(study: Specification, made_with: Mapping[str, Any]) -> str:
    """Write a specification, complete, with its behaviour and the versions it was made with."""
    table: dict[str, Any] = {
        "name": study.name,
        "configuration": study.configuration,
        **workload_entries(study.workloads, study.weights, study.scenes),
        "over_workloads": study.over_workloads,
        "whole_model": study.whole_model,
        "linear_layers": list(study.linear_layers) or None,
        "objectives": list(study.objectives),
        "sampler": study.sampler,
        "seed": study.seed,
        "trials": study.trials,
        "time_limit_s": study.time_limit_s,
        "batch": study.batch,
        "evaluator": study.evaluator,
        "accounting": study.accounting.name,
        "sram": study.accounting.sram,
        "pinned": study.pinned,
    }
    lines = _entries(table)
    lines += _table("constraints", bound_entries(study) | {"registers": study.registers})
    lines += _table("space", study.overrides)
    for name, sizes in own_transformers(study.workloads).items():
        lines += _table(f"transformers.{_key(name)}", sizes)
    lines += _table("behaviour", study.behaviour())
    lines += _table("made_with", made_with)
    return "\n".join(lines) + "\n"


def _table(name: str, entries: Mapping[str, Any]) -> list[str]:
    lines = _entries(entries)
    return ["", f"[{name}]", *lines] if lines else []


def _entries(entries: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in entries.items() if value is not None]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(each) for each in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)
