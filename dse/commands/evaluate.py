"""`dse evaluate`: one design on one workload, or a table of designs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from analysis.results import breakdown_of, metric_columns, parameter_columns
from dse.interface.named_designs import is_empty, named
from dse.reports.account import account
from dse.results.designs import LABEL_DEFAULTS, Setting, evaluated, warnings
from dse.search.place import RUNS
from evaluators.errors import InputError
from evaluators.protocol import Evaluations, Evaluator, Runs, evaluator
from studies.defaults import evaluator_of


def run(options: argparse.Namespace) -> int:
    """Evaluate and print or write; an infeasible design on the command line is bad input."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "designs" in given or "out" in given:
        from dse.results.design_tables import evaluate_file  # noqa: PLC0415

        own = sorted(set(given) & {*LABEL_DEFAULTS})
        if own or given["parameters"] or not {"designs", "out"} <= set(given):
            raise InputError(
                "--designs FILE and --out FILE go together and take no other option of a design; "
                "give those as columns of the file"
            )
        one = evaluator(options.evaluator) if options.evaluator else None
        said, complete = evaluate_file(options.designs, options.out, one)
        print(said)
        return 0 if complete else 1
    found = named(options_of(options), RUNS, evaluator=options.evaluator)
    setting = found.setting
    engine = evaluator(options.evaluator or evaluator_of([setting.configuration]))
    evaluations = evaluated(setting, found.design, engine)
    if options.json:
        print(json.dumps(as_json(setting, evaluations, engine), indent=1))
    else:
        print(account(setting, evaluations))
        for warning in warnings(setting, evaluations, engine):
            print(f"\nwarning: {warning}")
        if evaluations.runs != Runs():
            print(f"\n{engine.name}: {evaluations.runs}")
    return 0


def options_of(options: argparse.Namespace) -> dict[str, str]:
    """Return what was given of a configuration, a workload, an accounting, and a design."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "model" in given and "shape" in given:
        raise InputError("--model and --shape both describe the transformer; give one of them")
    labels = {name: text for name, text in given.items() if name in LABEL_DEFAULTS}
    if empty := next((name for name in labels if is_empty(name, labels[name])), None):
        option = f"--{empty.replace('_', '-')}"
        raise InputError(f"{option} is empty; give a value, or leave it out for the default")
    return {**labels, **options.parameters}


def as_json(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> dict[str, Any]:
    """Return one evaluation: a row of `analysis.results.schema_of`, and its warnings."""
    name = setting.configuration
    columns = {
        **parameter_columns(name, evaluations.designs),
        **metric_columns(name, evaluations),
    }
    (breakdown,) = breakdown_of(evaluations)
    return {
        **setting.labels(engine),
        **{column: values.tolist()[0] for column, values in columns.items()},
        "warnings": warnings(setting, evaluations, engine),
        "breakdown": breakdown,
    }
