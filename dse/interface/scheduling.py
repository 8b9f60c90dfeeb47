"""How the Einsums of a design overlap, step by step, and what that takes."""

from __future__ import annotations

from os import PathLike

from dse.interface.named_designs import named
from dse.interface.typed import typed
from dse.reports.scheduled import Scheduled
from dse.results.designs import LABEL_DEFAULTS, evaluated
from dse.search.place import RUNS
from evaluators.describe.machine import Machine
from evaluators.engine.costs import Costs
from evaluators.engine.evaluator import nests_of
from evaluators.pipeline.pipelines import pipelines
from evaluators.protocol import evaluator


@typed
def schedule(
    *,
    configuration: str | PathLike[str] = LABEL_DEFAULTS["configuration"],
    **values: str | int | float,
) -> Scheduled:
    """Schedule a design's Einsums so that arrays and memory overlap, and say what that takes.

    Args:
        configuration: the name of an accelerator, or the path of a file.
        values: of the workload (model or shape, seq_len, ...) and of the accelerator's parameters,
            as array_rows: the options of `dse schedule`.

    Returns:
        The pipeline of every stage, the latency in seconds, whether it fits, the waterfall as a
        figure; printed, what the command says.

    Raises:
        Error: for what is no design, an infeasible one, a workload with a mask, or an accelerator
            whose stages are themselves a schedule.

    Examples:
        >>> import dse
        >>> flat = dse.schedule(configuration="flat", seq_len="4K")
        >>> (stage,) = flat.pipelines
        >>> stage.loops, stage.schedule.interval, flat.fits
        ((('B', 64), ('H', 12), ('P', 4096)), 64.0, True)
        >>> print(round(flat.latency_s / flat.ideal_s, 4))
        1.0004

    """
    found = named({"configuration": configuration, **values}, RUNS)
    setting = found.setting
    evaluations = evaluated(setting, found.design, evaluator("analytical"))
    nests = nests_of(
        setting.configuration, setting.workload, evaluations.designs, setting.accounting
    )
    return Scheduled(
        f"{nests.accelerator.name} on {setting.workload.called}",
        _called(nests.accelerator.machine),
        tuple(pipelines(nests, Costs(nests))),
    )


def _called(machine: Machine) -> dict[str, str]:
    """Return what every array is called, as in an account."""
    paper = {name: label for label, name in machine.paper_names.items()}
    return {name: paper[name].upper() if name in paper else name for name in machine.arrays}
