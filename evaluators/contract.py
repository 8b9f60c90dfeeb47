"""What holds of any accelerator, as tests that a user runs over an own file.

    class TestMine(AcceleratorContract):
        configuration = "mine.toml"

pytest collects the class; nothing else is needed (docs/how-to/own-accelerator.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from unittest import SkipTest

import numpy as np

from evaluators.accounting import CORRECTED, Accounting
from evaluators.describe.accelerator import Accelerator
from evaluators.describe.catalogue import described
from evaluators.design import AUTOMATIC, Designs
from evaluators.engine.evaluator import AnalyticalEvaluator, nests_of
from evaluators.engine.nests import Nests, Run
from evaluators.errors import InputError
from evaluators.formats.timeloop_yaml import count, read_case
from evaluators.protocol import Evaluations
from evaluators.timeloop import inputs
from evaluators.timeloop.expressible import check_expressible, letters
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload

_SEED = 0
_CLOSE = 1e-12
_WHOLE = 1 + _CLOSE
"""A share of a time that is all of it, rounded."""


class AcceleratorContract:
    """Tests of one accelerator, on designs drawn from its domains.

    Attributes:
        configuration: the name of a shipped accelerator, or the path of a file.
        workload: what the designs run.
        accounting: what they are charged by.
        drawn: designs drawn beside the default one.
        looked_at: feasible designs whose loop nests are looked at.

    """

    configuration: ClassVar[str]
    workload: ClassVar[Workload] = Workload(TRANSFORMERS["BERT"], 4096)
    accounting: ClassVar[Accounting] = CORRECTED
    drawn: ClassVar[int] = 24
    looked_at: ClassVar[int] = 4

    def test_the_default_design_is_feasible(self) -> None:
        """What is left open has a rule or a default that fits."""
        results = self._evaluated
        wanting = [name for name, each in results.violations.items() if each[0] > 0]
        assert results.feasible[0], f"the default design violates {', '.join(wanting)}"

    def test_factors_multiply_to_the_extents_of_their_ranks(self) -> None:
        """The loops over a rank, of every Einsum, make all of its steps."""
        for nests, run in self._runs():
            loops = run.streamed.mapping.loops
            for rank in run.row.streamed.einsum.ranks:
                own = tuple(loop.factor for loop in loops if loop.rank == rank)
                assert _number(run.factors.product(own)) == _number(nests.values[rank]), (
                    f"{run.row.einsum} on {run.row.array}: {rank}"
                )

    def test_cycles_times_instances_are_the_points_of_an_einsum(self) -> None:
        """Every point of the iteration space is computed, and once."""
        for nests, run in self._runs():
            points = prod(_number(nests.values[rank]) for rank in run.row.streamed.einsum.ranks)
            computed = _number(run.streamed.cycles) * _number(run.streamed.instances)
            assert computed == points, f"{run.row.einsum} on {run.row.array}"

    def test_no_array_is_busy_for_longer_than_it_takes(self) -> None:
        """Utilisations are 0 to 1, busy times no longer than the latency and all Einsums' own."""
        results = self._evaluated
        feasible = results.feasible
        latency_s = results.metrics["latency_s"][feasible]
        for array in self._accelerator.machine.arrays:
            util = results.util[array][feasible]
            assert ((util >= 0) & (util <= _WHOLE)).all(), array
            assert (results.busy_s[array][feasible] <= latency_s * _WHOLE).all(), array
        of_einsums = [part.busy_s[feasible] for part in results.einsums.values()]
        of_arrays = [busy[feasible] for busy in results.busy_s.values()]
        np.testing.assert_allclose(np.sum(of_einsums, axis=0), np.sum(of_arrays, axis=0), _CLOSE)

    def test_a_batch_is_its_designs_one_by_one(self) -> None:
        """What is evaluated at the same time changes no digit."""
        together = self._evaluated
        for row in range(len(together.designs)):
            alone = self._evaluation(self._designs.take(slice(row, row + 1)))
            for one, all_ in (
                (alone.designs.columns, together.designs.columns),
                (alone.metrics, together.metrics),
                (alone.violations, together.violations),
                (alone.busy_s, together.busy_s),
                (alone.util, together.util),
            ):
                for name, column in all_.items():
                    np.testing.assert_array_equal(one[name][0], column[row], name)

    def test_parameters_are_read_as_they_are_written(self) -> None:
        """A design that is written and read again is that design, with its results."""
        feasible = np.flatnonzero(self._evaluated.feasible)
        designs = self._evaluated.designs.take(feasible)
        declared = self._accelerator.all_parameters
        again = {
            name: np.array([declared[name].read(declared[name].written(x)) for x in column])
            for name, column in designs.columns.items()
        }
        results = self._evaluation(Designs.of(len(designs), **again))
        for name, column in designs.columns.items():
            np.testing.assert_array_equal(results.designs.columns[name], column, name)
        for name, column in results.metrics.items():
            np.testing.assert_array_equal(column, self._evaluated.metrics[name][feasible], name)

    def test_what_is_printed_for_timeloop_reads_back(self) -> None:
        """Timeloop's input of every loop nest has the same counts, read by itself."""
        try:
            check_expressible(self._accelerator)
            letters(self._accelerator)
        except InputError as error:
            raise SkipTest(str(error)) from None
        for nests, run in self._runs():
            with TemporaryDirectory() as folder:
                file = Path(folder) / "input.yaml"
                text = inputs.flat_input(inputs.request(nests, run))
                file.write_text(text, encoding="utf-8")
                counted = count(read_case([file]), wrapped=False)
            where = f"{run.row.einsum} on {run.row.array}"
            assert counted["cycles"] == _number(run.streamed.cycles), where
            assert counted["utilized_instances"] == _number(run.streamed.instances), where
            for level in run.streamed.mapping.levels:
                for tensor in level.keep:
                    ours = {
                        name: _number(getattr(run.streamed, name)(level.name, tensor))
                        for name in ("reads", "fills", "updates")
                    }
                    theirs = counted["levels"][level.name][tensor]
                    assert {name: theirs[name] for name in ours} == ours, (
                        f"{where}: {tensor} in {level.name}"
                    )

    @property
    def _accelerator(self) -> Accelerator:
        return described(self.configuration)

    @cached_property
    def _designs(self) -> Designs:
        """The default design, and others: of fixed values any, of the rest what is automatic."""
        random = np.random.default_rng(_SEED)
        columns: dict[str, Any] = {}
        for name, parameter in self._accelerator.all_parameters.items():
            if parameter.switch or parameter.domain is None or not parameter.domain.values:
                continue
            values = np.asarray(parameter.domain.values)
            first = [AUTOMATIC if parameter.default is None else parameter.default]
            columns[name] = np.concatenate([first, random.choice(values, self.drawn)])
        return Designs.of(1 + self.drawn if columns else 1, **columns)

    @cached_property
    def _evaluated(self) -> Evaluations:
        return self._evaluation(self._designs)

    def _evaluation(self, designs: Designs) -> Evaluations:
        return AnalyticalEvaluator().evaluate(
            self.configuration, self.workload, designs, self.accounting, breakdown=True
        )

    def _runs(self) -> Iterator[tuple[Nests, Run]]:
        """Yield the loop nests of some feasible designs, one design at a time."""
        rows = np.flatnonzero(self._evaluated.feasible)[: self.looked_at]
        assert len(rows), "no design is feasible: give a larger workload"
        for row in rows:
            design = self._evaluated.designs.take([row])
            nests = nests_of(self.configuration, self.workload, design, self.accounting)
            for runs in nests.runs.values():
                for run in runs:
                    yield nests, run


def _number(value: Any) -> int:
    """Return a count of a batch of one."""
    (number,) = np.ravel(value).tolist()
    return int(number)
