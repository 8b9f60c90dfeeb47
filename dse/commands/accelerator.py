"""`dse accelerator`: check, describe, list, print and begin files of accelerators."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dse.reports import text
from dse.reports.accelerator_text import description, open_description
from evaluators.accounting import Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.checks import problems
from evaluators.describe.layers import ACCELERATORS, Misread, check_name, is_path, shipped, text_of
from evaluators.describe.padding import fitted
from evaluators.describe.reading import accelerator
from evaluators.engine.choices import resolved
from evaluators.engine.columns import all_shared
from evaluators.engine.costs import Costs
from evaluators.engine.nests import Nests
from evaluators.errors import InputError, did_you_mean, shown
from evaluators.files import write_atomically
from evaluators.foreign import is_there
from evaluators.workloads.catalogue import transformer
from evaluators.workloads.reading import workload_of
from evaluators.workloads.transformer import parse_shape

FOUND_WANTING = 1


def run(options: argparse.Namespace) -> int:
    """Carry out one of the actions."""
    actions = {"check": _check, "list": _list, "show": _show, "new": _new}
    return actions[options.action](options)


def _check(options: argparse.Namespace) -> int:
    try:
        checked = accelerator(options.file)
        found = problems(checked)
    except Misread as error:
        found = list(error.problems)
    for each in found:
        print(each)
    if found:
        print(f"{len(found)} problem{'s' * (len(found) > 1)}")
        return FOUND_WANTING
    print(_described(checked, options))
    return 0


def _described(checked: Accelerator, options: argparse.Namespace) -> str:
    if checked.open is not None:
        return open_description(checked)
    shape = parse_shape(options.shape) if options.shape else transformer(options.model or "BERT")
    workload = workload_of(shape, {k: v for k, v in vars(options).items() if v is not None})
    accounting = Accounting.parse("corrected")
    checked = fitted(checked, workload)
    columns = _design(checked, options.design)
    design = resolved(checked, workload, columns, accounting, 1)
    nests = Nests(checked, workload, all_shared(design), accounting)
    return description(nests, Costs(nests))


def _design(checked: Accelerator, given: str) -> dict[str, np.ndarray]:
    """Read 'NAME=VALUE,...'."""
    parameters = checked.all_parameters
    columns: dict[str, np.ndarray] = {}
    for term in given.split(",") if given else []:
        name, equals, value = term.partition("=")
        if not equals or name not in parameters:
            raise InputError(
                f"design '{shown(term)}': {did_you_mean(name, parameters)}"
                f"write NAME=VALUE with one of {', '.join(parameters)}"
            )
        columns[name] = np.array([parameters[name].read(value)])
    return columns


def _list(options: argparse.Namespace) -> int:
    del options
    rows = []
    for name in shipped():
        each = accelerator(name)
        arrays = ", ".join(each.machine.arrays)
        rows.append([name, each.title, each.machine.title, arrays, str(len(each.cascade.einsums))])
    print(text.table(["name", "accelerator", "machine", "arrays", "Einsums"], rows, left=4))
    return 0


def _show(options: argparse.Namespace) -> int:
    path = Path(options.name) if is_path(options.name) else ACCELERATORS / f"{options.name}.toml"
    accelerator(options.name)
    print(text_of(path, "an accelerator"), end="")
    return 0


def _new(options: argparse.Namespace) -> int:
    check_name(options.name)
    target = Path(options.file or f"{options.name}.toml")
    base = accelerator(options.base)
    if is_there(target):
        raise InputError(f"{target} is there already; name another file with --file")
    named = options.base if not is_path(options.base) else str(Path(options.base).absolute())
    content = f'''# {options.name}: what differs from {base.title}.
name  = "{options.name}"
title = "{options.name}"
base  = "{named}"

{_own_table(base)}'''
    write_atomically(target, content.encode())
    print(f"{target}; dse accelerator check {target} checks and describes it")
    return 0


def _own_table(base: Accelerator) -> str:
    """Return the table of a new file to begin with: the base's choices, or its schedule."""
    if base.open is not None:
        return f'[open]\nplaces = "{" ".join(base.open.places.values())}"\n'
    stages = ", ".join(f'"{" ".join(stage.einsums)}"' for stage in base.stages)
    memory = "whole" if base.overlapped_memory else "stage"
    return f'[schedule]\nstages = [{stages}]\nmemory = "{memory}"\n'
