"""The evaluator `timeloop`: the analytical engine's accounting on Timeloop's counts.

Automatic parameters and feasibility are the engine's; Timeloop counts every loop nest and Accelergy
prices every component. The mappings that the paper leaves to Timeloop's mapper are the published
ones and the engine's optimum; the evaluator `timeloop-mapper` takes what the mapper finds. All are
programs, run one at a time and cached by content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluators.accounting import Accounting, Correction
from evaluators.describe.catalogue import described
from evaluators.design import Designs
from evaluators.engine.costs import Costs, Prices
from evaluators.engine.counting import Counts
from evaluators.engine.evaluator import AnalyticalEvaluator, Batch
from evaluators.engine.loopnest import LoopNest
from evaluators.engine.nests import Nests, Run
from evaluators.errors import InputError
from evaluators.protocol import Evaluations
from evaluators.timeloop import accelergy, audit, estimation, inputs, mapper, programs, stats, tiles
from evaluators.timeloop.cache import Cache, default_folder
from evaluators.timeloop.counts import TimeloopCounts
from evaluators.timeloop.expressible import check_unmasked
from evaluators.timeloop.open_choices import Open, searches
from evaluators.timeloop.run import TIME_LIMIT_S, run
from evaluators.workloads.workload import Workload

STATISTICS = "timeloop-model.stats.txt"
INPUT = "input.yaml"
TABLES = "tables.yaml"
FOUND = "timeloop-mapper.map.yaml"

SEARCH_LIMIT_S = 6 * 3600.0
"""The search of a large problem goes on for hours (docs/model/mappings.md#the-mapper)."""


class TimeloopEvaluator:
    """Timeloop and Accelergy, count for count under the accounting of the analytical engine.

    Args:
        cache: results of earlier runs, in the user's folder by default.
        time_limit_s: seconds that one run of a program may take; a search may take longer.
        searches: have Timeloop's mapper find the mappings that the paper leaves to it.
        audits: add the columns of `evaluators.timeloop.audit` to the metrics.

    """

    one_by_one = True
    own_binding = True

    def __init__(
        self,
        cache: Cache | None = None,
        time_limit_s: float = TIME_LIMIT_S,
        *,
        searches: bool = False,
        audits: bool = False,
    ) -> None:
        self.name = ("timeloop-mapper" if searches else "timeloop") + "-audit" * audits
        self._audits = audits
        self.cache = cache or Cache(default_folder())
        self._time_limit_s = time_limit_s
        self._searching = searches
        self._programs = (programs.MODEL, programs.ACCELERGY) + (programs.MAPPER,) * searches
        self._engine = AnalyticalEvaluator(self._batch, chunk=1)

    def check_installed(self) -> None:
        """Raise `TimeloopMissing` where a program is not installed on this machine."""
        for program in self._programs:
            programs.find(program)

    def check_known(self, configuration: str, workload: Workload, accounting: Accounting) -> None:
        """Refuse a search that the published mappings rule out."""
        del workload
        self._check_search(configuration, accounting)

    def evaluate(
        self,
        configuration: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
        *,
        breakdown: bool = False,
    ) -> Evaluations:
        """Evaluate a batch, see `evaluators.protocol.Evaluator.evaluate`.

        A run that fails, or whose output cannot be read, is its design's `TimeloopFailure`.

        Raises:
            InputError: also where Timeloop or Accelergy is not installed, as `TimeloopMissing`, and
                for a search under correction Q12, which is to map by the optimum.

        """
        self.check_installed()
        self._check_search(configuration, accounting)
        before = self.cache.runs
        evaluations = self._engine.evaluate(
            configuration, workload, designs, accounting, breakdown=breakdown
        )
        return replace(evaluations, runs=self.cache.runs - before)

    def reason(
        self,
        configuration: str,
        constraint: str,
        magnitude: int,
        workload: Workload,
        designs: Designs,
    ) -> str:
        """Explain a violation, see `evaluators.protocol.Evaluator.reason`."""
        return self._engine.reason(configuration, constraint, magnitude, workload, designs)

    def _check_search(self, configuration: str, accounting: Accounting) -> None:
        """Refuse a search under a correction that wants the optimum instead of it."""
        accelerator = described(configuration)
        for name, slip in accelerator.slips.items():
            repaired = slip.keeps_choices and accounting.repairs(Correction[name])
            if self._searching and repaired and searches(accelerator):
                raise InputError(
                    f"correction {name} gives {configuration} the best mapping instead of a "
                    "searched one; leave out the search, or the correction"
                )

    def _batch(self, nests: Nests) -> Batch:
        """Return a design, a batch of one, as the programs count and price it."""
        if self._searching and searches(nests.accelerator):
            check_unmasked(nests.workload)
            nests = nests.with_values(mapper.searched(nests, self._search))
        counted = nests.recounted(lambda run: self._counts(nests, run))
        parts = accelergy.components(nests, self._accelergy)
        return Batch(counted, parts, self._audit(counted, parts) if self._audits else None)

    def _counts(self, nests: Nests, run: Run) -> Counts:
        counted = [
            (many, self._dense(nests, replace(run, factors=nest.factors)))
            for many, nest in tiles.of(nests, run)
        ]
        return counted[0][1] if not nests.workload.masked else tiles.TiledCounts(counted)

    def _dense(self, nests: Nests, run: Run) -> TimeloopCounts:
        mapping = run.streamed.mapping
        exact = None if nests.wrapped else LoopNest(mapping, run.factors, wrapped=False)
        return TimeloopCounts(mapping, self._model(inputs.request(nests, run)), exact)

    def _audit(self, nests: Nests, parts: Prices) -> dict[str, float]:
        """Return the columns of an audit of a design as it is counted."""
        exact = accelergy.components(nests, self._accelergy, rounded=False)
        counts = estimation.action_counts(nests, exact)
        exact_pj = sum(Costs(nests, exact).energy_pj.values())
        scaled = nests.accounting.repairs(Correction.Q2)
        estimate = sum(
            self._estimate(
                accelergy.input_files(chip, scaled_registers=scaled)
                | {estimation.INPUT: estimation.counts_input(counts[array])}
            )
            for array, chip in accelergy.chips(nests).items()
            if estimation.busy(counts[array])
        )
        return {
            audit.ESTIMATED_PJ: estimate,
            audit.EXACT_PJ: float(np.ravel(exact_pj)[0]),
            **audit.prices(parts),
        }

    def _model(self, request: inputs.Request) -> stats.Statistics:
        files = {INPUT: inputs.flat_input(request), TABLES: inputs.unit_tables(request)}

        def statistics(made: dict[str, str]) -> stats.Statistics:
            return stats.parse(made[STATISTICS], f"{request.mapping.einsum.name}: {STATISTICS}")

        command = [programs.MODEL, INPUT, TABLES]
        return statistics(self._made(command, files, (STATISTICS,), statistics))

    def _search(self, request: inputs.Request, open_: Open) -> str:
        prices = self._accelergy({INPUT: mapper.price_input(request)}, accelergy.ARGUMENTS)
        made = self._made(
            [programs.MAPPER, INPUT, *accelergy.OUTPUTS],
            {INPUT: mapper.mapper_input(request, open_), **prices},
            (FOUND,),
            lambda made: mapper.parse_mapping(made[FOUND]),
            time_limit_s=SEARCH_LIMIT_S,
        )
        return made[FOUND]

    def _estimate(self, files: dict[str, str]) -> float:
        command = [programs.ACCELERGY, *estimation.ARGUMENTS]
        outputs = (estimation.OUTPUT,)
        parse = estimation.parse_estimate
        return parse(self._made(command, files, outputs, parse, accelergy.ENVIRONMENT))

    def _accelergy(self, files: dict[str, str], arguments: tuple[str, ...]) -> dict[str, str]:
        command = [programs.ACCELERGY, *arguments]
        return self._made(
            command, files, accelergy.OUTPUTS, accelergy.parse_tables, accelergy.ENVIRONMENT
        )

    def _made(
        self,
        command: list[str],
        files: dict[str, str],
        outputs: tuple[str, ...],
        check: Callable[[dict[str, str]], object],
        environment: dict[str, str] | None = None,
        time_limit_s: float | None = None,
    ) -> dict[str, str]:
        """Return a command's output files, from the cache where they are there."""
        name, *arguments = command
        program = programs.find(name)

        def make() -> dict[str, str]:
            return run(
                [str(program), *arguments],
                files,
                outputs,
                check=check,
                environment=environment,
                time_limit_s=time_limit_s or self._time_limit_s,
            )

        return self.cache.get(" ".join((*command, programs.version(program))), files, make)


def searching() -> TimeloopEvaluator:
    """Return the evaluator `timeloop-mapper`."""
    return TimeloopEvaluator(searches=True)


def auditing() -> TimeloopEvaluator:
    """Return the evaluator `timeloop-audit`, which `dse confirm` asks."""
    return TimeloopEvaluator(audits=True)


def auditing_search() -> TimeloopEvaluator:
    """Return the evaluator `timeloop-mapper-audit`, which `dse confirm --mapping search` asks."""
    return TimeloopEvaluator(searches=True, audits=True)
