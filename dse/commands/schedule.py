"""`dse schedule`: how the Einsums of a design overlap, step by step, and what that takes."""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

from analysis.figure_files import write_figures
from analysis.waterfall import waterfall
from dse.commands.evaluate import setting_of
from dse.interface.designs import evaluated
from dse.reports.schedule_text import schedule_text
from evaluators.describe.machine import Machine
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.pipeline.pipelines import Pipeline, pipelines
from evaluators.protocol import evaluator

FOUND_WANTING = 1


def run(options: argparse.Namespace) -> int:
    """Schedule the stages, print, draw; 1 where a store or a register file is too small for it."""
    setting, designs = setting_of(options)
    engine = evaluator("analytical")
    evaluations = evaluated(setting, designs, engine)
    nests = nests_of(
        setting.configuration, setting.workload, evaluations.designs, setting.accounting
    )
    found = pipelines(nests, Costs(nests))
    arrays = _called(nests.accelerator.machine)
    if options.figure:
        write_figures(partial(waterfall, found, arrays), options.figure)
    if options.json:
        print(json.dumps([as_json(each) for each in found], indent=1))
    else:
        latency_s, ideal_s = (
            sum(getattr(each, which) for each in found) for which in ("latency_s", "ideal_s")
        )
        title = f"{nests.accelerator.name} on {setting.workload.transformer.name}"
        print(f"{title} {setting.workload.told}: {latency_s:.6g} s, ideal {ideal_s:.6g} s")
        for each in found:
            print(f"\n{schedule_text(each, arrays)}")
    return 0 if all(each.fits for each in found) else FOUND_WANTING


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """Return the pipeline of a stage as plain values."""
    schedule = pipeline.schedule
    return {
        "loops": [list(each) for each in pipeline.loops],
        "interval_cycles": schedule.interval,
        "ideal_interval_cycles": pipeline.ideal,
        "steps_in_flight": schedule.in_flight,
        "latency_s": pipeline.latency_s,
        "ideal_s": pipeline.ideal_s,
        "fits": pipeline.fits,
        "needs": [vars(each) for each in pipeline.needs],
        "tasks": [
            {
                "einsums": list(task.einsums),
                "array": task.array,
                "start_cycles": schedule.starts[task.name],
                "cycles": task.cycles,
                "memory_share": task.memory,
            }
            for task in schedule.tasks
        ],
    }


def _called(machine: Machine) -> dict[str, str]:
    """Return what every array is called, as in an account."""
    paper = {name: label for label, name in machine.paper_names.items()}
    return {name: paper[name].upper() if name in paper else name for name in machine.arrays}
