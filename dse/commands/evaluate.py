"""`dse evaluate`: one design on one workload, or a table of designs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from dse.reports.account import account
from dse.results.designs import (
    LABEL_DEFAULTS,
    Setting,
    check_has,
    evaluate_pinned,
    parse_binding,
    parse_parameter,
    reasons,
    warnings,
)
from evaluators.design import PARAMETERS, Designs
from evaluators.errors import InputError
from evaluators.protocol import EINSUM_METRICS, Evaluations, Evaluator, Runs, evaluator


def run(options: argparse.Namespace) -> int:
    """Evaluate and print or write; an infeasible design on the command line is bad input."""
    engine = evaluator(options.evaluator)
    given = {name: value for name, value in vars(options).items() if value is not None}
    if "designs" in given or "out" in given:
        from dse.results.design_tables import evaluate_file  # noqa: PLC0415

        own = sorted(set(given) & {*LABEL_DEFAULTS, *PARAMETERS, "binding"})
        if own or not {"designs", "out"} <= set(given):
            raise InputError(
                "--designs FILE and --out FILE go together and take no other option of a design; "
                "give those as columns of the file"
            )
        said, complete = evaluate_file(options.designs, options.out, engine)
        print(said)
        return 0 if complete else 1
    if "model" in given and "shape" in given:
        raise InputError("--model and --shape both describe the transformer; give one of them")
    setting = Setting.parse({k: v for k, v in given.items() if k in LABEL_DEFAULTS})
    for name in PARAMETERS:
        if name in given:
            check_has(setting.configuration, name)
    parameters = setting.defaults() | {
        name: parse_parameter(name, given[name]) for name in PARAMETERS if name in given
    }
    binding = parse_binding(given["binding"], setting) if "binding" in given else {}
    evaluations = _evaluate_one(setting, Designs.of(**parameters, binding=binding), engine)
    if options.json:
        print(json.dumps(as_json(setting, evaluations, engine), indent=1))
    else:
        print(account(setting, evaluations))
        for warning in warnings(setting, evaluations, engine):
            print(f"\nwarning: {warning}")
        if evaluations.runs != Runs():
            print(f"\n{engine.name}: {evaluations.runs}")
    return 0


def _evaluate_one(setting: Setting, design: Designs, engine: Evaluator) -> Evaluations:
    ((_, results),) = evaluate_pinned(setting, design, engine, breakdown=True)
    evaluations = results.whole()
    (reason,) = reasons(setting, evaluations, engine)
    if reason:
        raise InputError(reason)
    return evaluations


def as_json(setting: Setting, evaluations: Evaluations, engine: Evaluator) -> dict[str, Any]:
    """Return one evaluation: the columns of `evaluations`, its full design and its breakdown."""
    designs = evaluations.designs
    parameters = {name: int(column[0]) for name, column in designs.columns().items()}
    return {
        **setting.labels(engine),
        **parameters,
        **{name: float(column[0]) for name, column in evaluations.metrics.items()},
        "binding": {name: int(column[0]) for name, column in designs.binding.items()},
        "arrays": {
            name: {"busy_s": float(busy[0]), "util": float(evaluations.util[name][0])}
            for name, busy in evaluations.busy_s.items()
        },
        "warnings": warnings(setting, evaluations, engine),
        "breakdown": [
            {"einsum": name, "array": part.array}
            | {metric: float(getattr(part, metric)[0]) for metric in EINSUM_METRICS}
            for name, part in evaluations.einsums.items()
        ],
    }
