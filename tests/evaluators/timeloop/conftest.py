"""The recorded runs: BERT at 1K tokens on the paper's designs, by configuration and Einsum."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from evaluators.accounting import PUBLISHED
from evaluators.analytical.configurations import CONFIGURATIONS, Configuration
from evaluators.design import Designs
from evaluators.timeloop import inputs, programs
from evaluators.timeloop.inputs import Request
from evaluators.timeloop.stats import Statistics, parse
from evaluators.workload import TRANSFORMERS, Workload
from studies.paper import paper_design

WORKLOAD = Workload(TRANSFORMERS["BERT"], 1024)
FOLDERS = {
    "binding": "attn/binding/BERT/1K",
    "cascade": "attn/cascade/BERT/1K",
    "flat": "attn/flat/BERT/1K",
    "linear_fusemax": "end2end/proposal/BERT/1K",
}


@dataclass(frozen=True)
class Point:
    """One recorded point: its folder, and the design and loop nests that we take it for."""

    config: Configuration
    folder: Path
    design: Designs
    requests: list[Request]

    def einsum_folder(self, request: Request) -> Path:
        """Folder of the run that counted this loop nest."""
        name = request.mapping.einsum.name.lower()
        if self.config.name == "linear_fusemax":
            extents = inputs.problem(request)["instance"]
            inner, outer = extents["K"], extents["N"]
            name = {(768, 768): "q", (768, 3072): "ffn1", (3072, 768): "ffn2"}[inner, outer]
        folder = self.folder / name
        return folder if folder.is_dir() else self.folder / "ss" / name

    def statistics(self, request: Request) -> Statistics:
        """What Timeloop printed of this loop nest."""
        (file,) = self.einsum_folder(request).glob("*.stats.txt")
        return parse(file.read_text(encoding="utf-8"), str(file))


def point(name: str, runs: Path) -> Point:
    """Take a configuration's recorded point; the requests are those that its engine makes."""
    config = CONFIGURATIONS[name]
    width = WORKLOAD.transformer.query_width
    design = config.architecture.resolve_registers(paper_design(name, WORKLOAD), width)
    design = config.nests.resolve(WORKLOAD, design, PUBLISHED)
    requests = inputs.requests(config, WORKLOAD, design, PUBLISHED)
    return Point(config, runs / FOLDERS[name], design, requests)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def linear(timeloop_runs) -> Point:
    """The linear layers, whose mapping was searched."""
    return point("linear_fusemax", timeloop_runs)


@pytest.fixture(params=FOLDERS)
def recorded(request, timeloop_runs) -> Point:
    """Each of the recorded points."""
    return point(request.param, timeloop_runs)


@pytest.fixture(scope="session")
def tools() -> None:
    """The real programs."""
    if not all(shutil.which(name) for name in (programs.MODEL, programs.ACCELERGY)):
        pytest.skip("Timeloop and Accelergy are not installed here")
