"""Specifications from TOML: every key checked, every error with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from evaluators.accounting import Accounting
from evaluators.analytical.configurations import CONFIGURATIONS
from evaluators.errors import InputError
from evaluators.protocol import evaluator
from evaluators.workload import Transformer, Workload, parse_seq_len, transformer
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


def load(path: Path) -> Specification:
    """Read a specification; `InputError` names the line, the key and what was expected."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"cannot read the study {path}: {reason}") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Specification:
    """Read a specification from TOML text; `where` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: no TOML: {error}") from None
    return _Reader(text, where).specification(table)


class _Reader:
    """Reads the keys of one file and knows the lines they stand in."""

    def __init__(self, text: str, where: str) -> None:
        self._lines = text.splitlines()
        self._where = where

    def specification(self, table: dict[str, Any]) -> Specification:
        self._known(table, _KEYS, "a study")
        shapes = self._transformers(table.get("transformers", {}))
        models = self._list(table, "models", str, "names of models")
        seq_lens = self._list(table, "seq_lens", (str, int), "lengths as '256K' or 262144")
        objectives = tuple(
            self._list(table, "objectives", str, "objectives", default=["area", "latency"])
        )
        for each in objectives:
            self._one_of("objectives", each, tuple(OBJECTIVES))
        if len(set(objectives)) != len(objectives) or len(objectives) > 3:
            raise self._error("objectives", "give one to three different ones")
        bounds, enforce_registers = self._constraints(table.get("constraints", {}))
        configuration = self._get(table, "configuration", str, "a configuration", required=True)
        self._one_of("configuration", configuration, (*CONFIGURATIONS, JOINT))
        sampler = self._get(table, "sampler", str, "a sampler", default="tpe")
        self._one_of("sampler", sampler, SAMPLERS)
        time_limit_s = self._get(table, "time_limit_s", (int, float), "seconds")
        if time_limit_s is not None and time_limit_s <= 0:
            raise self._error("time_limit_s", "give more than 0 seconds")
        study = Specification(
            name=self._name(table),
            configuration=configuration,
            workloads=tuple(
                Workload(
                    self._checked(
                        "models", lambda name=model: shapes.get(name) or transformer(name)
                    ),
                    self._checked("seq_lens", lambda length=each: parse_seq_len(length)),
                )
                for model in models
                for each in seq_lens
            ),
            objectives=objectives,
            bounds=bounds,
            enforce_registers=enforce_registers,
            overrides=self._get(table, "space", dict, "a table of parameters", default={}),
            sampler=sampler,
            seed=self._count(table, "seed", least=0, default=0),
            trials=self._count(
                table, "trials", least=1, default=None if time_limit_s is not None else 300
            ),
            time_limit_s=time_limit_s,
            batch=self._count(table, "batch", least=1, default=16),
            evaluator=self._get(table, "evaluator", str, "an evaluator", default="analytical"),
            accounting=self._checked(
                "accounting",
                lambda: Accounting.parse(
                    self._get(table, "accounting", str, "an accounting", default="published")
                ),
            ),
            pinned=self._get(table, "pinned", bool, "true or false", default=True),
        )
        self._checked("evaluator", lambda: evaluator(study.evaluator))
        self._checked("space", lambda: study.space)
        return study

    def _name(self, table: dict[str, Any]) -> str:
        name: str = self._get(table, "name", str, "a name", required=True)
        if not _NAME.fullmatch(name):
            raise self._error("name", f"'{name}' is no name; use letters, digits, '.', '_' and '-'")
        return name

    def _transformers(self, tables: Any) -> dict[str, Transformer]:
        if not isinstance(tables, dict):
            raise self._error("transformers", "give a table [transformers.NAME] for each")
        shapes = {}
        for name, shape in tables.items():
            if not isinstance(shape, dict):
                raise self._error(name, f"give a table [transformers.{name}]")
            self._known(shape, _SHAPE, f"transformer {name}")
            sizes = {key: self._count(shape, key, least=1, default=None) for key in _SHAPE}
            lacking = [key for key, value in sizes.items() if value is None]
            if lacking:
                raise self._error(name, f"transformer {name} lacks {', '.join(lacking)}")
            shapes[name] = Transformer(name, **sizes)
        return shapes

    def _constraints(self, table: Any) -> tuple[dict[str, float], bool]:
        if not isinstance(table, dict):
            raise self._error("constraints", "give a table of upper bounds")
        self._known(table, (*BOUNDABLE, "registers"), "constraints")
        bounds = {}
        for metric in BOUNDABLE:
            bound = self._get(table, metric, (int, float), "a number")
            if bound is not None:
                if bound <= 0:
                    raise self._error(metric, "an upper bound must be above 0")
                bounds[metric] = float(bound)
        return bounds, self._get(table, "registers", bool, "true or false", default=False)

    def _known(self, table: Mapping[str, Any], keys: tuple[str, ...], what: str) -> None:
        for key in table:
            if key not in keys:
                raise self._error(key, f"{what} has no such key; known are {', '.join(keys)}")

    def _get(
        self,
        table: Mapping[str, Any],
        key: str,
        kind: type | tuple[type, ...],
        wanted: str,
        *,
        default: Any = None,
        required: bool = False,
    ) -> Any:
        if key not in table:
            if required:
                raise InputError(f"{self._where}: the key {key} is missing; give {wanted}")
            return default
        value = table[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._error(key, f"{value!r} is not {wanted}")
        return value

    def _list(
        self,
        table: Mapping[str, Any],
        key: str,
        kind: type | tuple[type, ...],
        wanted: str,
        *,
        default: list[str] | None = None,
    ) -> list[Any]:
        values: list[Any] = self._get(
            table, key, list, f"a list of {wanted}", default=default, required=default is None
        )
        if not values or not all(
            isinstance(each, kind) and not isinstance(each, bool) for each in values
        ):
            raise self._error(key, f"{values!r} is not a list of {wanted}")
        return values

    def _count(self, table: Mapping[str, Any], key: str, *, least: int, default: int | None) -> Any:
        wanted = f"an integer of at least {least}"
        value = self._get(table, key, int, wanted, default=default)
        if value is not None and value < least:
            raise self._error(key, f"{value} is not {wanted}")
        return value

    def _one_of(self, key: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise self._error(key, f"'{value}' is unknown; known are {', '.join(known)}")

    def _checked(self, key: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except InputError as error:
            raise self._error(key, str(error)) from None

    def _error(self, key: str, sentence: str) -> InputError:
        pattern = re.compile(rf"\s*(\[(\w+\.)?)?[\"']?{re.escape(key)}[\"']?\s*[=\].]")
        line = next((n for n, text in enumerate(self._lines, 1) if pattern.match(text)), None)
        place = self._where if line is None else f"{self._where} line {line}"
        return InputError(f"{place}: {key}: {sentence}")
