"""`dse schedule`: how the Einsums of a design overlap, step by step, and what that takes."""

from __future__ import annotations

import argparse
import json
from typing import Any

from dse.commands.evaluate import options_of
from dse.interface.scheduling import schedule
from evaluators.pipeline.pipelines import Pipeline

FOUND_WANTING = 1


def run(options: argparse.Namespace) -> int:
    """Schedule the stages, draw, print; 1 where a store or a register file is too small for it."""
    found = schedule(**options_of(options))
    if options.figure:
        from analysis.figure_files import write_figures  # noqa: PLC0415  # Matplotlib loads slowly

        write_figures(found.figure, options.figure)
    if options.json:
        print(json.dumps([as_json(each) for each in found.pipelines], indent=1))
    else:
        print(found)
    return 0 if found.fits else FOUND_WANTING


def as_json(pipeline: Pipeline) -> dict[str, Any]:
    """Return the pipeline of a stage as plain values."""
    found = pipeline.schedule
    return {
        "loops": [list(each) for each in pipeline.loops],
        "interval_cycles": found.interval,
        "ideal_interval_cycles": pipeline.ideal,
        "steps_in_flight": found.in_flight,
        "latency_s": pipeline.latency_s,
        "ideal_s": pipeline.ideal_s,
        "fits": pipeline.fits,
        "needs": [vars(each) for each in pipeline.needs],
        "tasks": [
            {
                "einsums": list(task.einsums),
                "array": task.array,
                "start_cycles": found.starts[task.name],
                "cycles": task.cycles,
                "memory_share": task.memory,
            }
            for task in found.tasks
        ],
    }
