"""How the Einsums of a stage overlap: a modulo schedule of its steps (docs/model/pipelines.md)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from evaluators.engine.costs import Costs
from evaluators.engine.nests import Nests
from evaluators.errors import InputError
from evaluators.pipeline.modulo import Schedule, shortest
from evaluators.pipeline.needs import Need, needs
from evaluators.pipeline.steps import Steps


@dataclass(frozen=True)
class Pipeline:
    """A stage as it runs.

    Attributes:
        ideal: the interval, in cycles, of arrays and memory that overlap without a gap.
        loops: rank and turns of each loop that a step is a turn of, outermost first.
        clock_hz: the clock.
        schedule: when what runs.
        needs: what it holds; more than there is where nothing that was tried fits.
        tail: cycles in which, after the last step, what is spread over the next tile ends.

    """

    ideal: float
    loops: tuple[tuple[str, int], ...]
    clock_hz: float
    schedule: Schedule
    needs: tuple[Need, ...]
    tail: float

    @property
    def steps(self) -> int:
        """How many steps the stage has."""
        return prod(turns for _, turns in self.loops)

    @property
    def fits(self) -> bool:
        """Whether there is room for what it holds."""
        return all(each.fits for each in self.needs)

    @property
    def ideal_s(self) -> float:
        """The latency of arrays and memory that overlap without a gap, seconds."""
        return self.ideal * self.steps / self.clock_hz

    @property
    def latency_s(self) -> float:
        """The latency, seconds: an interval a step, and what the last one takes to its end.

        That is no less than memory takes, which begins with the first step's data before it.
        """
        last = max(self.schedule.span, self.ideal)
        cycles = (self.steps - 1) * self.schedule.interval + last + self.tail
        return cycles / self.clock_hz


def pipelines(nests: Nests, costs: Costs) -> list[Pipeline]:
    """Return the pipeline of every stage of a design, a batch of one.

    Raises:
        InputError: for a masked workload, whose steps are of different lengths, and an accelerator
            whose stages are themselves a schedule.

    """
    accelerator = nests.accelerator
    if accelerator.overlapped_memory and len(accelerator.stages) > 1:
        raise InputError(
            f"{accelerator.name} has a schedule of its own, {len(accelerator.stages)} stages of "
            f'tiles in turn; a file with base = "{accelerator.name}" and all Einsums in one stage, '
            "or one that dse map --out writes, leaves it to be found"
        )
    if nests.workload.masked:
        raise InputError("a schedule has steps of one length; take a workload without a mask")
    return [
        _pipeline(Steps(nests, costs, stage))
        for stage in accelerator.stages
        if set(stage.einsums) & set(nests.einsums)
    ]


def _pipeline(steps: Steps) -> Pipeline:
    """Schedule the steps of a stage."""
    busy: dict[str, float] = {}
    for name in steps.names:
        array = steps.runs[name].row.array
        busy[array] = busy.get(array, 0.0) + steps.cycles(name)
    ideal = max(*busy.values(), sum(steps.memory_cycles(name) for name in steps.names))
    schedule = shortest(
        steps.tasks, ideal, lambda found: all(each.fits for each in needs(steps, found))
    )
    tail = sum(
        steps.cycles(name) * steps.count / steps.turns(name)
        for name in steps.names
        if not steps.inside(name)
    )
    loops = (*steps.shared, *steps.together)
    return Pipeline(ideal, loops, steps.clock_hz, schedule, tuple(needs(steps, schedule)), tail)
