import gzip
import json
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's business: a busy one is no failure.
settings.register_profile("dse", deadline=None)
settings.load_profile("dse")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to interrupts, which tests send to programs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class RecordedRun:
    """One run of a real program, see `tests/data/record_runs.py`: files are name -> text."""

    configuration: str
    program: str
    inputs: dict[str, str]
    outputs: dict[str, str]


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of what the tests compare with; its README tells where each file is from."""
    return Path(__file__).with_name("data")


@pytest.fixture(scope="session")
def timeloop_runs(data: Path) -> list[RecordedRun]:
    """Runs of the real Timeloop and Accelergy for BERT at 1K tokens on the paper's designs."""
    with gzip.open(data / "runs.jsonl.gz", "rt", encoding="utf-8") as file:
        return [RecordedRun(**json.loads(line)) for line in file]
