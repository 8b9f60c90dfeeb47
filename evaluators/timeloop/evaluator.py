"""The evaluator `timeloop`: the analytical engine's accounting on Timeloop's counts.

Automatic parameters and feasibility are the engine's; Timeloop counts every loop nest and Accelergy
prices every component. The mappings that the paper leaves to Timeloop's mapper are the published
ones and the engine's optimum; the evaluator `timeloop-mapper` takes what the mapper finds. All are
programs, run one at a time and cached by content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evaluators.accounting import Accounting, Correction
from evaluators.analytical.architecture import Storage
from evaluators.analytical.configurations import Configuration, configuration
from evaluators.analytical.counting import Count
from evaluators.analytical.engine import AnalyticalEvaluator
from evaluators.analytical.loopnest import LoopNest
from evaluators.analytical.mapping import Mapping
from evaluators.design import Designs
from evaluators.engine.columns import Factors
from evaluators.errors import InputError
from evaluators.protocol import Evaluations
from evaluators.timeloop import accelergy, estimation, inputs, mapper, programs, stats
from evaluators.timeloop.cache import Cache, default_folder
from evaluators.timeloop.counts import TimeloopCounts
from evaluators.timeloop.run import TIME_LIMIT_S, run
from evaluators.workload import Workload

STATISTICS = "timeloop-model.stats.txt"
INPUT = "input.yaml"
TABLES = "tables.yaml"
FOUND = "timeloop-mapper.map.yaml"
SEARCH_LIMIT_S = 6 * 3600.0
"""The search of a large problem goes on for hours (spec/mappings.md, section 5.1)."""


class TimeloopEvaluator:
    """Timeloop and Accelergy, count for count under the accounting of the analytical engine.

    Args:
        cache: results of earlier runs, in the user's folder by default.
        time_limit_s: seconds that one run of a program may take; a search may take longer.
        searches: have Timeloop's mapper find the mappings that the paper leaves to it.

    """

    one_by_one = True

    def __init__(
        self,
        cache: Cache | None = None,
        time_limit_s: float = TIME_LIMIT_S,
        *,
        searches: bool = False,
    ) -> None:
        self.name = "timeloop-mapper" if searches else "timeloop"
        self.cache = cache or Cache(default_folder())
        self._time_limit_s = time_limit_s
        self._programs = (programs.MODEL, programs.ACCELERGY) + (programs.MAPPER,) * searches
        self._engine = AnalyticalEvaluator(self._sources, chunk=1)

    def check_installed(self) -> None:
        """Raise `TimeloopMissing` where a program is not installed on this machine."""
        for program in self._programs:
            programs.find(program)

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
        if self._searches(configuration) and accounting.repairs(Correction.Q12):
            raise InputError(
                f"correction Q12 gives {configuration} the best mapping instead of a searched one; "
                "leave out the search, or the correction"
            )
        before = self.cache.runs
        evaluations = self._engine.evaluate(
            configuration, workload, designs, accounting, breakdown=breakdown
        )
        return replace(evaluations, runs=self.cache.runs - before)

    def estimated_energy_pj(
        self,
        configuration_name: str,
        workload: Workload,
        designs: Designs,
        accounting: Accounting,
    ) -> float:
        """Return Accelergy's own estimate from the action counts of a design, a batch of one.

        Args:
            configuration_name: name of the configuration.
            workload: what the design runs.
            designs: the design, feasible and resolved as `evaluate` returns it.
            accounting: how counts become energy.

        Raises:
            EvaluationError: a run failed.

        """
        config = configuration(configuration_name)
        _, count, parts = self._sources(config, workload, designs, accounting)

        def price(prices: Storage) -> Evaluations:
            engine = AnalyticalEvaluator(lambda *_: (designs, count, prices), chunk=1)
            return engine.evaluate(
                configuration_name, workload, designs, accounting, breakdown=True
            ).whole()

        scaled = accounting.repairs(Correction.Q2)
        counts = estimation.action_counts(parts, price)
        return sum(
            self._estimate(
                accelergy.input_files(chip, scaled_registers=scaled)
                | {estimation.INPUT: estimation.counts_input(counts[array])},
                (*estimation.ARGUMENTS, *accelergy.precision(scaled_registers=scaled)),
            )
            for array, chip in accelergy.chips(config, designs).items()
            if estimation.busy(counts[array])
        )

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

    def _searches(self, configuration: str) -> bool:
        return programs.MAPPER in self._programs and configuration in mapper.SEARCHED

    def _sources(
        self, config: Configuration, workload: Workload, design: Designs, accounting: Accounting
    ) -> tuple[Designs, Count, Storage]:
        if self._searches(config.name):
            binding = mapper.searched_binding(config, workload, design, accounting, self._search)
            design = design.with_columns(binding=binding)

        def count(mapping: Mapping, factors: Factors, *, wrapped: bool) -> TimeloopCounts:
            request = inputs.request(config.name, design, mapping, factors)
            exact = None if wrapped else LoopNest(mapping, factors, wrapped=False)
            return TimeloopCounts(mapping, self._model(request), exact)

        return design, count, accelergy.components(config, design, accounting, self._accelergy)

    def _model(self, request: inputs.Request) -> stats.Statistics:
        files = {INPUT: inputs.flat_input(request), TABLES: inputs.unit_tables(request)}

        def statistics(made: dict[str, str]) -> stats.Statistics:
            return stats.parse(made[STATISTICS], f"{request.mapping.einsum.name}: {STATISTICS}")

        command = [programs.MODEL, INPUT, TABLES]
        return statistics(self._made(command, files, (STATISTICS,), statistics))

    def _search(self, request: inputs.Request) -> str:
        prices = self._accelergy({INPUT: mapper.price_input(request)}, accelergy.ARGUMENTS)
        made = self._made(
            [programs.MAPPER, INPUT, *accelergy.OUTPUTS],
            {INPUT: mapper.mapper_input(request), **prices},
            (FOUND,),
            lambda made: mapper.parse_mapping(made[FOUND]),
            time_limit_s=SEARCH_LIMIT_S,
        )
        return made[FOUND]

    def _estimate(self, files: dict[str, str], arguments: tuple[str, ...]) -> float:
        command = [programs.ACCELERGY, *arguments]
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
