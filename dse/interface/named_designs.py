"""Designs by what a user calls them: a trial of a study, or an accelerator and its parameters.

binding-bert/17                                  trial 17 of the study binding-bert
binding,array_rows=128,seq_len=64K,model=BERT    as the options of `dse evaluate`
mine.toml                                        with the paper's value of everything else
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dse.reports.searched import Searched, searched_in
from dse.results.designs import LABEL_DEFAULTS, Setting, settings
from dse.search.home import begun
from evaluators import protocol
from evaluators.describe.catalogue import canonical, described
from evaluators.design import Designs
from evaluators.errors import InputError, did_you_mean, shown
from evaluators.foreign import is_there
from evaluators.protocol import Evaluator
from evaluators.workloads.reading import TOKENS
from studies.defaults import evaluator_of
from studies.specification import Specification

_TRIAL = re.compile(r"(.+)/(\d{1,9})")
_WORKLOAD = {"model", "shape", *TOKENS, "mask", "fit"}
"""Options that say what a design runs."""

_FORM = "write STUDY/TRIAL, or an accelerator and NAME=VALUE joined by commas"


@dataclass(frozen=True)
class NamedDesign:
    """One design and what it runs.

    Attributes:
        called: as the user called it.
        setting: accelerator, workload, accounting.
        design: a batch of one; what it leaves open has no column, or `AUTOMATIC`.
        study: the study that it is a trial of, None for none.
        trial: the row of that trial, see `dse.results.study_tables.trials`; empty for none.
        mix: the study whose workloads, and linear layers, it runs; None where it runs that of its
            setting.
        any_workload: whether the user named none.

    """

    called: str
    setting: Setting
    design: Designs
    study: Searched | None
    trial: Mapping[str, Any]
    mix: Specification | None = None
    any_workload: bool = False

    @property
    def engine(self) -> Evaluator:
        """What evaluates it again, see `engine_of`."""
        return engine_of(self.setting, None if self.study is None else self.study.study)


def engine_of(setting: Setting, study: Specification | None) -> Evaluator:
    """Return the mapper where it finds the binding of a design, else our engine.

    It does where the accelerator leaves its binding open, or a study's trials had it so.
    """
    name = evaluator_of([setting.configuration]) if study is None else study.evaluator
    engine = protocol.evaluator(name)
    return protocol.evaluator("analytical") if engine.own_binding else engine


def named(
    design: str | Mapping[str, Any],
    out: Path,
    defaults: Mapping[str, str] | None = None,
    evaluator: str | None = None,
) -> NamedDesign:
    """Return the design of a name, or of options by name; `InputError` says what is wrong with it.

    `out` is the folder of studies. `defaults` are labels of options that do not give them, in place
    of those of `dse evaluate` with an evaluator.
    """
    if isinstance(design, Mapping):
        options = {str(name): str(value) for name, value in design.items()}
        called = ",".join(f"{k}={v}" for k, v in options.items())
        return _of_options(called, options, defaults or {}, evaluator)
    match = _TRIAL.fullmatch(design)
    if match and not is_there(Path(design)):
        return _of_trial(design, searched_in(out / match[1]), int(match[2]))
    try:
        return _of_options(design, _options(design), defaults or {}, evaluator)
    except InputError:
        study, slash, _ = design.partition("/")
        if not study or not begun(out / study):
            raise
        meant = "has no such trial" if slash else "is a study"
        raise InputError(
            f"design '{shown(design)}': {shown(study)} {meant}; write one of its trials as "
            f"{shown(study)}/0"
        ) from None


def _options(text: str) -> dict[str, str]:
    """Read 'CONFIGURATION,NAME=VALUE,...'; a value may have commas, as a shape has."""
    terms: list[list[str]] = []
    for place, term in enumerate(text.split(",")):
        name, equals, value = term.partition("=")
        if equals:
            terms.append([name.strip(), value])
        elif place == 0:
            terms.append(["configuration", term])
        else:
            terms[-1][1] += f",{term}"
    options = dict(terms)
    if len(options) < len(terms):
        raise InputError(f"design '{shown(text)}' gives something twice; {_FORM}")
    return options


def _of_options(
    called: str, own: Mapping[str, str], defaults: Mapping[str, str], evaluator: str | None
) -> NamedDesign:
    options = {**defaults, **own}
    if empty := next((name for name, text in options.items() if is_empty(name, text)), None):
        raise InputError(
            f"design '{shown(called)}': {empty} is empty; give a value, or leave it out"
        )
    labels = {name: text for name, text in options.items() if name in LABEL_DEFAULTS}
    configuration = canonical(labels.get("configuration", LABEL_DEFAULTS["configuration"]))
    declared = described(configuration).all_parameters
    given = {name: text for name, text in options.items() if name not in labels}
    if strange := next((name for name in given if name not in declared), None):
        meant = did_you_mean(strange, [*LABEL_DEFAULTS, *declared])
        raise InputError(
            f"design '{shown(called)}': '{shown(strange)}' is unknown; {meant}{_FORM}, where NAME "
            f"is one of {', '.join([*LABEL_DEFAULTS, *declared])}"
        )
    design = Designs.of(**{name: declared[name].read(text) for name, text in given.items()})
    ((_, setting),) = settings(labels, design, evaluator)
    return NamedDesign(called, setting, design, None, {}, any_workload=not own.keys() & _WORKLOAD)


def is_empty(name: str, text: str) -> bool:
    """Tell of an option whether it must not be blank; readers of the others say what is right."""
    return not text and name in LABEL_DEFAULTS and name != "shape"


def _of_trial(called: str, searched: Searched, number: int) -> NamedDesign:
    study = searched.study
    row = searched.trial(number)
    if row is None:
        count = searched.counts["trials"]
        raise InputError(f"{shown(called)}: {study.name} has {count} trials, from 0")
    mix = mix_of(study)
    return NamedDesign(called, *numbered(searched, row["design"]), searched, row, mix)


def mix_of(study: Specification) -> Specification | None:
    """Return a study whose designs run more than one workload's attention, else None."""
    return study if len(study.rows) > 1 or study.weights or study.whole_model else None


def numbered(searched: Searched, number: int) -> tuple[Setting, Designs]:
    """Return the design of a number in a study's space, on the first of the study's workloads."""
    study = searched.study
    columns = study.space.rows(number, number + 1)
    ((configuration, (_, design)),) = study.space.split(columns).items()
    return Setting(configuration, study.workloads[0], study.accounting), design
