"""The recorded runs: BERT at 1K tokens on the paper's designs, by configuration."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.design import Designs
from evaluators.engine.evaluator import nests_of
from evaluators.engine.nests import Nests
from evaluators.protocol import evaluator
from evaluators.timeloop import inputs, programs
from evaluators.timeloop.cache import Cache
from evaluators.timeloop.evaluator import INPUT, STATISTICS, TABLES
from evaluators.timeloop.inputs import Request
from evaluators.timeloop.stats import Statistics, parse
from evaluators.workloads.paper import TRANSFORMERS
from evaluators.workloads.workload import Workload
from search_spaces.domains import PAPERS as CONFIGURATIONS
from studies.paper import paper_design

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1024)


class Replay(Cache):
    """Answers with what the real programs made of the same input, to the letter."""

    def __init__(self, runs):
        super().__init__(Path())
        self.recorded = runs

    def get(self, version, inputs, make):
        for run in self.recorded:
            if version.startswith(run.program) and run.inputs == dict(inputs):
                return run.outputs
        pytest.fail(
            f"{version.split()[0]} never ran on this input; where it is meant to have changed, "
            "record the runs anew: python -m tests.data.record_runs"
        )


@dataclass(frozen=True)
class Point:
    """One recorded point: its runs, and the design and loop nests that we take it for."""

    name: str
    design: Designs
    nests: Nests
    requests: list[Request]
    replay: Replay

    def statistics_text(self, request: Request) -> str:
        """What Timeloop printed of this loop nest."""
        files = {INPUT: inputs.flat_input(request), TABLES: inputs.unit_tables(request)}
        return self.replay.get(" ".join((programs.MODEL, *files)), files, None)[STATISTICS]

    def statistics(self, request: Request) -> Statistics:
        """The same, read."""
        return parse(self.statistics_text(request), request.mapping.einsum.name)


def point(name: str, runs) -> Point:
    """Take a configuration's recorded point; the requests are those that its engine makes."""
    paper = paper_design(name, WORKLOAD)
    design = evaluator("analytical").evaluate(name, WORKLOAD, paper, PUBLISHED).designs
    nests = nests_of(name, WORKLOAD, design, PUBLISHED)
    own = [run for run in runs if run.configuration == name]
    return Point(name, design, nests, inputs.requests(nests), Replay(own))


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def linear(timeloop_runs) -> Point:
    """The linear layers, whose mapping was searched as well."""
    return point("linear_fusemax", timeloop_runs)


@pytest.fixture(params=CONFIGURATIONS)
def recorded(request, timeloop_runs) -> Point:
    """Each of the recorded points."""
    return point(request.param, timeloop_runs)


@pytest.fixture
def useless_programs(tmp_path, monkeypatch) -> None:
    """Programs that are found and always fail: what is replayed needs none that work."""
    folder = tmp_path / "useless"
    folder.mkdir()
    for name in (programs.MODEL, programs.MAPPER, programs.ACCELERGY):
        file = folder / name
        file.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Cache:
    """One cache of what the real programs make for all tests."""
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def tools() -> None:
    """The real programs."""
    if not all(shutil.which(name) for name in (programs.MODEL, programs.ACCELERGY)):
        pytest.skip("Timeloop and Accelergy are not installed here")
